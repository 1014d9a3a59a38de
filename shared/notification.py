"""The words of the outbox: a notification as `claim_notifications` hands it out.

One row says everything that its message needs; nothing else is read while it is rendered. All times are aware UTC.
Absent things are None. Fields that the database adds later are ignored, so that old code may meet a new schema.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

Kind = Literal[
    "requested", "confirmation", "rescheduled", "updated", "cancelled", "rejected", "pick_new_time", "reminder"
]
Channel = Literal["email", "sms"]


def _absent_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


MaybeText = Annotated[str | None, BeforeValidator(_absent_if_blank)]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CalendarEntry(_Row):
    """What the recipient's calendar should do. On a CANCEL the times are those that are taken out."""

    method: Literal["REQUEST", "CANCEL"]
    uid: str  # the booking's one iCalUID, the same for its whole life
    sequence: int
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    stamp: AwareDatetime  # DTSTAMP: kept in the row, so that every try writes the same bytes


class ClaimedBooking(_Row):
    """The booking as it is at the claim."""

    id: UUID
    status: str
    title: MaybeText = None
    description: MaybeText = None
    event_type_title: MaybeText = None
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    location: MaybeText = None  # as Cal.com writes it: a URL, `integrations:…`, a phone number or an address
    meeting_url: MaybeText = None
    host_name: MaybeText = None
    host_email: MaybeText = None  # None when clients may not see it
    host_time_zone: MaybeText = None  # IANA name
    reply_to: MaybeText = None
    cancellation_reason: MaybeText = None
    cancelled_by: Literal["client", "staff", "calcom", "system"] | None = None
    series_id: UUID | None = None
    previous_starts_at: AwareDatetime | None = None  # what this person was told before
    previous_ends_at: AwareDatetime | None = None
    contact: MaybeText = None  # how to reach a person, as the team wrote it


class ClaimedAttendee(_Row):
    """Who the message is for. `email` is None where only a phone number is known."""

    email: MaybeText = None
    name: MaybeText = None
    phone: MaybeText = None
    role: Literal["booker", "guest", "seat"] = "booker"
    removed_at: datetime | None = None  # no longer in the booking


class Claimed(_Row):
    """A notification to send, with its lease. `payload` is the body of an earlier try: to be posted again as it is."""

    id: UUID
    channel: Channel
    kind: Kind
    recipient: str  # an address or an E.164 number
    time_zone: MaybeText = None  # IANA name
    locale: MaybeText = None  # BCP 47
    status: str
    lease: UUID | None = None
    batch_key: str | None = None
    payload: str | None = None
    due_at: datetime | None = None
    starts_at: datetime | None = None
    lead_minutes: int | None = None
    attempts: int = 0
    calendar: CalendarEntry | None = None
    booking: ClaimedBooking
    attendee: ClaimedAttendee

    @property
    def theme(self) -> str:
        """The kind, but of two cancellations that do not end the booking: `left_out`, it goes on without this person;
        `replaced`, two bookings turned out to be one, and only the second invitation to it is withdrawn."""
        if self.kind != "cancelled" or self.booking.status == "cancelled":
            return self.kind
        return "replaced" if self.attendee.removed_at is None else "left_out"

    @property
    def takes_place(self) -> bool:
        """The recipient should come at the time that the message names."""
        return self.kind in ("confirmation", "rescheduled", "updated", "reminder")

    @property
    def ended(self) -> bool:
        """The time that the message names no longer stands."""
        return self.kind in ("cancelled", "rejected", "pick_new_time")

    @property
    def time(self) -> tuple[datetime, datetime]:
        """Start and end that the message is about: of what has ended, the time that this person knows."""
        return (self.ended and self._previous_time()) or (self.booking.starts_at, self.booking.ends_at)

    @property
    def earlier_time(self) -> tuple[datetime, datetime] | None:
        """Start and end that this person was told before, if the message is about a move away from them."""
        moved = self.booking.previous_starts_at not in (None, self.booking.starts_at)
        return self._previous_time() if moved and self.kind in ("rescheduled", "requested") else None

    def _previous_time(self) -> tuple[datetime, datetime] | None:
        start, end = self.booking.previous_starts_at, self.booking.previous_ends_at
        if start is None:
            return None
        return start, end or start + (self.booking.ends_at - self.booking.starts_at)
