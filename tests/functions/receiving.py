"""The providers' side of a test: what they accepted, and their signed calls about it, right or wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
from standardwebhooks import Webhook

from local.providers.signing import twilio_signature
from tests.conftest import Connection
from tests.functions.posting import post

Row = dict[str, Any]
ANA, NUMBER = "ana@example.com", "+4915112345678"

# No connection is used twice: one that the server closes just then would look like a fault of ours.
_CLIENT = httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))


def book(env: Mapping[str, str], who: str = ANA, uid: str = "", days: int = 2, trigger: str = "BOOKING_CREATED") -> str:
    """A booking of this address, or of this number; its uid. Its message was tried, however slow the machine is."""
    uid = uid or uuid4().hex[:20]
    starts_at = datetime.now(UTC) + timedelta(days=days)
    email = who if "@" in who else f"{who[1:]}@sms.cal.com"
    payload = {
        "uid": uid,
        "bookingId": int(uid[:6], 16) if trigger == "BOOKING_CREATED" else None,
        "title": "Talk",
        "startTime": starts_at.isoformat(),
        "endTime": (starts_at + timedelta(minutes=30)).isoformat(),
        "status": "ACCEPTED",
        "organizer": {"name": "Host", "email": "host@example.com", "timeZone": "Europe/Berlin"},
        "attendees": [{"name": "Client", "email": email, "timeZone": "Europe/Berlin", "language": {"locale": "de"}}],
    }
    said = {"triggerEvent": trigger, "createdAt": datetime.now(UTC).isoformat(), "payload": payload}
    assert post(env, json.dumps(said).encode())["outcome"] == "applied"
    sweep(env)
    return uid


def accepted(env: Mapping[str, str], channel: str) -> list[Row]:
    """What the provider took, oldest first."""
    url = env["RESEND_API_URL" if channel == "email" else "TWILIO_API_URL"]
    listed: list[Row] = _CLIENT.get(f"{url}/_sim/messages").json()
    return listed


def order(env: Mapping[str, str], channel: str, **wanted: Any) -> int:
    """Let the stand-in send a receipt, or a text to us: the status that we answered."""
    url = env["RESEND_API_URL" if channel == "email" else "TWILIO_API_URL"]
    answer = _CLIENT.post(f"{url}/_sim/receipts", json=wanted)
    assert answer.is_success, answer.text
    status: int = answer.json()["status"]
    return status


def faults(env: Mapping[str, str], channel: str, *fail: int | str) -> None:
    url = env["RESEND_API_URL" if channel == "email" else "TWILIO_API_URL"]
    _CLIENT.post(f"{url}/_sim/faults", json={"fail": list(fail)}).raise_for_status()


def event(kind: str, **data: Any) -> bytes:
    """The body of an event of Resend's."""
    return json.dumps({"type": kind, "created_at": datetime.now(UTC).isoformat(), "data": data}).encode()


def svix(secret: str, body: bytes, svix_id: str, at: datetime | None = None) -> dict[str, str]:
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign(svix_id, at, body.decode())
    return {"svix-id": svix_id, "svix-timestamp": str(int(at.timestamp())), "svix-signature": signature}


def resend(env: Mapping[str, str], body: bytes, svix_id: str = "", headers: Mapping[str, str] | None = None) -> Any:
    """An event posted to the function, signed as Resend signs unless `headers` are given."""
    if headers is None:
        headers = svix(env["RESEND_WEBHOOK_SECRET"], body, svix_id or f"msg_{uuid4().hex}")
    return _CLIENT.post(f"{env['FUNCTIONS_URL']}/receipts/resend", content=body, headers=dict(headers))


def twilio(
    env: Mapping[str, str],
    path: str,
    form: Mapping[str, str],
    *,
    token: str | None = None,
    signed_url: str | None = None,
    signature: str | None = None,
) -> Any:
    """A call of Twilio's to `receipts/twilio/<path>`, signed as Twilio signs unless told otherwise."""
    url = f"{env['FUNCTIONS_URL']}/receipts/twilio/{path}"
    if signature is None:
        signature = twilio_signature(token or env["TWILIO_AUTH_TOKEN"], signed_url or url, form)
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    return _CLIENT.post(url, content=urlencode(form).encode(), headers=headers)


def states(db: Connection) -> list[tuple[Any, ...]]:
    """status and reason of each message about a change, oldest first."""
    return db.execute(
        "select status, reason from public.notifications where kind <> 'reminder' order by created_at, id"
    ).fetchall()


def suppressed(db: Connection) -> list[tuple[Any, ...]]:
    return db.execute("select channel, address, reason from public.suppressions order by 1, 2").fetchall()


def stored(db: Connection) -> int:
    """How much of what was received is kept."""
    [row] = db.execute(
        "select (select count(*) from private.receipts) + (select count(*) from private.inbound_texts)"
    ).fetchall()
    count: int = row[0]
    return count


def sweep(env: Mapping[str, str]) -> None:
    headers = {"Authorization": f"Bearer {env['SCHEDULER_TOKEN']}"}
    answer = _CLIENT.post(f"{env['FUNCTIONS_URL']}/reminders", headers=headers)
    assert answer.is_success, answer.text


def twilio_headers(env: Mapping[str, str], url: str, form: Mapping[str, str]) -> dict[str, str]:
    return {"X-Twilio-Signature": twilio_signature(env["TWILIO_AUTH_TOKEN"], url, form)}
