"""All functions in one process: each is exactly the app that Cloud Run would run, found by its name.

`python -m gunicorn … "local.functions:application()"`
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import functions_framework
from werkzeug.wrappers import Response

from local.site import ROOT

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FOLDER = ROOT / "functions"
HEALTH = "/_sim/health"


def names() -> tuple[str, ...]:
    """The functions of this checkout: folder = entry point = first part of the path."""
    return tuple(sorted(main.parent.name for main in FOLDER.glob("*/main.py")))


def application() -> WSGIApplication:
    """The WSGI app: `/<function>/…` goes to that function, path and all, as a URL map in production does.

    The prefix stays: stripped, a bare `/webhook` would be answered with a redirect, which Cal.com does not follow.
    """
    apps: dict[str, WSGIApplication] = {
        name: functions_framework.create_app(name, str(FOLDER / name / "main.py")) for name in names()
    }
    listing = "".join(f"/{name}\n" for name in apps)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if app := apps.get(path.strip("/").split("/")[0]):
            return app(environ, start_response)
        if path in ("/", HEALTH):
            return Response(listing, mimetype="text/plain")(environ, start_response)
        return Response("There is no such function.\n", 404, mimetype="text/plain")(environ, start_response)

    return application
