"""The control paths `/_sim/…` that both stand-ins have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request

from local.providers.callbacks import Delivery
from local.providers.calls import Calls
from local.providers.faults import BadFaults
from local.providers.mailbox import Mailbox


class BadReceipt(ValueError):
    """The ordered receipt names an unknown message or event."""


class StandIn(Protocol):
    """A provider's stand-in, as the control paths and the inbox know it."""

    name: str
    mailbox: Mailbox
    calls: Calls
    #: What the buttons of the inbox send.
    receipt_buttons: tuple[str, ...]

    def send_receipt(self, order: Mapping[str, Any]) -> Delivery:
        """Call our receiver with a signed event. Raises BadReceipt."""
        ...

    def reset(self) -> None:
        """Forget everything: messages, attempts, faults and whatever the provider remembers besides."""
        ...


def refuse_other_sites() -> None:
    """A page of another site, or a mail shown in the inbox, may not press our buttons (a browser names its origin)."""
    origin = request.headers.get("Origin")
    if request.method != "GET" and origin is not None and urlsplit(origin).netloc != request.host:
        abort(403)


def control_paths(stand_in: StandIn) -> Blueprint:
    """GET messages, requests, faults, health; POST faults, receipts, reset."""
    paths = Blueprint("control", __name__, url_prefix="/_sim")
    paths.before_request(refuse_other_sites)

    @paths.get("/health")
    def health() -> Response:
        return jsonify({"status": "ok", "provider": stand_in.name})

    @paths.get("/messages")
    def messages() -> Response:
        """Oldest first; `?to=` narrows to a recipient."""
        wanted = stand_in.mailbox.to(request.args.get("to", ""))
        return jsonify([message.as_json() for message in reversed(wanted)])

    @paths.get("/requests")
    def requests() -> Response:
        return jsonify(stand_in.calls.attempts())

    @paths.get("/faults")
    def ordered_faults() -> Response:
        return jsonify(stand_in.calls.faults.as_json())

    @paths.post("/faults")
    def order_faults() -> Response | tuple[Response, int]:
        try:
            stand_in.calls.faults.order(_order())
        except BadFaults as error:
            return jsonify({"error": str(error)}), 422
        return jsonify(stand_in.calls.faults.as_json())

    @paths.post("/receipts")
    def send_receipt() -> Response | tuple[Response, int]:
        """Answers how the callback went: `{"url", "status", "error"}`."""
        try:
            delivery = stand_in.send_receipt(_order())
        except BadReceipt as error:
            return jsonify({"error": str(error)}), 422
        return jsonify(delivery.as_json())

    @paths.post("/reset")
    def reset() -> Response:
        stand_in.reset()
        return jsonify({"status": "ok"})

    return paths


def _order() -> Mapping[str, Any]:
    order = request.get_json(force=True, silent=True)
    if not isinstance(order, Mapping):
        abort(400, "a JSON object is needed")
    return order
