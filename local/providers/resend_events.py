"""Resend's webhook events about an e-mail.

https://resend.com/docs/webhooks/event-types
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from local.providers.message import Message

#: What an event carries of its own, unless the order gives other values.
_PARTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "sent": {},
    "scheduled": {},
    "delivered": {},
    "delivery_delayed": {},
    "complained": {},
    "opened": {},
    "bounced": {
        "bounce": {
            "type": "Permanent",
            "subType": "General",
            "message": "The recipient's mail server rejected the e-mail for good.",
            "diagnosticCode": ["smtp; 550 5.1.1 user unknown"],
        }
    },
    "failed": {"failed": {"reason": "reached_daily_quota"}},
    "suppressed": {
        "suppressed": {
            "type": "OnAccountSuppressionList",
            "reason": "previous_bounce",
            "message": "The address is on the account's suppression list.",
            "diagnosticCode": [],
        }
    },
    "clicked": {
        "click": {
            "ipAddress": "192.0.2.1",
            "link": "https://example.com/",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "userAgent": "Stand-in",
        }
    },
}
EVENTS: Final = frozenset(_PARTS)


def event_body(message: Message, event: str, at: datetime, parts: Mapping[str, Any]) -> str:
    """The JSON text of `email.<event>`. `parts` replaces fields of the event's own part:
    `{"bounce": {"type": "Transient"}}`.
    """
    own = {name: {**part, **_mapping(parts.get(name))} for name, part in _PARTS[event].items()}
    data = {
        "created_at": message.accepted_at.isoformat(),
        "email_id": message.id,
        "from": message.sender,
        "to": list(message.to),
        "subject": message.subject,
        "tags": dict(message.tags),
        **own,
    }
    return json.dumps({"type": f"email.{event}", "created_at": at.isoformat(), "data": data})


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
