"""A webhook of Resend: is it signed by us, and what does it say became of a mail?

Signed as Svix signs, by HMAC-SHA256 over `id.timestamp.body` (docs.svix.com/receiving/verifying-payloads/how-manual).
Checked over the bytes as they came, and with the version: Resend's own SDK takes no bytes and does not look at that.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from shared.calcom_values import Object, instant, mapping, objects
from shared.receipt import Receipt, code, message_id

_TOLERANCE = 300  # seconds, both ways
# What is said of a mail that we sent. Who opened it, or followed a link, is nobody's business.
_EVENTS = frozenset(
    {"sent", "scheduled", "delivered", "delivery_delayed", "bounced", "complained", "failed", "suppressed"}
)
_MAX_TAGS = 50


def verify(body: bytes, headers: Mapping[str, str], secret: str, now: datetime) -> bool:
    """Whether one of the signatures fits and is not older (or newer) than five minutes.

    The names of `headers` are in lower case; `secret` is `whsec_…`.
    """
    identifier, timestamp = headers.get("svix-id", ""), headers.get("svix-timestamp", "")
    if not code(identifier) or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    if abs(now.timestamp() - int(timestamp)) > _TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{identifier}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    given = headers.get("svix-signature", "").encode("utf-8", "replace").split(b" ")
    # While a secret is rotated there are several, of which one is ours.
    return any(hmac.compare_digest(expected, one) for one in given)


def read(body: bytes, svix_id: str, now: datetime) -> Receipt | None:
    """What the event says; None: nothing about a mail of ours. `svix_id` is the same at each repetition."""
    try:
        event = mapping(json.loads(body))
    except (ValueError, RecursionError):
        return None
    data, kind = mapping(event.get("data")), event.get("type")
    name = kind.removeprefix("email.") if isinstance(kind, str) and kind.startswith("email.") else ""
    provider_id, notification_id = code(data.get("email_id")), message_id(_tag(data.get("tags"), "notification_id"))
    if name not in _EVENTS or not (provider_id or notification_id):
        return None
    bounce = mapping(data.get("bounce"))
    return Receipt(
        receipt_id=svix_id,
        channel="email",
        event=name,
        provider_id=provider_id,
        notification_id=notification_id,
        # Suppressed: Resend has a permanent bounce or a complaint of that address on its own list.
        permanent=name == "suppressed" or (name == "bounced" and bounce.get("type") == "Permanent"),
        detail=_detail(name, data),
        occurred_at=min(instant(event.get("created_at")) or now, now),
    )


def _tag(tags: JsonValue, name: str) -> JsonValue:
    """A tag's value; Resend writes tags as an object or as they were sent, `[{"name", "value"}]`."""
    if isinstance(tags, list):
        return next((one.get("value") for one in objects(tags, _MAX_TAGS) if one.get("name") == name), None)
    return mapping(tags).get(name)


def _detail(name: str, data: Object) -> str | None:
    """Of what kind it is, in Resend's codes: `Permanent/General`, `reached_daily_quota`."""
    part = mapping(data.get({"bounced": "bounce"}.get(name, name)))
    fields = {"bounced": ("type", "subType"), "failed": ("reason",), "suppressed": ("type", "reason")}.get(name, ())
    return "/".join(filter(None, (code(part.get(field)) for field in fields))) or None
