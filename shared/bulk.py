"""Cancelling many: staff send a batch in chunks, and every row gets an answer of its own.

Each row is an action of its batch: what a chunk has come to stays known, so the same chunk again, after a cut or a lost
answer, continues and never asks Cal.com twice for one booking. Rows that were not reached in time are not begun.
"""

from __future__ import annotations

import time
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared import actions, cancelling, database
from shared.errors import NotAllowed, ServiceError

# All of a chunk; a row that was cut off is free again within that time (private.action_lease).
SECONDS = 50.0
_LEAST_SECONDS = 2.0  # with less left, no row is begun
_PAUSE_SECONDS = 1.0
_ENDED = ("cancelled", "already_cancelled")

Row = dict[str, JsonValue]


class Batch(BaseModel):
    """Bookings to cancel, in chunks of at most 20 that share a `batch_id`. `dry_run`: what it would change and tell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_id: UUID
    booking_ids: tuple[UUID, ...] = Field(min_length=1, max_length=20)
    reason: str = Field(min_length=1, max_length=1000, pattern=r"\S")
    dry_run: bool = False


def cancel(token: str, batch: Batch, deadline: float) -> tuple[list[JsonValue], list[str]]:
    """→ a result for each booking, in their order, and the bookings that owe somebody a message now.

    Raises NotAllowed for who does not work here, Unavailable.
    """
    ids = [str(booking_id) for booking_id in dict.fromkeys(batch.booking_ids)]
    if batch.dry_run:
        return _preview(token, batch, ids), []
    results: dict[str, Row] = {}
    owing: list[str] = []
    waiting = ids
    while waiting:
        for booking_id in waiting:
            results[booking_id] = _cancel_row(token, batch, booking_id, deadline, owing)
        # What another call has under way ends, or is given up, while we wait.
        waiting = [booking_id for booking_id in waiting if results[booking_id].get("error") == "in_progress"]
        if deadline - time.monotonic() < _LEAST_SECONDS + _PAUSE_SECONDS:
            break
        if waiting:
            time.sleep(_PAUSE_SECONDS)
    return [results[booking_id] for booking_id in ids], owing


def _preview(token: str, batch: Batch, ids: list[str]) -> list[JsonValue]:
    rows = database.as_user(token).call(
        "preview_cancel", p_booking_ids=cast(JsonValue, ids), p_batch_id=str(batch.batch_id), p_reason=batch.reason
    )
    found = cast(list[dict[str, Any]], rows)
    if all(row["outcome"] == "not_allowed" for row in found):
        raise NotAllowed()
    return [
        row if row["outcome"] in ("would_cancel", *_ENDED) else {**row, "outcome": "failed", "error": row["outcome"]}
        for row in found
    ]


def _cancel_row(token: str, batch: Batch, booking_id: str, deadline: float, owing: list[str]) -> Row:
    row: Row = {"booking_id": booking_id, "messages": 0}
    try:
        if deadline - time.monotonic() < _LEAST_SECONDS:
            return row | {"outcome": "failed", "error": "not_reached"}
        begun = actions.begin(*(token, "cancel", booking_id), reason=batch.reason, batch_id=str(batch.batch_id))
        if begun.state == "failed":
            return row | {"outcome": "failed", "error": begun.outcome}
        if begun.state == "done":
            return row | {"outcome": begun.outcome}
        done = _in_turn(begun, deadline)
        if done is None:
            return row | {"outcome": "failed", "error": "not_reached"}
    except NotAllowed:
        return row | {"outcome": "failed", "error": "not_allowed"}
    except ServiceError as error:
        if error.code == "already_cancelled":
            return row | {"outcome": "already_cancelled"}
        return row | {"outcome": "failed", "error": error.code}
    owing += actions.due(done)
    return row | {"outcome": done["outcome"], "messages": done["messages"]}


def _in_turn(begun: actions.Begun, deadline: float) -> dict[str, Any] | None:
    """Ask Cal.com when it is this row's turn, since it allows so many calls a minute. None: not in this call."""
    while True:
        until = min(deadline, time.monotonic() + actions.SECONDS)
        try:
            return actions.carry_out(begun, cancelling.cancel, until, can_wait=True)
        except actions.WaitForTurn as turn:
            if deadline - time.monotonic() < turn.seconds + _LEAST_SECONDS:
                actions.release(begun)
                return None
            time.sleep(turn.seconds)
