"""One API call as both stand-ins treat it: limited, made to fail or wait on request, recorded, answered."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from socket import socket
from typing import Any, Final

from flask import Response, g, jsonify, request

from local.providers import faults
from local.providers.faults import Fault, Faults
from local.providers.rate_limit import RateLimit

Clock = Callable[[], datetime]

MAX_ATTEMPTS: Final = 20_000
_PROXY_PAGE: Final = "<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Answer:
    """A status, a JSON body and the headers that belong to them."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        response = jsonify(self.body)
        response.status_code = self.status
        response.headers.update(self.headers)
        return response


class Refused(Exception):
    """The call is answered with an error in the provider's shape."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass
class Attempt:
    """One try at the API, as `GET /_sim/requests` lists it. `status` is null while, or where, there is no answer."""

    at: datetime
    method: str
    path: str
    idempotency_key: str | None
    sha256: str
    fault: Fault | None = None
    status: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "at": self.at.isoformat()}


class Calls:
    """Every call of a provider's API goes through `answer`; what is asked for at `/_sim` or `/inbox` does not.

    `failure` gives the provider's answer for an ordered status or error code.
    """

    def __init__(self, clock: Clock, failure: Callable[[int], Answer], limit: RateLimit | None = None) -> None:
        self.faults = Faults()
        self._clock = clock
        self._failure = failure
        self._limit = limit
        self._lock = threading.Lock()
        self._attempts: deque[Attempt] = deque(maxlen=MAX_ATTEMPTS)

    def attempts(self) -> list[dict[str, Any]]:
        """Oldest first."""
        with self._lock:
            return [attempt.as_json() for attempt in self._attempts]

    def clear(self) -> None:
        self.faults.order({})
        with self._lock:
            self._attempts.clear()

    def answer(self, process: Callable[[], Answer]) -> Response:
        """Do what the call asks for, unless a fault was ordered, and answer after the ordered delay."""
        attempt = self._begin()
        state = self._limit.take() if self._limit else None
        if state and state.exceeded:
            response = self._failure(429).response()
        else:
            attempt.fault = self.faults.take()
            response = self._respond(attempt.fault, process)
        if state:
            response.headers.update(state.headers())
        attempt.status = response.status_code
        return response

    def _begin(self) -> Attempt:
        attempt = Attempt(
            at=self._clock(),
            method=request.method,
            path=request.path,
            idempotency_key=request.headers.get("Idempotency-Key"),
            sha256=hashlib.sha256(request.get_data(parse_form_data=False)).hexdigest(),
        )
        with self._lock:
            self._attempts.append(attempt)
        return attempt

    def _respond(self, fault: Fault | None, process: Callable[[], Answer]) -> Response:
        connection: socket = request.environ["werkzeug.socket"]
        if fault == "reset":
            faults.reset(connection)
        if fault == "timeout":
            faults.hold(connection)
        with ExitStack() as until_answered:
            # A key in progress, for instance, is in progress until the delay has passed.
            g.until_answered = until_answered
            response = self._process(fault, process)
            self.faults.wait()
        if fault == "timeout_after_accept":
            faults.hold(connection)
        return response

    def _process(self, fault: Fault | None, process: Callable[[], Answer]) -> Response:
        if fault == "html":
            return Response(_PROXY_PAGE, status=502, content_type="text/html; charset=utf-8")
        if isinstance(fault, int):
            return self._failure(fault).response()
        try:
            return process().response()
        except Refused as refused:
            return refused.answer.response()
