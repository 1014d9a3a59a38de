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
    try:
        result: dict[str, JsonValue] = {"applied": _retry_events()}
        result |= asdict(outbox.drain(request.started + _SECONDS))
    except ServiceError as error:
        _finish(started_at, {}, error.code)
        raise
    counts = {name: count for name, count in result.items() if name != "applied"}
    counts["backlog"] = _finish(started_at, result, None)
    request.notes.update(result, backlog=counts["backlog"])
    return web.Answer(counts)


def _retry_events() -> int:
    """Try events again that could not be applied when they came, each in a transaction of its own. → how many could."""
    applied = 0
    for _ in range(_EVENTS):
        answer = cast(dict[str, int], database.as_service().call("retry_events", p_limit=1))
        applied += answer["applied"]
        if not answer["tried"]:
            break
    return applied


def _finish(started_at: datetime, result: dict[str, JsonValue], error: str | None) -> JsonValue:
    """Write the heartbeat. → how many messages are due and still waiting."""
    answer = database.as_service().call(
        "finish_job", p_job="reminders", p_started_at=started_at.isoformat(), p_result=result, p_error=error
    )
    return cast(dict[str, JsonValue], answer)["backlog"]
