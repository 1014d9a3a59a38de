"""The accepted messages, in memory and bounded: the oldest go first."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace

from local.providers.message import Message

MAX_MESSAGES = 10_000
MAX_BYTES = 256 * 1024 * 1024


class Mailbox:
    """Messages in the order they were accepted. `version` rises with every change, for those who poll."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._messages: dict[str, Message] = {}
        self._bytes = 0
        self._version = 0

    @property
    def version(self) -> int:
        return self._version

    def accept(self, messages: Iterable[Message]) -> None:
        """Keep all of them at once, and let the oldest go where the bounds are passed."""
        with self._lock:
            for message in messages:
                self._messages[message.id] = message
                self._bytes += message.size
            while self._messages and (len(self._messages) > self._max_messages or self._bytes > self._max_bytes):
                oldest = self._messages.pop(next(iter(self._messages)))
                self._bytes -= oldest.size
            self._version += 1

    def get(self, message_id: str) -> Message | None:
        with self._lock:
            return self._messages.get(message_id)

    def all(self) -> list[Message]:
        """Oldest first."""
        with self._lock:
            return list(self._messages.values())

    def to(self, fragment: str) -> list[Message]:
        """Newest first, those with a recipient that contains `fragment`, whatever the case."""
        wanted = fragment.strip().lower()
        return [
            message
            for message in reversed(self.all())
            if not wanted or any(wanted in address.lower() for address in (*message.to, *message.cc, *message.bcc))
        ]

    def set_status(self, message_id: str, status: str, details: dict[str, str] | None = None) -> None:
        with self._lock:
            message = self._messages.get(message_id)
            if message is not None:
                changed = {**message.details, **(details or {})}
                self._messages[message_id] = replace(message, status=status, details=changed)
                self._version += 1

    def clear(self) -> None:
        with self._lock:
            self._messages.clear()
            self._bytes = 0
            self._version += 1
