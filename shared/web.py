"""The edge of every function: from Flask's request to a small frozen one, from a value or an error to an answer.

    @web.endpoint("POST", limit=web.MIB)
    def webhook(request: web.Request) -> web.Answer: ...

In order: read the body (bounded), refuse other methods and paths, ask `auth` who calls, run the function, answer as
JSON or as a problem (RFC 9457), write one log line. The path may begin with the function's own name or not, since a URL
map keeps it and `cloudfunctions.net` strips it.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import flask
from pydantic import BaseModel, JsonValue, ValidationError
from werkzeug.datastructures import Headers

from shared import log
from shared.errors import Invalid, MethodNotAllowed, NotFound, ServiceError, TooLarge

KIB = 1024
MIB = 1024 * KIB

# Cloud Run takes no larger request; what comes beyond our own limit is read up to here and dropped, so that the caller
# hears 413 and not a broken connection.
_DRAIN_LIMIT = 32 * MIB

_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Request:
    """What a function sees of a request. `path` begins with `/`, without the function's name; header names ignore case.

    `query_string` is the query as it came: Twilio signs an address letter by letter, which no parsed one gives back.
    `started` is when it came in on the monotonic clock, in seconds; `caller` is who `auth` found. `notes` are fields
    that the function adds to the request's log line: ids and codes only.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Headers
    body: bytes
    started: float
    caller: str | None = None
    query_string: str = ""
    notes: dict[str, JsonValue] = field(default_factory=dict)

    def read(self, model: type[M]) -> M:
        """The JSON body as `model`. Raises Invalid, which names the fields and quotes none of their values."""
        try:
            return model.model_validate_json(self.body)
        except ValidationError as error:
            raise _invalid(error, "body") from None

    def read_query(self, model: type[M]) -> M:
        """The query as `model`. Raises Invalid, as `read` does."""
        try:
            return model.model_validate_strings(dict(self.query))
        except ValidationError as error:
            raise _invalid(error, "query") from None


def _invalid(error: ValidationError, whole: str) -> Invalid:
    places = sorted({".".join(map(str, one["loc"])) or whole for one in error.errors(include_input=False)})
    return Invalid("not as expected: " + ", ".join(places))


@dataclass(frozen=True)
class Answer:
    """An answer: JSON, or `body` as it is with the content type among `headers`.

    A body that is an iterator is sent as it comes. If it fails on its way, the connection breaks, so that nobody takes
    a part for the whole.
    """

    json: JsonValue = None
    status: int = 200
    body: bytes | Iterator[bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Answer]
Auth = Callable[[Request], str | None]
View = Callable[[flask.Request], flask.Response]


def endpoint(
    *methods: str,
    auth: Auth | None = None,
    limit: int = 64 * KIB,
    origins: Collection[str] = (),
    paths: Collection[str] | None = ("/",),
) -> Callable[[Handler], View]:
    """Make a Cloud Function of a handler; the handler's name is the function's name.

    `auth` returns who calls or raises NotSignedIn; `limit` is the largest body in bytes; `origins` are those whose
    pages may call (CORS); `paths` are those it answers (None: it looks at `request.path` itself).
    """
    allowed = {method.upper() for method in methods}
    if "GET" in allowed:
        allowed.add("HEAD")

    def decorate(handler: Handler) -> View:
        name = handler.__name__

        def view(incoming: flask.Request) -> flask.Response:
            started = time.monotonic()
            log.follow(incoming.headers.get("traceparent"), incoming.headers.get("X-Cloud-Trace-Context"))
            request = Request(
                method=incoming.method,
                path=_path(incoming.path, name),
                query=incoming.args,
                headers=incoming.headers,
                body=b"",
                started=started,
                query_string=incoming.query_string.decode("latin-1"),
            )
            try:
                request = replace(request, body=_body(incoming, limit))
                answer = _answer(request)
            except ServiceError as error:
                answer = _problem(error)
            except Exception as error:
                log.error(f"{name} crashed", error)
                answer = _problem(ServiceError())
            response = _respond(answer, request, allowed, origins)
            _write_line(name, request, response)
            return response

        def _answer(request: Request) -> Answer:
            if request.method == "OPTIONS":
                return Answer(status=204, body=b"")
            if paths is not None and request.path not in paths:
                raise NotFound()
            if request.method not in allowed:
                raise MethodNotAllowed()
            if auth is not None:
                request = replace(request, caller=auth(request))
            return handler(request)

        view.__name__ = name
        view.__doc__ = handler.__doc__
        return view

    return decorate


def _path(path: str, name: str) -> str:
    if path == f"/{name}" or path.startswith(f"/{name}/"):
        path = path[len(name) + 1 :]
    return path.rstrip("/") or "/"


def _body(incoming: flask.Request, limit: int) -> bytes:
    """The raw body, read before anything else: the framework would read what we leave, without any bound."""
    kept, total = bytearray(), 0
    while total < _DRAIN_LIMIT and (chunk := incoming.stream.read(64 * KIB)):
        total += len(chunk)
        if total <= limit:
            kept += chunk
    if total > limit:
        incoming.stream = io.BytesIO()
        raise TooLarge()
    return bytes(kept)


def _problem(error: ServiceError) -> Answer:
    problem: dict[str, JsonValue] = error.more | {"status": error.status, "title": error.title, "code": error.code}
    if error.detail:
        problem["detail"] = error.detail
    headers = {"Content-Type": "application/problem+json"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Answer(status=error.status, body=json.dumps(problem).encode(), headers=headers)


def _respond(answer: Answer, request: Request, allowed: Collection[str], origins: Collection[str]) -> flask.Response:
    body = json.dumps(answer.json, ensure_ascii=False).encode() if answer.body is None else answer.body
    response = flask.Response(body, status=answer.status, content_type="application/json")
    response.headers.update(_SECURITY_HEADERS)
    response.headers.update(answer.headers)
    if request.method == "OPTIONS" or answer.status == 405:
        response.headers["Allow"] = ", ".join(sorted({*allowed, "OPTIONS"}))
    if origins:
        response.headers["Vary"] = "Origin"
        origin = request.headers.get("Origin")
        if origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Content-Disposition, Retry-After"
            if request.method == "OPTIONS":
                response.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(allowed))
                response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
                response.headers["Access-Control-Max-Age"] = "7200"
    return response


def _write_line(name: str, request: Request, response: flask.Response) -> None:
    seconds = time.monotonic() - request.started
    http: dict[str, JsonValue] = {
        "requestMethod": request.method,
        # Never the whole path or the query: links carry tokens and addresses there.
        "requestUrl": f"/{name}",
        "status": response.status_code,
        "requestSize": str(len(request.body)),
        "latency": f"{seconds:.3f}s",
    }
    write = log.error if response.status_code >= 500 else log.warning if response.status_code >= 400 else log.info
    write(f"{name} {response.status_code}", httpRequest=http, **request.notes)
