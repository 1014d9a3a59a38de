"""API v2: slots, event types, webhooks, and what there is to know about the account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request

from local.calcom_sim.api_bookings import json_body, success
from local.calcom_sim.api_shapes import event_type_out, me_out, schedule_out, webhook_out
from local.calcom_sim.errors import Refusal
from local.calcom_sim.event_types import EventType
from local.calcom_sim.orders import event_type_of
from local.calcom_sim.simulator import Simulator
from local.calcom_sim.slots import slots
from local.calcom_sim.state import Json, Webhook
from local.calcom_sim.times import is_zone, parse_moment
from local.calcom_sim.triggers import TRIGGERS

SLOTS_VERSION = "2024-09-04"
EVENT_TYPES_VERSION = "2024-06-14"
_WEBHOOK_VERSIONS = ("2021-10-20", "2026-07-27")


def account_api(sim: Simulator) -> Blueprint:
    api = Blueprint("account", __name__, url_prefix="/v2")

    @api.get("/me")
    def me() -> Response:
        sim.gate.require_key()
        return success(me_out(sim.world.host))

    @api.get("/slots")
    def free_slots() -> Response:
        sim.gate.signed_in()
        sim.gate.require_version(SLOTS_VERSION)
        first, last = _range(request.args.get("start", "")), _range(request.args.get("end", ""), to_end=True)
        zone, form = request.args.get("timeZone", "UTC"), request.args.get("format", "time")
        if not is_zone(zone):
            raise Refusal(400, "timeZone must be a valid IANA time-zone")
        if form not in ("time", "range"):
            raise Refusal(400, "format must be one of the following values: range, time")
        with sim.action() as world:
            event_type = event_type_of(world, request.args)
            _check_duration(event_type, request.args.get("duration"))
            moving = request.args.get("bookingUidToReschedule")
            return success(slots(world, event_type, first, last, zone, moving=moving, ranges=form == "range"))

    @api.get("/event-types")
    def event_types() -> Response:
        sim.gate.signed_in()
        version = sim.gate.version(EVENT_TYPES_VERSION)
        slug = request.args.get("eventSlug")
        own = [each for each in sim.world.event_types.values() if not each.team and slug in (None, each.slug)]
        shown = [event_type_out(each, sim.world.base_url) for each in own]
        if version != EVENT_TYPES_VERSION:
            return success({"eventTypeGroups": [{"eventTypes": shown}], "profiles": []})
        return success(shown)

    @api.get("/event-types/<int:number>")
    def event_type(number: int) -> Response:
        sim.gate.require_key()
        sim.gate.require_version(EVENT_TYPES_VERSION)
        with sim.action() as world:
            return success(event_type_out(event_type_of(world, {"eventTypeId": number}), world.base_url))

    @api.get("/calendars")
    def calendars() -> Response:
        sim.gate.require_key()
        return success({"connectedCalendars": [], "destinationCalendar": _calendar(sim)})

    @api.get("/schedules")
    def schedules() -> Response:
        sim.gate.require_key()
        return success([schedule_out(sim.world.host)])

    @api.get("/schedules/default")
    def default_schedule() -> Response:
        sim.gate.require_key()
        return success(schedule_out(sim.world.host))

    @api.route("/webhooks", methods=["GET", "POST"])
    def webhooks() -> Response:
        return _collection(sim, None)

    @api.route("/webhooks/<webhook_id>", methods=["GET", "PATCH", "DELETE"])
    def webhook(webhook_id: str) -> Response:
        return _member(sim, None, webhook_id)

    @api.route("/event-types/<int:number>/webhooks", methods=["GET", "POST", "DELETE"])
    def event_type_webhooks(number: int) -> Response:
        return _collection(sim, number)

    @api.route("/event-types/<int:number>/webhooks/<webhook_id>", methods=["GET", "PATCH", "DELETE"])
    def event_type_webhook(number: int, webhook_id: str) -> Response:
        return _member(sim, number, webhook_id)

    return api


def _check_duration(event_type: EventType, minutes: str | None) -> None:
    """Raises Refusal (400) for any but the one length that the event type has."""
    # In the words of Cal.com's reservations; its list of slots is laxer and shows times that cannot be booked then.
    if minutes is None:
        return
    if not minutes.isdecimal():
        raise Refusal(400, "duration must be a number")
    if int(minutes) != event_type.minutes:
        raise Refusal(400, "You passed 'duration' but this event type is not a variable length event type.")


def _collection(sim: Simulator, event_type_id: int | None) -> Response:
    """The webhooks of the host, or of an event type: list, make, remove all."""
    sim.gate.require_key()
    with sim.action() as world:
        if event_type_id is not None:
            event_type_of(world, {"eventTypeId": event_type_id})
        mine = [each for each in world.webhooks.values() if each.event_type_id == event_type_id]
        if request.method == "POST":
            made = _made(json_body(), event_type_id, world.seat_uid())
            if any(each.subscriber_url == made.subscriber_url for each in mine):
                raise Refusal(409, "Webhook with this subscriber url already exists for this user")
            world.webhooks[made.id] = made
            return success(webhook_out(made, world.host), 201)
        if request.method == "DELETE":
            for each in mine:
                del world.webhooks[each.id]
            return success(f"{len(mine)} webhooks deleted")
        skip, take = request.args.get("skip", 0, type=int), min(request.args.get("take", 250, type=int), 250)
        return success([webhook_out(each, world.host) for each in mine[skip : skip + take]])


def _member(sim: Simulator, event_type_id: int | None, webhook_id: str) -> Response:
    """One webhook: read, change, remove."""
    sim.gate.require_key()
    with sim.action() as world:
        webhook = world.webhooks.get(webhook_id)
        if webhook is None or webhook.event_type_id != event_type_id:
            raise Refusal(404, f"Webhook ({webhook_id}) not found")
        if request.method == "PATCH":
            _change(webhook, json_body())
        if request.method == "DELETE":
            del world.webhooks[webhook_id]
        return success(webhook_out(webhook, world.host))


def _made(body: Json, event_type_id: int | None, webhook_id: str) -> Webhook:
    if not isinstance(body.get("active"), bool):
        raise Refusal(400, "active must be a boolean value")
    for name in ("subscriberUrl", "triggers"):
        if name not in body:
            raise Refusal(400, f"{name} should not be empty")
    webhook = Webhook(id=webhook_id, subscriber_url="", triggers=(), event_type_id=event_type_id)
    _change(webhook, body)
    return webhook


def _change(webhook: Webhook, body: Json) -> None:
    """Raises Refusal (400); then nothing is changed."""
    url = body.get("subscriberUrl", webhook.subscriber_url)
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Refusal(400, "Webhook URL is not allowed: not an http(s) URL")
    triggers = body.get("triggers", list(webhook.triggers))
    if not isinstance(triggers, list) or any(trigger not in TRIGGERS for trigger in triggers):
        raise Refusal(400, "each value in triggers must be one of the known triggers")
    if webhook.event_type_id is None and "DELEGATION_CREDENTIAL_ERROR" in triggers:
        raise Refusal(400, "DELEGATION_CREDENTIAL_ERROR is only for organizations")
    version = body.get("version", webhook.version)
    if version not in _WEBHOOK_VERSIONS:
        raise Refusal(400, "version must be one of the following values: 2021-10-20, 2026-07-27")
    webhook.subscriber_url, webhook.triggers, webhook.version = url, tuple(triggers), version
    webhook.active = bool(body.get("active", webhook.active))
    webhook.secret = _optional_text(body.get("secret", webhook.secret))
    webhook.payload_template = _optional_text(body.get("payloadTemplate", webhook.payload_template))


def _optional_text(value: Any) -> str | None:
    return str(value) if value else None


def _calendar(sim: Simulator) -> Json:
    host = sim.world.host
    return {
        "id": 1,
        "integration": "google_calendar",
        "externalId": host.email,
        "primaryEmail": host.email,
        "userId": host.id,
        "eventTypeId": None,
        "credentialId": 1,
    }


def _range(text: str, *, to_end: bool = False) -> datetime:
    """A bound of the slots asked for; a bare date as `end` is the end of that day. Raises Refusal (400)."""
    moment = parse_moment(text)
    if moment is None:
        raise Refusal(400, "start and end must be valid ISO 8601 dates in UTC")
    if to_end and len(text) == len("2026-12-01"):
        moment += timedelta(days=1) - timedelta(milliseconds=1)
    return moment.astimezone(UTC)
