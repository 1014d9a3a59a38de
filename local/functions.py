"""All functions in one process: each is exactly the app that Cloud Run would run, mounted under its name.

`python -m gunicorn … "local.functions:application()"`
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import functions_framework
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Request, Response

from local.site import ROOT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

FOLDER = ROOT / "functions"
HEALTH = "/_sim/health"


def names() -> tuple[str, ...]:
    """The functions of this checkout: folder = entry point = first part of the path."""
    return tuple(sorted(main.parent.name for main in FOLDER.glob("*/main.py")))


def application() -> DispatcherMiddleware:
    """The WSGI app: `/<function>/…` goes to that function without the prefix, as a URL map in production does."""
    functions = names()
    apps = {f"/{name}": functions_framework.create_app(name, str(FOLDER / name / "main.py")) for name in functions}
    return DispatcherMiddleware(_elsewhere(functions), apps)


def _elsewhere(functions: Iterable[str]) -> WSGIApplication:
    """What answers at any other path."""
    listing = "\n".join(f"/{name}" for name in functions) + "\n"

    @Request.application
    def answer(request: Request) -> Response:
        if request.path in ("/", HEALTH):
            return Response(listing, mimetype="text/plain")
        return Response("There is no such function.\n", status=404, mimetype="text/plain")

    return answer
