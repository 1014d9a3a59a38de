"""API v2: what only the host may do with a booking."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from local.calcom_sim import ending, hosting
from local.calcom_sim.api_bookings import VERSIONS, json_body, success
from local.calcom_sim.api_shapes import attendee_out, booking_out
from local.calcom_sim.errors import Refusal
from local.calcom_sim.event_types import Host
from local.calcom_sim.orders import location_of, reason_of
from local.calcom_sim.simulator import Simulator
from local.calcom_sim.state import Booking


def hosting_api(sim: Simulator) -> Blueprint:
    api = Blueprint("hosting", __name__, url_prefix="/v2/bookings/<uid>")

    @api.post("/confirm")
    def confirm(uid: str) -> Response:
        version = _enter(sim)
        with sim.action() as world:
            return success(booking_out(hosting.confirm(world, sim.booking(uid)), version))

    @api.post("/decline")
    def decline(uid: str) -> Response:
        version = _enter(sim)
        reason = reason_of(json_body(), "reason")
        with sim.action() as world:
            return success(booking_out(ending.decline(world, sim.booking(uid), reason), version))

    @api.post("/request-reschedule")
    def request_reschedule(uid: str) -> Response:
        _enter(sim)
        reason = reason_of(json_body(), "rescheduleReason")
        with sim.action() as world:
            ending.request_reschedule(world, sim.booking(uid), reason)
        return make_response(jsonify({"status": "success"}), 200)

    @api.post("/mark-absent")
    def mark_absent(uid: str) -> Response:
        version = _enter(sim)
        body = json_body()
        attendees, host = body.get("attendees") or [], body.get("host")
        if not isinstance(attendees, list) or not all(isinstance(each, dict) and "email" in each for each in attendees):
            raise Refusal(400, "attendees must be an array of {email, absent}")
        absent = {str(each["email"]).lower(): bool(each.get("absent")) for each in attendees}
        with sim.action() as world:
            booking = hosting.mark_absent(world, sim.booking(uid), absent, host=host)
            return success(booking_out(booking, version))

    @api.patch("/location")
    def location(uid: str) -> Response:
        version = _enter(sim)
        place = location_of(json_body().get("location"))
        with sim.action() as world:
            return success(booking_out(hosting.update_location(world, sim.booking(uid), place), version))

    @api.post("/reassign")
    def reassign(uid: str) -> Response:
        _enter(sim)
        with sim.action() as world:
            return _reassigned(uid, hosting.reassign(world, sim.booking(uid)))

    @api.post("/reassign/<int:user_id>")
    def reassign_to(uid: str, user_id: int) -> Response:
        _enter(sim)
        with sim.action() as world:
            return _reassigned(uid, hosting.reassign(world, sim.booking(uid), user_id))

    @api.get("/attendees")
    def attendees(uid: str) -> Response:
        _enter(sim)
        with sim.action():
            people = sim.booking(uid).attendees
            return success([attendee_out(person) | {"id": person.id} for person in people])

    @api.get("/references")
    def references(uid: str) -> Response:
        _enter(sim)
        with sim.action():
            booking = sim.booking(uid)
            return success([_reference(booking)] if booking.metadata.get("videoCallUrl") else [])

    @api.get("/calendar-links")
    def calendar_links(uid: str) -> Response:
        _enter(sim)
        with sim.action():
            booking = sim.booking(uid)
        link = f"https://calendar.example.com/add?uid={booking.ical_uid}"
        return success([{"label": "Example Calendar", "link": link}])

    return api


def _enter(sim: Simulator) -> str:
    sim.gate.require_key()
    return sim.gate.require_version(*VERSIONS)


def _reassigned(uid: str, host: Host) -> Response:
    to = {"id": host.id, "name": host.name, "email": host.email, "displayEmail": host.email}
    return success({"bookingUid": uid, "reassignedTo": to})


def _reference(booking: Booking) -> dict[str, object]:
    return {"type": "daily_video", "eventUid": booking.uid, "destinationCalendarId": None, "id": booking.id}
