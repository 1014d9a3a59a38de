"""The sweep, started each minute: try quarantined events again, then send all that is due."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import cast

from pydantic import JsonValue

from shared import database, outbox, settings, tokens, web
from shared.errors import ServiceError

settings.require(settings.Database, settings.Scheduler, settings.Mail, settings.Sms, settings.Links)

# The next sweep starts a minute after this one.
_SECONDS = 50.0
_EVENTS = 100


@web.endpoint("POST", auth=tokens.scheduler("reminders"))
def reminders(request: web.Request) -> web.Answer:
    """`POST` by the scheduler → 200 `{"claimed", "sent", "failed", "skipped", "backlog"}`."""
    started_at = datetime.now(UTC)
    applied, error = _retry_events()
    try:
        counts: dict[str, JsonValue] = {**asdict(outbox.sweep(request.started + _SECONDS))}
    except ServiceError as failure:
        _finish(started_at, {"applied": applied}, failure.code)
        raise
    backlog = _finish(started_at, {"applied": applied, **counts}, error)
    request.notes.update(counts, applied=applied, backlog=backlog)
    return web.Answer({**counts, "backlog": backlog})


def _retry_events() -> tuple[int, str | None]:
    """Try events again that could not be applied when they came, each in a transaction of its own.

    → how many could be applied, and why it stopped early: mail does not wait for an event that cannot be applied.
    """
    applied = 0
    try:
        for _ in range(_EVENTS):
            answer = cast(dict[str, int], database.as_service().call("retry_events", p_limit=1))
            applied += answer["applied"]
            if not answer["tried"]:
                break
    except ServiceError as error:
        return applied, error.code
    return applied, None


def _finish(started_at: datetime, result: dict[str, JsonValue], error: str | None) -> JsonValue:
    """Write the heartbeat. → how many messages are due and still waiting."""
    answer = database.as_service().call(
        "finish_job", p_job="reminders", p_started_at=started_at.isoformat(), p_result=result, p_error=error
    )
    return cast(dict[str, JsonValue], answer)["backlog"]
