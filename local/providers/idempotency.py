"""Idempotency keys as Resend keeps them: 24 hours, bound to the body of their first request.

https://resend.com/docs/dashboard/emails/idempotency-keys
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from local.providers.calls import Answer, Clock

KEPT_FOR: Final = timedelta(hours=24)
MAX_KEYS: Final = 50_000


class OtherRequest(Exception):
    """The key belongs to a request with another body."""


class StillInProgress(Exception):
    """The first request with this key has not been answered yet."""


@dataclass
class Held:
    """A key while its request is worked on. `answer` is that of the first request once there is one."""

    fingerprint: str
    since: datetime
    answer: Answer | None = None
    finished: bool = False


class IdempotencyKeys:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, Held] = {}

    @contextmanager
    def hold(self, key: str, fingerprint: str) -> Iterator[Held]:
        """The key, ours until the block ends. An `answer` in it is to be repeated; else the block may set one.

        A block that ends without an answer gives the key back: a refused request does not use it up.
        Raises OtherRequest or StillInProgress.
        """
        held = self._claim(key, fingerprint)
        if held.finished:
            yield held
            return
        try:
            yield held
        finally:
            with self._lock:
                held.finished = held.answer is not None
                if not held.finished and self._keys.get(key) is held:
                    del self._keys[key]

    def clear(self) -> None:
        with self._lock:
            self._keys.clear()

    def _claim(self, key: str, fingerprint: str) -> Held:
        with self._lock:
            self._forget_old()
            held = self._keys.get(key)
            if held is None:
                held = self._keys[key] = Held(fingerprint, self._clock())
            elif held.fingerprint != fingerprint:
                raise OtherRequest
            elif not held.finished:
                raise StillInProgress
            return held

    def _forget_old(self) -> None:
        too_old = self._clock() - KEPT_FOR
        while self._keys:
            key, oldest = next(iter(self._keys.items()))
            if oldest.since > too_old and len(self._keys) < MAX_KEYS:
                return
            del self._keys[key]
