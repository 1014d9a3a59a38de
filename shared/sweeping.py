"""The sweep: all that waits, in one call each minute, safe in any number at once.

Events that could not be applied when they came are tried again, texts of which Twilio has not said the last word are
looked up, what is due is sent, and what was kept long enough is forgotten. What fails in one step keeps none of the
others from being done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import cast

from pydantic import JsonValue

from shared import database, outbox, texts_in_doubt
from shared.errors import ServiceError

# The next sweep starts a minute after this one.
_SECONDS, _LOOKING_SECONDS = 50.0, 10.0
_EVENTS, _FORGOTTEN = 100, 1000


def sweep(started: float) -> tuple[dict[str, JsonValue], JsonValue]:
    """Do all that waits, until 50 s after `started` (on the monotonic clock).

    → what was done, by its name; and how many messages are due and still wait. Writes the heartbeat in `job_runs`, and
    then raises ServiceError if nothing could be sent.
    """
    started_at = datetime.now(UTC)
    applied, events_failed = _events()
    settled, texts_failed = _count(
        lambda: texts_in_doubt.look(min(started + _SECONDS, time.monotonic() + _LOOKING_SECONDS))
    )
    counts, sending_failed = outbox.Counts(), None
    try:
        counts = outbox.sweep(started + _SECONDS)
    except ServiceError as error:
        sending_failed = error
    forgotten, forgetting_failed = _count(
        lambda: cast(int, database.as_service().call("forget_old", p_limit=_FORGOTTEN))
    )
    done: dict[str, JsonValue] = {"applied": applied, "settled": settled, "forgotten": forgotten, **asdict(counts)}
    failure = sending_failed or events_failed or texts_failed or forgetting_failed
    finished = database.as_service().call(
        "finish_job",
        p_job="reminders",
        p_started_at=started_at.isoformat(),
        p_result=done,
        p_error=failure.code if failure else None,
    )
    if sending_failed:
        raise sending_failed
    return done, cast(dict[str, JsonValue], finished)["backlog"]


def _events() -> tuple[int, ServiceError | None]:
    """Try events again, each in a transaction of its own. → how many could be applied, and why it stopped early"""
    applied = 0
    try:
        for _ in range(_EVENTS):
            answer = cast(dict[str, int], database.as_service().call("retry_events", p_limit=1))
            applied += answer["applied"]
            if not answer["tried"]:
                break
    except ServiceError as error:
        return applied, error
    return applied, None


def _count(step: Callable[[], int]) -> tuple[int, ServiceError | None]:
    try:
        return step(), None
    except ServiceError as error:
        return 0, error
