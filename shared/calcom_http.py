"""One call of Cal.com's API, and what it came to.

The API knows no idempotency keys, writes its errors in several ways and blocks a key for a minute that asks too often.
So every call has a deadline and ends in one of these:

    an answer     what was asked for is done
    Declined      Cal.com says no (4xx): nothing was changed
    Unreached     certainly not carried out: no connection, or too many calls
    InDoubt       may have been carried out: a timeout, a gateway's page, a broken connection

A call that only reads is tried again; one that changes something never is, unless it certainly did not arrive. Messages
of Cal.com are neither shown nor logged: their wording changes, and they may name people.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import JsonValue

from shared import http_client, log, settings

Query = Mapping[str, str | int]
Body = Mapping[str, JsonValue]

_READ_SECONDS, _CHANGE_SECONDS, _CONNECT_SECONDS = 10.0, 20.0, 3.0
_LEAST_SECONDS = 0.2  # with less left, nothing new is begun
_PAUSE_SECONDS = 0.3
_TRIES = 3


class CalcomError(Exception):
    """What a call came to, where it is not an answer."""


class Declined(CalcomError):
    """Cal.com says no; `status` is the HTTP status, the only part of its errors that can be relied on."""

    def __init__(self, status: int) -> None:
        super().__init__(f"declined with {status}")
        self.status = status


class Unreached(CalcomError):
    """Not carried out. `retry_after`: seconds, where Cal.com says when to come again."""

    def __init__(self, retry_after: int | None = None) -> None:
        super().__init__("not reached")
        self.retry_after = retry_after


class InDoubt(CalcomError):
    """May have been carried out. `ended`: Cal.com is done with it."""

    def __init__(self, *, ended: bool) -> None:
        super().__init__("in doubt")
        self.ended = ended


def call(
    method: str,
    path: str,
    version: str | None,
    deadline: float,
    *,
    query: Query | None = None,
    body: Body | None = None,
) -> JsonValue:
    """The JSON of the answer. `version`: of the endpoint's shapes; `deadline`: on the monotonic clock.

    Raises CalcomError.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            return _ask(method, path, version, deadline, query, body)
        except Unreached as error:
            pause = error.retry_after or _PAUSE_SECONDS
            if not tries_left or deadline - time.monotonic() < pause + _LEAST_SECONDS:
                raise
        except InDoubt as error:
            if method != "GET":
                raise
            pause = _PAUSE_SECONDS
            if not tries_left or deadline - time.monotonic() < pause + _LEAST_SECONDS:
                raise Unreached() from error
        time.sleep(pause)
    raise Unreached()


def _ask(
    method: str,
    path: str,
    version: str | None,
    deadline: float,
    query: Query | None,
    body: Body | None,
) -> JsonValue:
    left = deadline - time.monotonic()
    if left < _LEAST_SECONDS:
        raise Unreached()
    api = settings.load(settings.CalcomApi)
    headers = {"Authorization": f"Bearer {api.api_key}"} | ({"cal-api-version": version} if version else {})
    seconds = min(left, _READ_SECONDS if method == "GET" else _CHANGE_SECONDS)
    timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
    json: Any = body if method in ("POST", "PATCH") and body is not None else None
    try:
        answer = http_client.shared().request(
            method, api.api_url + path, params=query, json=json, headers=headers, timeout=timeout
        )
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        _note(path, type(error).__name__)
        raise Unreached() from error
    except httpx.HTTPError as error:
        _note(path, type(error).__name__)
        raise InDoubt(ended=False) from error
    return _read(path, answer)


def _read(path: str, answer: httpx.Response) -> JsonValue:
    """The body of an answer that went well. Raises CalcomError."""
    try:
        body: JsonValue = answer.json()
    except (ValueError, RecursionError):
        body = None
    if answer.is_success and isinstance(body, dict):
        return body
    _note(path, answer.status_code)
    if answer.status_code == 429:
        raise Unreached(_retry_after(answer.headers))
    if 400 <= answer.status_code < 500:
        raise Declined(answer.status_code)
    raise InDoubt(ended=isinstance(body, dict) and answer.status_code not in (502, 504))


def _retry_after(headers: httpx.Headers) -> int:
    """Seconds until the key may ask again: Cal.com blocks it for at most a minute."""
    for name in ("Retry-After", "X-RateLimit-Reset-Default", "X-RateLimit-Reset"):
        value = headers.get(name, "")
        if value.isdecimal():
            return min(max(int(value), 1), 60)
    return 60


def _note(path: str, what: str | int) -> None:
    # All but the names of paths may be a uid, which opens the booking on Cal.com's pages.
    names = path.split("/")[1:]
    call = names[:2] if names[1:2] == ["by-seat"] else names[:1] + names[2:]
    log.warning("Cal.com did not do it", call="/".join(call), error=str(what))
