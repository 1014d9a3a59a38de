"""Texts of which Twilio has not said the last word: looked up there, and never sent again.

A text is in doubt when its post was cut off (Twilio knows no idempotency key), or when the call that should have told
what became of it did not come: Twilio makes it once. What is found is a receipt like any other.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, cast

from shared import database, log, sms, twilio_calls

_AT_ONCE = 10
_TRY_SECONDS = 10.0  # one look takes no longer
_LEAST_SECONDS = 0.5  # with less left, nothing new is begun
# Said once more, these would be no news about a text that Twilio is known to have taken.
_UNDECIDED = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})


def look(deadline: float) -> int:
    """Look up what is due for it, until nothing is or `deadline` (on the monotonic clock). → how many were settled

    Raises ServiceError when the database cannot be asked. What Twilio does not tell now is asked again later.
    """
    settled = 0
    taken: set[str] = set()  # of two texts alike, each is one
    while deadline - time.monotonic() > _LEAST_SECONDS:
        answer = database.as_service().call("doubtful_texts", p_limit=_AT_ONCE)
        rows = cast(list[dict[str, Any]], answer)
        settled += sum(_settle(row, taken, deadline) for row in rows)
        if len(rows) < _AT_ONCE:
            break
    return settled


def _settle(row: dict[str, Any], taken: set[str], deadline: float) -> bool:
    left = deadline - time.monotonic()
    if left < _LEAST_SECONDS:
        return False
    found = _look_up(row, taken, min(left, _TRY_SECONDS))
    if found is None or (row["provider_id"] and found.state in _UNDECIDED):
        return False
    taken.add(found.sid)
    receipt = twilio_calls.receipt(
        sid=found.sid, state=found.state, error=found.error, notification_id=row["id"], at=found.at, source=":looked-up"
    )
    if receipt is None:
        return False
    answer = database.as_service().call("record_receipt", p_receipt=receipt.as_json())
    outcome = cast(dict[str, str], answer)["outcome"]
    log.info("text looked up", notification_id=row["id"], event=receipt.event, outcome=outcome)
    return outcome == "applied"


def _look_up(row: dict[str, Any], taken: set[str], timeout: float) -> sms.Found | None:
    if row["provider_id"]:
        return sms.fetch(row["provider_id"], timeout)
    return sms.find(row["payload"], datetime.fromisoformat(row["since"]), taken.union(row["known"]), timeout)
