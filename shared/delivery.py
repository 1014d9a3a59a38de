"""What became of one try to send a message. Made by `mail` and `sms`, settled by `outbox`.

The distinction that matters is between *certainly not accepted* (`accepted=False`: may be posted anew) and *in doubt*
(`accepted=None`: only the same bytes under the same key may be posted again, and a text not at all).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

Outcome = Literal["sent", "failed", "unknown", "retry"]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One try. `error` is a code or a few words, never an address; `rate_limit` is in requests per second.

    `rate_limited` says that the provider was not asking for another message but for patience: it costs no try.
    """

    outcome: Outcome
    provider_id: str | None = None
    error: str | None = None
    retry_at: datetime | None = None
    accepted: bool | None = None
    rate_limited: bool = False
    rate_limit: float | None = None


def read_retry_after(value: str | None, now: datetime) -> datetime | None:
    """The header `Retry-After` (seconds or an HTTP date) as a time in UTC, between a second and a day away."""
    if not value:
        return None
    try:
        wanted = now + timedelta(seconds=float(value))
    except (ValueError, OverflowError):
        try:
            wanted = parsedate_to_datetime(value)
        except ValueError:
            return None
        if wanted.tzinfo is None:
            wanted = wanted.replace(tzinfo=UTC)
    return min(max(wanted.astimezone(UTC), now + timedelta(seconds=1)), now + timedelta(days=1))
