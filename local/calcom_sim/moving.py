"""Moving bookings: a new row with the same calendar UID, a seat into another group, a whole group in place."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import datetime, timedelta

from local.calcom_sim import webhook_bodies
from local.calcom_sim.booking import set_video_url
from local.calcom_sim.errors import HOST_TAKEN, TAKEN, Refusal
from local.calcom_sim.slots import group_at, is_free
from local.calcom_sim.state import Attendee, Booking, World


def reschedule(
    world: World,
    booking: Booking,
    start: datetime,
    *,
    by: str | None = None,
    reason: str | None = None,
    anytime: bool = False,
) -> Booking:
    """Move an unseated booking to `start`; the new row. What needs confirmation waits again, unless its host moves it.

    Raises Refusal (400) for what cannot be moved, or not there.
    """
    _check_movable(booking, requested=booking.cancellation_reason is not None)
    _check_free(world, booking, start, anytime)
    event_type = booking.event_type
    pending = event_type.requires_confirmation and by != booking.host.email
    uid, now = world.uid(), world.now()
    new = dataclasses.replace(
        booking,
        id=world.number(),
        uid=uid,
        start=start,
        end=start + (booking.end - booking.start),
        status="pending" if pending or booking.awaits_payment else "accepted",
        attendees=[dataclasses.replace(person, id=world.number(), absent=False) for person in booking.attendees],
        responses=booking.responses | ({"rescheduleReason": reason} if reason else {}),
        metadata=dict(booking.metadata),
        created_at=now,
        updated_at=now,
        ical_sequence=booking.ical_sequence + 1,
        cancellation_reason=None,
        cancelled_by=None,
        rescheduled_from=booking.uid,
        rescheduled_to=None,
        rescheduled_by=by,
        rescheduling_reason=reason,
        one_time_password=str(uuid.uuid4()) if pending else None,
        host_absent=False,
        told=set(),
    )
    set_video_url(new, world.base_url)
    booking.status, booking.rescheduled_to, booking.updated_at = "cancelled", uid, now
    booking.rescheduled_by = by
    world.add(new)
    emission = webhook_bodies.requested if pending else webhook_bodies.rescheduled
    world.emit(emission(new, world.base_url, booking))
    return new


def reschedule_seat(
    world: World,
    booking: Booking,
    seat_uid: str,
    start: datetime,
    *,
    by: str | None = None,
    reason: str | None = None,
    anytime: bool = False,
) -> Booking:
    """Move one seat to the group at `start`, which is made if there is none; the group it is in now.

    Raises Refusal: 400 when it cannot be had, 404 for a seat that is not there.
    """
    _check_movable(booking)
    seat = find_seat(booking, seat_uid)
    _check_free(world, booking, start, anytime)
    old = dataclasses.replace(booking)
    group = group_at(world, booking.event_type, start)
    now = world.now()
    if group is booking:
        raise Refusal(400, TAKEN)
    booking.attendees.remove(seat)
    booking.updated_at = now
    if group is None:
        uid = world.uid()
        group = dataclasses.replace(
            booking,
            id=world.number(),
            uid=uid,
            start=start,
            end=start + (booking.end - booking.start),
            attendees=[],
            responses=seat.responses,
            metadata={},
            ical_uid=f"{uid}@Cal.com",
            ical_sequence=0,
            created_at=now,
            title=f"{booking.event_type.title} between {booking.host.name} and {seat.name}",
            told=set(),
        )
        set_video_url(group, world.base_url)
        world.add(group)
    group.attendees.append(seat)
    group.updated_at, group.rescheduled_by, group.rescheduling_reason = now, by, reason
    if not booking.people:
        booking.status, booking.rescheduled_to = "cancelled", group.uid
    world.emit(webhook_bodies.rescheduled(group, world.base_url, old, seat))
    return group


def move_group(world: World, booking: Booking, start: datetime, *, by: str, anytime: bool = False) -> Booking:
    """The host moves a whole group: Cal.com changes the row in place, so the uid stays. Raises Refusal (400)."""
    _check_movable(booking)
    _check_free(world, booking, start, anytime)
    if group_at(world, booking.event_type, start) is not None:
        raise Refusal(400, TAKEN)
    old = dataclasses.replace(booking)
    booking.end = start + (booking.end - booking.start)
    booking.start = start
    booking.ical_sequence += 1
    booking.updated_at, booking.rescheduled_by = world.now(), by
    world.emit(webhook_bodies.rescheduled(booking, world.base_url, old))
    return booking


def find_seat(booking: Booking, seat_uid: str) -> Attendee:
    """The attendee in this seat. Raises Refusal (404)."""
    for person in booking.people:
        if person.seat == seat_uid:
            return person
    raise Refusal(404, f"Seat with uid={seat_uid} was not found in booking with uid={booking.uid}")


def _check_movable(booking: Booking, *, requested: bool = False) -> None:
    if booking.rescheduled_to:
        raise Refusal(
            400,
            f"Can't reschedule booking with uid={booking.uid} because it has been cancelled and rescheduled already to "
            f"booking with uid={booking.rescheduled_to}. You probably want to reschedule that one instead.",
        )
    asked = requested and (booking.cancellation_reason or "").startswith("Please reschedule.")
    if booking.status == "cancelled" and not asked:
        raise Refusal(400, f"Can't reschedule booking with uid={booking.uid} because it has been cancelled.")
    if booking.status == "rejected":
        raise Refusal(400, f"Can't reschedule booking with uid={booking.uid} because it has been rejected.")


def _check_free(world: World, booking: Booking, start: datetime, anytime: bool) -> None:
    if anytime:
        return
    if start - timedelta(minutes=booking.event_type.notice) < world.now():
        raise Refusal(400, "Attempting to book a meeting that is too soon or in the past.")
    if not is_free(world, booking.event_type, start, moving=booking.uid):
        raise Refusal(400, HOST_TAKEN if booking.event_type.team else TAKEN)
