"""The sweep, started each minute: reminders, and all else that waits."""

from __future__ import annotations

from shared import settings, sweeping, tokens, web

settings.require(settings.Database, settings.Scheduler, settings.Mail, settings.Sms, settings.Links)


@web.endpoint("POST", auth=tokens.scheduler("reminders"))
def reminders(request: web.Request) -> web.Answer:
    """`POST` by the scheduler → 200 `{"claimed", "sent", "failed", "skipped", "backlog"}`."""
    done, backlog = sweeping.sweep(request.started)
    request.notes.update(done, backlog=backlog)
    return web.Answer({**{name: done[name] for name in ("claimed", "sent", "failed", "skipped")}, "backlog": backlog})
