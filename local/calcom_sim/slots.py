"""When a host has time: the working hours, without what is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from local.calcom_sim.event_types import EventType, Host
from local.calcom_sim.state import Booking, Json, World
from local.calcom_sim.times import iso_millis

_LONGEST = timedelta(days=366)  # more of a range is not looked at


def slots(
    world: World,
    event_type: EventType,
    first: datetime,
    last: datetime,
    zone: str,
    *,
    moving: str | None = None,
    ranges: bool = False,
) -> dict[str, list[Json]]:
    """The free starts in [first, last] by day, both in `zone`. The booking with uid `moving` takes nothing."""
    local = ZoneInfo(zone)
    found: dict[str, list[Json]] = {}
    for start in _starts(event_type, first, min(last, first + _LONGEST)):
        if not is_free(world, event_type, start, moving=moving):
            continue
        shown = start.astimezone(local)
        slot: Json = {"start": _spelled(shown)}
        if ranges:
            slot["end"] = _spelled(shown + timedelta(minutes=event_type.minutes))
        if event_type.seats is not None:
            slot |= _seats(world, event_type, start)
        found.setdefault(shown.date().isoformat(), []).append(slot)
    return found


def is_free(world: World, event_type: EventType, start: datetime, *, moving: str | None = None) -> bool:
    """Whether `start` can be booked: not past, with notice, in working hours, nobody busy, in a group a seat left."""
    if start < datetime.now(UTC) + timedelta(minutes=event_type.notice):
        return False
    return bool(free_hosts(world, event_type, start, moving=moving))


def free_hosts(world: World, event_type: EventType, start: datetime, *, moving: str | None = None) -> list[Host]:
    """Who of the hosts could hold it at `start`; all or none where all are needed."""
    end = start + timedelta(minutes=event_type.minutes)
    group = group_at(world, event_type, start)
    if group is not None and group.uid != moving:
        return [group.host] if len(group.people) < (event_type.seats or 0) else []
    busy = [booking for booking in world.bookings.values() if booking.status == "accepted" and booking.uid != moving]
    free = [host for host in event_type.hosts if _works(host, start, end) and not _is_busy(host, busy, start, end)]
    if event_type.scheduling == "COLLECTIVE" and len(free) < len(event_type.hosts):
        return []
    return free


def group_at(world: World, event_type: EventType, start: datetime) -> Booking | None:
    """The seated booking at this very start that another seat would join."""
    if event_type.seats is None:
        return None
    same = (
        booking
        for booking in world.bookings.values()
        if booking.event_type.id == event_type.id and booking.start == start and booking.status == "accepted"
    )
    return next(same, None)


def _starts(event_type: EventType, first: datetime, last: datetime) -> Iterator[datetime]:
    """The starts that the leading host's working hours offer, back to back."""
    host = event_type.host
    zone = ZoneInfo(host.time_zone)
    length = timedelta(minutes=event_type.minutes)
    day: date = first.astimezone(zone).date()
    while day <= last.astimezone(zone).date():
        if day.weekday() < 5:
            start = datetime.combine(day, host.opens, zone).astimezone(UTC)
            closes = datetime.combine(day, host.closes, zone).astimezone(UTC)
            while start + length <= closes:
                if first <= start <= last:
                    yield start
                start += length
        day += timedelta(days=1)


def _works(host: Host, start: datetime, end: datetime) -> bool:
    zone = ZoneInfo(host.time_zone)
    local_start, local_end = start.astimezone(zone), end.astimezone(zone)
    if local_start.weekday() > 4 or local_start.date() != local_end.date():
        return False
    return host.opens <= local_start.time() and local_end.time() <= host.closes


def _is_busy(host: Host, bookings: Iterable[Booking], start: datetime, end: datetime) -> bool:
    return any(
        booking.start < end and start < booking.end and (host == booking.host or _co_hosts(host, booking))
        for booking in bookings
    )


def _co_hosts(host: Host, booking: Booking) -> bool:
    return any(person.co_host and person.email == host.email for person in booking.attendees)


def _seats(world: World, event_type: EventType, start: datetime) -> Json:
    total = event_type.seats or 0
    group = group_at(world, event_type, start)
    booked = len(group.people) if group else 0
    seats: Json = {"seatsBooked": booked, "seatsRemaining": total - booked, "seatsTotal": total}
    return seats | ({"bookingUid": group.uid} if group else {})


def _spelled(moment: datetime) -> str:
    """With the offset of its own zone, UTC as Z."""
    if moment.utcoffset() == timedelta(0):
        return iso_millis(moment)
    return moment.isoformat(timespec="milliseconds")
