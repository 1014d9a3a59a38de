"""What every API call passes before it is carried out: rate limit, key, version, and the faults asked for."""

from __future__ import annotations

import hmac
import math
import socket
import threading
import time
from collections import defaultdict, deque
from contextlib import suppress

from flask import Flask, Response, g, jsonify, make_response, request
from werkzeug.exceptions import HTTPException

from local.calcom_sim.errors import Refusal, error_body
from local.calcom_sim.faults import Failure, FaultBox
from local.calcom_sim.state import Json, World
from local.calcom_sim.times import iso_millis
from local.providers.faults import hold

OLD = "2024-04-15"  # what a call without a known version falls back to, silently
_WINDOW = 60  # seconds
_KEPT = 20_000  # calls remembered for GET /_sim/requests
_TOO_MANY = "ThrottlerException: Too Many Requests"
_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class RateLimit:
    """Calls per minute and key; a key that asks for more is blocked for a minute."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._lock = threading.Lock()
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._blocked_until: dict[str, float] = {}

    def count(self, key: str) -> tuple[bool, dict[str, str]]:
        """Whether this call may pass, and the headers that tell how many more may."""
        with self._lock:
            now = time.monotonic()
            calls = self._calls[key]
            while calls and calls[0] <= now - _WINDOW:
                calls.popleft()
            blocked_until = self._blocked_until.get(key, 0)
            if blocked_until <= now and len(calls) >= self.per_minute:
                blocked_until = self._blocked_until[key] = now + _WINDOW
            if blocked_until > now:
                return False, self._headers(0, blocked_until - now)
            calls.append(now)
            return True, self._headers(self.per_minute - len(calls), calls[0] + _WINDOW - now)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
            self._blocked_until.clear()

    def _headers(self, remaining: int, reset: float) -> dict[str, str]:
        return {
            "X-RateLimit-Limit-Default": str(self.per_minute),
            "X-RateLimit-Remaining-Default": str(remaining),
            "X-RateLimit-Reset-Default": str(math.ceil(reset)),
        }


class Gate:
    """Stands before every path under `/v2`; `api_key` is the only key that opens it."""

    def __init__(self, api_key: str, limit: RateLimit, faults: FaultBox, world: World) -> None:
        self._api_key = api_key
        self._limit = limit
        self._faults = faults
        self._world = world
        self.calls: deque[Json] = deque(maxlen=_KEPT)

    def clear(self) -> None:
        """Forget every call so far."""
        self._limit.clear()
        self.calls.clear()

    def guard(self, app: Flask) -> None:
        """Put every call under `/v2` behind this gate, and give errors Cal.com's shape."""
        app.before_request(self._before)
        app.after_request(self._after)
        app.register_error_handler(Refusal, lambda refusal: self._error(refusal.status, refusal.message))
        app.register_error_handler(HTTPException, self._http_error)

    def signed_in(self) -> bool:
        """Whether the call brings the key. Raises Refusal (401) for any other key."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            return False
        if scheme != "Bearer" or not hmac.compare_digest(token.encode(), self._api_key.encode()):
            raise Refusal(401, "Invalid API Key")
        return True

    def require_key(self) -> None:
        """Raises Refusal (401) when the call brings no key."""
        if not self.signed_in():
            raise Refusal(401, "No authentication method provided. Pass an API key as 'Bearer' header.")

    def version(self, *known: str) -> str:
        """The version that the call asks for, if it is `known`; else the old one, without a word."""
        asked = request.headers.get("cal-api-version", "")
        return asked if asked in known else OLD

    def require_version(self, *known: str) -> str:
        """As `version`, for a path that the old version does not have. Raises Refusal (404)."""
        version = self.version(*known)
        if version == OLD:
            raise Refusal(404, f"Cannot {request.method} {request.path}")
        return version

    def _before(self) -> Response | None:
        if not request.path.startswith("/v2/"):
            return None
        known = request.headers.get("Authorization") == f"Bearer {self._api_key}"
        passes, g.rate_headers = self._limit.count("key" if known else str(request.remote_addr))
        if not passes:
            return self._error(429, _TOO_MANY)
        failure = self._faults.next_failure(request.path)
        if failure is not None and not failure.accepted:
            return self._fail(failure)
        g.failure = failure
        return None

    def _after(self, response: Response) -> Response:
        failure: Failure | None = g.pop("failure", None)
        g.carried_out = response.status_code < 400
        if failure is not None:
            response = self._fail(failure)
        if request.path.startswith("/v2/"):
            response.headers.extend(g.rate_headers)
            self._note(response.status_code)
        return response

    def _note(self, status: int | None) -> None:
        """Remember a call: what was answered, None for nothing, and whether it was carried out all the same."""
        carried_out = g.get("carried_out", False)
        call = {"method": request.method, "path": request.path, "status": status, "carried_out": carried_out}
        self.calls.append(call)

    def _fail(self, failure: Failure) -> Response:
        if failure.kind in ("timeout", "reset"):
            self._note(None)
            connection: socket.socket = request.environ["werkzeug.socket"]
            if failure.kind == "timeout":
                hold(connection)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # the server would keep it open for the next call
            raise ConnectionAbortedError("broken off on request")
        if failure.kind == "html":
            return make_response(_GATEWAY_PAGE, failure.status, {"Content-Type": "text/html"})
        if failure.status == 429:
            g.rate_headers = g.rate_headers | {"X-RateLimit-Remaining-Default": "0", "X-RateLimit-Reset-Default": "1"}
            return self._error(429, _TOO_MANY)
        return self._error(failure.status, "Internal server error")

    def _http_error(self, error: HTTPException) -> Response:
        status = error.code or 500
        message = f"Cannot {request.method} {request.path}" if status in (404, 405) else error.name
        return self._error(404 if status == 405 else status, message)

    def _error(self, status: int, message: str) -> Response:
        body = error_body(status, message, request.full_path.rstrip("?"), iso_millis(self._world.now()))
        return make_response(jsonify(body), status)
