"""GET /v2/bookings: filters, order, and both ways of turning pages."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime

from local.calcom_sim.errors import Refusal
from local.calcom_sim.state import Booking, Json
from local.calcom_sim.times import parse_moment

_STATUSES = ("upcoming", "recurring", "past", "cancelled", "unconfirmed")
_MOMENTS: dict[str, tuple[Callable[[Booking], datetime], bool]] = {
    # filter → the time it looks at, and whether it asks for later ones
    "afterStart": (lambda booking: booking.start, True),
    "beforeEnd": (lambda booking: booking.end, False),
    "afterCreatedAt": (lambda booking: booking.created_at, True),
    "beforeCreatedAt": (lambda booking: booking.created_at, False),
    "afterUpdatedAt": (lambda booking: booking.updated_at, True),
    "beforeUpdatedAt": (lambda booking: booking.updated_at, False),
}
_SORTS: dict[str, Callable[[Booking], datetime]] = {
    "sortStart": lambda booking: booking.start,
    "sortEnd": lambda booking: booking.end,
    "sortCreated": lambda booking: booking.created_at,
    "sortUpdatedAt": lambda booking: booking.updated_at,
}


def select(bookings: list[Booking], query: Mapping[str, str], now: datetime) -> list[Booking]:
    """The bookings that the query asks for, in its order (by start where it names none). Raises Refusal (400)."""
    statuses = [status for status in query.get("status", "").split(",") if status]
    if any(status not in _STATUSES for status in statuses):
        raise Refusal(400, "Invalid status. Allowed are upcoming, recurring, past, cancelled, unconfirmed")
    tests: list[Callable[[Booking], bool]] = []
    if statuses:
        tests.append(lambda booking: any(_has_status(booking, status, now) for status in statuses))
    for name, (moment_of, later) in _MOMENTS.items():
        if name in query:
            tests.append(_time_test(name, query[name], moment_of, later))
    if email := query.get("attendeeEmail"):
        tests.append(lambda booking: any(person.email.lower() == email.lower() for person in booking.attendees))
    if part := query.get("attendeeName"):
        tests.append(lambda booking: any(part.lower() in person.name.lower() for person in booking.attendees))
    if uid := query.get("bookingUid"):
        tests.append(lambda booking: booking.uid == uid)
    if ids := query.get("eventTypeIds") or query.get("eventTypeId"):
        wanted = ids.split(",")
        tests.append(lambda booking: str(booking.event_type.id) in wanted)
    if query.get("teamsIds") or query.get("teamIds") or query.get("teamId"):
        tests.append(lambda booking: booking.event_type.team)
    return _sorted([booking for booking in bookings if all(test(booking) for test in tests)], query)


def page_by_number(found: list[Booking], query: Mapping[str, str]) -> tuple[list[Booking], Json]:
    """The page that `take` and `skip` name, and its `pagination`. Raises Refusal (400)."""
    take, skip = _count(query, "take", 100, 1, 250), _count(query, "skip", 0, 0, 10**9)
    page = found[skip : skip + take]
    total = len(found)
    return page, {
        "returnedItems": len(page),
        "totalItems": total,
        "itemsPerPage": take,
        "remainingItems": max(0, total - skip - len(page)),
        "hasNextPage": skip + len(page) < total,
        "hasPreviousPage": skip > 0,
        "currentPage": skip // take + 1,
        "totalPages": math.ceil(total / take),
    }


def page_by_cursor(found: list[Booking], query: Mapping[str, str]) -> tuple[list[Booking], Json]:
    """The page of version 2026-05-01 behind `cursor`, and its `pagination`. Raises Refusal (400)."""
    if "," in query.get("status", ""):
        raise Refusal(400, "status must be one value")
    limit = _count(query, "limit", 50, 1, 100)
    begin = 0
    if cursor := query.get("cursor"):
        last = _read_cursor(cursor)
        begin = next((number + 1 for number, booking in enumerate(found) if booking.id == last), len(found))
    page = found[begin : begin + limit]
    more = begin + len(page) < len(found)
    return page, {"nextCursor": _write_cursor(page[-1].id) if more else None, "hasMore": more}


def _has_status(booking: Booking, status: str, now: datetime) -> bool:
    if status == "cancelled":
        return booking.status in ("cancelled", "rejected")
    if status == "unconfirmed":
        return booking.status == "pending" and booking.end >= now
    if status == "past":
        return booking.status in ("accepted", "pending") and booking.end < now
    if status == "recurring":
        return booking.status == "accepted" and booking.end >= now and booking.series is not None
    # Upcoming: what awaits the host's word counts too, except in a series.
    hopeful = booking.status == "accepted" or (booking.status == "pending" and booking.series is None)
    return hopeful and booking.end >= now


def _time_test(
    name: str, text: str, moment_of: Callable[[Booking], datetime], later: bool
) -> Callable[[Booking], bool]:
    bound = parse_moment(text)
    if bound is None:
        raise Refusal(400, f"{name} must be a valid ISO 8601 date string")
    if later:
        return lambda booking: moment_of(booking) >= bound
    return lambda booking: moment_of(booking) <= bound


def _sorted(found: list[Booking], query: Mapping[str, str]) -> list[Booking]:
    """By every sort the query names, the first one first; ties by id."""
    found.sort(key=lambda booking: booking.id)
    wanted = [name for name in _SORTS if name in query] or ["sortStart"]
    for name in reversed(wanted):
        direction = query.get(name, "asc")
        if direction not in ("asc", "desc"):
            raise Refusal(400, f"{name} must be one of the following values: asc, desc")
        found.sort(key=_SORTS[name], reverse=direction == "desc")
    return found


def _count(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise Refusal(400, f"{name} must be a number from {least} to {most}")
    return int(text)


def _write_cursor(number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"id": number}).encode()).decode()


def _read_cursor(cursor: str) -> int:
    try:
        return int(json.loads(base64.urlsafe_b64decode(cursor))["id"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise Refusal(400, "cursor is not valid") from None
