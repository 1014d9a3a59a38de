"""Calling our own functions the way a provider does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx

# Made once: it reads all certificates that there are. No connection is used twice, since the receiver may close it.
_CLIENT = httpx.Client(timeout=15.0, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True)
class Delivery:
    """How a callback went: the status that the receiver answered, or why there was no answer."""

    url: str
    status: int | None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Delivery:
    """One try; neither redirects nor repeats. Resend would repeat for a day, Twilio only where it cannot connect."""
    try:
        response = _CLIENT.post(url, content=body, headers=dict(headers))
    except httpx.HTTPError as error:
        return Delivery(url, None, type(error).__name__)
    return Delivery(url, response.status_code)
