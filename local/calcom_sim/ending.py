"""Ending bookings: cancelled whole, by seat or as a series, declined, or sent back for another time."""

from __future__ import annotations

from local.calcom_sim import webhook_bodies
from local.calcom_sim.errors import Refusal
from local.calcom_sim.moving import find_seat
from local.calcom_sim.state import Booking, World


def cancel(world: World, booking: Booking, *, reason: str | None = None, by: str | None = None) -> Booking:
    """Cancel a whole booking. `by` is an address, known only when done on Cal.com's pages. Raises Refusal (400)."""
    _check_cancellable(world, booking)
    _close(world, booking, reason, by)
    world.emit(webhook_bodies.cancelled(booking, world.base_url))
    return booking


def cancel_rest(world: World, booking: Booking, *, reason: str | None = None, by: str | None = None) -> list[Booking]:
    """Cancel this occurrence and all after it; one webhook speaks for all. Raises Refusal (400) when none is left."""
    _check_cancellable(world, booking)
    rest = [
        other
        for other in world.series(booking.series or "")
        if other.start >= booking.start and other.status in ("accepted", "pending")
    ]
    for other in rest:
        _close(world, other, reason, by)
    world.emit(webhook_bodies.cancelled(booking, world.base_url, whole_series=True))
    return rest


def cancel_seat(
    world: World, booking: Booking, seat_uid: str, *, reason: str | None = None, by: str | None = None
) -> Booking:
    """Give up one seat; with the last one the booking ends. Raises Refusal (400, 404)."""
    _check_cancellable(world, booking)
    seat = find_seat(booking, seat_uid)
    if len(booking.people) == 1:
        return cancel(world, booking, reason=reason, by=by)
    world.emit(webhook_bodies.seat_cancelled(booking, world.base_url, seat, reason))
    booking.attendees.remove(seat)
    booking.updated_at = world.now()
    return booking


def decline(world: World, booking: Booking, reason: str | None = None) -> Booking:
    """The host says no to a booking that awaits the word. Raises Refusal (400)."""
    if booking.status != "pending":
        raise Refusal(400, f"Booking with uid={booking.uid} is not pending and cannot be declined.")
    booking.status, booking.rejection_reason, booking.updated_at = "rejected", reason, world.now()
    world.emit(webhook_bodies.rejected(booking, world.base_url))
    return booking


def request_reschedule(world: World, booking: Booking, reason: str | None = None) -> Booking:
    """The host asks for another time: this row ends, and a move of it may follow. Raises Refusal (400)."""
    _check_cancellable(world, booking)
    said = "Please reschedule." + (f" {reason}" if reason else "")
    _close(world, booking, said, booking.host.email)
    world.emit(webhook_bodies.cancelled(booking, world.base_url, request_reschedule=True))
    return booking


def _check_cancellable(world: World, booking: Booking) -> None:
    if booking.status == "cancelled":
        raise Refusal(400, f"Can't cancel booking with uid={booking.uid} because it has been cancelled already.")
    if booking.status == "rejected":
        raise Refusal(400, "This booking has already been cancelled or rejected.")
    if booking.end < world.now():
        raise Refusal(400, "Cannot cancel a booking that has already ended")


def _close(world: World, booking: Booking, reason: str | None, by: str | None) -> None:
    booking.status, booking.cancellation_reason, booking.cancelled_by = "cancelled", reason, by
    booking.ical_sequence += 1
    booking.updated_at = world.now()
