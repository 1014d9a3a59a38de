"""What Resend's API does with a call about e-mails.

https://resend.com/docs/api-reference
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from flask import g, request
from standardwebhooks import Webhook

from local.providers import callbacks, resend_events
from local.providers.callbacks import Delivery
from local.providers.calls import Answer, Calls, Clock, Refused, utc_now
from local.providers.control import BadReceipt
from local.providers.emails import InvalidEmail, read_email
from local.providers.idempotency import IdempotencyKeys, OtherRequest, StillInProgress
from local.providers.mailbox import Mailbox
from local.providers.message import Message
from local.providers.rate_limit import RateLimit
from local.providers.server import required
from local.providers.signing import svix_headers

MAX_BATCH: Final = 100
_FAILURES: Final = {
    401: "missing_api_key",
    403: "invalid_api_key",
    404: "not_found",
    405: "method_not_allowed",
    409: "concurrent_idempotent_requests",
    429: "rate_limit_exceeded",
}


@dataclass(frozen=True)
class Settings:
    """`receipts_url` is the base of our receiver (`…/receipts`); `rate` the calls a second."""

    api_key: str
    webhook_secret: str
    receipts_url: str
    rate: int = 100

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises ValueError with the names of what is missing, or where the secret is not one of Svix's."""
        key, secret, url = required(env, "RESEND_API_KEY", "RESEND_WEBHOOK_SECRET", "RECEIPTS_URL")
        try:
            Webhook(secret)
        except Exception as error:
            raise ValueError("RESEND_WEBHOOK_SECRET must be whsec_ and base64") from error
        return cls(key, secret, url.rstrip("/"), int(env.get("RESEND_RATE") or 100))


def refusal(status: int, name: str, message: str) -> Refused:
    """An error in Resend's shape."""
    return Refused(failure(status, name, message))


def failure(status: int, name: str | None = None, message: str | None = None) -> Answer:
    name = name or _FAILURES.get(status) or ("application_error" if status >= 500 else "validation_error")
    headers = {"retry-after": "1", "ratelimit-remaining": "0"} if status == 429 else {}
    return Answer(status, {"statusCode": status, "name": name, "message": message or f"{name}."}, headers)


class Resend:
    name = "resend"
    receipt_buttons: tuple[str, ...] = ("delivered", "bounced", "complained")

    def __init__(self, settings: Settings, clock: Clock = utc_now) -> None:
        self.mailbox = Mailbox()
        self.calls = Calls(clock, failure, RateLimit(settings.rate))
        self._keys = IdempotencyKeys(clock)
        self._settings = settings
        self._clock = clock

    def reset(self) -> None:
        self.mailbox.clear()
        self.calls.clear()
        self._keys.clear()

    def send_receipt(self, order: Mapping[str, Any]) -> Delivery:
        """`{"id", "event"}`: a signed event (`delivered` or `email.delivered`). Besides, if wanted: the event's own
        part (`"bounce": {"type": "Transient"}`) and `svix_id`, to send an event a second time.
        """
        event = str(order.get("event")).removeprefix("email.")
        message = self.mailbox.get(str(order.get("id")))
        if message is None or event not in resend_events.EVENTS:
            raise BadReceipt("needs the id of an accepted e-mail and an event that Resend knows")
        self.mailbox.set_status(message.id, event)
        now = self._clock()
        body = resend_events.event_body(message, event, now, order)
        event_id = str(order.get("svix_id") or f"msg_{uuid.uuid4().hex}")
        headers = svix_headers(self._settings.webhook_secret, event_id, now, body)
        url = f"{self._settings.receipts_url}/resend"
        return callbacks.post(url, body.encode(), {"content-type": "application/json", **headers})

    def send(self) -> Answer:
        self._authorise()
        return self._once(lambda key: self._accept_one(_json_body(), key))

    def send_batch(self) -> Answer:
        self._authorise()
        return self._once(lambda key: self._accept_batch(_json_body(), key))

    def fetch(self, email_id: str) -> Answer:
        self._authorise()
        message = self.mailbox.get(email_id)
        if message is None:
            raise refusal(404, "not_found", "Email not found.")
        return Answer(200, {"object": "email", **_listed(message), "html": message.html, "text": message.text})

    def list(self) -> Answer:
        """Newest first; `limit`, `after` and `before` as Resend takes them."""
        self._authorise()
        messages = self.mailbox.to("")
        ids = [message.id for message in messages]
        limit = request.args.get("limit", "20")
        if not re.fullmatch(r"[1-9]\d?|100", limit):
            raise refusal(422, "validation_error", "The `limit` parameter takes 1 to 100.")
        after, before, size = request.args.get("after"), request.args.get("before"), int(limit)
        first = ids.index(after) + 1 if after in ids else 0
        last = ids.index(before) if before in ids else len(ids)
        # A page before something ends there; else it begins where it was asked to.
        page = messages[first:last][-size:] if before in ids else messages[first:last][:size]
        body = {"object": "list", "has_more": last - first > len(page), "data": [_listed(message) for message in page]}
        return Answer(200, body)

    def _authorise(self) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise refusal(401, "missing_api_key", "Missing API key in the authorization header.")
        if key.strip() != self._settings.api_key:
            raise refusal(403, "invalid_api_key", "API key is invalid.")

    def _once(self, accept: Callable[[str | None], Answer]) -> Answer:
        """Accept, or repeat the answer that this Idempotency-Key had before."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return accept(None)
        if not 1 <= len(key) <= 256:
            raise refusal(400, "invalid_idempotency_key", "The key must be between 1-256 chars.")
        fingerprint = hashlib.sha256(request.path.encode() + b"\n" + request.get_data()).hexdigest()
        until_answered: ExitStack = g.until_answered
        try:
            held = until_answered.enter_context(self._keys.hold(key, fingerprint))
        except OtherRequest:
            raise refusal(409, "invalid_idempotent_request", "The key was used with another payload.") from None
        except StillInProgress:
            raise refusal(409, "concurrent_idempotent_requests", "The first request is in progress.") from None
        if held.answer is None:
            held.answer = accept(key)
        return held.answer

    def _accept_one(self, fields: object, key: str | None) -> Answer:
        try:
            message = self._read(fields, key)
        except InvalidEmail as error:
            raise refusal(422, error.name, error.message) from None
        self.mailbox.accept([message])
        return Answer(200, {"id": message.id})

    def _accept_batch(self, emails: object, key: str | None) -> Answer:
        """Strict: all or nothing. Permissive: what is valid, and an error for each that is not."""
        mode = request.headers.get("x-batch-validation", "strict")
        if mode not in ("strict", "permissive"):
            raise refusal(422, "validation_error", "x-batch-validation is `strict` or `permissive`.")
        if not isinstance(emails, list) or not 1 <= len(emails) <= MAX_BATCH:
            raise refusal(422, "validation_error", f"A batch is a list of 1 to {MAX_BATCH} e-mails.")
        accepted: list[Message] = []
        errors: list[dict[str, Any]] = []
        for index, fields in enumerate(emails):
            try:
                accepted.append(self._read(fields, key, in_batch=True))
            except InvalidEmail as error:
                if mode == "strict":
                    raise refusal(422, error.name, error.message) from None
                errors.append({"index": index, "message": error.message})
        self.mailbox.accept(accepted)
        data = [{"id": message.id} for message in accepted]
        return Answer(200, {"data": data, "errors": errors} if mode == "permissive" else {"data": data})

    def _read(self, fields: object, key: str | None, in_batch: bool = False) -> Message:
        return read_email(
            fields,
            email_id=str(uuid.uuid4()),
            accepted_at=self._clock(),
            idempotency_key=key,
            in_batch=in_batch,
        )


def _json_body() -> object:
    body: object = request.get_json(force=True, silent=True)
    try:
        # Half of a surrogate pair is JSON, but no text that a mail could carry.
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        body = None
    if body is None:
        raise refusal(400, "validation_error", "The body is not JSON.")
    return body


def _listed(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "message_id": f"<{message.id}@email.example.com>",
        "from": message.sender,
        "to": list(message.to),
        "cc": list(message.cc),
        "bcc": list(message.bcc),
        "reply_to": list(message.reply_to),
        "subject": message.subject,
        "created_at": message.accepted_at.strftime("%Y-%m-%d %H:%M:%S.%f+00"),
        "last_event": message.status,
    }
