"""What the simulator remembers: bookings, webhooks, and the events that an action gave rise to.

One `World` is the whole state. Every action runs inside `World.action()`: one at a time, and what it emits is handed on
when it has ended well, in order.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local.calcom_sim.event_types import EventType, Host, catalogue

Json = dict[str, Any]

MOST_BOOKINGS = 20_000  # the oldest go when more are made
_UID_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_FIRST_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Attendee:
    """A person's row in one booking. `seat` is the seat's uid in a seated booking, else None."""

    id: int
    name: str
    email: str
    time_zone: str
    locale: str
    phone: str | None = None
    seat: str | None = None
    responses: Json = field(default_factory=dict)  # field → plain value, as this person answered
    metadata: Json = field(default_factory=dict)
    absent: bool = False
    guest: bool = False
    co_host: bool = False  # Cal.com keeps the other hosts of a team booking as attendees


@dataclass
class Booking:
    """One row of Cal.com's bookings: one uid. A moved booking is a new row with the same `ical_uid`. Times are UTC."""

    id: int
    uid: str
    event_type: EventType
    host: Host
    start: datetime
    end: datetime
    status: str  # accepted, pending, cancelled, rejected
    title: str
    location: str
    attendees: list[Attendee]
    responses: Json
    metadata: Json
    ical_uid: str
    created_at: datetime
    updated_at: datetime
    ical_sequence: int = 0
    guests: list[str] = field(default_factory=list)
    paid: bool = False
    payment_id: int | None = None
    series: str | None = None
    cancellation_reason: str | None = None
    cancelled_by: str | None = None
    rejection_reason: str | None = None
    rescheduled_from: str | None = None
    rescheduled_to: str | None = None
    rescheduled_by: str | None = None
    rescheduling_reason: str | None = None
    one_time_password: str | None = None
    host_absent: bool = False
    told: set[str] = field(default_factory=set)  # MEETING_* already sent

    @property
    def seated(self) -> bool:
        return self.event_type.seats is not None

    @property
    def awaits_payment(self) -> bool:
        return self.event_type.price > 0 and not self.paid

    @property
    def booker(self) -> Attendee:
        return self.attendees[0]

    @property
    def notes(self) -> str:
        return str(self.responses.get("notes") or "")

    @property
    def people(self) -> list[Attendee]:
        """Who was invited: without the other hosts."""
        return [person for person in self.attendees if not person.co_host]


@dataclass
class Webhook:
    """A subscription. `event_type_id` is None for the host's own webhook, which hears of no team event type."""

    id: str
    subscriber_url: str
    triggers: tuple[str, ...]
    active: bool = True
    secret: str | None = None
    payload_template: str | None = None
    version: str = "2021-10-20"
    event_type_id: int | None = None
    from_settings: bool = False  # the subscriber that the simulator was started with

    def hears(self, trigger: str, event_type: EventType | None) -> bool:
        if not self.active or trigger not in self.triggers:
            return False
        if self.event_type_id is None:
            return event_type is None or not event_type.team
        return event_type is not None and event_type.id == self.event_type_id


@dataclass(frozen=True)
class Emission:
    """Something to tell the subscribers. A flat body has no envelope: the payload's own keys are at the top."""

    trigger: str
    payload: Json
    event_type: EventType | None
    flat: bool = False
    calendar: Json | None = None  # the calendar files that webhook version 2026-07-27 adds to the payload


class World:
    """Everything that can change. `base_url` is where the simulator's own pages are."""

    def __init__(self, base_url: str, host_email: str, publish: Callable[[list[Emission]], None]) -> None:
        self.base_url = base_url
        self.event_types = {event_type.id: event_type for event_type in catalogue(host_email)}
        self.bookings: dict[str, Booking] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.actions = 0  # how many there have been: while it stands still, nothing changes
        # Numbers go on rising after a restart, because the other side has kept the bookings of the last run.
        self.last_number = int((datetime.now(UTC) - _FIRST_MOMENT).total_seconds() * 10)
        self._publish = publish
        self._emissions: list[Emission] = []
        self._lock = threading.RLock()
        self._last_moment = _FIRST_MOMENT

    @property
    def host(self) -> Host:
        return next(iter(self.event_types.values())).host

    @contextmanager
    def action(self) -> Iterator[None]:
        """One change at a time; what it emitted is published when it has ended well."""
        with self._lock:
            self.actions += 1
            self._emissions.clear()
            yield
            self._publish(self._emissions.copy())

    @property
    def has_news(self) -> bool:
        """Whether the action under way has emitted anything."""
        return bool(self._emissions)

    def emit(self, emission: Emission) -> None:
        self._emissions.append(emission)

    def now(self) -> datetime:
        """The present in UTC, to the millisecond and never twice the same, so that changes have an order."""
        moment = datetime.now(UTC)
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        self._last_moment = max(moment, self._last_moment + timedelta(milliseconds=1))
        return self._last_moment

    def number(self) -> int:
        self.last_number += 1
        return self.last_number

    def uid(self) -> str:
        """22 letters and digits, as Cal.com shortens a UUID."""
        return "".join(random.choices(_UID_LETTERS, k=22))

    def seat_uid(self) -> str:
        return str(uuid.uuid4())

    def add(self, booking: Booking) -> None:
        self.bookings[booking.uid] = booking
        while len(self.bookings) > MOST_BOOKINGS:
            del self.bookings[next(iter(self.bookings))]

    def series(self, series: str) -> list[Booking]:
        """The occurrences of a series, in order of time."""
        found = [booking for booking in self.bookings.values() if booking.series == series]
        return sorted(found, key=lambda booking: booking.start)

    def clear(self) -> None:
        """No bookings and no webhooks; numbers go on rising."""
        self.bookings.clear()
        self.webhooks.clear()
