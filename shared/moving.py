"""Moving at Cal.com: the free times of a booking, and the move to one of them. Never twice.

A move makes a new booking there, which knows the old one. After an answer that leaves it open the old one is read: once
moved it names the new one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from pydantic import JsonValue

from shared import calcom_api, calcom_booking, settings
from shared.actions import Done, NotDone, Target, unavailable
from shared.booking import BookingChange
from shared.calcom_http import CalcomError, Declined, InDoubt, Unreached
from shared.calcom_values import Object, asks_for_new_time, instant, reason, whole
from shared.errors import Refused, Uncertain

Slots = dict[str, list[datetime]]

_LOOKS, _PAUSE_SECONDS = 3, 0.7
_FRESH_DAYS = 7
_LENGTHS_SECONDS, _LENGTHS_PATIENCE = 600, 5.0


def free_slots(target: Target, first: datetime, last: datetime, time_zone: str, deadline: float) -> Slots:
    """When the booking could be instead: day in `time_zone` → starts in UTC, for its event type and its length.

    Raises NotDone, or CalcomError.
    """
    if target.event_type_id is None or target.uid is None:
        raise NotDone(Refused("not_possible", "This kind of booking can no longer be booked.", more=way_out(target)))
    minutes = int((target.ends_at - target.starts_at).total_seconds() // 60)
    several = _lengths(target.event_type_id, int(time.monotonic() // _LENGTHS_SECONDS))
    return calcom_api.slots(
        target.event_type_id,
        first,
        last,
        time_zone,
        deadline,
        moving=target.uid,
        minutes=minutes if minutes in several else None,
    )


def shown(slots: Slots) -> dict[str, JsonValue]:
    """As JSON: `{"2026-12-01": ["2026-12-01T09:00:00Z"]}`."""
    return {day: [f"{start:%Y-%m-%dT%H:%M:%SZ}" for start in starts] for day, starts in slots.items()}


def way_out(target: Target) -> dict[str, JsonValue]:
    """Cal.com's own page to move it, for what only that can do (a required field that was never filled in)."""
    name = target.seat_uid or target.uid
    return {"page": f"{settings.load(settings.CalcomApi).origin}/reschedule/{name}"} if name else {}


def move(target: Target, time_zone: str, deadline: float) -> Done:
    """Have Cal.com move it to `target.start`. Raises NotDone: `slot_taken` with the slots of the days from there on."""
    if target.uid is None or target.start is None:
        raise NotDone(Refused("not_possible", "Cal.com's id of this booking is not known yet."))
    uid, start, seat_uid = target.uid, target.start, target.seat_uid
    if target.look_first or (target.person and seat_uid is None):
        seen = _look(target, uid, deadline)
        if found := _moved(seen, target, deadline):
            return found
        _still_there(seen, target)
        if target.person and seat_uid is None:
            seat_uid = calcom_booking.seat_uid_of(seen[0], target.person)
    by = target.host_email if target.by_staff else target.actor_email
    try:
        answer = calcom_api.reschedule(uid, start, deadline, by=by, reason=target.reason, seat_uid=seat_uid)
    except Unreached as error:
        raise unavailable(error.retry_after) from error
    except Declined as error:
        raise _why_declined(target, uid, start, time_zone, deadline) from error
    except InDoubt as error:
        return _after_doubt(target, uid, deadline, ended=error.ended)
    return Done("moved", _changes(answer, target))


@lru_cache(maxsize=500)
def _lengths(event_type_id: int, _period: int) -> tuple[int, ...]:
    """The lengths (minutes) that an event type lets one choose from; none where it has one. Asked once a period."""
    try:
        event_type = calcom_api.event_type(event_type_id, time.monotonic() + _LENGTHS_PATIENCE)
    except CalcomError:
        return ()
    options = event_type.get("lengthInMinutesOptions")
    return tuple(minutes for one in options if (minutes := whole(one))) if isinstance(options, list) else ()


def _after_doubt(target: Target, uid: str, deadline: float, *, ended: bool) -> Done:
    for look in range(_LOOKS):
        if look:
            time.sleep(max(min(_PAUSE_SECONDS, deadline - time.monotonic()), 0))
        try:
            seen = _read(uid, deadline)
            if found := _moved(seen, target, deadline):
                return found
        except CalcomError:
            break
        if ended:
            raise unavailable()
    raise NotDone(Uncertain())


def _why_declined(target: Target, uid: str, start: datetime, time_zone: str, deadline: float) -> NotDone:
    """Cal.com said no: because the booking has changed, because the time is taken, or for a reason of its own."""
    seen = _look(target, uid, deadline)
    _still_there(seen, target)
    first = max(datetime.now(UTC), start - timedelta(days=1))
    try:
        slots = free_slots(target, first, start + timedelta(days=_FRESH_DAYS), time_zone, deadline)
    except CalcomError:
        return unavailable()
    if start not in {each for starts in slots.values() for each in starts}:
        return NotDone(Refused("slot_taken", "This time is not free any more.", more={"slots": shown(slots)}))
    return NotDone(Refused("declined", "Cal.com does not allow it.", more=way_out(target)))


def _look(target: Target, uid: str, deadline: float) -> tuple[Object, ...]:
    """The booking as it is, and what it was moved to."""
    try:
        return _read(uid, deadline)
    except CalcomError as error:
        if isinstance(error, Declined) and error.status == 404:
            raise NotDone(Refused("not_possible", "Cal.com does not know this booking.")) from error
        raise NotDone(Uncertain()) if target.look_first else unavailable() from error


def _read(uid: str, deadline: float) -> tuple[Object, ...]:
    found = calcom_api.life(uid, deadline)
    if not found:
        raise InDoubt(ended=True)
    return found


def _moved(seen: tuple[Object, ...], target: Target, deadline: float) -> Done | None:
    """The move that we meant, if it has taken place. None: it has not, or somebody moved it elsewhere."""
    if target.seat_uid is None:
        # Moved on since, it was moved all the same. A whole group keeps its uid.
        steps = seen[1:] or (seen if target.seated else ())
        found = any(instant(one.get("start")) == target.start for one in steps)
        return Done("moved", _as_read(seen)) if found else None
    if target.person is None or calcom_booking.seat_uid_of(seen[0], target.person):
        return None
    try:
        now = calcom_api.booking_of_seat(target.seat_uid, deadline)
    except Declined:
        return None  # it was given up
    return Done("moved", _changes(now, target)) if instant(now.get("start")) == target.start else None


def _still_there(seen: tuple[Object, ...], target: Target) -> None:
    """Raises NotDone where the booking is not what the person saw: ended, moved, or their seat is gone."""
    head = seen[0]
    changes = _as_read(seen)
    if len(seen) > 1:
        raise NotDone(Refused("moved_meanwhile", "This booking was moved meanwhile."), changes)
    asked = asks_for_new_time(reason(head.get("cancellationReason")))
    if head.get("status") == "rejected" or (head.get("status") == "cancelled" and not asked):
        raise NotDone(Refused("already_cancelled", "This booking is already cancelled."), changes)
    if target.person and calcom_booking.seat_uid_of(head, target.person) is None:
        raise NotDone(Refused("already_cancelled", "This seat is no longer in the booking."), changes)


def _changes(answer: Object, target: Target) -> tuple[BookingChange, ...]:
    now = datetime.now(UTC)
    if target.person is None or target.uid is None:
        return calcom_booking.as_answered(answer, now)
    seat = target.person.model_copy(update={"seat": target.seat_uid})
    moved = calcom_booking.seat_moved(answer, seat, target.uid, target.reason, now)
    return (moved,) if moved else ()


def _as_read(seen: tuple[Object, ...]) -> tuple[BookingChange, ...]:
    now = datetime.now(UTC)
    return tuple(change for one in seen for change in calcom_booking.as_read(one, now))
