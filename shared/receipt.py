"""What a provider says became of a message, as the SQL function `record_receipt` takes it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One receipt. `event` is the provider's word; `permanent` ends all messages to where this one went.

    `receipt_id` is the same whenever the same is said again. `detail` is codes only, never an address or a text.
    `occurred_at` is aware.
    """

    receipt_id: str
    channel: Literal["email", "sms"]
    event: str
    occurred_at: datetime
    provider_id: str | None = None
    notification_id: str | None = None
    permanent: bool = False
    detail: str | None = None

    def as_json(self) -> dict[str, JsonValue]:
        return {**asdict(self), "occurred_at": self.occurred_at.isoformat()}


def message_id(value: object) -> str | None:
    """The id of a notification, if it is one."""
    return value if isinstance(value, str) and _UUID.fullmatch(value) else None


def code(value: object) -> str | None:
    """A provider's id, name or code, if it is one: it is kept, and must not carry anything else along."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None
