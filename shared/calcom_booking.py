"""A booking as Cal.com's API shows it → what it says, as a `BookingChange`.

The API writes some things otherwise than the webhooks do. What it cannot tell as they do stays out, so that reading a
booking that has not changed is no news: `description` (the API puts the booker's notes there), the title of a group
(there it names who came first). Every field may be absent or null, whatever the contract requires.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import get_args

from pydantic import JsonValue

from shared import calcom_people
from shared.booking import BookingChange, Host, Person, Status
from shared.calcom_body import storable
from shared.calcom_values import (
    MAX_PLACE,
    MAX_TITLE,
    Object,
    address,
    asks_for_new_time,
    flag,
    identifier,
    instant,
    line,
    locale,
    mapping,
    objects,
    reason,
    time_zone,
    web_address,
    whole,
)

# A read may be older than what a webhook told just before it, but not by more than this.
_STALE = timedelta(seconds=15)
_DISPLAYED = ("displayEmail", "displayGuests")


def as_read(answer: Object, read_at: datetime) -> tuple[BookingChange, ...]:
    """What a booking says that was read at `read_at` (none: it names no booking).

    It speaks for the time of Cal.com's own last change, or for 15 s before the reading, whichever is later.
    """
    updated_at = instant(answer.get("updatedAt"))
    at = read_at - _STALE
    return _changes(answer, min(max(at, updated_at or at), read_at))


def as_answered(answer: Object, answered_at: datetime) -> tuple[BookingChange, ...]:
    """What a booking says that Cal.com answers to our own change of it: the state that this change made."""
    return _changes(answer, answered_at)


def seat_given_up(answer: Object, seat: Person, reason: str | None, at: datetime) -> tuple[BookingChange, ...]:
    """What follows from a seat that was given up. It speaks for that seat alone: others may come and go meanwhile."""
    whole_booking = next(iter(as_answered(answer, at)), None)
    if whole_booking is None:
        return ()
    left = BookingChange(
        trigger="CANCELLED",
        at=at,
        uid=whole_booking.uid,
        calcom_id=whole_booking.calcom_id,
        seated=True,
        reason=reason,
        people=(seat,),
    )
    return (left, whole_booking) if whole_booking.status == "cancelled" else (left,)


def seat_moved(answer: Object, seat: Person, from_uid: str, reason: str | None, at: datetime) -> BookingChange | None:
    """What follows from a seat that was moved into the group of the answer, out of `from_uid`."""
    group = next(iter(as_answered(answer, at)), None)
    if group is None:
        return None
    update = {"trigger": "RESCHEDULED", "rescheduled_from_uid": from_uid, "people": (seat,), "seated": True}
    return group.model_copy(update=update | {"reason": reason})


def unlisted(answer: Object) -> tuple[str, ...]:
    """Attendees that the booking's own form names neither as booker nor as guest: co-hosts, as far as one can tell."""
    given = answers(mapping(answer.get("bookingFieldsResponses")))
    guests = answer.get("guests")
    if not isinstance(guests, list) or not given.get("email"):
        return ()
    named = {address(one) for one in (*guests, given.get("email"))}
    rows = objects(answer.get("attendees"), calcom_people.MAX_PEOPLE)
    found = {address(row.get("email")) for row in rows if not row.get("seatUid")}
    return tuple(sorted(one for one in found if one and one not in named))


def seat_uid_of(answer: Object, person: Person) -> str | None:
    """The seat that this person has in the booking; None: none."""
    for row in objects(answer.get("attendees"), calcom_people.MAX_PEOPLE):
        email, phone = calcom_people.reachable(row.get("email"), row.get("phoneNumber"))
        if (email, phone)[email is None] == (person.email or person.phone):
            return identifier(row.get("seatUid"))
    return None


def answers(given: Object) -> dict[str, JsonValue]:
    """What was answered: field name → plain value."""
    wrapped: dict[str, JsonValue] = {name: {"value": value} for name, value in given.items() if name not in _DISPLAYED}
    return calcom_people.answers({"responses": wrapped})


def _changes(answer: Object, at: datetime) -> tuple[BookingChange, ...]:
    # As a body is kept: without secrets that somebody answered, and of nothing that cannot be stored.
    answer = mapping(storable(json.dumps(dict(answer)).encode()))
    uid, calcom_id = identifier(answer.get("uid")), whole(answer.get("id"))
    if uid is None and calcom_id is None:
        return ()
    given = answers(mapping(answer.get("bookingFieldsResponses")))
    host = _host(answer)
    rows = objects(answer.get("attendees"), calcom_people.MAX_PEOPLE)
    people = _people(rows, given, host)
    seated = any(person.seat for person in people)
    status: Status | None = next((known for known in get_args(Status) if known == answer.get("status")), None)
    ended = status in ("cancelled", "rejected")
    why = reason(answer.get("cancellationReason" if ended else "reschedulingReason"))
    series = identifier(answer.get("recurringBookingUid"))
    event_type = mapping(answer.get("eventType"))
    starts_at, ends_at = instant(answer.get("start")), instant(answer.get("end"))
    place = line(answer.get("location"), MAX_PLACE)
    change = BookingChange(
        trigger="API",
        at=at,
        uid=uid,
        calcom_id=calcom_id,
        ical_uid=identifier(answer.get("icsUid"), 1000),
        rescheduled_from_uid=identifier(answer.get("rescheduledFromUid")),
        rescheduled_to_uid=identifier(answer.get("rescheduledToUid")),
        recurring=series is not None,
        series=series,
        status=status,
        reason=None if seated else why,  # why one seat was left is not for the others
        by=_actor(answer, host) if status == "cancelled" else None,
        starts_at=starts_at,
        ends_at=ends_at if starts_at and ends_at and ends_at >= starts_at else None,
        title=None if seated else line(answer.get("title"), MAX_TITLE),
        event_type_id=whole(event_type.get("id")) or whole(answer.get("eventTypeId")),
        event_type_slug=identifier(event_type.get("slug")),
        location=place,
        meeting_url=web_address(place) or web_address(answer.get("meetingUrl")),
        host=host,
        booker=calcom_people.booker(given),
        people=people or None,
        seated=seated,
        updated_at=instant(answer.get("updatedAt")),
    )
    if status != "cancelled" or not asks_for_new_time(why):
        return (change,)
    # Only a body can say so; the reason shows that there was one. It speaks for this booking, not for its series.
    asked = {"trigger": "CANCELLED", "reschedule_requested": True, "people": None, "recurring": False, "series": None}
    return change, change.model_copy(update=asked)


def _host(answer: Object) -> Host | None:
    """The organizer; of a deleted user Cal.com writes `unknown` everywhere."""
    for row in objects(answer.get("hosts"), 1):
        if email := address(row.get("email")):
            name = line(row.get("name"), calcom_people.MAX_NAME)
            return Host(name=name, email=email, time_zone=time_zone(row.get("timeZone")))
    return None


def _people(rows: Sequence[Object], given: Object, host: Host | None) -> tuple[Person, ...]:
    booker = calcom_people.booker(given)
    listed: dict[str, Person] = {}
    for row in rows:
        person = _person(row)
        key = person.email or person.phone
        if key is None or (host and key == host.email and key != booker):
            continue
        if person.seat is None and (key == booker or (booker is None and not listed)):
            person = calcom_people.with_answers(person, given)
        listed.setdefault(key, person)
    return tuple(listed.values())


def _person(row: Object) -> Person:
    person = calcom_people.attendee({**row, "locale": row.get("language")})
    seat = identifier(row.get("seatUid"))
    update: dict[str, object] = {"seat": seat, "absent": flag(row.get("absent")), "row": None}
    person = person.model_copy(update=update | {"locale": locale(row.get("language"))})
    return calcom_people.with_answers(person, answers(mapping(row.get("bookingFieldsResponses")))) if seat else person


def _actor(answer: Object, host: Host | None) -> str | None:
    """On which side who cancelled stands. The API lists co-hosts among the attendees: of them it cannot tell."""
    who = address(answer.get("cancelledByEmail"))
    if who in unlisted(answer):
        return None
    return calcom_people.acted(who, answer, {host.email} if host and host.email else ())
