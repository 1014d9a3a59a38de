"""Making bookings: plain, awaiting confirmation or payment, a seat in a group, a series."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local.calcom_sim import webhook_bodies
from local.calcom_sim.errors import HOST_TAKEN, TAKEN, Refusal
from local.calcom_sim.event_types import ATTENDEE_PHONE, IN_PERSON, VIDEO, EventType, Host
from local.calcom_sim.slots import free_hosts, group_at, is_free
from local.calcom_sim.state import Attendee, Booking, Json, World


@dataclass(frozen=True)
class Order:
    """What somebody wants to book. `anytime` skips the look at the calendar: past, outside hours, taken."""

    event_type: EventType
    start: datetime
    name: str
    email: str
    time_zone: str
    locale: str = "en"
    phone: str | None = None
    guests: tuple[str, ...] = ()
    location: str | None = None  # the booker's own choice, as Cal.com stores a place
    responses: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    weeks: int | None = None
    anytime: bool = False


@dataclass(frozen=True)
class Booked:
    """What came of an order: one booking, a series, or one seat of a booking."""

    bookings: list[Booking]
    seat: Attendee | None = None


def phone_address(phone: str) -> str:
    """The address that Cal.com makes up for somebody who gave only a number."""
    return f"{re.sub('[^0-9]', '', phone)}@sms.cal.com"


def book(world: World, order: Order) -> Booked:
    """Carry out an order. Raises Refusal (400) where the time cannot be had."""
    event_type = order.event_type
    waiting = _same_request(world, order)
    if waiting is not None:
        return Booked([waiting])
    starts = [order.start + timedelta(weeks=week) for week in range(order.weeks or event_type.weeks or 1)]
    if not order.anytime and not all(is_free(world, event_type, start) for start in starts):
        raise Refusal(400, HOST_TAKEN if event_type.team else TAKEN)
    if event_type.seats is not None:
        return take_seat(world, order)
    series = world.uid() if event_type.weeks else None
    bookings: list[Booking] = []
    for start in starts:
        booking = new_booking(world, order, start)
        booking.series = series
        world.add(booking)
        _announce(world, booking, first=not bookings)
        bookings.append(booking)
    return Booked(bookings)


def take_seat(world: World, order: Order) -> Booked:
    """A seat in the group at that start; the first one makes the group. Raises Refusal (400) when it is full."""
    group = group_at(world, order.event_type, order.start)
    if group is None:
        group = new_booking(world, order, order.start)
        world.add(group)
    else:
        if len(group.people) >= (order.event_type.seats or 0):
            raise Refusal(400, "Booking seats are full")
        if any(person.email == order.email for person in group.people):
            raise Refusal(409, "Already signed up for this booking.")
        group.attendees.append(_attendee(world, order))
        group.updated_at = world.now()
    seat = group.attendees[-1]
    seat.seat = world.seat_uid()
    world.emit(webhook_bodies.created(group, world.base_url, seat))
    return Booked([group], seat)


def new_booking(world: World, order: Order, start: datetime) -> Booking:
    """A row for this order at `start`, not yet kept, nobody told."""
    event_type = order.event_type
    host = _choose_host(world, order, start)
    uid, now = world.uid(), world.now()
    person = _attendee(world, order)
    guests = [_guest(world, email, order.time_zone) for email in order.guests]
    booking = Booking(
        id=world.number(),
        uid=uid,
        event_type=event_type,
        host=host,
        start=start,
        end=start + timedelta(minutes=event_type.minutes),
        status="pending" if event_type.requires_confirmation or event_type.price else "accepted",
        title=f"{event_type.title} between {host.name} and {order.name}",
        location=place_of(order),
        attendees=[person, *guests, *_co_hosts(world, event_type, host)],
        responses=person.responses,
        metadata=dict(order.metadata),
        ical_uid=f"{uid}@Cal.com",
        created_at=now,
        updated_at=now,
        guests=list(order.guests),
        payment_id=world.number() if event_type.price else None,
        one_time_password=str(uuid.uuid4()) if event_type.requires_confirmation else None,
    )
    set_video_url(booking, world.base_url)
    return booking


def place_of(order: Order) -> str:
    """The place as Cal.com stores it: an integration's name, a link, an address or a phone number."""
    event_type = order.event_type
    if order.location:
        return order.location
    if event_type.location == ATTENDEE_PHONE:
        return order.phone or ""
    if event_type.location == IN_PERSON:
        return event_type.address or ""
    return event_type.location


def set_video_url(booking: Booking, base_url: str) -> None:
    """Cal Video's meeting has its own URL, once the booking holds; any other place has none."""
    if booking.location == VIDEO and booking.status == "accepted":
        booking.metadata["videoCallUrl"] = f"{base_url}/video/{booking.uid}"
    else:
        booking.metadata.pop("videoCallUrl", None)


def _same_request(world: World, order: Order) -> Booking | None:
    """The same person asking again for the same unconfirmed time gets the booking that waits, and nobody is told."""
    return next(
        (
            booking
            for booking in world.bookings.values()
            if booking.status == "pending"
            and booking.event_type.id == order.event_type.id
            and booking.start == order.start
            and booking.booker.email == order.email
        ),
        None,
    )


def _announce(world: World, booking: Booking, *, first: bool) -> None:
    if booking.awaits_payment:
        world.emit(webhook_bodies.payment_initiated(booking))
    elif booking.status == "pending":
        world.emit(webhook_bodies.requested(booking, world.base_url))
    else:
        emission = webhook_bodies.created(booking, world.base_url)
        if booking.series and not first:
            # Cal.com knows the series only once its first occurrence is made.
            emission.payload["existingRecurringEvent"] = {"recurringEventId": booking.series}
        world.emit(emission)


def _attendee(world: World, order: Order) -> Attendee:
    responses: Json = {"name": order.name, "email": order.email}
    if order.phone:
        responses["attendeePhoneNumber"] = order.phone
    if order.event_type.location == ATTENDEE_PHONE:
        responses["location"] = {"value": "phone", "optionValue": order.phone or ""}
    elif order.event_type.location == IN_PERSON:
        responses["location"] = {"value": "inPerson", "optionValue": ""}
    else:
        responses["location"] = {"value": order.location or order.event_type.location, "optionValue": ""}
    if order.guests:
        responses["guests"] = list(order.guests)
    return Attendee(
        id=world.number(),
        name=order.name,
        email=order.email,
        time_zone=order.time_zone,
        locale=order.locale,
        phone=order.phone,
        responses=responses | order.responses,
        metadata=dict(order.metadata),
    )


def _guest(world: World, email: str, time_zone: str) -> Attendee:
    return Attendee(id=world.number(), name="", email=email, time_zone=time_zone, locale="en", guest=True)


def _co_hosts(world: World, event_type: EventType, host: Host) -> list[Attendee]:
    if event_type.scheduling != "COLLECTIVE":
        return []
    return [
        Attendee(
            id=world.number(),
            name=other.name,
            email=other.email,
            time_zone=other.time_zone,
            locale=other.locale,
            co_host=True,
        )
        for other in event_type.hosts
        if other != host
    ]


def _choose_host(world: World, order: Order, start: datetime) -> Host:
    """Who holds it: the leading host, or with a rota the free one who was booked least."""
    event_type = order.event_type
    if event_type.scheduling != "ROUND_ROBIN":
        return event_type.host
    free = free_hosts(world, event_type, start) or list(event_type.hosts)
    held = [booking.host.id for booking in world.bookings.values() if booking.event_type.id == event_type.id]
    return min(free, key=lambda host: held.count(host.id))
