"""A reconciliation under way: what it has read of Cal.com, what that differed in, and how far it came."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from shared import calcom_api, calcom_lives, database
from shared.calcom_http import Declined
from shared.calcom_lives import Life
from shared.calcom_values import Object, identifier

_LEAST_SECONDS = 3.0  # with less left, nothing new is begun
_AT_ONCE = 20  # lives a transaction: their bookings stay locked until it ends
_MOST_DIFFERENCES = 500  # in a report; all are counted


class OutOfTime(Exception):
    """The rest is for the next run."""


def check_key(refused: Declined) -> None:
    """Raises what was refused to our key and so says nothing about a booking."""
    if refused.status == 401:
        raise refused


@dataclass
class Drift:
    """The report so far. `state`: what the next run goes on from. `deadline` is on the monotonic clock."""

    dry_run: bool
    deadline: float
    checked: int = 0
    missing: int = 0
    stale: int = 0
    ghost: int = 0
    healed: int = 0
    doubts: int = 0
    complete: bool = False
    error: str | None = None
    differences: list[JsonValue] = field(default_factory=list)
    state: dict[str, JsonValue] = field(default_factory=dict)
    met: dict[str, JsonValue] = field(default_factory=dict)  # uid → Cal.com's time of its last change

    def report(self) -> dict[str, JsonValue]:
        """As the function answers."""
        counts: dict[str, JsonValue] = {"checked": self.checked, "missing": self.missing, "stale": self.stale}
        counts |= {"ghost": self.ghost, "healed": self.healed, "doubts": self.doubts}
        more: dict[str, JsonValue] = {"complete": self.complete, "dry_run": self.dry_run}
        more |= {"error": self.error} if self.error else {}
        return counts | {"differences": self.differences} | more

    def wait_for_turn(self) -> None:
        """Take one call of those that Cal.com allows a minute. Raises OutOfTime."""
        calls = 0 if self.dry_run else 1  # a dry run writes nothing, not even that
        while self.deadline - time.monotonic() > _LEAST_SECONDS:
            answer = database.as_service().call("note_calls", p_calls=calls, p_can_wait=True)
            wait = float(cast(str | float, answer))  # a numeric may come as text
            if not wait:
                return
            if self.deadline - time.monotonic() < wait + _LEAST_SECONDS:
                break
            time.sleep(wait)
        raise OutOfTime()

    def read_listed(self, bookings: Sequence[Object], read_at: datetime) -> None:
        """Record what a list holds and this run has not met; what a booking was moved to is read where it is not in it.

        Raises OutOfTime, CalcomError.
        """
        fresh = [one for one in bookings if self.met.get(str(one.get("uid")), "") != one.get("updatedAt")]
        known = {*self.met, *(str(one.get("uid")) for one in bookings)}
        beyond: list[Object] = []
        for one in fresh:
            to = identifier(one.get("rescheduledToUid"))
            if to is not None and to not in known:
                self.wait_for_turn()
                try:
                    beyond += calcom_api.life(to, self.deadline)
                except Declined as refused:
                    check_key(refused)
                    continue  # the account may not see it: the list alone counts
                known |= {str(other.get("uid")) for other in beyond}
        self.record([*fresh, *beyond], read_at)

    def record(self, bookings: Sequence[Object], read_at: datetime) -> None:
        """Record what these bookings say, by life, and note what that differed in."""
        self.met |= {str(one["uid"]): one.get("updatedAt") for one in bookings if one.get("uid")}
        lives = calcom_lives.grouped(bookings, read_at)
        for first in range(0, len(lives), _AT_ONCE):
            self._record_lives(lives[first : first + _AT_ONCE])

    def note_ghost(self, booking_id: str) -> None:
        """A booking of ours that Cal.com does not know: what bodies told of it stands."""
        ghost: dict[str, JsonValue] = {"kind": "ghost", "booking_id": booking_id, "what": [], "fields": {}}
        self._note(ghost | {"cause": "unknown_there", "done": "reported"})

    def _record_lives(self, lives: list[Life]) -> None:
        answer = database.as_service().call("reconcile_lives", p_lives=cast(JsonValue, lives), p_dry_run=self.dry_run)
        self.checked += len(lives)
        for difference in filter(None, cast(list[dict[str, JsonValue] | None], answer)):
            self._note(difference)

    def _note(self, difference: dict[str, JsonValue]) -> None:
        match difference["kind"]:
            case "missing":
                self.missing += 1
            case "stale":
                self.stale += 1
            case _:
                self.ghost += 1
        self.healed += difference["done"] == "healed"
        if len(self.differences) < _MOST_DIFFERENCES:
            self.differences.append(difference)
