"""What Twilio's API does with a call about messages.

https://www.twilio.com/docs/messaging/api/message-resource
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import urlencode

from flask import request

from local.providers import callbacks
from local.providers.callbacks import Delivery
from local.providers.calls import Answer, Calls, Clock, Refused, utc_now
from local.providers.control import BadReceipt
from local.providers.mailbox import Mailbox
from local.providers.message import Message
from local.providers.server import required
from local.providers.signing import twilio_signature
from local.providers.texts import API_VERSION, InvalidText, as_twilio, read_text, segments

#: The states that a callback can report.
EVENTS: Final = frozenset(("queued", "sending", "sent", "delivered", "undelivered", "failed", "read", "canceled"))
#: A text of just one of these words. https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
STOP_WORDS: Final = frozenset(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"))
START_WORDS: Final = frozenset(("START", "YES", "UNSTOP"))
MAX_OPTED_OUT: Final = 10_000
#: Our own number, where a text to us names none; one of those that Twilio keeps for tests.
OUR_NUMBER: Final = "+15005550006"

_STATUS_OF_CODE: Final = {20003: 401, 20404: 404, 20004: 405, 20429: 429, 20500: 500, 20503: 503}
_CODE_OF_STATUS: Final = {status: code for code, status in _STATUS_OF_CODE.items()}


@dataclass(frozen=True)
class Settings:
    """`functions_url` is the base of our functions; a text to us goes to its `/receipts/twilio/inbound`."""

    account_sid: str
    auth_token: str
    messaging_service_sid: str
    functions_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises ValueError with the names of what is missing."""
        names = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_MESSAGING_SERVICE_SID", "FUNCTIONS_URL")
        account_sid, auth_token, service, url = required(env, *names)
        return cls(account_sid, auth_token, service, url.rstrip("/"))


def failure(status_or_code: int, message: str | None = None) -> Answer:
    """An error in Twilio's shape, from a status or from one of its codes (400 unless known otherwise)."""
    if status_or_code >= 10_000:
        code, status = status_or_code, _STATUS_OF_CODE.get(status_or_code, 400)
    else:
        code, status = _CODE_OF_STATUS.get(status_or_code, 20_001 if status_or_code < 500 else 20_500), status_or_code
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    return Answer(
        status, {"code": code, "message": message or f"Error {code}.", "more_info": more_info, "status": status}
    )


class Twilio:
    name = "twilio"
    receipt_buttons: tuple[str, ...] = ("sent", "delivered", "undelivered", "failed")

    def __init__(self, settings: Settings, clock: Clock = utc_now) -> None:
        self.mailbox = Mailbox()
        self.calls = Calls(clock, failure)
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._opted_out: dict[str, None] = {}

    def reset(self) -> None:
        self.mailbox.clear()
        self.calls.clear()
        with self._lock:
            self._opted_out.clear()

    def send_receipt(self, order: Mapping[str, Any]) -> Delivery:
        """`{"id", "event"}` calls the text's own status callback (`error_code` besides, if wanted);
        `{"from", "body"}` is a text to us; besides, if wanted, `to`, `sid` (to send it a second time) and
        `opt_out_type` (STOP, START or HELP: what Advanced Opt-Out took it for, and answered).
        """
        if "body" in order:
            return self._receive(order)
        event = str(order.get("event"))
        message = self.mailbox.get(str(order.get("id")))
        if message is None or event not in EVENTS:
            raise BadReceipt("needs the id of an accepted text and a state that Twilio knows")
        code = str(order.get("error_code") or (30003 if event in ("undelivered", "failed") else ""))
        self.mailbox.set_status(message.id, event, {"error_code": code} if code else {})
        url = message.details.get("status_callback")
        if url is None:
            raise BadReceipt("the text asked for no status callback")
        return self._post(url, self._status_form(message, event, code))

    def send(self, account_sid: str) -> Answer:
        self._authorise(account_sid)
        try:
            message = read_text(request.form, self._settings.messaging_service_sid, self._clock())
        except InvalidText as error:
            raise Refused(failure(error.code, error.message)) from None
        with self._lock:
            if message.to[0] in self._opted_out:
                raise Refused(failure(21610, "The recipient has opted out."))
        self.mailbox.accept([message])
        return Answer(201, as_twilio(message, account_sid))

    def fetch(self, account_sid: str, sid: str) -> Answer:
        self._authorise(account_sid)
        message = self.mailbox.get(sid)
        if message is None:
            raise Refused(failure(20404, "The message was not found."))
        return Answer(200, as_twilio(message, account_sid))

    def list(self, account_sid: str) -> Answer:
        """Newest first; `To`, `From`, `DateSent`, `DateSent<` and `DateSent>` (both inclusive), `PageSize`, `Page`."""
        self._authorise(account_sid)
        found = [message for message in reversed(self.mailbox.all()) if _matches(message, request.args)]
        size, page = _number("PageSize", 50, 1, 1000), _number("Page", 0, 0, 1_000_000)
        shown = found[page * size : (page + 1) * size]
        last = max(0, (len(found) - 1) // size)
        return Answer(
            200,
            {
                "messages": [as_twilio(message, account_sid) for message in shown],
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(0, len(shown) - 1),
                "uri": self._page_uri(account_sid, page, size),
                "first_page_uri": self._page_uri(account_sid, 0, size),
                "next_page_uri": self._page_uri(account_sid, page + 1, size) if page < last else None,
                "previous_page_uri": self._page_uri(account_sid, page - 1, size) if page > 0 else None,
            },
        )

    def _authorise(self, account_sid: str) -> None:
        given = request.authorization
        known = (self._settings.account_sid, self._settings.auth_token)
        if given is None or given.type != "basic" or (given.username, given.password) != known:
            raise Refused(failure(20003, "Authenticate"))
        if account_sid != self._settings.account_sid:
            raise Refused(failure(20404, "The account was not found."))

    def _page_uri(self, account_sid: str, page: int, size: int) -> str:
        query = {**request.args.to_dict(), "PageSize": size, "Page": page}
        return f"/{API_VERSION}/Accounts/{account_sid}/Messages.json?{urlencode(query)}"

    def _status_form(self, message: Message, event: str, error_code: str) -> dict[str, str]:
        form = {
            "AccountSid": self._settings.account_sid,
            "ApiVersion": API_VERSION,
            "From": message.sender or OUR_NUMBER,
            "MessageSid": message.id,
            "MessageStatus": event,
            "MessagingServiceSid": message.details.get("messaging_service_sid", ""),
            "SmsSid": message.id,
            "SmsStatus": event,
            "To": message.to[0],
            "ErrorCode": error_code,
        }
        return {name: value for name, value in form.items() if value}

    def _receive(self, order: Mapping[str, Any]) -> Delivery:
        sender, body = str(order.get("from") or "").strip(), str(order["body"])
        if not sender or not body.strip():
            raise BadReceipt("a text to us needs from and body")
        taken_for = str(order.get("opt_out_type") or "").upper()
        self._note_opt_out(sender, taken_for or body.strip().upper())
        sid = str(order.get("sid") or f"SM{uuid.uuid4().hex}")
        form = {
            "AccountSid": self._settings.account_sid,
            "ApiVersion": API_VERSION,
            "Body": body,
            "From": sender,
            "MessageSid": sid,
            "MessagingServiceSid": self._settings.messaging_service_sid,
            "NumMedia": "0",
            "NumSegments": str(segments(body)),
            "SmsMessageSid": sid,
            "SmsSid": sid,
            "SmsStatus": "received",
            "To": str(order.get("to") or OUR_NUMBER),
            **({"OptOutType": taken_for} if taken_for else {}),
        }
        return self._post(f"{self._settings.functions_url}/receipts/twilio/inbound", form)

    def _note_opt_out(self, number: str, word: str) -> None:
        with self._lock:
            if word in STOP_WORDS and len(self._opted_out) < MAX_OPTED_OUT:
                self._opted_out[number] = None
            elif word in START_WORDS:
                self._opted_out.pop(number, None)

    def _post(self, url: str, form: Mapping[str, str]) -> Delivery:
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-twilio-signature": twilio_signature(self._settings.auth_token, url, form),
            "i-twilio-idempotency-token": str(uuid.uuid4()),
        }
        return callbacks.post(url, urlencode(form).encode(), headers)


def _matches(message: Message, query: Mapping[str, str]) -> bool:
    sent = message.accepted_at
    return (
        query.get("To", message.to[0]) == message.to[0]
        and query.get("From", message.sender) == message.sender
        and ("DateSent" not in query or _day(query["DateSent"]) == sent.date())
        and ("DateSent<" not in query or sent <= _moment(query["DateSent<"], end_of_day=True))
        and ("DateSent>" not in query or sent >= _moment(query["DateSent>"], end_of_day=False))
    )


def _day(text: str) -> date:
    return _moment(text, end_of_day=False).date()


def _moment(text: str, end_of_day: bool) -> datetime:
    """A day (`2026-12-01`: its first or its last instant) or an ISO time; without a zone it is UTC."""
    whole_day = re.fullmatch(r"\d{4}-\d\d-\d\d", text)
    try:
        at = datetime.fromisoformat(f"{text}T23:59:59.999999" if whole_day and end_of_day else text)
    except ValueError:
        raise Refused(failure(20001, "A date has the form YYYY-MM-DD.")) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _number(name: str, default: int, least: int, most: int) -> int:
    text = request.args.get(name, str(default))
    if not re.fullmatch(r"\d{1,7}", text) or not least <= int(text) <= most:
        raise Refused(failure(20001, f"{name} takes {least} to {most}."))
    return int(text)
