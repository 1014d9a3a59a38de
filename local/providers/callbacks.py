"""Calling our own functions the way a provider does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx

TIMEOUT_SECONDS = 15.0


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
        response = httpx.post(url, content=body, headers=dict(headers), timeout=TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        return Delivery(url, None, type(error).__name__)
    return Delivery(url, response.status_code)
