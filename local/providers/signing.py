"""Signatures of what the providers send to us."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urldefrag

from standardwebhooks import Webhook


def svix_headers(secret: str, event_id: str, at: datetime, body: str) -> dict[str, str]:
    """The headers of Resend's webhooks. `secret` is `whsec_…`, as its dashboard shows it.

    https://docs.svix.com/receiving/verifying-payloads/how-manual
    """
    return {
        "svix-id": event_id,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(secret).sign(msg_id=event_id, timestamp=at, data=body),
    }


def twilio_signature(auth_token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the URL, then every field in the order of its name.

    The fragment of a callback URL is an order to Twilio (`#rc=3`), never sent and not signed.
    https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """
    signed = urldefrag(url).url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(auth_token.encode(), signed.encode(), hashlib.sha1)).decode()
