"""`/_sim`: what tests and people at the machine do that Cal.com's API has no call for."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response, request
from pydantic import ValidationError

from local.calcom_sim import ending, hosting, moving
from local.calcom_sim.api_bookings import VERSIONS, booked_out, json_body, success
from local.calcom_sim.api_shapes import booking_out
from local.calcom_sim.booking import book
from local.calcom_sim.errors import Refusal
from local.calcom_sim.faults import Faults
from local.calcom_sim.orders import order_of, reason_of, start_of
from local.calcom_sim.simulator import FLUSH_SECONDS, Simulator
from local.calcom_sim.state import Booking, Json

_MEETINGS = {"started": "MEETING_STARTED", "ended": "MEETING_ENDED"}


def control(sim: Simulator) -> Blueprint:
    paths = Blueprint("control", __name__, url_prefix="/_sim")

    @paths.get("/health")
    def health() -> Response:
        return jsonify({"status": "ok"})

    @paths.post("/reset")
    def reset() -> Response:
        sim.reset()
        return jsonify({"status": "ok"})

    @paths.post("/faults")
    def faults() -> Response:
        try:
            sim.faults.set(Faults.model_validate(json_body()))
        except (ValidationError, ValueError) as error:
            raise Refusal(400, str(error)) from None
        return jsonify(sim.faults.faults.model_dump())

    @paths.post("/flush")
    def flush() -> Response:
        """504 when webhooks still wait after the time allowed (`?timeout`, seconds)."""
        done = sim.delivery.flush(float(request.args.get("timeout", FLUSH_SECONDS)))
        return make_response(jsonify({"flushed": done}), 200 if done else 504)

    @paths.get("/webhooks")
    def webhooks() -> Response:
        return jsonify([sending.shown() for sending in list(sim.delivery.log)])

    @paths.get("/requests")
    def requests() -> Response:
        return jsonify(list(sim.gate.calls))

    @paths.post("/ping")
    def ping() -> Response:
        with sim.action() as world:
            own = [webhook for webhook in world.webhooks.values() if webhook.event_type_id is None]
        for webhook in own:
            sim.delivery.ping(webhook)
        return jsonify({"pinged": len(own)})

    @paths.post("/bookings")
    def visit() -> Response:
        """A visitor books. `_sim`: {"allow_past": true} lets any time pass: past, outside hours, taken."""
        body = json_body()
        anytime = bool((body.get("_sim") or {}).get("allow_past"))
        with sim.action() as world:
            return success(booked_out(book(world, order_of(world, body, anytime=anytime)), VERSIONS[-1]), 201)

    @paths.post("/bookings/<uid>/cancel")
    def cancel(uid: str) -> Response:
        """On Cal.com's page: {"by"?: "client"|"host"|address, "reason"?, "scope"?: "this"|"remaining", "seatUid"?}."""
        body = json_body()
        reason = reason_of(body, "reason")
        with sim.action() as world:
            booking = sim.booking(uid)
            by = _actor(booking, body)
            if seat_uid := reason_of(body, "seatUid"):
                done = ending.cancel_seat(world, booking, seat_uid, reason=reason, by=by)
            elif body.get("scope") == "remaining":
                done = ending.cancel_rest(world, booking, reason=reason, by=by)[0]
            else:
                done = ending.cancel(world, booking, reason=reason, by=by)
            return success(booking_out(done, VERSIONS[-1]))

    @paths.post("/bookings/<uid>/move")
    def move(uid: str) -> Response:
        """On Cal.com's page: {"start", "by"?, "reason"?, "seatUid"?, "_sim"?}; a whole group is moved by its host."""
        body = json_body()
        start, reason = start_of(body), reason_of(body, "reason")
        anytime = bool((body.get("_sim") or {}).get("allow_past"))
        with sim.action() as world:
            booking = sim.booking(uid)
            by = _actor(booking, body)
            if seat_uid := reason_of(body, "seatUid"):
                moved = moving.reschedule_seat(world, booking, seat_uid, start, by=by, reason=reason, anytime=anytime)
            elif booking.seated:
                moved = moving.move_group(world, booking, start, by=by, anytime=anytime)
            else:
                moved = moving.reschedule(world, booking, start, by=by, reason=reason, anytime=anytime)
            return success(booking_out(moved, VERSIONS[-1]), 201)

    @paths.post("/pay/<uid>")
    def pay(uid: str) -> Response:
        with sim.action() as world:
            return success(booking_out(hosting.pay(world, sim.booking(uid)), VERSIONS[-1]))

    @paths.post("/bookings/<uid>/request-reschedule")
    def request_reschedule(uid: str) -> Response:
        with sim.action() as world:
            done = ending.request_reschedule(world, sim.booking(uid), reason_of(json_body(), "reason"))
            return success(booking_out(done, VERSIONS[-1]))

    @paths.post("/meeting/<uid>/<what>")
    def meeting(uid: str, what: str) -> Response:
        if what not in _MEETINGS:
            raise Refusal(404, f"Cannot {request.method} {request.path}")
        with sim.action() as world:
            hosting.meeting(world, sim.booking(uid), _MEETINGS[what])
        return jsonify({"status": "success"})

    return paths


def _actor(booking: Booking, body: Json) -> str:
    """The address of who acts: the booker unless the body says otherwise."""
    by = reason_of(body, "by") or "client"
    return {"client": booking.booker.email, "host": booking.host.email}.get(by, by)
