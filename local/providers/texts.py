"""The form of `POST …/Messages.json`, checked as Twilio checks it, and the message in Twilio's shape.

https://www.twilio.com/docs/messaging/api/message-resource
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final

from local.providers.message import Message

API_VERSION: Final = "2010-04-01"
MAX_BODY: Final = 1600
MAX_VALIDITY_SECONDS: Final = 36_000
#: Numbers that are refused with this code, the same as with Twilio's test credentials.
REFUSED_TO: Final = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
REFUSED_FROM: Final = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}

_E164: Final = re.compile(r"\+[1-9]\d{6,14}")
_SENDER_ID: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_GSM7: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM7_TWICE: Final = frozenset("^{}\\[~]|€\f")


class InvalidText(ValueError):
    """Refused with this error code of Twilio's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_text(form: Mapping[str, str], messaging_service_sid: str, accepted_at: datetime) -> Message:
    """The text that this form asks for. Raises InvalidText with the first thing that is wrong."""
    to, sender, service = (form.get(name, "").strip() for name in ("To", "From", "MessagingServiceSid"))
    if not to:
        raise InvalidText(21604, "A 'To' phone number is required.")
    if to in REFUSED_TO or not _E164.fullmatch(to):
        raise InvalidText(REFUSED_TO.get(to, 21211), "The 'To' number cannot be sent to.")
    _check_sender(sender, service, messaging_service_sid)
    body = form.get("Body", "")
    if not body:
        raise InvalidText(21602, "Message body is required.")
    if len(body) > MAX_BODY:
        raise InvalidText(21617, f"The message body is longer than {MAX_BODY} characters.")
    return Message(
        id=f"SM{uuid.uuid4().hex}",
        channel="sms",
        # With a Messaging Service the sender is chosen later.
        sender="" if service else sender,
        to=(to,),
        text=body,
        accepted_at=accepted_at,
        status="accepted" if service else "queued",
        details=_details(form, service),
    )


def _check_sender(sender: str, service: str, known_service: str) -> None:
    if service:
        if service != known_service:
            raise InvalidText(21701, "The Messaging Service does not exist.")
    elif not sender:
        raise InvalidText(21603, "A 'From' phone number or a Messaging Service is required.")
    elif sender in REFUSED_FROM or not (_E164.fullmatch(sender) or _SENDER_ID.fullmatch(sender)):
        raise InvalidText(REFUSED_FROM.get(sender, 21212), "The 'From' number cannot be sent from.")


def _details(form: Mapping[str, str], service: str) -> dict[str, str]:
    callback, validity = form.get("StatusCallback", ""), form.get("ValidityPeriod", "")
    if callback and not re.fullmatch(r"https?://[^\s/?#]+\S*", callback):
        raise InvalidText(21609, "The 'StatusCallback' is not a URL.")
    if validity and not (re.fullmatch(r"\d{1,5}", validity) and 1 <= int(validity) <= MAX_VALIDITY_SECONDS):
        raise InvalidText(20001, f"The 'ValidityPeriod' takes 1 to {MAX_VALIDITY_SECONDS} seconds.")
    details = {"messaging_service_sid": service, "status_callback": callback, "validity_period": validity}
    return {name: value for name, value in details.items() if value}


def segments(text: str) -> int:
    """How many SMS it takes: 160 characters of the GSM alphabet or 70 of Unicode; a little less in several parts."""
    if all(character in _GSM7 or character in _GSM7_TWICE for character in text):
        units, one, more = sum(2 if character in _GSM7_TWICE else 1 for character in text), 160, 153
    else:
        units, one, more = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if units <= one else math.ceil(units / more)


def as_twilio(message: Message, account_sid: str) -> dict[str, Any]:
    """The message resource. `date_sent` is the time of acceptance: the stand-in has no queue."""
    at = format_datetime(message.accepted_at)
    service = message.details.get("messaging_service_sid")
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.id}"
    error_code = message.details.get("error_code")
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": message.text,
        "date_created": at,
        "date_sent": at,
        "date_updated": at,
        "direction": "outbound-api",
        "error_code": int(error_code) if error_code else None,
        "error_message": None,
        "from": message.sender or None,
        "messaging_service_sid": service,
        "num_media": "0",
        "num_segments": "0" if message.status == "accepted" else str(segments(message.text or "")),
        "price": None,
        "price_unit": None,
        "sid": message.id,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to[0],
        "uri": f"{uri}.json",
    }
