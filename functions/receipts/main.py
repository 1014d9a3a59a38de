"""What Resend and Twilio say became of messages, and what people text to us: verify, record, answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from shared import database, inbound_text, mail_receipts, settings, twilio_calls, web
from shared.errors import BadSignature
from shared.receipt import Receipt

settings.require(settings.Database, settings.MailReceipts, settings.Sms, settings.Addresses, settings.Browsers)


@web.endpoint("POST", limit=web.MIB, paths=("/resend", "/twilio/status", "/twilio/inbound"))
def receipts(request: web.Request) -> web.Answer:
    """`POST` by Resend → 200 `{"outcome"}`; a status of Twilio's → 204; a text to us → 200 with TwiML."""
    now = datetime.now(UTC)
    if request.path == "/resend":
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not mail_receipts.verify(request.body, headers, settings.load(settings.MailReceipts).secret, now):
            raise BadSignature()
        request.notes["outcome"] = _record(mail_receipts.read(request.body, headers["svix-id"], now))
        return web.Answer({**request.notes})
    form = _signed_form(request)
    if request.path == "/twilio/status":
        request.notes["outcome"] = _record(twilio_calls.read_status(form, request.query.get("id"), now))
        return web.Answer(status=204, body=b"")
    answer = inbound_text.twiml(_receive(form, request))
    return web.Answer(body=answer, headers={"Content-Type": "text/xml; charset=utf-8"})


def _record(receipt: Receipt | None) -> str:
    """→ `applied`, `duplicate`, `unknown` (kept: no message of ours yet) or `ignored`."""
    if receipt is None:
        return "ignored"
    return cast(dict[str, str], database.as_service().call("record_receipt", p_receipt=receipt.as_json()))["outcome"]


def _signed_form(request: web.Request) -> twilio_calls.Form:
    """The form, if Twilio signed it for our public address; the request's own is the one behind the proxy."""
    url = f"{settings.load(settings.Addresses).functions_url}/receipts{request.path}"
    url += f"?{request.query_string}" if request.query_string else ""
    form = twilio_calls.read_form(request.body)
    if not twilio_calls.verify(
        url, form, request.headers.get("X-Twilio-Signature"), settings.load(settings.Sms).auth_token
    ):
        raise BadSignature()
    return form


def _receive(form: twilio_calls.Form, request: web.Request) -> str | None:
    """Record a text to us. → what to answer"""
    text = inbound_text.read(form)
    if text is None:
        return None
    known = cast(dict[str, str | None], database.as_service().call("record_inbound_text", p_text=text.as_json()))
    request.notes.update(outcome=known["outcome"], word=text.word)
    asked = text.word == "help" and not text.answered
    return inbound_text.help_text(known["locale"], settings.load(settings.Browsers).support_contact) if asked else None
