"""Cancelling many: staff send a batch in chunks, and every row gets an answer of its own.

Each row is an action of its batch: what a chunk has come to stays known, so the same chunk again, after a cut or a lost
answer, continues and never asks Cal.com twice for one booking. Rows that were not reached in time are not begun.
"""

from __future__ import annotations

import time
from typing import Any, cast

from pydantic import JsonValue

from shared import actions, cancelling, database
from shared.cancel_request import Batch
from shared.errors import NotAllowed, ServiceError

# All of a chunk; a row that was cut off is free again within that time (private.action_lease).
SECONDS = 50.0
_LEAST_SECONDS = 2.0  # with less left, no row is begun
_PAUSE_SECONDS = 1.0
_ENDED = ("cancelled", "already_cancelled")

Row = dict[str, JsonValue]


def cancel(token: str, batch: Batch, deadline: float) -> tuple[list[JsonValue], list[str]]:
    """→ a result for each booking, in their order, and the bookings that owe somebody a message now.

    Raises NotAllowed for who does not work here, Unavailable.
    """
    ids = [str(booking_id) for booking_id in dict.fromkeys(batch.booking_ids)]
    owing: list[str] = []
    rows = _preview(token, batch, ids) if batch.dry_run else _cancel_all(token, batch, ids, deadline, owing)
    if all(row.get("error") == "not_allowed" for row in rows):
        raise NotAllowed()
    return list(rows), owing


def _cancel_all(token: str, batch: Batch, ids: list[str], deadline: float, owing: list[str]) -> list[Row]:
    results: dict[str, Row] = {}
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
    return [results[booking_id] for booking_id in ids]


def _preview(token: str, batch: Batch, ids: list[str]) -> list[Row]:
    rows = database.as_user(token).call(
        "preview_cancel", p_booking_ids=cast(JsonValue, ids), p_batch_id=str(batch.batch_id), p_reason=batch.reason
    )
    found = cast(list[dict[str, Any]], rows)
    return [
        row if row["outcome"] in ("would_cancel", *_ENDED) else {**row, "outcome": "failed", "error": row["outcome"]}
        for row in found
    ]


def _cancel_row(token: str, batch: Batch, booking_id: str, deadline: float, owing: list[str]) -> Row:
    row: Row = {"booking_id": booking_id, "messages": 0}
    try:
        while deadline - time.monotonic() >= _LEAST_SECONDS:
            begun = actions.begin(*(token, "cancel", booking_id), reason=batch.reason, batch_id=str(batch.batch_id))
            if begun.state == "failed":
                return row | {"outcome": "failed", "error": begun.outcome}
            if begun.state == "done":
                return row | {"outcome": begun.outcome}
            until = min(deadline, time.monotonic() + actions.SECONDS)
            try:
                done = actions.carry_out(begun, cancelling.cancel, until, can_wait=True)
            except actions.WaitForTurn as turn:
                actions.release(begun)  # who acts on this booking meanwhile need not wait too
                if deadline - time.monotonic() < turn.seconds + _LEAST_SECONDS:
                    break
                time.sleep(turn.seconds)
                continue
            owing += actions.due(done)
            return row | {"outcome": done["outcome"], "messages": done["messages"]}
    except ServiceError as error:
        if error.code == "already_cancelled":
            return row | {"outcome": "already_cancelled"}
        return row | {"outcome": "failed", "error": error.code}
    return row | {"outcome": "failed", "error": "not_reached"}
