"""A fresh link to the preferences, mailed to whoever asks for it with an address that we know.

Who asks is told the same, after the same time, whether the address is known, unknown, limited or unreachable: the
answer says nothing about anybody. The database counts, by keyed hashes.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from shared import database, log, mail, settings, tokens
from shared.keyed_hash import keyed_hash
from shared.untrusted import mail_address
from shared.wording import language_of

# The answer comes so many seconds after the request; a mail is posted, or given up, before.
SECONDS = 2.0
_VALID_FOR = timedelta(minutes=15)
_PAUSE, _LEAST_SECONDS = 0.3, 0.3
_LONGEST_ADDRESS = 320


def ask(address: str, network: str, language: str, started: float) -> None:
    """Mail a link, if that may be. `network` as `network_of` has it; `language` if we know no better; `started` as in
    `web.Request`. Raises Unavailable where the database cannot be asked.
    """
    email = mail_address(address).lower()
    if not email or len(email) > _LONGEST_ADDRESS:
        email = "nobody"  # counted like any other, and nobody's
    noted = _note(email, network)
    if noted.get("refused"):
        return  # how often this network asks is its own doing, and no secret
    until = started + SECONDS
    if noted["mail"]:
        try:
            _send(email, noted["id"], language_of(noted["locale"]) if noted["locale"] else language, until)
        except Exception as error:
            log.error("link not mailed", error)
    time.sleep(max(until - time.monotonic(), 0))


def network_of(forwarded_for: str | None) -> str:
    """Where a request comes from: the last entry of `X-Forwarded-For`, which Google's front end adds and nobody can
    forge (what is before it came with the request). Of an IPv6 address the network: one has as many as one likes.
    """
    last = (forwarded_for or "").rpartition(",")[2].strip()
    try:
        address = ipaddress.ip_address(last)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return str(ipaddress.ip_network((address, 32 if address.version == 4 else 64), strict=False))


def _note(email: str, network: str) -> Mapping[str, Any]:
    secret = settings.load(settings.Links).secrets[0]
    answer = database.as_service().call(
        "note_link_request",
        p_email=email,
        p_address_hash=keyed_hash("link_address", email, secret),
        p_ip_hash=keyed_hash("link_network", network, secret),
    )
    return cast(dict[str, Any], answer)


def _send(email: str, request_id: str, language: str, until: float) -> None:
    """One mail, whatever happens: the same bytes under the same key, as long as there is time."""
    payload, key = _payload(email, language, datetime.now(UTC)), f"preferences-link-{request_id}"
    while (left := until - time.monotonic()) > _LEAST_SECONDS:
        delivery = mail.post(payload, key, left)
        if delivery.outcome != "retry" or delivery.rate_limited:
            break
        time.sleep(_PAUSE)
    else:
        log.warning("link not mailed", error="no time left")
        return
    write = log.info if delivery.outcome == "sent" else log.warning
    write(f"link {delivery.outcome}", provider_id=delivery.provider_id, error=delivery.error)


def _payload(email: str, language: str, now: datetime) -> str:
    from shared import messages, preferences_page  # templates: only who is mailed needs them

    known = settings.load(settings.Links)
    page = f"{known.functions_url}/preferences?token="
    unsubscribe = page + tokens.sign_link("unsubscribe", email, known.secrets[0], None)
    link = page + tokens.sign_link("preferences", email, known.secrets[0], now + _VALID_FOR)
    html, text = preferences_page.mail_parts(language, link=link, unsubscribe=unsubscribe, address=email)
    return mail.encode(
        messages.Email(
            to=email,
            from_=settings.load(settings.Mail).sender,
            subject=preferences_page.words_of(language)["mail"]["subject"],
            html=html,
            text=text,
            reply_to=None,
            headers={
                "List-Unsubscribe": f"<{unsubscribe}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
            attachments=(),
            tags=({"name": "kind", "value": "preferences_link"},),
        )
    )
