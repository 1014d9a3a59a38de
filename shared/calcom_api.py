"""Cal.com's API v2: the calls that we make of it.

Each takes a deadline on the monotonic clock, in seconds, and raises CalcomError where it does not come to an answer
(`shared/calcom_http.py` says which). Every field of an answer may be absent or null, whatever the contract requires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from pydantic import JsonValue

from shared.booking import NO_REASON
from shared.calcom_http import Declined, InDoubt, call
from shared.calcom_values import Object, identifier, instant, mapping, objects

# A missing or unknown version falls back, silently, to another world of shapes.
_BOOKINGS, _SLOTS, _EVENT_TYPES = "2024-08-13", "2024-09-04", "2024-06-14"
PAGE = 250  # bookings a page, at most
_MAX_MOVES = 50  # that are followed
_MAX_BOOKINGS = 1000  # in one answer; a series has fewer


@dataclass(frozen=True)
class Page:
    """Some of many bookings; `more`: others follow."""

    bookings: tuple[Object, ...]
    more: bool


def booking(uid: str, deadline: float) -> tuple[Object, ...]:
    """The booking of this uid; of a series' uid all its bookings. Declined(404): unknown."""
    return _bookings(call("GET", f"/bookings/{quote(uid, safe='')}", _BOOKINGS, deadline))


def life(uid: str, deadline: float) -> tuple[Object, ...]:
    """The booking of this uid, then what it was moved to, and on, as far as it may be read. Declined(404): unknown."""
    found: dict[str, Object] = {}
    following: str | None = uid
    while following is not None and following not in found and len(found) < _MAX_MOVES:
        try:
            answer = booking(following, deadline)
        except Declined:
            if not found:
                raise
            break
        if not answer:
            break
        found[following] = answer[0]
        following = identifier(answer[0].get("rescheduledToUid"))
    return tuple(found.values())


def booking_of_seat(seat_uid: str, deadline: float) -> Object:
    """The booking that a seat is in now. Declined(404): there is no such seat any more."""
    return mapping(_data(call("GET", f"/bookings/by-seat/{quote(seat_uid, safe='')}", _BOOKINGS, deadline)))


def bookings(
    deadline: float, *, updated_after: datetime | None = None, starts_after: datetime | None = None, skip: int = 0
) -> Page:
    """A page of all bookings of the account, whatever their status.

    With `updated_after` those changed since then, in the order of their change; with `starts_after` those that begin
    later, in the order of their beginning.
    """
    query: dict[str, str | int] = {"take": PAGE, "skip": skip}
    if updated_after is not None:
        query |= {"afterUpdatedAt": _moment(updated_after)}
    if starts_after is not None:
        query |= {"afterStart": _moment(starts_after), "sortStart": "asc"}
    else:
        query |= {"sortUpdatedAt": "asc"}
    body = call("GET", "/bookings", _BOOKINGS, deadline, query=query)
    found = _bookings(body)
    # Where the answer does not say, there may be more: the next page will be empty.
    more = mapping(mapping(body).get("pagination")).get("hasNextPage")
    return Page(found, more is not False and bool(found))


def cancel(
    uid: str, deadline: float, *, reason: str | None, seat_uid: str | None = None, remaining: bool = False
) -> tuple[Object, ...]:
    """Cancel a booking, one seat of it, or with `remaining` this occurrence and all after it. → what became of them."""
    body: dict[str, JsonValue] = {"cancellationReason": reason or NO_REASON}
    if seat_uid is not None:
        body["seatUid"] = seat_uid
    elif remaining:
        body["cancelSubsequentBookings"] = True
    ended = _bookings(call("POST", f"/bookings/{quote(uid, safe='')}/cancel", _BOOKINGS, deadline, body=body))
    if not ended:
        raise InDoubt(ended=True)
    return ended


def reschedule(
    uid: str, start: datetime, deadline: float, *, by: str | None, reason: str | None, seat_uid: str | None = None
) -> Object:
    """Move a booking, or one seat of it, to `start`. → the booking that it is now, under a new uid.

    `by` is the address of who moves it: a booking that needs confirmation stays confirmed only where the host does.
    """
    body: dict[str, JsonValue] = {"start": _moment(start)}
    body |= {"rescheduledBy": by} if by else {}
    body |= {"seatUid": seat_uid} if seat_uid else {"reschedulingReason": reason} if reason else {}
    moved = _bookings(call("POST", f"/bookings/{quote(uid, safe='')}/reschedule", _BOOKINGS, deadline, body=body))
    if not moved:
        raise InDoubt(ended=False)
    return moved[0]


def confirm(uid: str, deadline: float) -> Object:
    """Agree to a booking that waits for it."""
    return mapping(_data(call("POST", f"/bookings/{quote(uid, safe='')}/confirm", _BOOKINGS, deadline)))


def decline(uid: str, deadline: float, *, reason: str | None) -> Object:
    """Say no to a booking that waits for an answer."""
    body: dict[str, JsonValue] = {"reason": reason} if reason else {}
    return mapping(_data(call("POST", f"/bookings/{quote(uid, safe='')}/decline", _BOOKINGS, deadline, body=body)))


def slots(
    event_type_id: int,
    first: datetime,
    last: datetime,
    time_zone: str,
    deadline: float,
    *,
    moving: str | None = None,
    minutes: int | None = None,
) -> dict[str, list[datetime]]:
    """When an event type can be booked: day in `time_zone` → starts in UTC. Days without any are absent.

    `moving`: the uid of a booking that takes up nothing, as it would go. `minutes`: of an event type that has several
    lengths, which one.
    """
    query: dict[str, str | int] = {"eventTypeId": event_type_id, "start": _moment(first), "end": _moment(last)}
    query |= {"timeZone": time_zone}
    query |= {"bookingUidToReschedule": moving} if moving else {}
    query |= {"duration": minutes} if minutes else {}
    days = mapping(_data(call("GET", "/slots", _SLOTS, deadline, query=query)))
    found = {day: [start for row in _rows(rows) if (start := instant(row))] for day, rows in days.items()}
    return {day: sorted(starts) for day, starts in sorted(found.items()) if starts}


def event_type(event_type_id: int, deadline: float) -> Object:
    """An event type: `title`, `lengthInMinutes`, `lengthInMinutesOptions`, …"""
    return mapping(_data(call("GET", f"/event-types/{event_type_id}", _EVENT_TYPES, deadline)))


def me(deadline: float) -> Object:
    """Whose key this is."""
    return mapping(_data(call("GET", "/me", None, deadline)))


def calendars(deadline: float) -> tuple[Object, ...]:
    """The calendars that the account has connected."""
    connected = mapping(_data(call("GET", "/calendars", None, deadline))).get("connectedCalendars")
    return tuple(objects(connected, 1000))


def webhooks(deadline: float) -> tuple[Object, ...]:
    """The account's webhooks, their secrets among the fields."""
    return tuple(objects(_data(call("GET", "/webhooks", None, deadline, query={"take": PAGE})), PAGE))


def create_webhook(webhook: Mapping[str, JsonValue], deadline: float) -> Object:
    """Make a webhook: `active`, `subscriberUrl`, `triggers`, `secret`, … Declined(409): the URL has one."""
    return mapping(_data(call("POST", "/webhooks", None, deadline, body=webhook)))


def update_webhook(webhook_id: str, changes: Mapping[str, JsonValue], deadline: float) -> Object:
    """Change a webhook."""
    return mapping(_data(call("PATCH", f"/webhooks/{quote(webhook_id, safe='')}", None, deadline, body=changes)))


def delete_webhook(webhook_id: str, deadline: float) -> None:
    """Remove a webhook."""
    call("DELETE", f"/webhooks/{quote(webhook_id, safe='')}", None, deadline)


def _data(body: JsonValue) -> JsonValue:
    return mapping(body).get("data")


def _bookings(body: JsonValue) -> tuple[Object, ...]:
    data = _data(body)
    return tuple(objects(data if isinstance(data, list) else [data], _MAX_BOOKINGS))


def _rows(rows: JsonValue) -> list[JsonValue]:
    """The starts of a day: objects with `start`, or in old versions the text alone."""
    listed = rows if isinstance(rows, list) else []
    return [mapping(row).get("start") if isinstance(row, dict) else row for row in listed]


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
