"""The body of `POST /emails`, checked as Resend checks it.

https://resend.com/docs/api-reference/emails/send-email and …/errors
One difference, on purpose: a field that Resend does not know is refused here, so that a typing mistake shows at once.
"""

from __future__ import annotations

import base64
import binascii
import json
import mimetypes
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from local.providers.message import Attachment, Message

_ADDRESS_FIELDS: Final = ("from", "to", "cc", "bcc", "reply_to")
_CONTENT_FIELDS: Final = ("subject", "html", "text", "template", "headers", "attachments")
FIELDS: Final = frozenset((*_ADDRESS_FIELDS, *_CONTENT_FIELDS, "scheduled_at", "tags", "topic_id"))
ATTACHMENT_FIELDS: Final = frozenset(("content", "filename", "path", "content_type", "content_id", "inline_content_id"))
MAX_RECIPIENTS: Final = 50
#: All attachments of one e-mail, counted in base64.
MAX_ATTACHMENT_BYTES: Final = 40 * 1024 * 1024

_ADDRESS = r"[^\s<>@,;\"]+@[^\s<>@,;\"]+\.[^\s<>@,;\".]+"
_MAILBOX: Final = re.compile(rf"(?:{_ADDRESS}|[^<>\r\n]*<{_ADDRESS}>)")
_TAG: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_ADDRESS_FORM: Final = "it takes `email@example.com` or `Name <email@example.com>`"


class InvalidEmail(ValueError):
    """Refused with 422; `name` is Resend's name for the kind of error."""

    def __init__(self, message: str, name: str = "validation_error") -> None:
        super().__init__(message)
        self.message = message
        self.name = name


def read_email(
    fields: object, *, email_id: str, accepted_at: datetime, idempotency_key: str | None, in_batch: bool = False
) -> Message:
    """The e-mail that these fields ask for. Raises InvalidEmail with the first thing that is wrong."""
    if not isinstance(fields, Mapping):
        raise InvalidEmail("An e-mail is an object.")
    _refuse_unknown(fields, FIELDS, "field")
    _refuse_in_batch(fields, in_batch)
    for required in ("from", "to", "subject"):
        if fields.get(required) in (None, "", []):
            raise InvalidEmail(f"Missing `{required}` field.", "missing_required_field")
    if not any(fields.get(part) for part in ("html", "text", "template")):
        raise InvalidEmail("Missing `html` or `text` field.", "missing_required_field")
    return Message(
        id=email_id,
        channel="email",
        sender=_sender(fields["from"]),
        to=_addresses(fields, "to", MAX_RECIPIENTS),
        cc=_addresses(fields, "cc"),
        bcc=_addresses(fields, "bcc"),
        reply_to=_addresses(fields, "reply_to"),
        subject=_text(fields, "subject"),
        text=_text(fields, "text"),
        html=_text(fields, "html"),
        headers=_headers(fields.get("headers")),
        attachments=_attachments(fields.get("attachments")),
        tags=_tags(fields.get("tags")),
        idempotency_key=idempotency_key,
        accepted_at=accepted_at,
        status="scheduled" if fields.get("scheduled_at") else "sent",
        details=_details(fields),
    )


def _refuse_unknown(fields: Mapping[Any, Any], known: frozenset[str], what: str) -> None:
    unknown = sorted(str(name) for name in set(fields) - known)
    if unknown:
        raise InvalidEmail(f"Unknown {what} `{unknown[0]}`.")


def _refuse_in_batch(fields: Mapping[Any, Any], in_batch: bool) -> None:
    for name in ("attachments", "scheduled_at"):
        if in_batch and fields.get(name):
            raise InvalidEmail(f"The `{name}` field is not supported in a batch.")


def _sender(value: object) -> str:
    if not isinstance(value, str) or not _MAILBOX.fullmatch(value.strip()):
        raise InvalidEmail(f"Invalid `from` field: {_ADDRESS_FORM}.", "invalid_from_address")
    return value.strip()


def _addresses(fields: Mapping[Any, Any], name: str, most: int | None = None) -> tuple[str, ...]:
    value = fields.get(name)
    addresses = [] if value in (None, "") else [value] if isinstance(value, str) else value
    if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
        raise InvalidEmail(f"The `{name}` field must be a string or a list of strings.")
    if not all(_MAILBOX.fullmatch(address.strip()) for address in addresses):
        raise InvalidEmail(f"Invalid `{name}` field: {_ADDRESS_FORM}.")
    if most and len(addresses) > most:
        raise InvalidEmail(f"The `{name}` field takes at most {most} addresses.")
    return tuple(address.strip() for address in addresses)


def _text(fields: Mapping[Any, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidEmail(f"The `{name}` field must be a string.")
    return value


def _headers(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in value.values()):
        raise InvalidEmail("The `headers` field must be an object of strings.")
    return dict(value)


def _tags(value: object) -> tuple[tuple[str, str], ...]:
    tags = [] if value is None else value
    if not isinstance(tags, list) or not all(
        isinstance(tag, Mapping) and set(tag) == {"name", "value"} for tag in tags
    ):
        raise InvalidEmail("The `tags` field must be a list of objects with `name` and `value`.")
    pairs = [(tag["name"], tag["value"]) for tag in tags]
    if not all(isinstance(part, str) and _TAG.fullmatch(part) for pair in pairs for part in pair):
        raise InvalidEmail("Tags take ASCII letters, numbers, underscores and dashes, at most 256.")
    return tuple(pairs)


def _attachments(value: object) -> tuple[Attachment, ...]:
    files = [] if value is None else value
    if not isinstance(files, list):
        raise InvalidEmail("The `attachments` field must be a list.", "invalid_attachment")
    attachments = tuple(_attachment(file) for file in files)
    if sum(len(attachment.content) for attachment in attachments) * 4 / 3 > MAX_ATTACHMENT_BYTES:
        raise InvalidEmail("The attachments are larger than 40 MB.", "invalid_attachment")
    return attachments


def _attachment(file: object) -> Attachment:
    if not isinstance(file, Mapping):
        raise InvalidEmail("An attachment is an object.", "invalid_attachment")
    _refuse_unknown(file, ATTACHMENT_FIELDS, "attachment field")
    for name in ATTACHMENT_FIELDS - {"content"}:
        _text(file, name)
    if not file.get("content") and not file.get("path"):
        raise InvalidEmail("An attachment takes either `content` or `path`.", "invalid_attachment")
    filename = file.get("filename") or "attachment"
    return Attachment(
        filename=filename,
        content_type=file.get("content_type") or mimetypes.guess_type(filename)[0] or "application/octet-stream",
        content=_content(file.get("content")),
        content_id=file.get("content_id") or file.get("inline_content_id"),
        path=file.get("path"),
    )


def _content(value: object) -> bytes:
    """Base64, or a list of bytes as numbers, which is what the SDKs make of a file."""
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
        if isinstance(value, list):
            return bytes(value)
    except (binascii.Error, ValueError, TypeError):
        raise InvalidEmail("The `content` of an attachment must be base64.", "invalid_attachment") from None
    if value is not None:
        raise InvalidEmail("The `content` of an attachment must be a string.", "invalid_attachment")
    return b""


def _details(fields: Mapping[Any, Any]) -> dict[str, str]:
    details = {name: _text(fields, name) for name in ("scheduled_at", "topic_id")}
    template = fields.get("template")
    return {
        **{name: value for name, value in details.items() if value},
        **({"template": json.dumps(template)} if template else {}),
    }
