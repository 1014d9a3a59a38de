"""A call of Twilio's: is it signed by us, and what does it say became of a text?

Signed is the address that Twilio was given, then each field in the order of its name
(twilio.com/docs/usage/webhooks/webhooks-security). There is no time in it: a call may come again at any time later, so
each counts once, by what it says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import parse_qsl

from shared.receipt import Receipt, code, message_id

# Twilio's states of a text → the event that we keep. A text that was read was delivered.
_EVENTS = {
    **{state: state for state in ("accepted", "scheduled", "queued", "sending", "sent", "delivered")},
    **{state: state for state in ("undelivered", "failed", "canceled")},
    "read": "delivered",
}
# Not tried again (twilio.com/docs/api/errors): STOP, no number, no mobile, unreachable, blocked, unknown, landline.
_FINAL_ERRORS = frozenset({"21610", "21211", "21614", "30003", "30004", "30005", "30006"})

Form = list[tuple[str, str]]


def read_form(body: bytes) -> Form:
    """The fields of the body, in its order, empty and repeated ones too. Whatever is no form has none."""
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def verify(url: str, form: Form, signature: str | None, auth_token: str) -> bool:
    """Whether X-Twilio-Signature fits. `url` is the public address that was called, with its query."""
    # Of a field that is there twice with one value, Twilio signs one.
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    expected = base64.b64encode(hmac.digest(auth_token.encode(), signed.encode("utf-8", "replace"), hashlib.sha1))
    return hmac.compare_digest(expected, (signature or "").encode("utf-8", "replace"))


def read_status(form: Iterable[tuple[str, str]], notification_id: str | None, now: datetime) -> Receipt | None:
    """What a status callback says; None: nothing that we know. `notification_id` is the one in its address."""
    fields = dict(form)
    return receipt(
        sid=fields.get("MessageSid"),
        state=fields.get("MessageStatus"),
        error=fields.get("ErrorCode"),
        notification_id=notification_id,
        at=now,  # it carries no time
    )


def receipt(
    *, sid: object, state: object, error: object, notification_id: str | None, at: datetime, source: str = ""
) -> Receipt | None:
    """A state of a text as a receipt; None: it is none. `source` tells apart what was not said by Twilio's call."""
    provider_id, detail = code(sid), code(str(error)) if error else None
    if not provider_id or not isinstance(state, str) or state not in _EVENTS:
        return None
    return Receipt(
        receipt_id=f"{provider_id}:{state}{source}",
        channel="sms",
        event=_EVENTS[state],
        provider_id=provider_id,
        notification_id=message_id(notification_id),
        permanent=state in ("undelivered", "failed") and detail in _FINAL_ERRORS,
        detail=detail,
        occurred_at=at,
    )
