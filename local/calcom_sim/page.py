"""The booking pages, so that a person can book, look, move and cancel, and the host can answer.

Paths are Cal.com's own: `/<owner>/<slug>`, `/booking/<uid>`, `/reschedule/<uid>`, `/video/<uid>`; `/host` stands in for
the dashboard.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, available_timezones

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from local.calcom_sim import ending, hosting, moving
from local.calcom_sim.booking import book
from local.calcom_sim.errors import Refusal
from local.calcom_sim.event_types import ATTENDEE_PHONE, TEAM_SLUG, EventType
from local.calcom_sim.orders import event_type_of, order_of, start_of
from local.calcom_sim.simulator import Simulator
from local.calcom_sim.slots import slots
from local.calcom_sim.state import Booking, Json
from local.calcom_sim.times import is_zone

DAYS_SHOWN = 14
LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}


def pages(sim: Simulator) -> Blueprint:
    paths = Blueprint("pages", __name__)

    @paths.get("/")
    def index() -> str:
        shown = [(event_type, f"/{owner_of(event_type)}/{event_type.slug}") for event_type in _types(sim)]
        return render_template("index.html", event_types=shown)

    @paths.route("/<owner>/<slug>", methods=["GET", "POST"])
    def booker(owner: str, slug: str) -> str | Response:
        with sim.action() as world:
            event_type = event_type_of(world, {"eventTypeSlug": slug})
        if owner != owner_of(event_type):
            raise Refusal(404, f"Cannot {request.method} {request.path}")
        refused = None
        if request.method == "POST":
            try:
                with sim.action() as world:
                    booked = book(world, order_of(world, order_body(event_type)))
            except Refusal as refusal:
                refused = refusal.message
            else:
                seat = f"?seatReferenceUid={booked.seat.seat}" if booked.seat else ""
                return redirect(f"/booking/{booked.bookings[0].uid}{seat}", 303)
        return render_template(
            "book.html",
            event_type=event_type,
            refused=refused,
            needs_phone=event_type.location == ATTENDEE_PHONE,
            languages=LANGUAGES,
            **calendar_of(sim, event_type),
        )

    @paths.route("/booking/<uid>", methods=["GET", "POST"])
    def booking(uid: str) -> str | Response:
        seat = request.values.get("seatReferenceUid") or None
        refused = None
        if request.method == "POST":
            try:
                _cancel(sim, uid, seat)
            except Refusal as refusal:
                refused = refusal.message
            else:
                return redirect(f"/booking/{uid}", 303)
        with sim.action() as world:
            found = sim.booking(uid)
            series = world.series(found.series) if found.series else []
        return render_template(
            "booking.html", booking=found, series=series, seat=seat, refused=refused, **_local(found)
        )

    @paths.route("/reschedule/<uid>", methods=["GET", "POST"])
    def reschedule(uid: str) -> str | Response:
        with sim.action():
            found, seat = _booking_or_seat(sim, uid)
        refused = None
        if request.method == "POST":
            try:
                moved = _move(sim, found, seat)
            except Refusal as refusal:
                refused = refusal.message
            else:
                return redirect(f"/booking/{moved.uid}" + (f"?seatReferenceUid={seat}" if seat else ""), 303)
        return render_template(
            "reschedule.html",
            booking=found,
            refused=refused,
            **calendar_of(sim, found.event_type, moving_uid=found.uid),
        )

    @paths.get("/video/<uid>")
    def video(uid: str) -> str:
        with sim.action():
            return render_template("video.html", booking=sim.booking(uid))

    @paths.get("/host")
    def host() -> str:
        with sim.action() as world:
            newest = list(reversed(world.bookings.values()))[:200]
        return render_template("host.html", bookings=newest, refused=request.args.get("refused"))

    @paths.post("/host/<uid>/<any('confirm', 'decline', 'pay', 'cancel', 'request-reschedule'):what>")
    def host_action(uid: str, what: str) -> Response:
        reason = request.form.get("reason") or None
        try:
            with sim.action() as world:
                found = sim.booking(uid)
                match what:
                    case "confirm":
                        hosting.confirm(world, found)
                    case "decline":
                        ending.decline(world, found, reason)
                    case "pay":
                        hosting.pay(world, found)
                    case "cancel":
                        ending.cancel(world, found, reason=reason, by=found.host.email)
                    case _:
                        ending.request_reschedule(world, found, reason)
        except Refusal as refusal:
            return redirect("/host?" + urlencode({"refused": refusal.message}), 303)
        return redirect("/host", 303)

    return paths


def _cancel(sim: Simulator, uid: str, seat: str | None) -> None:
    """What the form of a booking's page asks for: this one, a seat, or the rest of a series."""
    reason = request.form.get("reason") or None
    with sim.action() as world:
        booking = sim.booking(uid)
        if seat:
            ending.cancel_seat(world, booking, seat, reason=reason, by=moving.find_seat(booking, seat).email)
        elif booking.seated:
            raise Refusal(400, "Open the link of your own seat to cancel it.")
        elif request.form.get("scope") == "remaining":
            ending.cancel_rest(world, booking, reason=reason, by=booking.booker.email)
        else:
            ending.cancel(world, booking, reason=reason, by=booking.booker.email)


def _move(sim: Simulator, booking: Booking, seat: str | None) -> Booking:
    start, reason = start_of(request.form), request.form.get("reason") or None
    with sim.action() as world:
        if seat:
            by = moving.find_seat(booking, seat).email
            return moving.reschedule_seat(world, booking, seat, start, by=by, reason=reason)
        if booking.seated:
            raise Refusal(400, "Open the link of your own seat to move it.")
        return moving.reschedule(world, booking, start, by=booking.booker.email, reason=reason)


def _booking_or_seat(sim: Simulator, uid: str) -> tuple[Booking, str | None]:
    """A reschedule link names a booking or a seat. Raises Refusal (404)."""
    for booking in sim.world.bookings.values():
        if any(person.seat == uid for person in booking.people):
            return booking, uid
    return sim.booking(uid), None


def order_body(event_type: EventType) -> Json:
    """The booking form as the body of Cal.com's API."""
    form = request.form
    attendee: Json = {
        "name": form.get("name", ""),
        "timeZone": form.get("timeZone", ""),
        "language": form.get("language", "en"),
    }
    for field, key in (("email", "email"), ("phone", "phoneNumber")):
        if form.get(field):
            attendee[key] = form[field].strip()
    answers = {name: form[name] for name in ("notes", *(field.slug for field in event_type.fields)) if form.get(name)}
    return {
        "eventTypeId": event_type.id,
        "start": form.get("start", ""),
        "attendee": attendee,
        "guests": [guest.strip() for guest in form.get("guests", "").split(",") if guest.strip()],
        "bookingFieldsResponses": answers,
        "metadata": {key[9:-1]: value for key, value in form.items() if key.startswith("metadata[")},
    }


def calendar_of(sim: Simulator, event_type: EventType, *, moving_uid: str | None = None) -> dict[str, Any]:
    """Two weeks of free slots from the day asked for, in the visitor's zone."""
    zone = request.values.get("timeZone", event_type.host.time_zone)
    if not is_zone(zone):
        zone = event_type.host.time_zone
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        first = datetime.fromisoformat(request.args.get("from", "")).replace(tzinfo=UTC)
    except ValueError:
        first = today
    with sim.action() as world:
        days = slots(world, event_type, first, first + timedelta(days=DAYS_SHOWN), zone, moving=moving_uid)
    return {
        "days": days,
        "zone": zone,
        "zones": sorted(available_timezones()),
        "earlier": max(today, first - timedelta(days=DAYS_SHOWN)).date().isoformat(),
        "later": (first + timedelta(days=DAYS_SHOWN)).date().isoformat(),
    }


def _local(booking: Booking) -> Json:
    """Both ends of a booking in the booker's own zone; the last seat may have gone."""
    name = booking.people[0].time_zone if booking.people else booking.host.time_zone
    zone = ZoneInfo(name)
    return {"starts": booking.start.astimezone(zone), "ends": booking.end.astimezone(zone), "zone": name}


def owner_of(event_type: EventType) -> str:
    return TEAM_SLUG if event_type.team else event_type.host.username


def _types(sim: Simulator) -> list[EventType]:
    return list(sim.world.event_types.values())
