"""Deliver what is owed: claim → render → store the bytes → post → settle.

The database decides what is due, to whom, and when to give up; here each claimed message is posted once within the time
that is left. A crash at any point costs time, never a message: the lease runs out, the same bytes are claimed again and
posted under the same idempotency key. A text, which knows no such key, is never posted twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import JsonValue

from shared import database, log, mail, settings, sms, tokens
from shared.delivery import Delivery
from shared.errors import ServiceError

if TYPE_CHECKING:
    from shared.messages import Claimed, Links

_LEASE_SECONDS = 60
_TRY_SECONDS = 10.0  # one post takes no longer
_LEAST_SECONDS = 0.3  # with less left, nothing new is begun
_CLAIM_AT_ONCE = 10
# The sweep finds nothing while the providers' token buckets are empty, so it looks again before it stops.
_LOOKS, _PAUSE_SECONDS = 3, 0.5

Channel = Literal["email", "sms"]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What became of the messages of one drain."""

    claimed: int = 0
    sent: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            claimed=self.claimed + other.claimed,
            sent=self.sent + other.sent,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )


@dataclass(frozen=True, kw_only=True)
class _Letter:
    """A message whose bytes are fixed. `repeated`: an earlier try with these bytes may have been accepted."""

    id: str
    lease: str
    channel: Channel
    key: str
    payload: str
    repeated: bool


def deliver_now(booking_ids: Iterable[str], deadline: float) -> None:
    """Send what these bookings owe, as far as there is time; the sweep sends the rest. Never raises."""
    for booking_id in booking_ids:
        try:
            drain(deadline, booking_id)
        except ServiceError as error:
            log.warning("left to the sweep", booking_id=booking_id, code=error.code)
        except Exception as error:
            log.error("left to the sweep", error, booking_id=booking_id)


def drain(deadline: float, booking_id: str | None = None) -> Counts:
    """Send what is due, of this booking or of all, until nothing is due or `deadline` (on the monotonic clock).

    Raises ServiceError when the database cannot be asked. What fails for one message stays with that message.
    """
    counts, looks = Counts(), 0
    while deadline - time.monotonic() > _LEAST_SECONDS:
        leased_until = time.monotonic() + _LEASE_SECONDS
        rows = _claim(booking_id)
        counts += _deliver(rows, min(deadline, leased_until))
        looks = 0 if rows else looks + 1
        if looks == _LOOKS or (not rows and counts == Counts()):
            break
        if booking_id is not None and len(rows) < _CLAIM_AT_ONCE:
            break  # that was all: whoever waits for us need not wait for an empty claim
        if not rows:
            time.sleep(_PAUSE_SECONDS)
    return counts


def _claim(booking_id: str | None) -> list[dict[str, Any]]:
    rows = database.as_service().call(
        "claim_notifications", p_limit=_CLAIM_AT_ONCE, p_lease=_LEASE_SECONDS, p_booking_id=booking_id
    )
    return cast(list[dict[str, Any]], rows)


def _deliver(rows: list[dict[str, Any]], deadline: float) -> Counts:
    due = [row for row in rows if row["status"] == "sending"]
    counts = Counts(claimed=len(due), skipped=len(rows) - len(due))
    letters: list[_Letter] = []
    for row in due:
        try:
            letters.append(_write(row))
        except ImportError:
            raise  # a package is missing in this deployment: no message is to blame
        except Exception as error:
            log.error("message not rendered", error, notification_id=row["id"], kind=row["kind"])
            unrendered = Delivery(outcome="failed", accepted=False, error=f"render: {type(error).__name__}")
            counts += _settle(row["id"], row["lease"], unrendered)
    for letter in _keep(letters):
        counts += _settle(letter.id, letter.lease, _post(letter, deadline))
    return counts


def _write(row: dict[str, Any]) -> _Letter:
    """The message's bytes: those of an earlier try, or rendered now."""
    repeated = row["payload"] is not None
    return _Letter(
        id=row["id"],
        lease=row["lease"],
        channel=row["channel"],
        key=row["batch_key"],
        payload=row["payload"] if repeated else _render(row),
        repeated=repeated,
    )


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


def _keep(letters: list[_Letter]) -> list[_Letter]:
    """Store the bytes before they are posted. Who is not in the answer has lost the lease, and is not posted."""
    fresh = [letter for letter in letters if not letter.repeated]
    kept: set[JsonValue] = {letter.key for letter in letters if letter.repeated}
    if fresh:
        answer = database.as_service().call(
            "store_payloads",
            p_payloads=[{"lease": one.lease, "batch_key": one.key, "payload": one.payload} for one in fresh],
        )
        kept.update(cast(dict[str, list[str]], answer)["stored"])
    return [letter for letter in letters if letter.key in kept]


def _post(letter: _Letter, deadline: float) -> Delivery:
    left = deadline - time.monotonic()
    if letter.channel == "sms" and letter.repeated:
        return Delivery(outcome="unknown", error="interrupted")
    if left < _LEAST_SECONDS:
        return Delivery(
            outcome="retry",
            accepted=None if letter.repeated else False,
            rate_limited=True,
            retry_at=datetime.now(UTC),
            error="no time left",
        )
    timeout = min(left, _TRY_SECONDS)
    try:
        if letter.channel == "sms":
            return sms.post(letter.payload, timeout)
        return mail.post(letter.payload, letter.key, timeout)
    except Exception as error:
        log.error("message in doubt", error, notification_id=letter.id)
        return Delivery(
            outcome="unknown" if letter.channel == "sms" else "retry", error=f"post: {type(error).__name__}"
        )


def _settle(notification_id: str, lease: str, delivery: Delivery) -> Counts:
    """Write down what became of a message. If that fails the lease runs out, and the message is claimed again."""
    result: dict[str, JsonValue] = {"id": notification_id, "lease": lease, "outcome": delivery.outcome}
    if delivery.provider_id is not None:
        result["provider_id"] = delivery.provider_id
    if delivery.error is not None:
        result["error"] = delivery.error
    if delivery.retry_at is not None:
        result["retry_at"] = delivery.retry_at.isoformat()
    if delivery.accepted is not None:
        result["accepted"] = delivery.accepted
    if delivery.rate_limited:
        result["rate_limited"] = True
    if delivery.rate_limit is not None:
        result["rate_limit"] = delivery.rate_limit
    try:
        database.as_service().call("settle_notifications", p_results=[result])
    except ServiceError as error:
        log.warning("not settled", notification_id=notification_id, outcome=delivery.outcome, code=error.code)
    write = log.info if delivery.outcome == "sent" else log.warning
    write(f"message {delivery.outcome}", notification_id=notification_id, error=delivery.error)
    return Counts(sent=delivery.outcome == "sent", failed=delivery.outcome == "failed")
