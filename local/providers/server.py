"""Serving a stand-in: one process, many threads, one log line a call."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

HOST = "127.0.0.1"
#: Asked every few seconds by pages and supervisors; a line for each would bury the rest.
_QUIET_PATHS = ("/inbox", "/_sim/health")


class MissingSettings(ValueError):
    """Settings without which the stand-in cannot work; the message names them."""


def required(env: Mapping[str, str], *names: str) -> tuple[str, ...]:
    """The values of these settings. Raises MissingSettings with the names of those that are absent or empty."""
    missing = [name for name in names if not env.get(name)]
    if missing:
        raise MissingSettings(f"missing settings: {', '.join(missing)}")
    return tuple(env[name] for name in names)


def run(name: str, make_app: Callable[[], Flask]) -> NoReturn:
    """The command `python -m local.providers.<name> --port N`; ends on SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog=f"python -m local.providers.{name}")
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    try:
        app = make_app()
    except ValueError as error:
        sys.exit(f"{name}: {error}")
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(0))
    # A taken port ends the process with one clear line of werkzeug's.
    server = make_server(HOST, port, app, threaded=True, request_handler=RequestHandler)
    print(f"{name} stand-in on http://{HOST}:{server.port}  inbox at /inbox", flush=True)
    server.serve_forever()
    sys.exit(0)


class RequestHandler(WSGIRequestHandler):
    """Logs method, path and status; never a query, which may hold an address."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        path = getattr(self, "path", "-").partition("?")[0]
        if not path.startswith(_QUIET_PATHS):
            print(ascii(f"{getattr(self, 'command', '-')} {path} {int(code)}")[1:-1], flush=True)
