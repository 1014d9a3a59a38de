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
        result: dict[str, JsonValue] = {**_retry_events(), **asdict(outbox.drain(request.started + _SECONDS))}
    except ServiceError as error:
        _finish(started_at, {}, error.code)
        raise
    counts = {name: count for name, count in result.items() if name != "applied"}
    counts["backlog"] = _finish(started_at, result, None)
    request.notes.update(result, backlog=counts["backlog"])
    return web.Answer(counts)


def _retry_events() -> dict[str, JsonValue]:
    """Events that could not be applied when they came."""
    return cast(dict[str, JsonValue], database.as_service().call("retry_events", p_limit=_EVENTS))


def _finish(started_at: datetime, result: dict[str, JsonValue], error: str | None) -> JsonValue:
    """Write the heartbeat. → how many messages are due and still waiting."""
    answer = database.as_service().call(
        "finish_job", p_job="reminders", p_started_at=started_at.isoformat(), p_result=result, p_error=error
    )
    return cast(dict[str, JsonValue], answer)["backlog"]
