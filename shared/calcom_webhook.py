"""A webhook of Cal.com: is it signed by us, and what does it say of a booking?

Cal.com's bodies come in many shapes (a flat one for MEETING_*, rows of its database, six years of versions), more than
once, and in any order. What is read here is only what the body says: which of several reports counts is decided
in the database.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from shared import calcom_people
from shared.booking import BookingChange, Host, Status, Trigger
from shared.calcom_body import storable
from shared.calcom_values import (
    MAX_PLACE,
    MAX_PROSE,
    MAX_TITLE,
    Object,
    address,
    asks_for_new_time,
    flag,
    identifier,
    instant,
    line,
    mapping,
    prose,
    web_address,
    whole,
)
from shared.calcom_values import reason as why

TRIGGERS: dict[str, Trigger] = {
    "BOOKING_REQUESTED": "REQUESTED",
    "BOOKING_PAYMENT_INITIATED": "PAYMENT_INITIATED",
    "BOOKING_CREATED": "CREATED",
    "BOOKING_RESCHEDULED": "RESCHEDULED",
    "BOOKING_PAID": "PAID",
    "BOOKING_LOCATION_UPDATED": "LOCATION_UPDATED",
    "BOOKING_REASSIGNED": "REASSIGNED",
    "BOOKING_REJECTED": "REJECTED",
    "BOOKING_CANCELLED": "CANCELLED",
    "INSTANT_MEETING_ACCEPTED": "CREATED",
    "MEETING_STARTED": "STARTED",
    "MEETING_ENDED": "ENDED",
    "BOOKING_NO_SHOW_UPDATED": "NO_SHOW",
    "AFTER_HOSTS_CAL_VIDEO_NO_SHOW": "NO_SHOW",
    "AFTER_GUESTS_CAL_VIDEO_NO_SHOW": "NO_SHOW",
}
"""Triggers that speak of a booking we keep. Every other one, known today or not, is not for us."""

_STATUSES: dict[str, Status] = {
    "ACCEPTED": "accepted",
    "PENDING": "pending",
    "CANCELLED": "cancelled",
    "REJECTED": "rejected",
}
_SLUG = re.compile(r"[^\sA-Z]{1,200}")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a body is: reports about bookings, nothing for us (neither changes nor error), or not understood (error)."""

    trigger: str | None
    body: dict[str, JsonValue] | str  # what may be stored
    changes: tuple[BookingChange, ...] = ()
    error: str | None = None


def verify(body: bytes, signature: str | None, secrets: Sequence[str]) -> bool:
    """Whether `signature` is the bare lower-case hex HMAC-SHA256 of the raw body under one of the secrets.

    Never raises; each secret is compared in constant time, and an empty one never verifies.
    """
    given = (signature or "").encode("utf-8", "surrogatepass")
    matches = [
        hmac.compare_digest(hmac.new(_bytes(secret), body, hashlib.sha256).hexdigest().encode(), given)
        for secret in secrets
        if secret
    ]
    return any(matches)


def _bytes(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


def parse(body: bytes, received_at: datetime) -> Report:
    """Read a body whose signature is good. Never raises, whatever the bytes are."""
    stored = storable(body)
    if not isinstance(stored, dict):
        return Report(trigger=None, body=stored, error="not a JSON object")
    trigger = line(stored.get("triggerEvent"), 100)
    if trigger is None:
        return Report(trigger=None, body=stored, error="no triggerEvent")
    if trigger not in TRIGGERS:
        return Report(trigger=trigger, body=stored)
    try:
        change = _change(trigger, stored, received_at)
    except Exception as fault:
        # Cal.com doesn't send again: a fault in the reading may cost a look by a person, never the body.
        return Report(trigger=trigger, body=stored, error=f"could not be read: {type(fault).__name__}")
    if change is None:
        return Report(trigger=trigger, body=stored, error="names no booking")
    return Report(trigger=trigger, body=stored, changes=(change,))


def _change(event: str, body: Object, received_at: datetime) -> BookingChange | None:
    trigger = TRIGGERS[event]
    nested = isinstance(body.get("payload"), dict)
    # A flat MEETING_* is a row of Cal.com's database: its `createdAt` is when the booking was made.
    payload = mapping(body.get("payload")) if nested or trigger not in ("STARTED", "ENDED") else body
    at = (instant(body.get("createdAt")) if nested else None) or received_at
    booking = mapping(payload.get("booking"))
    uid = identifier(payload.get("uid")) or identifier(payload.get("bookingUid")) or identifier(booking.get("uid"))
    calcom_id = whole(payload.get("bookingId")) or whole(booking.get("id"))
    if trigger in ("STARTED", "ENDED"):
        calcom_id = calcom_id or whole(payload.get("id"))
    if uid is None and calcom_id is None:
        return None
    if trigger in ("STARTED", "ENDED", "NO_SHOW"):
        return _note(event, at, uid, calcom_id, payload)
    return _booking(trigger, at, uid, calcom_id, payload)


def _note(event: str, at: datetime, uid: str | None, calcom_id: int | None, payload: Object) -> BookingChange:
    """What happened at the meeting. Where the host stayed away he is named, and nobody else."""
    about_host = event == "AFTER_HOSTS_CAL_VIDEO_NO_SHOW"
    about_attendees = TRIGGERS[event] == "NO_SHOW" and not about_host
    email = address(payload.get("hostEmail")) if about_host else None
    return BookingChange(
        trigger=TRIGGERS[event],
        at=at,
        uid=uid,
        calcom_id=calcom_id,
        starts_at=instant(payload.get("startTime")),
        ends_at=instant(payload.get("endTime")),
        host=Host(email=email) if email else None,
        people=calcom_people.absentees(payload) if about_attendees else None,
    )


def _booking(trigger: Trigger, at: datetime, uid: str | None, calcom_id: int | None, payload: Object) -> BookingChange:
    host = calcom_people.host(payload)
    team = calcom_people.team(payload)
    staff = {*team, *([host.email] if host and host.email else [])}
    given = calcom_people.answers(payload)
    people = calcom_people.people(payload, given, staff)
    seats = whole(payload.get("seatsPerTimeSlot"), most=100_000)
    seated = seats is not None or any(person.seat for person in people or ()) or bool(payload.get("attendeeSeatId"))
    series = identifier(mapping(payload.get("existingRecurringEvent")).get("recurringEventId"))
    type_title = line(payload.get("eventTitle"), MAX_TITLE) or line(payload.get("eventTypeTitle"), MAX_TITLE)
    slug, type_title = _event_type(payload.get("type"), type_title)
    previous = identifier(payload.get("rescheduleUid")) or identifier(payload.get("rescheduledFromUid"))
    moved = trigger == "RESCHEDULED" or previous is not None
    reason = _reason(trigger, payload, given if moved else {})
    actor = payload.get("cancelledBy") if trigger == "CANCELLED" else payload.get("rescheduledBy")
    starts_at, ends_at = instant(payload.get("startTime")), instant(payload.get("endTime"))
    return BookingChange(
        trigger=trigger,
        at=at,
        uid=uid,
        calcom_id=calcom_id,
        ical_uid=identifier(payload.get("iCalUID"), 1000),
        ical_sequence=whole(payload.get("iCalSequence"), least=0),
        rescheduled_from_uid=previous if previous != uid else None,
        rescheduled_from_id=whole(payload.get("rescheduleId")),
        rescheduled_from_starts_at=instant(payload.get("rescheduleStartTime")),
        rescheduled_to_uid=identifier(payload.get("rescheduledToUid")),
        recurring=series is not None or bool(payload.get("recurringEvent") or payload.get("recurrence")),
        series=series,
        status=_STATUSES.get(str(payload.get("status")).upper()),
        requires_confirmation=flag(payload.get("requiresConfirmation")),
        reschedule_requested=_asks_for_new_time(payload, reason) if trigger == "CANCELLED" else None,
        reason=reason,
        by=calcom_people.acted(actor, payload, staff),
        starts_at=starts_at,
        ends_at=ends_at if starts_at and ends_at and ends_at >= starts_at else None,
        title=type_title if seated else line(payload.get("title"), MAX_TITLE),
        description=_description(payload, seated),
        event_type_id=whole(payload.get("eventTypeId")),
        event_type_slug=slug,
        event_type_title=type_title,
        location=line(payload.get("location"), MAX_PLACE),
        meeting_url=_meeting_url(payload),
        host=host,
        team=team,
        booker=calcom_people.booker(given),
        people=people,
        seated=seated,
        seats=seats,
    )


def _event_type(kind: JsonValue, title: str | None) -> tuple[str | None, str | None]:
    """Slug and title. `type` is the slug, but the title in bodies of 2023 and of some self-hosted installations."""
    text = line(kind, MAX_TITLE)
    if text and _SLUG.fullmatch(text):
        return text, title
    return None, title or text


def _reason(trigger: Trigger, payload: Object, given: Object) -> str | None:
    if trigger == "CANCELLED":
        return why(payload.get("cancellationReason"))
    if trigger == "REJECTED":
        return why(payload.get("rejectionReason"))
    return why(given.get("rescheduleReason"))


def _asks_for_new_time(payload: Object, reason: str | None) -> bool | None:
    """A host who asks for another time cancels: with a flag since 2026, before only with this beginning."""
    return True if payload.get("requestReschedule") is True or asks_for_new_time(reason) else None


def _description(payload: Object, seated: bool) -> str | None:
    # Cal.com fills `description` with the notes of one attendee, which in a seated booking are not for the others.
    own = prose(payload.get("eventDescription"), MAX_PROSE)
    return own if own or seated else prose(payload.get("description"), MAX_PROSE)


def _meeting_url(payload: Object) -> str | None:
    """The link to join. Metadata can be set by a browser, so it counts only where Cal.com makes the meeting."""
    place = line(payload.get("location"), MAX_PLACE)
    if place and not place.startswith("integrations:"):
        return web_address(place)
    return (
        web_address(mapping(payload.get("metadata")).get("videoCallUrl"))
        or web_address(mapping(payload.get("videoCallData")).get("url"))
        or web_address(mapping(payload.get("additionalInformation")).get("hangoutLink"))
    )
