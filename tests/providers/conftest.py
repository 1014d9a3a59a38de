"""Both stand-ins served over real HTTP, and a receiver that keeps what they call back with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from flask import Flask, Response, request
from werkzeug.serving import make_server

from local.providers import resend, resend_api, twilio, twilio_api
from local.providers.server import RequestHandler

KEY = "re_test_key"
WEBHOOK_SECRET = "whsec_c3RhbmQtaW4gc3RhbmQtaW4gc3RhbmQtaW4="
ACCOUNT = "AC0123456789abcdef0123456789abcdef"
SERVICE = "MG0123456789abcdef0123456789abcdef"
AUTH_TOKEN = "auth-token-of-a-test"
#: Calls a second that the Resend stand-in of these tests takes.
RATE = 20


@dataclass
class TestClock:
    """The stand-ins' time, moved by hand."""

    __test__ = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> None:
        self.now += by


@dataclass(frozen=True)
class Callback:
    """One request that the receiver got."""

    url: str
    headers: dict[str, str]
    body: bytes
    form: dict[str, str]


@dataclass
class Receiver:
    """Stands where our functions stand. Answers with `status`."""

    url: str = ""
    status: int = 200
    callbacks: list[Callback] = field(default_factory=list)


@contextmanager
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=RequestHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()
    app = Flask("receiver")

    @app.post("/<path:_path>")
    def receive(_path: str) -> Response:
        body = request.get_data(parse_form_data=False, cache=True)
        kept.callbacks.append(Callback(request.url, dict(request.headers), body, request.form.to_dict()))
        return Response(status=kept.status)

    with served(app) as url:
        kept.url = url
        yield kept


@pytest.fixture
def resend_url(clock: TestClock, receiver: Receiver) -> Iterator[str]:
    settings = resend_api.Settings(KEY, WEBHOOK_SECRET, f"{receiver.url}/receipts", RATE)
    with served(resend.create_app(resend_api.Resend(settings, clock))) as url:
        yield url


@pytest.fixture
def mail(resend_url: str) -> Iterator[httpx.Client]:
    """Resend's API with a valid key."""
    with httpx.Client(base_url=resend_url, headers={"Authorization": f"Bearer {KEY}"}, timeout=10) as client:
        yield client


@pytest.fixture
def twilio_url(clock: TestClock, receiver: Receiver) -> Iterator[str]:
    settings = twilio_api.Settings(ACCOUNT, AUTH_TOKEN, SERVICE, receiver.url)
    with served(twilio.create_app(twilio_api.Twilio(settings, clock))) as url:
        yield url


@pytest.fixture
def texts(twilio_url: str) -> Iterator[httpx.Client]:
    """Twilio's API with valid credentials."""
    with httpx.Client(base_url=twilio_url, auth=(ACCOUNT, AUTH_TOKEN), timeout=10) as client:
        yield client
