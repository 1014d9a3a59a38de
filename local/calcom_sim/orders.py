"""The bodies that Cal.com's API takes, checked and turned into what the simulator does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.calcom_sim.booking import Order, phone_address
from local.calcom_sim.errors import Refusal
from local.calcom_sim.event_types import VIDEO, EventType
from local.calcom_sim.state import Json, World
from local.calcom_sim.times import is_zone, parse_moment

# Which key of a location holds its value, by its type.
_LOCATION_KEYS = {
    "address": "address",
    "attendeeAddress": "address",
    "attendeeDefined": "location",
    "attendeePhone": "phone",
    "phone": "phone",
    "link": "link",
}


def order_of(world: World, body: Json, *, anytime: bool = False) -> Order:
    """The body of POST /v2/bookings as an order. Raises Refusal (400, 404)."""
    event_type = event_type_of(world, body)
    attendee = _mapping(body, "attendee")
    phone = _text(attendee, "phoneNumber")
    email = (_text(attendee, "email") or "").strip()
    if not email and not phone:
        raise Refusal(400, "attendee.email or attendee.phoneNumber must be provided")
    if email and not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise Refusal(400, "attendee.email must be an email")
    name, zone = _text(attendee, "name"), _text(attendee, "timeZone")
    if not name:
        raise Refusal(400, "attendee.name should not be empty")
    if not is_zone(zone):
        raise Refusal(400, "attendee.timeZone must be a valid IANA time-zone")
    responses = _mapping(body, "bookingFieldsResponses")
    for field in event_type.fields:
        if field.required and not responses.get(field.slug):
            raise Refusal(400, f"responses - {{{field.slug}}}error_required_field")
    return Order(
        event_type=event_type,
        start=start_of(body),
        name=name,
        email=email or phone_address(phone or ""),
        time_zone=zone or "",
        locale=_text(attendee, "language") or "en",
        phone=phone,
        guests=_guests(body, event_type),
        location=location_of(body["location"]) if body.get("location") else None,
        responses=dict(responses),
        metadata=_metadata(body),
        weeks=_weeks(body, event_type),
        anytime=anytime,
    )


def event_type_of(world: World, names: Mapping[str, Any]) -> EventType:
    """The event type that `eventTypeId`, or `eventTypeSlug` and its owner, names. Raises Refusal (400, 404)."""
    number, slug = names.get("eventTypeId"), names.get("eventTypeSlug")
    if number is None and not slug:
        raise Refusal(400, "Either eventTypeId or eventTypeSlug with username or teamSlug must be provided")
    for event_type in world.event_types.values():
        if str(number) == str(event_type.id) or (number is None and slug == event_type.slug):
            return event_type
    raise Refusal(404, "Event type not found")


def start_of(body: Mapping[str, Any]) -> datetime:
    """`start` in UTC. Raises Refusal (400)."""
    start = parse_moment(body.get("start"))
    if start is None:
        raise Refusal(400, "start must be a valid ISO 8601 date string")
    return start.replace(microsecond=0)


def location_of(location: object) -> str:
    """A location of the API as Cal.com stores it. Raises Refusal (400)."""
    if isinstance(location, str) and location:
        return location
    if not isinstance(location, dict):
        raise Refusal(400, "location must be an object")
    kind = location.get("type")
    if kind == "integration":
        integration = str(location.get("integration"))
        return VIDEO if integration == "cal-video" else f"integrations:{integration}"
    if kind == "organizersDefaultApp":
        return VIDEO
    value = location.get(_LOCATION_KEYS.get(str(kind), ""))
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"location of type {kind} is not valid")
    return value


def reason_of(body: Mapping[str, Any], key: str) -> str | None:
    """The optional text under `key`. Raises Refusal (400) for another kind of value."""
    return _text(body, key) or None


def _guests(body: Json, event_type: EventType) -> tuple[str, ...]:
    guests = body.get("guests") or []
    if not isinstance(guests, list) or not all(isinstance(guest, str) for guest in guests):
        raise Refusal(400, "each value in guests must be an email")
    if guests and event_type.seats is not None:
        raise Refusal(400, "Guests are not allowed for seated event types")
    return tuple(guests)


def _metadata(body: Json) -> Json:
    """Cal.com takes 50 keys of up to 40 signs, each value a text of up to 500."""
    metadata = dict(_mapping(body, "metadata"))
    if len(metadata) > 50:
        raise Refusal(400, "metadata can have at most 50 keys")
    for key, value in metadata.items():
        if len(key) > 40 or not isinstance(value, str) or len(value) > 500:
            raise Refusal(400, "metadata keys are limited to 40 characters, values to texts of 500")
    return metadata


def _weeks(body: Json, event_type: EventType) -> int | None:
    count = body.get("recurrenceCount")
    if count is None:
        return None
    if event_type.weeks is None:
        raise Refusal(400, f"Event type with id={event_type.id} is not a recurring event.")
    if not isinstance(count, int) or not 1 <= count <= event_type.weeks:
        raise Refusal(400, f"recurrenceCount must be between 1 and {event_type.weeks}")
    return count


def _mapping(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal(400, f"{key} must be an object")
    return value


def _text(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise Refusal(400, f"{key} must be a string")
    return value
