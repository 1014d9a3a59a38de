"""The faults a test may ask for: webhooks that get lost, doubled or mixed up, and API calls that fail."""

from __future__ import annotations

import random
import threading
from collections import deque
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_AFTER = "_after_accept"


class WebhookFaults(BaseModel):
    """What happens to webhooks on their way. `drop` and `duplicate` are probabilities of each sending."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drop: float = Field(default=0, ge=0, le=1)
    duplicate: float = Field(default=0, ge=0, le=1)
    reorder: bool = False
    delay_ms: int = Field(default=0, ge=0)
    before_answer: bool = False  # the action answers only when its webhooks are out, as Cal.com's direct path does


class ApiFaults(BaseModel):
    """What happens to API calls. Each entry of `fail` is used up by one call; "ok" lets it pass.

    An entry is a status (400 to 599), "timeout" (no answer until the caller gives up), "reset" (the connection ends)
    or "html" (a gateway's page), alone or with "_after_accept": then the call is carried out all the same. With
    `rate`, that share of all calls fails, each with an entry picked at random, and none is used up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fail: tuple[int | str, ...] = Field(default=(), max_length=10_000)
    rate: float = Field(default=0, ge=0, le=1)
    only: str = ""  # calls whose path contains this


class Faults(BaseModel):
    """The body of `POST /_sim/faults`; an empty one clears all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhooks: WebhookFaults = WebhookFaults()
    api: ApiFaults = ApiFaults()
    seed: int | None = None


class Failure(BaseModel):
    """One API call's fate: how it fails, and whether it is carried out first."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["status", "timeout", "reset", "html"]
    status: int = 0  # 0 where there is no answer
    accepted: bool


class FaultBox:
    """The faults in force. One generator of chance for all, so that a seed repeats a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.set(Faults())

    def set(self, faults: Faults) -> None:
        for entry in faults.api.fail:
            _failure(entry)
        with self._lock:
            self.faults = faults
            self.chance = random.Random(faults.seed)
            self._left = deque(faults.api.fail)

    def next_failure(self, path: str) -> Failure | None:
        """How the API call to `path` fails; None where it does not."""
        with self._lock:
            api = self.faults.api
            if api.only not in path:
                return None
            if api.rate:
                return _failure(self.chance.choice(api.fail)) if api.fail and self.chance.random() < api.rate else None
            return _failure(self._left.popleft()) if self._left else None

    def happens(self, probability: float) -> bool:
        with self._lock:
            return probability > 0 and self.chance.random() < probability

    def spread(self, seconds: float) -> float:
        """A moment at random within `seconds`."""
        with self._lock:
            return self.chance.random() * seconds


def _failure(entry: int | str) -> Failure | None:
    """An entry of `fail` as a failure. Raises ValueError for a word that is none."""
    word = str(entry)
    accepted = word.endswith(_AFTER)
    word = word.removesuffix(_AFTER)
    if word == "ok":
        return None
    if word in ("timeout", "reset"):
        return Failure(kind=word, accepted=accepted)
    if word == "html":
        return Failure(kind="html", status=502, accepted=accepted)
    if word.isdecimal() and 400 <= int(word) <= 599:
        return Failure(kind="status", status=int(word), accepted=accepted)
    raise ValueError(f"no such failure: {entry}")
