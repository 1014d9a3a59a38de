"""Which change message a person is owed: the difference between what is true and what that person was last told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tests.database.model import Booking
from tests.database.model_people import Attendee

State = Literal["confirmed", "pending", "cancelled", "rejected", "pick_new_time"]
Kind = Literal["requested", "confirmation", "rescheduled", "updated", "cancelled", "rejected", "pick_new_time"]


@dataclass(frozen=True)
class Truth:
    """What a message says about a booking."""

    state: State
    starts_at: datetime | None
    place: str | None
    host: str | None


@dataclass(frozen=True)
class Message:
    """A change message as the outbox holds it before it is sent."""

    channel: Literal["email", "sms"]
    kind: Kind
    recipient: str
    starts_at: datetime | None
    status: Literal["planned", "skipped"]
    reason: str | None


def truth(booking: Booking, person: Attendee) -> Truth | None:
    """What this person should know; None while Cal.com is still waiting for the money."""
    state: State
    if person.removed:
        state = "cancelled"
    elif booking.status == "awaiting_payment":
        return None
    elif booking.status == "cancelled" and booking.reschedule_requested:
        state = "pick_new_time"
    else:
        state = booking.status
    return Truth(state, booking.starts_at, booking.meeting_url or booking.location, booking.host)


def owed(now: Truth | None, told: Truth | None, moved: bool, invited: bool = False) -> Kind | None:
    """The kind of message that brings this person from what was told to what is true; None: nothing to say.

    `invited`: the last calendar file that this person got holds a time, which has to go when it is not confirmed.
    """
    if now is None:
        return None
    if now.state in ("cancelled", "rejected", "pick_new_time"):
        return None if told and told.state == now.state and not invited else now.state
    if now.state == "pending":
        known = told is not None and told.state == "pending" and told.starts_at == now.starts_at
        return None if known and not invited else "requested"
    if told is None:
        return "rescheduled" if moved else "confirmation"
    if told.state != "confirmed":
        return "rescheduled" if told.state == "pick_new_time" else "confirmation"
    if told.starts_at != now.starts_at:
        return "rescheduled"
    return "updated" if (told.place, told.host) != (now.place, now.host) else None


def message(booking: Booking, person: Attendee, told: Truth | None) -> Message | None:
    """The message that waits in the outbox for this person."""
    kind = owed(truth(booking, person), told, person.moved)
    if kind is None:
        return None
    return Message(
        channel="email" if person.email else "sms",
        kind=kind,
        recipient=person.email or person.phone or "",
        starts_at=booking.starts_at,
        status="skipped" if person.staff else "planned",
        reason="staff" if person.staff else None,
    )
