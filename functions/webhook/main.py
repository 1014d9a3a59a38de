"""Cal.com's webhook: verify, record, deliver what the booking owes now, answer."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import JsonValue

from shared import calcom_webhook, database, outbox, settings, web
from shared.booking import dumped
from shared.errors import BadSignature

settings.require(settings.Database, settings.CalcomWebhook, settings.Mail, settings.Sms, settings.Links)

# Cal.com lets its visitor wait for our answer.
_SECONDS = 1.0


@web.endpoint("POST", limit=web.MIB)
def webhook(request: web.Request) -> web.Answer:
    """`POST` a body that Cal.com signed → 200 `{"outcome", "booking_id"?}`."""
    received_at = datetime.now(UTC)
    secrets = settings.load(settings.CalcomWebhook).secrets
    if not calcom_webhook.verify(request.body, request.headers.get("X-Cal-Signature-256"), secrets):
        raise BadSignature()
    recorded = _record(calcom_webhook.parse(request.body, received_at), request.body, received_at)
    owing = [booking["id"] for booking in recorded["bookings"] if booking["due"]]
    outbox.deliver_now(owing, deadline=request.started + _SECONDS)
    answer = {name: recorded[name] for name in ("outcome", "booking_id") if recorded.get(name) is not None}
    request.notes.update(answer, event_id=recorded["event_id"])
    return web.Answer(answer)


def _record(report: calcom_webhook.Report, body: bytes, received_at: datetime) -> dict[str, Any]:
    """Keep the body and what it says: one transaction, and the same body again is a `duplicate`."""
    event: dict[str, JsonValue] = {
        "source": "webhook",
        "notify": "all",
        "trigger": report.trigger,
        "body": report.body,
        "sha256": hashlib.sha256(body).hexdigest(),
        "received_at": received_at.isoformat(),
        "error": report.error,
        "changes": dumped(report.changes),
    }
    return cast(dict[str, Any], database.as_service().call("record_event", p_event=event))
