"""Twilio: a text becomes the form to post, and the answer becomes a `Delivery`.

Twilio knows no idempotency key. Only a 429 or a refused connection is certainly not processed
(twilio.com/docs/errors/20429); whatever else is not a clear yes or no is `unknown` and never posted again: the status
callback, whose address carries our id, says later what became of it; where that is lost, `fetch` and `find` ask.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

import httpx

from shared import http_client, settings
from shared.delivery import Delivery, read_retry_after

if TYPE_CHECKING:
    from shared.messages import Text

_LONGEST_VALIDITY = 36_000  # seconds, Twilio's bound
_LISTED = 200  # how many texts to one number are looked through, newest first


@dataclass(frozen=True, kw_only=True)
class Found:
    """A text as Twilio has it: its state in Twilio's words, its error's code, and since when."""

    sid: str
    state: str
    error: int | None
    at: datetime


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
            _address("Messages.json"),
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


def fetch(sid: str, timeout: float) -> Found | None:
    """The text with this id; `timeout` in seconds. None: Twilio has none, or says nothing now."""
    return _found(_get(f"Messages/{sid}.json", {}, timeout))


def find(payload: str, since: datetime, known: Collection[str], timeout: float) -> Found | None:
    """The text that the stored form became, posted at `since` or soon after, which is none of the `known` ids.

    Of several alike it is the first. None: Twilio has none, or says nothing now.
    """
    to, body = (parse_qs(payload).get(name, [""])[0] for name in ("To", "Body"))
    # Twilio compares days in UTC; its clock and ours may be a little apart.
    since = since.astimezone(UTC) - timedelta(minutes=1)
    query = {"To": to, "DateSent>": since.date().isoformat(), "PageSize": str(_LISTED)}
    listed = _get("Messages.json", query, timeout).get("messages")
    alike = [
        text
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and (one.get("to"), one.get("body")) == (to, body)
        if one.get("direction") == "outbound-api" and (text := _found(one)) and text.sid not in known
    ]
    return min((text for text in alike if text.at >= since), key=lambda text: text.at, default=None)


def _get(path: str, query: Mapping[str, str], timeout: float) -> dict[str, object]:
    twilio = settings.load(settings.Sms)
    try:
        answer = http_client.shared().get(
            _address(path),
            params=query,
            auth=(twilio.account_sid, twilio.auth_token),
            timeout=httpx.Timeout(timeout, connect=min(timeout, 3.0)),
        )
    except httpx.HTTPError:
        return {}
    return _json(answer) if answer.is_success else {}


def _found(told: Mapping[str, object]) -> Found | None:
    sid, state, error, made = (told.get(name) for name in ("sid", "status", "error_code", "date_created"))
    try:
        at = parsedate_to_datetime(str(made)).astimezone(UTC)
    except ValueError:
        return None
    if not isinstance(sid, str) or not isinstance(state, str):
        return None
    return Found(sid=sid, state=state, error=error if isinstance(error, int) else None, at=at)


def _address(path: str) -> str:
    twilio = settings.load(settings.Sms)
    return f"{twilio.api_url}/2010-04-01/Accounts/{twilio.account_sid}/{path}"
