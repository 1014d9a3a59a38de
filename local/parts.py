"""The processes of the stack besides Postgres: what each runs, what it is told, and how one sees that it answers."""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Callable, Mapping

from local import functions, node
from local.child import Child
from local.site import HOST, Site, settings

# A deployed function gets its settings and little else; so do these.
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "RESEND_RATE")
_JOBS = ("reminders", "reconcile")


def parts(site: Site) -> list[Child]:
    """All of them, in the order in which one needs the other."""
    values = _environment(site)
    return [_supabase(site, values), *_outside(site, values), _functions(site, values)]


def scheduler(site: Site) -> list[Child]:
    """What calls the jobs; nothing where `SCHEDULER_SECONDS` is 0."""
    jobs = [job for job in _JOBS if job in functions.names()]
    if not site.scheduler_seconds or not jobs:
        return []
    command = _python("local.scheduler", "--every", str(site.scheduler_seconds), *jobs)
    return [Child("scheduler", command, _environment(site), ask=lambda: None)]


def _supabase(site: Site, values: Mapping[str, str]) -> Child:
    url, port = site.postgres_url("authenticator"), str(site.ports.supabase)
    key = {"apikey": values["SUPABASE_SECRET_KEY"]}
    return Child(
        "supabase",
        [str(node.NODE), "local/supabase.mjs", "serve"],
        node.quiet(values) | {"DATABASE_URL": url, "SUPABASE_PORT": port},
        # Its first answer takes longest: it looks at the whole schema. Nobody else should have to wait for that.
        _get(f"{site.supabase_url}/rest/v1/staff?select=role&limit=1", key),
    )


def _outside(site: Site, values: Mapping[str, str]) -> list[Child]:
    """The stand-ins for what the functions call, and the simulator that calls the functions."""
    resend = {"RECEIPTS_URL": f"{site.functions_url}/receipts"}
    calcom = {"WEBHOOK_URL": f"{site.functions_url}/webhook", "CALCOM_HOST_EMAIL": "host@example.com"}
    if not site.throwaway:
        calcom["STATE_FILE"] = str(site.calcom_sim_state)
    return [
        _stand_in("resend", "local.providers.resend", site.ports.resend, {**values, **resend}),
        _stand_in("twilio", "local.providers.twilio", site.ports.twilio, values),
        _stand_in("calcom", "local.calcom_sim", site.ports.calcom_sim, {**values, **calcom}),
    ]


def _stand_in(name: str, module: str, port: int, values: Mapping[str, str]) -> Child:
    ask = _get(f"http://{HOST}:{port}/_sim/health")
    return Child(name, _python(module, "--port", str(port)), values, ask)


def _functions(site: Site, values: Mapping[str, str]) -> Child:
    server = _python("gunicorn", "--bind", f"{HOST}:{site.ports.functions}", "--workers", "1", "--log-level", "warning")
    # As functions-framework sets gunicorn up, with the threads of one instance in production.
    server += ["--worker-class", "gthread", "--threads", "32", "--timeout", "0", "--limit-request-line", "0"]
    server += ["--graceful-timeout", "5", "--no-control-socket", "local.functions:application()"]
    return Child("functions", server, values, _get(site.functions_url + functions.HEALTH))


def _environment(site: Site) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | settings(site, os.environ) | {"TZ": "UTC", "PYTHONUNBUFFERED": "1"}


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _get(url: str, headers: Mapping[str, str] | None = None) -> Callable[[], None]:
    """A question: `url` must answer 200."""

    def ask() -> None:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {})), timeout=30):
            pass

    return ask
