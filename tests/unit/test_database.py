"""What Supabase answers, and what becomes of it here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from shared import database, http_client
from shared.errors import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    RateLimited,
    ServiceError,
    Unavailable,
)

pytestmark = pytest.mark.usefixtures("environment")
RPC = "https://project.example.com/rest/v1/rpc"


def test_a_call_posts_its_arguments_and_returns_the_json(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=f"{RPC}/record_event", json={"outcome": "applied"})
    answer = database.as_service().call("record_event", p_event={"trigger": "PING", "body": "Zoë"})
    assert answer == {"outcome": "applied"}
    (request,) = httpx_mock.get_requests()
    assert request.method == "POST"
    assert json.loads(request.content) == {"p_event": {"trigger": "PING", "body": "Zoë"}}


def test_the_machinery_shows_the_secret_key_twice(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=[])
    database.as_service().call("claim_notifications")
    headers = httpx_mock.get_requests()[0].headers
    assert (headers["apikey"], headers["Authorization"]) == ("sb_secret_1", "Bearer sb_secret_1")


def test_a_user_shows_the_public_key_and_their_own_token(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=[])
    database.as_user("users.own.token").call("booking_timeline")
    headers = httpx_mock.get_requests()[0].headers
    assert (headers["apikey"], headers["Authorization"]) == ("sb_publishable_1", "Bearer users.own.token")


def test_callers_never_mix(httpx_mock: HTTPXMock) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert "Cookie" not in request.headers
        return httpx.Response(200, json=request.headers["Authorization"], headers={"Set-Cookie": "who=me; Path=/"})

    httpx_mock.add_callback(answer, is_reusable=True)
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda n: database.as_user(f"token-{n}").call("whoami"), range(200)))
    assert seen == [f"Bearer token-{n}" for n in range(200)]


def test_one_client_serves_all_threads() -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len({id(client) for client in pool.map(lambda _: http_client.shared(), range(64))}) == 1


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "22P02", Invalid),
        (409, "23505", Conflict),
        (403, "42501", NotAllowed),
        (400, "P0002", NotFound),
        (404, "PT404", NotFound),
        (403, "PT403", NotAllowed),
        (409, "PT409", Conflict),
        (429, "PT429", RateLimited),
        (500, "40P01", Unavailable),
        (500, "40001", Unavailable),
        (500, "55P03", Unavailable),
        (500, "57014", Unavailable),
        (503, "53300", Unavailable),
        (503, "PGRST000", Unavailable),
        (504, "PGRST003", Unavailable),
        (401, "PGRST301", NotSignedIn),
        (401, "PGRST303", NotSignedIn),
        (404, "PGRST202", ServiceError),
        (400, "42703", ServiceError),
        (400, "P0001", ServiceError),
        (400, "55000", ServiceError),
        (500, "XX000", ServiceError),
        (500, "08006", Unavailable),
        (500, "SUP", Unavailable),
        (500, "", Unavailable),
    ],
)
def test_errors_are_told_apart_by_their_code(
    httpx_mock: HTTPXMock, status: int, code: str, expected: type[ServiceError]
) -> None:
    body = {"code": code, "message": "value of someone@example.com", "details": "SELECT secret", "hint": None}
    httpx_mock.add_response(status_code=status, json=body)
    with pytest.raises(ServiceError) as raised:
        database.as_user("t").call("search_bookings")
    assert type(raised.value) is expected
    assert raised.value.detail == ""


@pytest.mark.parametrize("code", ["22P02", "23505", "42501", "42703", "P0001", "PGRST202", "PGRST301", "XX000", "SUP"])
def test_what_the_machinery_cannot_say_is_our_trouble(httpx_mock: HTTPXMock, code: str) -> None:
    httpx_mock.add_response(status_code=400, json={"code": code, "message": "x"})
    with pytest.raises(Unavailable):
        database.as_service().call("record_event")


def test_unless_our_sql_says_so(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=404, json={"code": "PT404", "message": "x"})
    with pytest.raises(NotFound):
        database.as_service().call("calendar_feed")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_a_gateways_page_is_unavailable(httpx_mock: HTTPXMock, status: int) -> None:
    httpx_mock.add_response(status_code=status, html="<h1>Bad gateway</h1>")
    with pytest.raises(Unavailable):
        database.as_service().call("record_event")


def test_a_refused_token_is_the_users_and_a_refused_key_is_ours(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=401, json={"code": "PGRST303", "message": "JWT expired"}, is_reusable=True)
    with pytest.raises(NotSignedIn):
        database.as_user("expired").call("search_bookings")
    with pytest.raises(Unavailable):
        database.as_service().call("record_event")


def test_a_gateway_that_refuses_our_key_is_our_trouble(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=401, json={"message": "Invalid API key", "hint": "Double check"})
    with pytest.raises(Unavailable):
        database.as_user("fine").call("search_bookings")


@pytest.mark.parametrize("trouble", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.PoolTimeout])
def test_no_connection_is_unavailable_and_not_tried_again(httpx_mock: HTTPXMock, trouble: type[Exception]) -> None:
    httpx_mock.add_exception(trouble("for someone@example.com"))
    with pytest.raises(Unavailable):
        database.as_service().call("record_event")
    assert len(httpx_mock.get_requests()) == 1


def test_a_dead_pooled_connection_is_replaced_where_saying_it_twice_is_harmless(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(httpx.RemoteProtocolError("Server disconnected without sending a response."))
    httpx_mock.add_response(json={"outcome": "applied"})
    assert database.as_service().call("record_event") == {"outcome": "applied"}
    httpx_mock.add_exception(httpx.RemoteProtocolError("Server disconnected without sending a response."))
    with pytest.raises(Unavailable):
        database.as_service().call("claim_notifications")


def test_nothing_of_an_error_reaches_the_log(httpx_mock: HTTPXMock, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"code": "XX000", "message": "value of someone@example.com", "details": "sb_secret_1", "hint": "s3cr3t"}
    httpx_mock.add_response(status_code=500, json=body)
    with pytest.raises(ServiceError):
        database.as_service().call("record_event")
    logged = capsys.readouterr().out
    assert "XX000" in logged
    for secret in ("someone", "sb_secret_1", "s3cr3t"):
        assert secret not in logged


@pytest.fixture(autouse=True)
def _no_other_client(environment: pytest.MonkeyPatch) -> Iterator[Any]:
    yield
    http_client.close()
