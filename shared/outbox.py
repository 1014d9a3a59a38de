"""Deliver what is owed: claim → write the letters → store the bytes → post → settle.

The database decides what is due, to whom, and when to give up; here each claimed message is posted once within the time
that is left. A crash at any point costs time, never a message: the lease runs out, the same bytes are claimed again and
posted under the same idempotency key. A text, which knows no such key, is never posted twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import add, itemgetter
from typing import Any, cast

from pydantic import JsonValue

from shared import database, letters, log
from shared.delivery import Delivery
from shared.errors import ServiceError

_LEASE_SECONDS = 60
# Of one booking a few messages; of all as much as is rendered and posted well within a lease.
_OF_ONE_BOOKING, _OF_ALL = 10, 5 * letters.LARGEST_BATCH
_WORKERS = 4
# The sweep finds nothing while the providers' token buckets are empty; of one booking nothing is found while an earlier
# message to the same person is under way, or the booking is just being changed. So both look again before they stop.
_LOOKS, _PAUSE_SECONDS = 3, 0.5
_SHORT_PAUSE_SECONDS = 0.15


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


def deliver_now(booking_ids: Iterable[str], deadline: float) -> None:
    """Send what these bookings owe, as far as there is time; the sweep sends the rest. Never raises."""
    for booking_id in booking_ids:
        try:
            drain(deadline, booking_id)
        except ServiceError as error:
            log.warning("left to the sweep", booking_id=booking_id, code=error.code)
        except Exception as error:
            log.error("left to the sweep", error, booking_id=booking_id)


def sweep(deadline: float) -> Counts:
    """Send all that is due until nothing is due: one worker, and more while there is more than it can take at once.

    Raises what `drain` raises, after all workers have stopped.
    """
    others: list[Future[Counts]] = []
    with ThreadPoolExecutor(_WORKERS - 1) as pool:

        def call_another() -> None:
            if sum(not other.done() for other in others) < _WORKERS - 1:
                others.append(pool.submit(copy_context().run, _help, deadline))

        counts = drain(deadline, call_another=call_another)
    return reduce(add, [other.result() for other in others], counts)


def drain(deadline: float, booking_id: str | None = None, call_another: Callable[[], None] = lambda: None) -> Counts:
    """Send what is due, of this booking or of all, until nothing is due or `deadline` (on the monotonic clock).

    `call_another` is called when there is more than one worker can take. Raises ServiceError when the database cannot
    be asked. What fails for one message stays with that message.
    """
    limit, pause = (_OF_ALL, _PAUSE_SECONDS) if booking_id is None else (_OF_ONE_BOOKING, _SHORT_PAUSE_SECONDS)
    counts, looks = Counts(), 0
    while deadline - time.monotonic() > letters.LEAST_SECONDS:
        leased_until = time.monotonic() + _LEASE_SECONDS
        rows = _claim(booking_id, limit)
        if len(rows) >= limit:
            call_another()
        counts += _deliver(rows, min(deadline, leased_until))
        looks = 0 if rows else looks + 1
        if looks == _LOOKS or (booking_id is None and counts == Counts()):
            break
        if booking_id is not None and 0 < len(rows) < limit:
            break  # that was all: whoever waits for us need not wait for an empty claim
        if not rows or letters.LARGEST_BATCH <= len(rows) < limit:
            time.sleep(pause)  # the bucket was empty, or is now: several batches at once cost fewer calls
    return counts


def _help(deadline: float) -> Counts:
    """Send what is due for as long as there is more than one worker can take."""
    counts, is_full = Counts(), True
    while is_full and deadline - time.monotonic() > letters.LEAST_SECONDS:
        leased_until = time.monotonic() + _LEASE_SECONDS
        rows = _claim(None, _OF_ALL)
        is_full = len(rows) >= _OF_ALL
        counts += _deliver(rows, min(deadline, leased_until))
    return counts


def _claim(booking_id: str | None, limit: int) -> list[dict[str, Any]]:
    rows = database.as_service().call(
        "claim_notifications", p_limit=limit, p_lease=_LEASE_SECONDS, p_booking_id=booking_id
    )
    return cast(list[dict[str, Any]], rows)


def _deliver(rows: list[dict[str, Any]], deadline: float) -> Counts:
    due = [row for row in rows if row["status"] == "sending"]
    counts = Counts(claimed=len(due), skipped=len(rows) - len(due))
    written: list[letters.Letter] = []
    for _, claimed in groupby(due, itemgetter("batch_key")):
        letter, unwritten = letters.write(list(claimed))
        written += [letter] if letter else []
        counts += _settle(unwritten)
    for letter in _keep(written):
        posted = letters.post(letter, deadline)
        counts += _settle([(one, letter.lease, delivery) for one, delivery in zip(letter.ids, posted, strict=True)])
    return counts


def _keep(written: list[letters.Letter]) -> list[letters.Letter]:
    """Store the bytes before they are posted. Who is not in the answer has lost the lease, and is not posted."""
    fresh = [letter for letter in written if not letter.repeated]
    kept: set[JsonValue] = {letter.key for letter in written if letter.repeated}
    if fresh:
        answer = database.as_service().call(
            "store_payloads",
            p_payloads=[{"lease": one.lease, "batch_key": one.key, "payload": one.kept} for one in fresh],
        )
        kept.update(cast(dict[str, list[str]], answer)["stored"])
    return [letter for letter in written if letter.key in kept]


def _settle(settlements: list[letters.Settlement]) -> Counts:
    """Write down what became of messages. If that fails their lease runs out, and they are claimed again."""
    if not settlements:
        return Counts()
    try:
        database.as_service().call("settle_notifications", p_results=[_result(*one) for one in settlements])
    except ServiceError as error:
        log.warning("not settled", notification_id=settlements[0][0], messages=len(settlements), code=error.code)
    for notification_id, _, delivery in settlements:
        write = log.info if delivery.outcome == "sent" else log.warning
        write(f"message {delivery.outcome}", notification_id=notification_id, error=delivery.error)
    outcomes = [delivery.outcome for _, _, delivery in settlements]
    return Counts(sent=outcomes.count("sent"), failed=outcomes.count("failed"))


def _result(notification_id: str, lease: str, delivery: Delivery) -> dict[str, JsonValue]:
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
    return result
