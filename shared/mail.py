"""Resend: an e-mail becomes the bytes to post, their answer becomes a `Delivery`. The only module that uses `resend`.

The SDK builds the request and reads the errors; what it posts are the bytes that the outbox keeps, over the process's
pooled client: Resend refuses other bytes under a known idempotency key. It is imported at the first mail (340 ms).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import JsonValue

from shared import http_client, settings
from shared.delivery import Delivery, read_retry_after

if TYPE_CHECKING:
    from resend.exceptions import ResendError

    from shared.messages import Email

LARGEST_BATCH = 100  # e-mails in one call (resend.com/docs/api-reference/emails/send-batch-emails)

# What the thread is posting: the body as it was stored, and how long it may take in seconds.
_posting: ContextVar[tuple[bytes, float]] = ContextVar("posting")

# Our key or our setup is wrong, which says nothing about the message: it waits until someone has put it right.
_OUR_FAULT = frozenset({"missing_api_key", "invalid_api_key", "restricted_api_key", "invalid_permission"})
_QUOTAS = frozenset({"daily_quota_exceeded", "monthly_quota_exceeded"})


def encode(email: Email) -> str:
    """The body of `POST /emails`."""
    body: dict[str, JsonValue] = {
        "from": email.from_,
        "to": [email.to],
        "subject": email.subject,
        "html": email.html,
        "text": email.text,
        "headers": {**email.headers},
        "attachments": [
            {"filename": name, "content_type": content_type, "content": base64.b64encode(content).decode()}
            for name, content_type, content in email.attachments
        ],
        "tags": [dict(tag) for tag in email.tags],
    }
    if email.reply_to:
        body["reply_to"] = email.reply_to
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def encode_batch(bodies: Sequence[str]) -> str:
    """The body of `POST /emails/batch`, of bodies of single mails. None of them may have an attachment."""
    return f"[{','.join(bodies)}]"


def notification_ids(batch: str) -> list[str]:
    """Which messages a batch is made of, in its order, as each mail's tag says."""
    return [tag["value"] for mail in json.loads(batch) for tag in mail["tags"] if tag["name"] == "notification_id"]


def post(payload: str, key: str, timeout: float) -> Delivery:
    """Post the stored body under its idempotency key; `timeout` in seconds. Never raises for what Resend answers."""
    resend, failure = _sdk()
    answer = _answer(
        lambda: resend.Emails.send(json.loads(payload), {"idempotency_key": key}), payload, timeout, failure
    )
    if isinstance(answer, Delivery):
        return answer
    return _accepted(answer, _rate(answer.get("http_headers")))


def post_batch(payload: str, size: int, key: str, timeout: float) -> list[Delivery]:
    """Post a stored batch of `size` mails, as `post` does. → what became of each, in the batch's order.

    Validation is permissive: the good ones leave though one is refused. Resend lists the ids of the former, and the
    places of the latter.
    """
    resend, failure = _sdk()
    options: Any = {"idempotency_key": key, "batch_validation": "permissive"}
    answer = _answer(lambda: resend.Batch.send([], options), payload, timeout, failure)
    if isinstance(answer, Delivery):
        return [answer] * size
    rate_limit = _rate(answer.get("http_headers"))
    refused = {error["index"] for error in answer.get("errors") or () if isinstance(error, dict) and "index" in error}
    accepted = answer.get("data")
    if not isinstance(accepted, list) or len(accepted) + len(refused) != size:
        return [Delivery(outcome="retry", error="not as many ids", rate_limit=rate_limit)] * size
    ids = iter(accepted)
    return [
        Delivery(outcome="failed", accepted=False, error="422 validation_error", rate_limit=rate_limit)
        if place in refused
        else _accepted(next(ids), rate_limit)
        for place in range(size)
    ]


def _answer(
    send: Callable[[], Any], payload: str, timeout: float, failure: type[ResendError]
) -> Delivery | dict[str, Any]:
    """Resend's yes, or what its no means."""
    token = _posting.set((payload.encode(), timeout))
    try:
        answer: dict[str, Any] = send()
    except failure as error:
        return _refused(error, datetime.now(UTC))
    finally:
        _posting.reset(token)
    return answer


def _accepted(answer: object, rate_limit: float | None) -> Delivery:
    provider_id = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(provider_id, str):
        return Delivery(outcome="retry", error="no id", rate_limit=rate_limit)
    return Delivery(outcome="sent", provider_id=provider_id, accepted=True, rate_limit=rate_limit)


@cache
def _sdk() -> tuple[Any, type[ResendError]]:
    import resend
    from resend.exceptions import ResendError

    class PooledClient(resend.HTTPClient):
        """Posts the stored bytes over the process's client, in place of one new connection a call."""

        def request(
            self, method: str, url: str, headers: Mapping[str, str], *_: object, **__: object
        ) -> tuple[bytes, int, Mapping[str, str]]:
            body, timeout = _posting.get()
            answer = http_client.shared().request(
                method,
                url,
                headers={**headers, "Content-Type": "application/json"},
                content=body,
                timeout=httpx.Timeout(timeout, connect=min(timeout, 3.0)),
            )
            return answer.content, answer.status_code, answer.headers

    known = settings.load(settings.Mail)
    resend.api_key = known.api_key
    resend.api_url = known.api_url
    resend.default_http_client = PooledClient()
    return resend, ResendError


def _refused(error: ResendError, now: datetime) -> Delivery:
    cause = error.__context__
    if isinstance(cause, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
        return Delivery(outcome="retry", accepted=False, error="unreachable")
    if isinstance(cause, httpx.HTTPError):
        return Delivery(outcome="retry", error=f"no answer: {type(cause).__name__}")
    status, name = _status(error), _name(error)
    told = f"{status} {name}".strip()
    if status == 429:
        retry_at = read_retry_after(error.headers.get("retry-after"), now)
        if retry_at is None and name in _QUOTAS:
            retry_at = now + timedelta(hours=1)
        return Delivery(
            outcome="retry",
            accepted=False,
            rate_limited=True,
            retry_at=retry_at,
            rate_limit=_rate(error.headers),
            error=told,
        )
    if name == "invalid_idempotent_request":
        # Other bytes went out under this key within a day: a mail about this was taken, which one is not known.
        return Delivery(outcome="unknown", error=told)
    if name in _OUR_FAULT or status == 401:
        return Delivery(outcome="retry", accepted=False, error=told)
    if name == "application_error" or status in (408, 409, 425) or status >= 500:
        # A gateway's page, a try that is still running, a fault over there: it may have been taken.
        return Delivery(outcome="retry", error=told)
    return Delivery(outcome="failed", accepted=False, error=told)


def _status(error: ResendError) -> int:
    try:
        return int(error.code)
    except ValueError:
        return 500


def _name(error: ResendError) -> str:
    """Resend's name of the error, if it is one: it is kept, and must not carry anything else along."""
    name = str(error.error_type)
    return name if re.fullmatch(r"[A-Za-z_]{1,60}", name) else ""


def _rate(headers: Mapping[str, str] | None) -> float | None:
    """Requests per second that Resend grants this team, by its header `ratelimit-limit`."""
    match = re.match(r"\s*(\d{1,5})\b", (headers or {}).get("ratelimit-limit", ""))
    return float(match[1]) if match and int(match[1]) > 0 else None
