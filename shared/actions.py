"""An action on a booking, from the wish to the answer.

    begin      as the person: may they, now? Written down in the same transaction
    ask        Cal.com, by the functions of `cancelling` and `moving`
    finish     what it answered becomes part of the booking, in one transaction with how the action ended

An action that was cut off is looked at again by whoever comes next, and by reconciliation: what Cal.com may have done
is read there before anything is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared import database, log, settings
from shared.booking import BookingChange, Person, dumped
from shared.errors import ServiceError, Unavailable, Uncertain
from shared.refusals import refusal

# All of an action. Its row is taken for abandoned after 40 s (private.action_lease).
SECONDS = 25.0

Kind = Literal["cancel", "move"]


class Target(BaseModel):
    """What Cal.com is asked about. `person` and `seat_uid`: of a seat; `uid`: None where only a number is known."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    booking_id: str
    uid: str | None = None
    event_type_id: int | None = None
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    host_email: str | None = None
    seated: bool = False
    person: Person | None = None
    seat_uid: str | None = None
    # Of an action only:
    scope: Literal["this", "remaining"] = "this"
    start: AwareDatetime | None = None
    reason: str | None = None
    by_staff: bool = False
    actor_email: str | None = None
    look_first: bool = False  # an earlier try may have come through


@dataclass(frozen=True)
class Begun:
    """An action as the database wrote it down. `state` is done or failed where a batch had come to it before."""

    id: str
    state: Literal["started", "done", "failed"]
    outcome: str | None


@dataclass(frozen=True)
class Done:
    """Cal.com has done it, or it was done: what it says now."""

    outcome: Literal["cancelled", "already_cancelled", "moved"]
    changes: tuple[BookingChange, ...]


class NotDone(Exception):
    """Cal.com has not done it: what the caller is told, and what Cal.com says now, if it was read."""

    def __init__(self, error: ServiceError, changes: tuple[BookingChange, ...] = ()) -> None:
        super().__init__(error.code)
        self.error = error
        self.changes = changes


class WaitForTurn(Exception):
    """Cal.com allows no more calls for what can wait; `seconds` until it does."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds} s")
        self.seconds = seconds


Ask = Callable[[Target, float], Done]


def begin(
    token: str,
    kind: Kind,
    booking_id: str,
    *,
    scope: str = "this",
    attendee_id: str | None = None,
    start: datetime | None = None,
    reason: str | None = None,
    batch_id: str | None = None,
) -> Begun:
    """Write down what the person with this token is about to do.

    Raises NotFound (no booking of theirs), NotAllowed, Invalid, RateLimited, or Refused with the reason.
    """
    limits = settings.load(settings.Browsers)
    answer = database.as_user(token).call(
        "begin_action",
        p_booking_id=booking_id,
        p_kind=kind,
        p_scope=scope,
        p_attendee_id=attendee_id,
        p_starts_at=start.isoformat() if start else None,
        p_reason=reason,
        p_batch_id=batch_id,
        p_limit=limits.actions_per_10_minutes,
    )
    begun = cast(dict[str, Any], answer)
    if "refused" in begun:
        raise refusal(begun, limits.support_contact)
    return Begun(begun["action_id"], begun["state"], begun.get("outcome"))


def carry_out(begun: Begun, ask: Ask, deadline: float, *, can_wait: bool = False) -> dict[str, Any]:
    """Ask Cal.com and write down what came of it. → the answer of `finish_action`.

    Raises ServiceError: Uncertain where it cannot be told; WaitForTurn, with `can_wait`, before Cal.com was asked.
    """
    target = _target(begun.id, can_wait)
    try:
        done = ask(target, deadline)
    except NotDone as failed:
        state = "uncertain" if isinstance(failed.error, Uncertain) else "failed"
        with suppress(ServiceError):  # written down or not, this is what is known of it
            _finish(begun.id, state, failed.error.code, failed.changes)
        raise failed.error from failed
    except Exception as error:
        log.error("Cal.com may have done it", error, action_id=begun.id)
        with suppress(ServiceError):
            _finish(begun.id, "uncertain", Uncertain.code, ())
        raise Uncertain() from error
    try:
        finished = _finish(begun.id, "done", done.outcome, done.changes)
    except ServiceError as error:
        log.error("done at Cal.com, not written here", error, action_id=begun.id)
        raise Uncertain() from error
    if finished["state"] != "done":
        raise Uncertain()
    return finished


def release(begun: Begun) -> None:
    """Take back an action that Cal.com has not been asked for."""
    _finish(begun.id, "released", None, ())


def due(finished: dict[str, Any]) -> list[str]:
    """The bookings that owe somebody a message now."""
    return [booking["id"] for booking in finished["bookings"] if booking["due"]]


def _target(action_id: str, can_wait: bool) -> Target:
    answer = database.as_service().call("action_target", p_action_id=action_id, p_can_wait=can_wait)
    found = cast(dict[str, Any], answer)
    if "wait" in found:
        raise WaitForTurn(float(found["wait"]))
    return Target.model_validate(found)


def _finish(action_id: str, state: str, outcome: str | None, changes: Sequence[BookingChange]) -> dict[str, Any]:
    answer = database.as_service().call(
        "finish_action", p_action_id=action_id, p_state=state, p_outcome=outcome, p_changes=dumped(changes)
    )
    return cast(dict[str, Any], answer)


def unavailable(retry_after: int | None = None) -> NotDone:
    """Cal.com could not be asked, and has done nothing."""
    return NotDone(Unavailable(retry_after=retry_after))
