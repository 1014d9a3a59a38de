"""The edge of a function: methods, paths, sizes, origins, errors and the log line, through functions-framework."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from functions_framework import _configure_app
from pydantic import BaseModel, ConfigDict

from shared import web
from shared.errors import Conflict, NotSignedIn, RateLimited, Refused

Capture = pytest.CaptureFixture[str]
LIMIT = 1000


class Wish(BaseModel):
    name: str
    count: int = 1


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")

    do: str
    count: int = 1


def breaking() -> Iterator[bytes]:
    yield b"a,b\r\n"
    raise ConnectionError("the database is gone")


@web.endpoint("GET", "POST", limit=LIMIT, origins=("https://www.example.com",), paths=("/", "/deep/er"))
def sample(request: web.Request) -> web.Answer:
    match request.query.get("do"):
        case "crash":
            raise RuntimeError("for someone@example.com")
        case "conflict":
            raise Conflict("the room is taken")
        case "limit":
            raise RateLimited(retry_after=7)
        case "wish":
            return web.Answer({"name": request.read(Wish).name})
        case "query":
            return web.Answer({"count": request.read_query(Query).count})
        case "refused":
            raise Refused("slot_taken", "too late", more={"slots": {"2026-12-01": []}, "status": 200})
        case "stream":
            return web.Answer(body=iter([b"a,b\r\n", b"1,2\r\n"]), headers={"Content-Type": "text/csv"})
        case "broken":
            return web.Answer(body=breaking(), headers={"Content-Type": "text/csv"})
        case "text":
            return web.Answer(body=b"plain", headers={"Content-Type": "text/plain"}, status=202)
    request.notes["outcome"] = "done"
    return web.Answer({"path": request.path, "size": len(request.body), "name": "Zoë"})


def only_known(request: web.Request) -> str:
    if request.headers.get("Authorization") != "Bearer good":
        raise NotSignedIn()
    return "known"


@web.endpoint("POST", auth=only_known)
def guarded(request: web.Request) -> web.Answer:
    return web.Answer({"caller": request.caller})


def app_of(view: web.View) -> flask.Flask:
    app = flask.Flask("functions")
    _configure_app(app, view, "http")
    return app


@pytest.fixture
def client() -> FlaskClient:
    return app_of(sample).test_client()


def test_an_answer_is_json_with_its_letters(client: FlaskClient) -> None:
    answer = client.post("/", data=b"12345")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.json == {"path": "/", "size": 5, "name": "Zoë"}
    assert "Zoë" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/", "/"),
        ("/sample", "/"),
        ("/sample/", "/"),
        ("/deep/er", "/deep/er"),
        ("/sample/deep/er", "/deep/er"),
        ("/sample/deep/er/", "/deep/er"),
    ],
)
def test_the_path_may_begin_with_the_functions_name(client: FlaskClient, path: str, seen: str) -> None:
    assert client.get(path).json["path"] == seen  # type: ignore[index]


@pytest.mark.parametrize("path", ["/other", "/samples", "/sample/sample", "/sample/deep"])
def test_other_paths_are_not_found(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert problem(answer) == {"status": 404, "title": "There is no such thing here", "code": "not_found"}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_other_methods_are_refused_and_told_what_there_is(client: FlaskClient, method: str) -> None:
    answer = client.open("/", method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert problem(answer)["code"] == "method_not_allowed"


def test_head_is_get_without_a_body(client: FlaskClient) -> None:
    answer = client.head("/")
    assert answer.status_code == 200
    assert answer.data == b""
    assert app_of(guarded).test_client().head("/").status_code == 405


def test_options_says_what_there_is(client: FlaskClient) -> None:
    answer = client.options("/")
    assert answer.status_code == 204
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_known_origin_may_call(client: FlaskClient) -> None:
    asked = client.options("/", headers={"Origin": "https://www.example.com"})
    assert asked.headers["Access-Control-Allow-Origin"] == "https://www.example.com"
    assert asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert asked.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    for answer in (
        client.post("/", headers={"Origin": "https://www.example.com"}),
        client.get("/nowhere", headers={"Origin": "https://www.example.com"}),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "https://www.example.com"
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example.com", "https://www.example.com.evil.org", "null", ""])
def test_another_origin_may_not(client: FlaskClient, origin: str) -> None:
    for answer in (client.options("/", headers={"Origin": origin}), client.get("/", headers={"Origin": origin})):
        assert not any(name.startswith("Access-Control") for name, _ in answer.headers)
        assert answer.headers["Vary"] == "Origin"


def test_the_largest_body_passes_and_one_byte_more_does_not(client: FlaskClient) -> None:
    assert client.post("/", data=b"x" * LIMIT).json["size"] == LIMIT  # type: ignore[index]
    answer = client.post("/", data=b"x" * (LIMIT + 1))
    assert answer.status_code == 413
    assert problem(answer)["code"] == "too_large"


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_the_limit_holds_for_every_method(client: FlaskClient, method: str) -> None:
    assert client.open("/", method=method, data=b"x" * (LIMIT + 1)).status_code == 413


def test_a_body_becomes_a_model(client: FlaskClient) -> None:
    assert client.post("/?do=wish", json={"name": "Zoë"}).json == {"name": "Zoë"}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"name": 1, "count": "someone@example.com"}', "not as expected: count, name"),
        (b"{}", "not as expected: name"),
        (b"{", "not as expected: body"),
        (b"\xff", "not as expected: body"),
        (b"", "not as expected: body"),
        (b"[]", "not as expected: body"),
    ],
)
def test_a_wrong_body_is_told_where_and_never_quoted(client: FlaskClient, body: bytes, detail: str) -> None:
    answer = client.post("/?do=wish", data=body)
    assert answer.status_code == 400
    assert problem(answer) == {
        "status": 400,
        "title": "The request is not valid",
        "code": "invalid",
        "detail": detail,
    }


def test_errors_are_problems(client: FlaskClient) -> None:
    answer = client.get("/?do=conflict")
    assert answer.status_code == 409
    assert problem(answer)["detail"] == "the room is taken"
    answer = client.get("/?do=limit")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_a_crash_is_a_bare_500_and_a_log_line_with_frames(client: FlaskClient, capsys: Capture) -> None:
    answer = client.get("/?do=crash")
    assert answer.status_code == 500
    assert problem(answer) == {"status": 500, "title": "Something went wrong", "code": "internal"}
    crash, line = lines(capsys)
    assert crash["severity"] == line["severity"] == "ERROR"
    assert "test_web.py" in crash["stack_trace"]


def test_another_kind_of_answer(client: FlaskClient) -> None:
    answer = client.get("/?do=text")
    assert (answer.status_code, answer.content_type, answer.data) == (202, "text/plain", b"plain")


@pytest.mark.parametrize("path", ["/", "/nowhere", "/?do=crash"])
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Strict-Transport-Security"].startswith("max-age=")


def test_auth_decides_before_the_function_runs() -> None:
    client = app_of(guarded).test_client()
    answer = client.post("/")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert client.post("/", headers={"Authorization": "Bearer good"}).json == {"caller": "known"}


def test_one_log_line_a_request_without_what_links_carry(client: FlaskClient, capsys: Capture) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    client.post(
        "/?token=t0ps3cret&email=someone@example.com", data=b"12345", headers={"X-Cloud-Trace-Context": f"{trace}/1"}
    )
    client.get("/feed/t0ps3cret.ics")
    first, second = lines(capsys)
    assert first["httpRequest"] == {
        "requestMethod": "POST",
        "requestUrl": "/sample",
        "status": 200,
        "requestSize": "5",
        "latency": first["httpRequest"]["latency"],
    }
    assert float(first["httpRequest"]["latency"].rstrip("s")) < 5
    assert (first["severity"], first["message"], first["outcome"]) == ("INFO", "sample 200", "done")
    assert first["logging.googleapis.com/trace"] == trace
    assert (second["severity"], second["message"]) == ("WARNING", "sample 404")
    assert "t0ps3cret" not in json.dumps([first, second])
    assert "someone" not in json.dumps([first, second])


class Endless:
    """A body that never ends, as a chunked request may be."""

    taken = 0

    def read(self, size: int) -> bytes:
        self.taken += size
        return b"x" * size


def test_a_body_without_a_length_is_bounded_too(client: FlaskClient) -> None:
    def send(body: Any) -> Any:
        chunked = {"wsgi.input_terminated": True, "wsgi.input": body, "CONTENT_LENGTH": ""}
        return client.post("/", environ_overrides=chunked)

    assert send(io.BytesIO(b"x" * LIMIT)).json["size"] == LIMIT
    assert send(io.BytesIO(b"x" * (LIMIT + 1))).status_code == 413
    endless = Endless()
    assert send(endless).status_code == 413
    assert endless.taken == 32 * web.MIB


def problem(answer: Any) -> dict[str, Any]:
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = json.loads(answer.data)
    assert found["status"] == answer.status_code
    return found


def lines(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_query_is_read_by_its_model_and_quoted_nowhere(client: FlaskClient) -> None:
    assert client.get("/?do=query&count=7").json == {"count": 7}
    for query in ("do=query&count=secret", "do=query&more=secret"):
        answer = client.get(f"/?{query}")
        assert (answer.status_code, answer.json["code"]) == (400, "invalid")  # type: ignore[index]
        assert "secret" not in answer.get_data(as_text=True)


def test_a_problem_may_say_what_to_go_on_with(client: FlaskClient) -> None:
    answer = client.get("/?do=refused")
    assert answer.status_code == 409
    assert answer.json == {
        "slots": {"2026-12-01": []},
        "status": 409,  # the problem's own members stand
        "title": "This is not possible now",
        "code": "slot_taken",
        "detail": "too late",
    }


def test_a_long_answer_is_sent_as_it_comes(client: FlaskClient) -> None:
    answer = client.get("/?do=stream", buffered=False)
    assert answer.is_streamed
    assert b"".join(answer.iter_encoded()) == b"a,b\r\n1,2\r\n"


def test_a_part_is_never_taken_for_the_whole(client: FlaskClient) -> None:
    answer = client.get("/?do=broken", buffered=False)
    with pytest.raises(ConnectionError):
        list(answer.iter_encoded())
