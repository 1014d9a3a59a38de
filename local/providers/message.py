"""What a provider accepted: one e-mail or one text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file of an e-mail. A file given by URL (`path`) has no content: the stand-in fetches nothing."""

    filename: str
    content_type: str
    content: bytes
    content_id: str | None = None
    path: str | None = None

    @property
    def is_calendar(self) -> bool:
        return self.content_type.lower().startswith("text/calendar") or self.filename.lower().endswith(".ics")

    def as_json(self) -> dict[str, Any]:
        """Content in base64, as Resend takes it."""
        return {
            "filename": self.filename,
            "content_type": self.content_type,
            "content": base64.b64encode(self.content).decode(),
            "content_id": self.content_id,
            "path": self.path,
            "size": len(self.content),
        }


@dataclass(frozen=True, kw_only=True)
class Message:
    """One accepted message. Times are aware UTC.

    `status` is the last thing that became known of it, in the provider's own words (`sent`, `delivered`,
    `undelivered` …). `details` holds what only one provider knows, such as `status_callback`.
    """

    id: str
    channel: Literal["email", "sms"]
    sender: str
    to: tuple[str, ...]
    accepted_at: datetime
    status: str
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[tuple[str, str], ...] = ()
    idempotency_key: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """About how many bytes it holds in memory."""
        return (
            1024
            + sum(len(part or "") for part in (self.subject, self.text, self.html))
            + sum(len(attachment.content) for attachment in self.attachments)
            + sum(len(key) + len(value) for key, value in self.headers.items())
        )

    def as_json(self) -> dict[str, Any]:
        """The shape of `GET /_sim/messages`."""
        return {
            "id": self.id,
            "channel": self.channel,
            "from": self.sender,
            "to": list(self.to),
            "cc": list(self.cc),
            "bcc": list(self.bcc),
            "reply_to": list(self.reply_to),
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "attachments": [attachment.as_json() for attachment in self.attachments],
            "headers": dict(self.headers),
            "tags": [{"name": name, "value": value} for name, value in self.tags],
            "idempotency_key": self.idempotency_key,
            "accepted_at": self.accepted_at.isoformat(),
            "status": self.status,
            "details": dict(self.details),
        }
