"""The words of the domain: what one report about a booking says.

Every input, a webhook body or an answer of Cal.com's API, becomes the same small value, a `BookingChange`. It says
what *that report* says and nothing else: a field that the report does not mention is None, and None never erases.
The SQL function `record_event` keeps each distinct change once and derives the booking from the set.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, PlainSerializer

Trigger = Literal[
    "REQUESTED",
    "PAYMENT_INITIATED",
    "CREATED",
    "RESCHEDULED",
    "PAID",
    "LOCATION_UPDATED",
    "REASSIGNED",
    "API",
    "REJECTED",
    "CANCELLED",
    # The last three are entries in the timeline of a known booking; they never decide its status.
    "STARTED",
    "ENDED",
    "NO_SHOW",
]
Status = Literal["accepted", "pending", "cancelled", "rejected"]

# What we tell Cal.com where a person gave no reason, since it wants one from the host, whose key we use. Read back, it
# is no reason.
NO_REASON = "No reason given."


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a zone")
    return value.astimezone(UTC)


def _iso(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


# Written in one spelling (UTC, milliseconds), because the key of a report is a hash of its text.
Instant = Annotated[datetime, AfterValidator(_utc), PlainSerializer(_iso, return_type=str, when_used="json")]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Host(_Value):
    """Who holds the meeting. `email` is lower-case; `hidden` when clients may not see the address."""

    name: str | None = None
    email: str | None = None
    hidden: bool | None = None
    time_zone: str | None = None
    locale: str | None = None


class Person(_Value):
    """Someone who attends. Identified by `email` (lower-case), or by `phone` (E.164) where there is no address."""

    email: str | None = None
    name: str | None = None
    phone: str | None = None
    time_zone: str | None = None  # IANA name
    locale: str | None = None  # BCP 47, as Cal.com writes it
    seat: str | None = None  # Cal.com's seat uid
    row: int | None = None  # Cal.com's attendee row
    absent: bool | None = None
    responses: dict[str, JsonValue] | None = None  # the answers this person gave: field name → plain value


class BookingChange(_Value):
    """What one report says of one Cal.com booking (one uid). All times are UTC."""

    trigger: Trigger
    at: Instant  # when it was said: `createdAt` of a body, the time of reading less 15 s for an API answer
    uid: str | None = None
    calcom_id: int | None = None
    ical_uid: str | None = None
    ical_sequence: int | None = None

    rescheduled_from_uid: str | None = None  # `rescheduleUid`, `rescheduledFromUid`; of a seat: may be a seat uid
    rescheduled_from_id: int | None = None
    rescheduled_from_starts_at: Instant | None = None
    rescheduled_to_uid: str | None = None
    recurring: bool = False  # the report carries a recurrence rule, or names its series
    series: str | None = None  # Cal.com's id of the series

    status: Status | None = None
    requires_confirmation: bool | None = None
    reschedule_requested: bool | None = None  # the flag, or a reason beginning "Please reschedule."
    reason: str | None = None  # of a cancellation, rejection or move
    by: Literal["client", "staff"] | None = None  # who acted, where the report tells; never an address

    starts_at: Instant | None = None
    ends_at: Instant | None = None
    title: str | None = None
    description: str | None = None  # the event's own, never an attendee's notes in a seated booking
    event_type_id: int | None = None
    event_type_slug: str | None = None
    event_type_title: str | None = None
    location: str | None = None
    meeting_url: str | None = None

    host: Host | None = None
    team: tuple[str, ...] = ()  # addresses of co-hosts, lower-case: never attendees
    booker: str | None = None  # address (or phone) of who booked, as `responses.email` names it
    people: tuple[Person, ...] | None = None  # None: the report lists nobody
    seated: bool = False
    seats: int | None = Field(default=None, ge=1)  # capacity

    updated_at: Instant | None = None  # Cal.com's own time of its last change (API answers only)


def dumped(changes: Sequence[BookingChange]) -> list[JsonValue]:
    """As `record_event` takes them."""
    return [change.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for change in changes]
