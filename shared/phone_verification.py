"""A telephone number is verified by a code that is texted to it, and consent to texts is recorded with the words shown.

    begin    the database counts and keeps a keyed hash of the code; then the code is texted, once
    finish   the code, and what was agreed to: the number becomes the person's, and texts are on

Twilio knows no idempotency key: after an answer in doubt the person is told that a text is perhaps on its way, and asks
again if none comes.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Annotated, Any, cast
from urllib.parse import urlencode
from uuid import uuid4

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints

from shared import database, local_time, preferences_page, settings, sms
from shared.delivery import Delivery
from shared.errors import ExpiredCode, Invalid, RateLimited, Refused, Unavailable, WrongCode
from shared.keyed_hash import keyed_hash
from shared.phone_number import NoNumber, mobile_number
from shared.wording import territory_of

_VALID_SECONDS = 600  # as private.finish_phone_verification has it
_TRY_SECONDS = 10.0
_NO_NUL = r"^[^\x00]*$"  # Postgres knows none
_OPTED_OUT = "21610"  # twilio.com/docs/api/errors/21610
_REFUSALS = {
    "stopped": "This number has stopped our texts. Text START from it first.",
    "suppressed": "Texts to this number do not arrive. Use another one, or ask us.",
}


def _without_blanks(value: object) -> object:
    return "".join(value.split()) if isinstance(value, str) else value


class Number(BaseModel):
    """`country`: ISO 3166, two letters, for a number without `+`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phone: str = Field(max_length=60)
    country: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$")] | None = None


class Code(BaseModel):
    """`consent_text`: the words that the person saw and agreed to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Annotated[str, BeforeValidator(_without_blanks), Field(pattern=r"^[0-9]{6}$")]
    consent_text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=_NO_NUL)
    ]


def begin(user_id: str, token: str, wanted: Number, accept_language: str | None) -> dict[str, JsonValue]:
    """Text a code. → `{"outcome": "sent" | "perhaps_sent", "phone", "expires_in": seconds}`

    Raises Invalid (no number that gets texts), Refused `stopped` or `suppressed`, RateLimited, and Unavailable where
    certainly nothing was texted.
    """
    try:
        phone = mobile_number(wanted.phone, _country(token, wanted))
    except NoNumber as error:
        raise Invalid(f"phone: {error}") from None
    code, code_id = f"{secrets.randbelow(10**6):06d}", str(uuid4())
    begun = _call(
        "begin_phone_verification",
        p_user_id=user_id,
        p_id=code_id,
        p_phone=phone,
        p_code_hash=_hashes(user_id, code)[0],
    )
    language = preferences_page.language_for(begun["locale"], accept_language)
    delivery = sms.post(_payload(phone, text_of(code, language)), _TRY_SECONDS)
    if delivery.accepted is False:
        database.as_service().call("drop_phone_code", p_id=code_id)
        raise _not_texted(delivery)
    outcome = "sent" if delivery.outcome == "sent" else "perhaps_sent"
    return {"outcome": outcome, "phone": phone, "expires_in": _VALID_SECONDS}


def finish(user_id: str, typed: Code) -> dict[str, JsonValue]:
    """→ `{"preferences": …}`. Raises WrongCode with `tries_left`, ExpiredCode, Refused as `begin`."""
    return _call(
        "finish_phone_verification",
        p_user_id=user_id,
        p_code_hashes=_hashes(user_id, typed.code),
        p_consent_text=typed.consent_text,
    )


def remove(token: str) -> dict[str, JsonValue]:
    """Forget the number and end the consent. → `{"preferences": …}`"""
    return {"preferences": database.as_user(token).call("remove_phone")}


def text_of(code: str, language: str) -> str:
    """The text with the code: one segment in each language, with the sender's name where there is room for it."""
    from shared.text_message import plain, segments  # all that messages are made of: only who texts needs it

    words = preferences_page.words_of(language)["text"]
    name = parseaddr(settings.load(settings.Mail).sender)[0]
    named = plain(words["code"].format(code=code, sender=words["sender"].format(name=name)))
    return named if name and segments(named) == 1 else plain(words["code"].format(code=code, sender=""))


def _country(token: str, wanted: Number) -> str | None:
    """Whose numbering it is: asked for, or guessed by the person's time zone or language."""
    if wanted.country or wanted.phone.lstrip().startswith(("+", "\uff0b")):
        return wanted.country and wanted.country.upper()
    known = cast(dict[str, Any], database.as_user(token).call("my_preferences"))
    zone = known["time_zone"]
    return (zone and local_time.territory_of_zone(zone)) or territory_of(known["locale"]) or None


def _hashes(user_id: str, code: str) -> list[JsonValue]:
    """Under each secret that is believed; the first is the one that signs."""
    return [keyed_hash("phone_code", f"{user_id} {code}", one) for one in settings.load(settings.Links).secrets]


def _call(function: str, **values: JsonValue) -> dict[str, Any]:
    answer = cast(dict[str, Any], database.as_service().call(function, **values))
    match answer.get("refused"):
        case None:
            return answer
        case "wrong_code":
            raise WrongCode(more={"tries_left": answer["tries_left"]})
        case "expired_code":
            raise ExpiredCode()
        case "rate_limited":
            raise RateLimited("so many codes are enough for now", retry_after=answer["retry_after"])
        case refused:
            raise Refused(refused, _REFUSALS[refused])


def _payload(phone: str, text: str) -> str:
    return urlencode(
        {
            "To": phone,
            "Body": text,
            "MessagingServiceSid": settings.load(settings.Sms).messaging_service_sid,
            "ValidityPeriod": _VALID_SECONDS,
        }
    )


def _not_texted(delivery: Delivery) -> Exception:
    """Why Twilio certainly did not take it."""
    if delivery.outcome == "failed":
        is_stopped = (delivery.error or "").endswith(_OPTED_OUT)
        return (
            Refused("stopped", _REFUSALS["stopped"])
            if is_stopped
            else Invalid("phone: this number cannot receive texts")
        )
    seconds = (delivery.retry_at - datetime.now(UTC)).total_seconds() if delivery.retry_at else 0
    return Unavailable(retry_after=max(int(seconds), 1) if seconds > 0 else None)
