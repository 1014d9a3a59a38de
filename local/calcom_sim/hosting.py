"""What a host does with a booking: confirm, take the money, change place or host, note who was absent."""

from __future__ import annotations

from collections.abc import Mapping

from local.calcom_sim import webhook_bodies
from local.calcom_sim.booking import set_video_url
from local.calcom_sim.errors import Refusal
from local.calcom_sim.event_types import Host
from local.calcom_sim.slots import free_hosts
from local.calcom_sim.state import Booking, World


def confirm(world: World, booking: Booking) -> Booking:
    """Say yes to a booking that awaits the word. Raises Refusal (400)."""
    if booking.status != "pending":
        raise Refusal(400, f"Booking with uid={booking.uid} is not pending and cannot be confirmed.")
    if booking.awaits_payment:
        raise Refusal(400, f"Booking with uid={booking.uid} is not paid.")
    _accept(world, booking)
    world.emit(webhook_bodies.created(booking, world.base_url))
    return booking


def pay(world: World, booking: Booking) -> Booking:
    """The money arrives: the booking holds, or now awaits the host's word. Raises Refusal (400)."""
    if not booking.awaits_payment or booking.status != "pending":
        raise Refusal(400, f"Booking with uid={booking.uid} does not await a payment.")
    booking.paid, booking.updated_at = True, world.now()
    if booking.event_type.requires_confirmation:
        world.emit(webhook_bodies.paid(booking))
        world.emit(webhook_bodies.requested(booking, world.base_url))
        return booking
    _accept(world, booking)
    world.emit(webhook_bodies.paid(booking))
    world.emit(webhook_bodies.created(booking, world.base_url))
    return booking


def update_location(world: World, booking: Booking, location: str) -> Booking:
    """Another place. Raises Refusal (400) for a booking that has ended."""
    _check_alive(booking)
    previous, booking.location = booking.location, location
    set_video_url(booking, world.base_url)
    booking.updated_at = world.now()
    world.emit(webhook_bodies.location_updated(booking, world.base_url, previous))
    return booking


def reassign(world: World, booking: Booking, user_id: int | None = None) -> Host:
    """Another host of the team takes over: the one named, or the first who is free. Raises Refusal (400, 404)."""
    _check_alive(booking)
    if booking.event_type.scheduling != "ROUND_ROBIN":
        raise Refusal(400, f"Booking with uid={booking.uid} is not a round robin booking.")
    free = free_hosts(world, booking.event_type, booking.start, moving=booking.uid)
    others = [host for host in free if host != booking.host]
    if user_id is not None:
        if all(host.id != user_id for host in booking.event_type.hosts):
            raise Refusal(404, f"User with id={user_id} was not found among the hosts.")
        others = [host for host in others if host.id == user_id]
    if not others:
        raise Refusal(400, "No available host to reassign the booking to.")
    previous, booking.host = booking.host, others[0]
    booking.title = f"{booking.event_type.title} between {booking.host.name} and {booking.booker.name}"
    booking.updated_at = world.now()
    world.emit(webhook_bodies.reassigned(booking, world.base_url, previous))
    return booking.host


def mark_absent(world: World, booking: Booking, absent: Mapping[str, bool], *, host: bool | None = None) -> Booking:
    """Note who did not come (address → absent). Raises Refusal (400) before the start or for a stranger."""
    if booking.start > world.now():
        raise Refusal(400, f"Booking with uid={booking.uid} has not started: nobody can be marked as absent yet.")
    people = {person.email: person for person in booking.people}
    if unknown := absent.keys() - people.keys():
        raise Refusal(400, f"Attendees not found in booking with uid={booking.uid}: {len(unknown)}")
    for email, value in absent.items():
        people[email].absent = value
    if host is not None:
        booking.host_absent = host
    booking.updated_at = world.now()
    if absent:
        world.emit(webhook_bodies.no_show_updated(booking, [people[email] for email in absent]))
    return booking


def meeting(world: World, booking: Booking, trigger: str) -> None:
    """Say MEETING_STARTED or MEETING_ENDED, whoever attends. Raises Refusal (400) for a booking that does not hold."""
    if booking.status != "accepted":
        raise Refusal(400, f"Booking with uid={booking.uid} is not accepted.")
    booking.told.add(trigger)
    world.emit(webhook_bodies.meeting(trigger, booking))


def meetings_due(world: World) -> None:
    """Say of each booking, once, that its time has come; not of those that were entered after the fact."""
    now = world.now()
    for booking in list(world.bookings.values()):
        if booking.status != "accepted" or booking.created_at > booking.start:
            continue
        for trigger, moment in (("MEETING_STARTED", booking.start), ("MEETING_ENDED", booking.end)):
            if moment <= now and trigger not in booking.told:
                meeting(world, booking, trigger)


def _accept(world: World, booking: Booking) -> None:
    booking.status, booking.one_time_password, booking.updated_at = "accepted", None, world.now()
    set_video_url(booking, world.base_url)


def _check_alive(booking: Booking) -> None:
    if booking.status in ("cancelled", "rejected"):
        raise Refusal(400, f"Booking with uid={booking.uid} is {booking.status}.")
