"""So many calls a second, and the headers that say so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RateState:
    """What is left after a call; `reset` is in whole seconds."""

    limit: int
    remaining: int
    reset: int
    exceeded: bool

    def headers(self) -> dict[str, str]:
        """Resend's headers: the `ratelimit-*` ones always, `retry-after` where the call is refused."""
        headers = {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset),
        }
        return {**headers, "retry-after": str(self.reset)} if self.exceeded else headers


class RateLimit:
    """Windows of one second: at most `limit` calls in each."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._window = float("-inf")
        self._taken = 0

    def take(self) -> RateState:
        with self._lock:
            now = self._clock()
            if now - self._window >= 1:
                self._window, self._taken = now, 0
            exceeded = self._taken >= self._limit
            if not exceeded:
                self._taken += 1
            return RateState(self._limit, self._limit - self._taken, 1, exceeded)
