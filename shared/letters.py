"""Letters: what one call of a provider carries. Rendered or as an earlier try left it, posted once.

Reminders by e-mail share a letter: what the database claimed under one key is one body, one call, one answer. All else
is a letter of its own. A batch is kept compressed: its bytes are a megabyte of much the same.
"""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from shared import log, mail, settings, sms, tokens
from shared.delivery import Delivery

if TYPE_CHECKING:
    from shared.messages import Claimed, Links

LARGEST_BATCH = mail.LARGEST_BATCH
LEAST_SECONDS = 0.3  # with less left, nothing new is begun
_TRY_SECONDS = 10.0  # one post takes no longer

Settlement = tuple[str, str, Delivery]  # message, lease, what became of it


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One call of a provider, its bytes fixed. `repeated`: an earlier try with these bytes may have been accepted.

    `ids`: the messages in it, in its order; one, but for a batch.
    """

    ids: Sequence[str]
    lease: str
    channel: Literal["email", "sms"]
    key: str
    payload: str
    repeated: bool
    is_batch: bool

    @property
    def kept(self) -> str:
        """The payload as the outbox keeps it."""
        return base64.b64encode(zlib.compress(self.payload.encode(), 1)).decode() if self.is_batch else self.payload


def write(rows: list[dict[str, Any]]) -> tuple[Letter | None, list[Settlement]]:
    """The letter of what was claimed under one key: the bytes of an earlier try, or rendered now.

    → also the messages that could not be rendered, which fail alone. Raises ImportError: a package is missing.
    """
    first = rows[0]
    payload: str | None = first["payload"]
    is_batch = first["kind"] == "reminder" and first["channel"] == "email"
    ids = [row["id"] for row in rows]
    failed: list[Settlement] = []
    if payload is None:
        bodies: dict[str, str] = {}
        for row in rows:
            try:
                bodies[row["id"]] = _render(row)
            except ImportError:
                raise  # of this deployment: no message is to blame
            except Exception as error:
                log.error("message not rendered", error, notification_id=row["id"], kind=row["kind"])
                told = f"render: {type(error).__name__}"
                failed.append((row["id"], row["lease"], Delivery(outcome="failed", accepted=False, error=told)))
        if not bodies:
            return None, failed
        ids = list(bodies)
        payload = mail.encode_batch([*bodies.values()]) if is_batch else bodies[ids[0]]
    elif is_batch:
        payload = zlib.decompress(base64.b64decode(payload)).decode()
        ids = mail.notification_ids(payload)  # of some a receipt has come meanwhile
    letter = Letter(
        ids=ids,
        lease=first["lease"],
        channel=first["channel"],
        key=first["batch_key"],
        payload=payload,
        repeated=first["payload"] is not None,
        is_batch=is_batch,
    )
    return letter, failed


def _render(row: dict[str, Any]) -> str:
    from shared import messages  # templates, calendars and time zones: only who sends needs them

    claimed = messages.Claimed.model_validate(row)
    message = messages.render(claimed, _links(claimed))
    if isinstance(message, messages.Email):
        return mail.encode(message)
    return sms.encode(message, row["id"], claimed.booking.starts_at, datetime.now(UTC))


def _links(claimed: Claimed) -> Links:
    from shared.messages import Links

    known = settings.load(settings.Links)
    token = tokens.sign_link("unsubscribe", claimed.recipient, known.secrets[0], expires_at=None)
    return Links(
        portal=known.portal_url,
        unsubscribe=f"{known.functions_url}/preferences?token={token}",
        from_=settings.load(settings.Mail).sender,
    )


def post(letter: Letter, deadline: float) -> list[Delivery]:
    """What became of each message in the letter."""
    left = deadline - time.monotonic()
    if letter.channel == "sms" and letter.repeated:
        return [Delivery(outcome="unknown", error="interrupted")]
    if left < LEAST_SECONDS:
        accepted = None if letter.repeated else False
        later = Delivery(
            outcome="retry", accepted=accepted, rate_limited=True, retry_at=datetime.now(UTC), error="no time left"
        )
        return [later] * len(letter.ids)
    timeout = min(left, _TRY_SECONDS)
    try:
        if letter.is_batch:
            return mail.post_batch(letter.payload, len(letter.ids), letter.key, timeout)
        if letter.channel == "sms":
            return [sms.post(letter.payload, timeout)]
        return [mail.post(letter.payload, letter.key, timeout)]
    except Exception as error:
        log.error("message in doubt", error, notification_id=letter.ids[0], messages=len(letter.ids))
        outcome: Literal["unknown", "retry"] = "unknown" if letter.channel == "sms" else "retry"
        return [Delivery(outcome=outcome, error=f"post: {type(error).__name__}")] * len(letter.ids)
