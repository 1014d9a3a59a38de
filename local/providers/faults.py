"""Faults that a test or a developer orders: one entry a call, then none.

An entry is
- a status such as 429 or 500 (or, at Twilio, one of its five-digit error codes): refused in the provider's shape,
  nothing accepted;
- `timeout`: nothing accepted and no answer until the caller gives up; `timeout_after_accept`: the same, but accepted;
- `reset`: the connection is reset before anything is read as accepted;
- `html`: a page instead of JSON, as a proxy in trouble sends it (502);
- `ok`: this call goes well, so that a later one can be hit.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NoReturn

Fault = int | str

WORDS: Final = frozenset({"timeout", "timeout_after_accept", "reset", "html", "ok"})
MAX_ENTRIES: Final = 10_000
#: How long a call without an answer is held before the connection is closed, in seconds.
HOLD_SECONDS: Final = 120.0


class BadFaults(ValueError):
    """The ordered faults are not of the form that the module describes."""


class Faults:
    """The entries still to come, and the delay of every answer until the next order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Fault] = deque()
        self._delay_ms = 0
        self._replaced = threading.Event()

    def order(self, wanted: Mapping[str, Any]) -> None:
        """Replace what was ordered before; `{}` clears. Calls that wait for an earlier delay are answered now."""
        entries, delay_ms = _read(wanted)
        with self._lock:
            self._entries = deque(entries)
            self._delay_ms = delay_ms
            self._replaced.set()
            self._replaced = threading.Event()

    def as_json(self) -> dict[str, Any]:
        with self._lock:
            return {"fail": list(self._entries), "delay_ms": self._delay_ms}

    def take(self) -> Fault | None:
        """The fault of this call, or None."""
        with self._lock:
            entry = self._entries.popleft() if self._entries else None
        return None if entry == "ok" else entry

    def wait(self) -> None:
        """Let the ordered delay pass."""
        with self._lock:
            seconds, replaced = self._delay_ms / 1000, self._replaced
        if seconds:
            replaced.wait(seconds)


def _read(wanted: Mapping[str, Any]) -> tuple[list[Fault], int]:
    unknown = set(wanted) - {"fail", "delay_ms"}
    if unknown:
        raise BadFaults(f"unknown: {', '.join(sorted(unknown))}; known are fail and delay_ms")
    entries, delay_ms = wanted.get("fail", []), wanted.get("delay_ms", 0)
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES or not all(_is_fault(entry) for entry in entries):
        raise BadFaults(f"fail is a list of statuses (400 to 599), error codes or {', '.join(sorted(WORDS))}")
    if type(delay_ms) is not int or not 0 <= delay_ms <= HOLD_SECONDS * 1000:
        raise BadFaults(f"delay_ms is a whole number from 0 to {HOLD_SECONDS * 1000:.0f}")
    return entries, delay_ms


def _is_fault(entry: object) -> bool:
    if type(entry) is int:
        return 400 <= entry <= 599 or 10_000 <= entry <= 99_999
    return isinstance(entry, str) and entry in WORDS


def hold(connection: socket.socket) -> NoReturn:
    """Say nothing until the caller hangs up (readable with nothing to read), then close without an answer."""
    select.select([connection], [], [], HOLD_SECONDS)
    raise ConnectionAbortedError("held without an answer")


def reset(connection: socket.socket) -> NoReturn:
    """Break the connection with a TCP reset: closing with a linger time of zero sends one."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.close(connection.detach())
    raise ConnectionResetError("reset on request")
