"""Twilio: a text becomes the form to post, and the answer becomes a `Delivery`.

Twilio knows no idempotency key. Only a 429 or a refused connection is certainly not processed
(twilio.com/docs/errors/20429); whatever else is not a clear yes or no is `unknown` and never posted again: the status
callback, whose address carries our id, says later what became of it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx

from shared import http_client, settings
from shared.delivery import Delivery, read_retry_after

if TYPE_CHECKING:
    from shared.messages import Text

_LONGEST_VALIDITY = 36_000  # seconds, Twilio's bound


def encode(text: Text, notification_id: str, starts_at: datetime, now: datetime) -> str:
    """The form of `POST …/Messages.json`. Twilio gives up when the meeting begins, so nothing arrives after it."""
    seconds = int((starts_at - now).total_seconds())
    callback = f"{settings.load(settings.Links).functions_url}/receipts/twilio/status"
    return urlencode(
        {
            "To": text.to,
            "Body": text.body,
            "MessagingServiceSid": settings.load(settings.Sms).messaging_service_sid,
            "StatusCallback": f"{callback}?{urlencode({'id': notification_id})}",
            "ValidityPeriod": min(max(seconds, 1), _LONGEST_VALIDITY),
        }
    )


def post(payload: str, timeout: float) -> Delivery:
    """Post the stored form once; `timeout` in seconds. Never raises for what Twilio answers."""
    twilio = settings.load(settings.Sms)
    try:
        answer = http_client.shared().post(
            f"{twilio.api_url}/2010-04-01/Accounts/{twilio.account_sid}/Messages.json",
            content=payload.encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            auth=(twilio.account_sid, twilio.auth_token),
            timeout=httpx.Timeout(timeout, connect=min(timeout, 3.0)),
        )
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        return Delivery(outcome="retry", accepted=False, error="unreachable")
    except httpx.HTTPError as error:
        return Delivery(outcome="unknown", error=f"no answer: {type(error).__name__}")
    return _read(answer, datetime.now(UTC))


def _read(answer: httpx.Response, now: datetime) -> Delivery:
    told = _json(answer)
    code = told.get("code")
    error = f"{answer.status_code} {code}" if isinstance(code, int) else str(answer.status_code)
    if answer.is_success:
        sid = told.get("sid")
        if isinstance(sid, str):
            return Delivery(outcome="sent", provider_id=sid, accepted=True)
        return Delivery(outcome="unknown", error=error)
    if answer.status_code == 429:
        retry_at = read_retry_after(answer.headers.get("retry-after"), now)
        return Delivery(outcome="retry", accepted=False, rate_limited=True, retry_at=retry_at, error=error)
    if answer.status_code in (401, 403):
        # Our account or token is refused, not the text: it waits until someone has put it right.
        return Delivery(outcome="retry", accepted=False, error=error)
    if 400 <= answer.status_code < 500 and isinstance(code, int):
        return Delivery(outcome="failed", accepted=False, error=error)
    return Delivery(outcome="unknown", error=error)


def _json(answer: httpx.Response) -> dict[str, object]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
