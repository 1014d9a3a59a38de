"""The sweep over Cal.com's API: what webhooks missed is found, reported and healed."""

from __future__ import annotations

from shared import database, settings, tokens, web
from shared import reconcile as reconciliation

settings.require(settings.Database, settings.Sessions, settings.Scheduler, settings.CalcomApi)


@web.endpoint("POST", auth=tokens.scheduler_or_person("reconcile"))
def reconcile(request: web.Request) -> web.Answer:
    """`POST` by the scheduler, or by an admin → 200 with the drift report."""
    if request.caller != tokens.SCHEDULER:
        database.as_user(tokens.bearer(request)).call("require_admin")
    wanted = request.read(reconciliation.Wanted) if request.body else reconciliation.Wanted()
    report = reconciliation.run(wanted, request.started + reconciliation.SECONDS)
    request.notes.update({name: value for name, value in report.items() if name != "differences"})
    return web.Answer(report)
