"""Cancelling at Cal.com: a booking, one seat, one occurrence or the rest of a series. Never twice.

Cal.com refuses to cancel what is cancelled, and after an answer that leaves it open the booking is read, not asked for
again.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime

from shared import calcom_api, calcom_booking, database
from shared.actions import Done, NotDone, Target, unavailable
from shared.booking import BookingChange, Person
from shared.calcom_http import CalcomError, Declined, InDoubt, Unreached
from shared.calcom_values import Object, identifier, instant, reason
from shared.errors import Refused, ServiceError, Uncertain

_LOOKS, _PAUSE_SECONDS = 3, 0.7
_OVER = ("cancelled", "rejected")


def cancel(target: Target, deadline: float) -> Done:
    """Have Cal.com cancel it. Raises NotDone."""
    uid = _uid(target)
    seat_uid = target.seat_uid
    if target.look_first or (target.person and seat_uid is None):
        seen = _look(target, uid, deadline)
        _not_moved(seen)
        if _is_off(seen, target):
            return Done(
                "cancelled" if _is_ours(seen, target) else "already_cancelled", _changes(seen, target, reading=True)
            )
        if target.person and seat_uid is None:
            seat_uid = calcom_booking.seat_uid_of(seen[0], target.person)
    try:
        answers = calcom_api.cancel(
            uid, deadline, reason=target.reason, seat_uid=seat_uid, remaining=target.scope == "remaining"
        )
    except Unreached as error:
        raise unavailable(error.retry_after) from error
    except Declined as error:
        seen = _look(target, uid, deadline)
        _not_moved(seen)
        if _is_off(seen, target):
            return Done("already_cancelled", _changes(seen, target, reading=True))
        raise NotDone(
            Refused("declined", "Cal.com does not allow it."), _changes(seen, target, reading=True)
        ) from error
    except InDoubt as error:
        return _after_doubt(target, uid, deadline, ended=error.ended)
    return Done("cancelled", _changes(answers, target, reading=False))


def _uid(target: Target) -> str:
    if target.uid is None:
        raise NotDone(Refused("not_possible", "Cal.com's id of this booking is not known yet."))
    return target.uid


def _after_doubt(target: Target, uid: str, deadline: float, *, ended: bool) -> Done:
    for look in range(_LOOKS):
        if look:
            time.sleep(max(min(_PAUSE_SECONDS, deadline - time.monotonic()), 0))
        try:
            seen = _read(target, uid, deadline)
        except CalcomError:
            break
        _not_moved(seen)
        if _is_off(seen, target):
            return Done("cancelled", _changes(seen, target, reading=True))
        if ended:
            raise unavailable()
    raise NotDone(Uncertain())


def _look(target: Target, uid: str, deadline: float) -> tuple[Object, ...]:
    try:
        return _read(target, uid, deadline)
    except CalcomError as error:
        if isinstance(error, Declined) and error.status == 404:
            raise NotDone(Refused("not_possible", "Cal.com does not know this booking.")) from error
        raise NotDone(Uncertain()) if target.look_first else unavailable() from error


def _read(target: Target, uid: str, deadline: float) -> tuple[Object, ...]:
    """The booking as it is, and what it was moved to; for the rest of a series the others too."""
    with suppress(ServiceError):  # a look is a call too, and of many rows each may need one
        database.as_service().call("note_calls", p_calls=1, p_can_wait=False)
    found = calcom_api.life(uid, deadline)
    if not found:
        raise InDoubt(ended=True)
    series = identifier(found[0].get("recurringBookingUid"))
    if target.scope == "this" or series is None:
        return found
    others = calcom_api.booking(series, deadline)
    return (found[0], *(one for one in others if one.get("uid") != uid))


def _not_moved(seen: tuple[Object, ...]) -> None:
    """Raises NotDone for a booking that is at another time now: what the person meant to cancel is not there."""
    if seen[0].get("rescheduledToUid"):
        changes = tuple(change for one in seen for change in calcom_booking.as_read(one, datetime.now(UTC)))
        raise NotDone(Refused("moved_meanwhile", "This booking was moved meanwhile."), changes)


def _is_off(seen: tuple[Object, ...], target: Target) -> bool:
    """Whether nothing is left to cancel."""
    head, *others = seen
    if head.get("status") in _OVER:
        # Of the rest of a series somebody may have cancelled the first alone.
        rest = [one for one in others if (instant(one.get("start")) or target.starts_at) > target.starts_at]
        return target.scope == "this" or all(one.get("status") in _OVER for one in rest)
    return target.person is not None and calcom_booking.seat_uid_of(head, target.person) is None


def _is_ours(seen: tuple[Object, ...], target: Target) -> bool:
    """Whether an earlier try of this ended it: then Cal.com has our reason (which of a seat it does not show)."""
    return (
        target.look_first
        and target.person is None
        and reason(seen[0].get("cancellationReason")) == reason(target.reason)
    )


def _changes(answers: tuple[Object, ...], target: Target, *, reading: bool) -> tuple[BookingChange, ...]:
    now = datetime.now(UTC)
    if target.person is not None and answers and (not reading or _is_off(answers, target)):
        seat: Person = target.person.model_copy(update={"seat": target.seat_uid})
        return calcom_booking.seat_given_up(answers[0], seat, target.reason, now)
    read = calcom_booking.as_read if reading else calcom_booking.as_answered
    return tuple(change for answer in answers for change in read(answer, now))
