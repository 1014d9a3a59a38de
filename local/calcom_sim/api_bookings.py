"""API v2: bookings, as their people read and change them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request

from local.calcom_sim import ending, listing, moving
from local.calcom_sim.api_shapes import booking_out, booking_row
from local.calcom_sim.booking import Booked, book
from local.calcom_sim.errors import Refusal
from local.calcom_sim.gate import OLD
from local.calcom_sim.orders import order_of, reason_of, start_of
from local.calcom_sim.simulator import Simulator
from local.calcom_sim.state import Booking, Json

VERSIONS = ("2024-08-13", "2026-02-25")
CURSOR_VERSION = "2026-05-01"  # of the list alone


def success(data: Any, status: int = 200) -> Response:
    """Cal.com's envelope of an answer that went well."""
    return make_response(jsonify({"status": "success", "data": data}), status)


def json_body() -> Json:
    """The call's JSON object; none is an empty one. Raises Refusal (400)."""
    if not request.get_data(cache=True):
        return {}
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refusal(400, "Body must be a JSON object")
    return body


def booked_out(booked: Booked, version: str) -> Any:
    """The answer to who has just booked: one booking, or a list where it is a series."""
    shown = [booking_out(booking, version, signed_in=False, seat=booked.seat) for booking in booked.bookings]
    return shown if booked.bookings[0].series else shown[0]


def bookings_api(sim: Simulator) -> Blueprint:
    api = Blueprint("bookings", __name__, url_prefix="/v2/bookings")

    @api.post("")
    def create() -> Response:
        sim.gate.signed_in()
        version = sim.gate.version(*VERSIONS)
        with sim.action() as world:
            booked = book(world, order_of(world, json_body()))
            if version == OLD:
                return success(booking_row(booked.bookings[0]), 201)
            return success(booked_out(booked, version), 201)

    @api.get("")
    def find() -> Response:
        sim.gate.require_key()
        version = sim.gate.version(*VERSIONS, CURSOR_VERSION)
        # A list comes with commas, or as the same name again and again.
        query = request.args.to_dict() | {"status": ",".join(request.args.getlist("status"))}
        with sim.action() as world:
            found = listing.select(list(world.bookings.values()), query, world.now())
            if version == OLD:
                rows = [booking_row(booking) for booking in found[:10]]
                return success({"bookings": rows, "recurringInfo": [], "nextCursor": None})
            turn = listing.page_by_cursor if version == CURSOR_VERSION else listing.page_by_number
            page, pagination = turn(found, query)
            shown = [booking_out(booking, version) for booking in page]
        return make_response(jsonify({"status": "success", "data": shown, "pagination": pagination}), 200)

    @api.get("/by-seat/<seat_uid>")
    def by_seat(seat_uid: str) -> Response:
        signed_in = sim.gate.signed_in()
        version = sim.gate.require_version(*VERSIONS)
        with sim.action() as world:
            for booking in world.bookings.values():
                seat = next((person for person in booking.people if person.seat == seat_uid), None)
                if seat is not None:
                    shown = booking_out(booking, version, signed_in=signed_in)
                    return success(shown if signed_in else _own_seat(booking, version, seat_uid))
        raise Refusal(404, f"Booking with seatUid={seat_uid} was not found in the database")

    @api.get("/<uid>")
    def read(uid: str) -> Response:
        signed_in = sim.gate.signed_in()
        version = sim.gate.version(*VERSIONS)
        with sim.action() as world:
            series = world.series(uid)
            if version == OLD:
                return success(booking_row(series[0] if series else sim.booking(uid)))
            if series:
                return success([booking_out(booking, version, signed_in=signed_in) for booking in series])
            return success(booking_out(sim.booking(uid), version, signed_in=signed_in))

    @api.post("/<uid>/cancel")
    def cancel(uid: str) -> Response:
        signed_in = sim.gate.signed_in()
        version = sim.gate.version(*VERSIONS)
        body = json_body()
        reason = reason_of(body, "cancellationReason")
        with sim.action() as world:
            series = world.series(uid)
            booking = _first_alive(series) if series else sim.booking(uid)
            if body.get("seatUid"):
                done = [ending.cancel_seat(world, booking, str(body["seatUid"]), reason=reason)]
            elif booking.seated and not signed_in:
                raise Refusal(400, "For seated bookings, please provide seatUid, or authenticate as the host.")
            elif signed_in and not reason:
                raise Refusal(400, "Cancellation reason is required when you are the host")
            elif series or (booking.series and body.get("cancelSubsequentBookings")):
                done = ending.cancel_rest(world, booking, reason=reason)
            else:
                done = [ending.cancel(world, booking, reason=reason)]
            if version == OLD:
                return success(booking_row(done[0]), 201)
            shown = [booking_out(each, version, signed_in=signed_in) for each in done]
            whole = series or body.get("cancelSubsequentBookings")
            return success(shown if whole and booking.series else shown[0])

    @api.post("/<uid>/reschedule")
    def reschedule(uid: str) -> Response:
        signed_in = sim.gate.signed_in()
        version = sim.gate.require_version(*VERSIONS)
        body = json_body()
        start, by = start_of(body), reason_of(body, "rescheduledBy")
        reason = reason_of(body, "reschedulingReason")
        with sim.action() as world:
            booking = sim.booking(uid)
            if not booking.seated:
                new = moving.reschedule(world, booking, start, by=by, reason=reason)
                return success(booking_out(new, version, signed_in=signed_in), 201)
            seat_uid = reason_of(body, "seatUid")
            if not seat_uid:
                if not signed_in:
                    raise Refusal(400, "For seated bookings, please provide seatUid.")
                moved = moving.move_group(world, booking, start, by=by or booking.host.email)
                return success(booking_out(moved, version), 201)
            group = moving.reschedule_seat(world, booking, seat_uid, start, by=by, reason=reason)
            seat = moving.find_seat(group, seat_uid)
            return success(booking_out(group, version, signed_in=signed_in, seat=seat), 201)

    return api


def _first_alive(series: list[Booking]) -> Booking:
    return next((booking for booking in series if booking.status in ("accepted", "pending")), series[0])


def _own_seat(booking: Booking, version: str, seat_uid: str) -> Json:
    """The booking as the owner of one seat sees it."""
    shown = booking_out(booking, version)
    shown["attendees"] = [person for person in shown["attendees"] if person["seatUid"] == seat_uid]
    return shown
