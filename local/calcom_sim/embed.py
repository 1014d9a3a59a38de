"""Cal.com's embed: the script that pages of others load, and the booking pages in the frame that it makes.

`/embed/embed.js` takes the calls of Cal.com's snippet. The frame is at a calendar's own path with `/embed` behind it;
it speaks to its page by messages, as Cal.com's does, and tells of a booking with `bookingSuccessfulV2`.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response, render_template, request

from local.calcom_sim import hosting
from local.calcom_sim.booking import Booked, book
from local.calcom_sim.errors import Refusal
from local.calcom_sim.event_types import ATTENDEE_PHONE, EventType
from local.calcom_sim.orders import event_type_of, order_of
from local.calcom_sim.page import LANGUAGES, calendar_of, order_body, owner_of
from local.calcom_sim.simulator import Simulator
from local.calcom_sim.state import Json
from local.calcom_sim.times import iso_millis


def embed(sim: Simulator) -> Blueprint:
    paths = Blueprint("embed", __name__)

    @paths.get("/embed/embed.js")
    def script() -> Response:
        return current_app.send_static_file("embed.js")

    @paths.get("/<owner>/embed")
    @paths.get("/team/<owner>/embed")
    def event_types(owner: str) -> Response:
        query = request.query_string.decode()
        offered = [each for each in sim.world.event_types.values() if owner_of(each) == owner]
        if not offered:
            return _failed()
        way = request.path.removesuffix("/embed")
        return _shown("index.html", event_types=[(each, f"{way}/{each.slug}/embed?{query}") for each in offered])

    @paths.route("/<owner>/<slug>/embed", methods=["GET", "POST"])
    @paths.route("/team/<owner>/<slug>/embed", methods=["GET", "POST"])
    def booker(owner: str, slug: str) -> Response:
        refused = None
        try:
            with sim.action() as world:
                event_type = event_type_of(world, {"eventTypeSlug": slug})
        except Refusal:
            return _failed()
        if owner_of(event_type) != owner:
            return _failed()
        if paid := request.form.get("paid"):
            with sim.action() as world:
                booking = hosting.pay(world, sim.booking(paid))
            return _booked(Booked([booking]))
        if request.method == "POST":
            try:
                with sim.action() as world:
                    return _booked(book(world, order_of(world, order_body(event_type))))
            except Refusal as refusal:
                refused = refusal.message
        return _form(sim, event_type, refused)

    return paths


def _form(sim: Simulator, event_type: EventType, refused: str | None) -> Response:
    return _shown(
        "book.html",
        event_type=event_type,
        refused=refused,
        needs_phone=event_type.location == ATTENDEE_PHONE,
        languages=LANGUAGES,
        **calendar_of(sim, event_type),
    )


def _booked(made: Booked) -> Response:
    """Says that it is booked, to who reads it and to the page around."""
    first = made.bookings[0]
    data: Json = {
        "uid": first.uid,
        "title": first.title,
        "startTime": iso_millis(first.start),
        "endTime": iso_millis(first.end),
        "eventTypeId": first.event_type.id,
        "status": first.status.upper(),
        "paymentRequired": first.awaits_payment,
        "isRecurring": first.series is not None,
        "videoCallUrl": first.metadata.get("videoCallUrl"),
    }
    if first.series is not None:
        starts = [{"startTime": iso_millis(each.start), "endTime": iso_millis(each.end)} for each in made.bookings]
        data["allBookings"] = starts
    return _shown("booked.html", booking=first, event={"type": "bookingSuccessfulV2", "data": data})


def _failed() -> Response:
    response = _shown("failed.html", failed="404")
    response.status_code = 404
    return response


def _shown(template: str, *, failed: str | None = None, event: Json | None = None, **values: object) -> Response:
    """`failed`: the status of a page that is not there; `event`: told to the page around."""
    told = {"namespace": request.args.get("embed", ""), "failed": failed, "event": event}
    theme = request.args.get("theme", "")
    return make_response(render_template(template, embedded=True, told=told, theme=theme, **values))
