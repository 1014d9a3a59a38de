"""A subscriber that keeps what it was sent, as it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, redirect, request
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as AnyResponse

from local.providers.server import RequestHandler


@dataclass(frozen=True)
class Received:
    """One webhook: its raw bytes and its headers."""

    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def trigger(self) -> str:
        return str(self.json["triggerEvent"])

    @property
    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = self.json["payload"]
        return payload


@dataclass
class Receiver:
    """Answers with `status`; a redirect points back at itself."""

    url: str = ""
    status: int = 200
    received: list[Received] = field(default_factory=list)

    @property
    def triggers(self) -> list[str]:
        """What came, in order."""
        return [each.trigger for each in self.received]

    def last(self, trigger: str) -> Received:
        """The newest webhook of this trigger."""
        return [each for each in self.received if each.trigger == trigger][-1]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that answers over real HTTP."""
    receiver = Receiver()
    app = Flask(__name__)

    @app.post("/webhook")
    def webhook() -> AnyResponse:
        receiver.received.append(Received(request.get_data(), dict(request.headers)))
        if 300 <= receiver.status < 400:
            return redirect("/webhook", receiver.status)
        return Response(status=receiver.status)

    with served(app) as address:
        receiver.url = f"{address}/webhook"
        yield receiver


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """The application on a port of its own; its address."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=RequestHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
