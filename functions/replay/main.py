"""Bodies that were kept, read again: what that would change and send, then done."""

from __future__ import annotations

from shared import database, replaying, settings, tokens, web

settings.require(settings.Database, settings.Sessions, settings.Browsers)


@web.endpoint("POST", auth=tokens.person, origins=settings.load(settings.Browsers).allowed_origins)
def replay(request: web.Request) -> web.Answer:
    """`POST` by an admin → 200 `{"events": […], "messages": […], …, "remaining", "next"}`."""
    database.as_user(tokens.bearer(request)).call("require_admin")
    wanted = request.read(replaying.Wanted)
    report = replaying.run(wanted)
    request.notes.update(user_id=request.caller, dry_run=wanted.dry_run, notify=wanted.notify)
    request.notes.update(counts=report["counts"], remaining=report["remaining"])
    return web.Answer(report)
