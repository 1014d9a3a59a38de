"""One call of Cal.com's API: what each answer, and each lack of one, comes to."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from shared import calcom_http
from shared.calcom_http import CalcomError, Declined, InDoubt, Unreached

API = "https://calcom.example.com/v2"
UID, SEAT, KEY = "uid7Qm2pLxYbR4kWnZ8aHc", "3be561a9-31f1-4b8e-aefc-9d9a085f0dd1", "cal_live_secret"
WHO = "Zoe Client zoe@example.com"
GATEWAY = f"<html><h1>502 Bad Gateway</h1>{WHO}</html>"


class Clock:
    """Time as the module sees it: it passes only when slept, or when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(environment: pytest.MonkeyPatch) -> Clock:
    environment.setenv("CALCOM_API_URL", API)
    environment.setenv("CALCOM_API_KEY", KEY)
    clock = Clock()
    environment.setattr(calcom_http, "time", clock)
    return clock


def read(clock: Clock, seconds: float = 25.0) -> Any:
    return calcom_http.call("GET", f"/bookings/{UID}", "2024-08-13", clock.now + seconds)


def change(clock: Clock, seconds: float = 25.0, method: str = "POST") -> Any:
    path = f"/bookings/{UID}/cancel"
    return calcom_http.call(method, path, "2024-08-13", clock.now + seconds, body={"cancellationReason": WHO})


def outcome(error: CalcomError) -> tuple[object, ...]:
    """The kind of outcome and what it tells, to compare."""
    return type(error), *(getattr(error, name, None) for name in ("status", "retry_after", "ended"))


def test_a_call_carries_key_version_query_and_body(httpx_mock: HTTPXMock, clock: Clock) -> None:
    httpx_mock.add_response(json={"data": 1}, is_reusable=True)
    deadline = clock.now + 25
    assert calcom_http.call("GET", "/slots", "2024-09-04", deadline, query={"start": "a+b", "duration": 5}) == {
        "data": 1
    }
    assert calcom_http.call("POST", "/webhooks", None, deadline, body={"active": True}) == {"data": 1}
    assert calcom_http.call("PATCH", "/webhooks/1", None, deadline, body={}) == {"data": 1}
    assert calcom_http.call("POST", "/bookings/1/confirm", "2024-08-13", deadline) == {"data": 1}
    slots, webhook, empty, bare = httpx_mock.get_requests()
    assert (slots.method, str(slots.url)) == ("GET", f"{API}/slots?start=a%2Bb&duration=5")
    assert [one.headers["Authorization"] for one in httpx_mock.get_requests()] == [f"Bearer {KEY}"] * 4
    assert [one.headers.get("cal-api-version") for one in httpx_mock.get_requests()] == [
        "2024-09-04",
        None,
        None,
        "2024-08-13",
    ]
    assert (slots.content, webhook.content, empty.content, bare.content) == (b"", b'{"active":true}', b"{}", b"")


def test_with_no_time_left_nothing_is_begun(httpx_mock: HTTPXMock, clock: Clock) -> None:
    for seconds in (0.1, 0.0, -5.0):
        for ask in (read, change):
            with pytest.raises(Unreached) as caught:
                ask(clock, seconds)
            assert caught.value.retry_after is None
    assert httpx_mock.get_requests() == []
    assert clock.slept == []


@pytest.mark.parametrize(
    ("seconds", "reading", "changing"),
    [(60.0, (10.0, 3.0), (20.0, 3.0)), (5.0, (5.0, 3.0), (5.0, 3.0)), (1.0, (1.0, 1.0), (1.0, 1.0))],
)
def test_no_answer_is_awaited_beyond_the_deadline(
    httpx_mock: HTTPXMock, clock: Clock, seconds: float, reading: tuple[float, float], changing: tuple[float, float]
) -> None:
    httpx_mock.add_response(json={}, is_reusable=True)
    read(clock, seconds)
    change(clock, seconds)
    allowed = [request.extensions["timeout"] for request in httpx_mock.get_requests()]
    assert [(each["read"], each["connect"]) for each in allowed] == [reading, changing]


@pytest.mark.parametrize("ask", [read, change])
@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset-Default"])
def test_too_many_calls_are_waited_out_within_the_deadline(
    httpx_mock: HTTPXMock, clock: Clock, ask: Any, header: str
) -> None:
    httpx_mock.add_response(status_code=429, json={"status": "error"}, headers={header: "7"})
    httpx_mock.add_response(json={"data": "done"})
    assert ask(clock, 10) == {"data": "done"}
    assert clock.slept == [7]


@pytest.mark.parametrize("ask", [read, change])
def test_too_many_calls_beyond_the_deadline_say_when_to_come_again(
    httpx_mock: HTTPXMock, clock: Clock, ask: Any
) -> None:
    httpx_mock.add_response(status_code=429, html=GATEWAY, headers={"X-RateLimit-Reset-Default": "10"})
    with pytest.raises(Unreached) as caught:
        ask(clock, 10)
    assert caught.value.retry_after == 10
    assert clock.slept == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "86400"}, 60),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 60),
        ({"Retry-After": "-3", "X-RateLimit-Reset-Default": "12"}, 12),
        ({"Retry-After": "2.5", "X-RateLimit-Reset": "9"}, 9),
        ({"X-RateLimit-Reset-Default": "soon"}, 60),
    ],
)
def test_the_wait_is_at_most_a_minute_whatever_the_headers(
    httpx_mock: HTTPXMock, clock: Clock, headers: dict[str, str], seconds: int
) -> None:
    httpx_mock.add_response(status_code=429, headers=headers)
    with pytest.raises(Unreached) as caught:
        read(clock, 1)
    assert caught.value.retry_after == seconds


def test_too_many_calls_are_not_waited_out_for_ever(httpx_mock: HTTPXMock, clock: Clock) -> None:
    httpx_mock.add_response(status_code=429, headers={"Retry-After": "1"}, is_reusable=True)
    with pytest.raises(Unreached) as caught:
        change(clock, 600)
    assert caught.value.retry_after == 1
    assert len(httpx_mock.get_requests()) == 3


ERRORS = {
    "Cal.com's": {"status": "error", "error": {"code": "BadRequestException", "message": WHO, "details": {}}},
    "Nest's": {"statusCode": 400, "message": WHO},
    "a list": {"statusCode": 400, "message": [WHO, "start must be a date"], "error": "Bad Request"},
    "bare": [WHO],
    "null": None,
}
BODIES = {name: json.dumps(body) for name, body in ERRORS.items()} | {"html": GATEWAY, "empty": ""}


@pytest.mark.parametrize("ask", [read, change])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 499])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_is_no_in_whatever_shape(httpx_mock: HTTPXMock, clock: Clock, ask: Any, status: int, body: str) -> None:
    httpx_mock.add_response(status_code=status, text=body)
    with pytest.raises(Declined) as caught:
        ask(clock)
    assert caught.value.status == status
    assert len(httpx_mock.get_requests()) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("status", "body", "ended"),
    [
        (500, json.dumps(ERRORS["Cal.com's"]), True),
        (500, json.dumps(ERRORS["Nest's"]), True),
        (503, json.dumps(ERRORS["Cal.com's"]), True),
        (500, GATEWAY, False),
        (503, GATEWAY, False),
        (502, json.dumps(ERRORS["Nest's"]), False),  # a gateway can write JSON too
        (504, json.dumps(ERRORS["Nest's"]), False),
        (502, GATEWAY, False),
        (504, "", False),
        (302, "", False),
        # Well, and yet no answer.
        (200, GATEWAY, False),
        (200, "", False),
        (200, "null", False),
        (201, "[]", False),
        (200, '{"data": ', False),
    ],
)
def test_a_change_whose_fate_is_open_is_never_asked_for_again(
    httpx_mock: HTTPXMock, clock: Clock, method: str, status: int, body: str, ended: bool
) -> None:
    httpx_mock.add_response(status_code=status, text=body, headers={"Location": f"{API}/elsewhere"})
    with pytest.raises(InDoubt) as caught:
        change(clock, method=method)
    assert caught.value.ended == ended
    assert len(httpx_mock.get_requests()) == 1
    assert clock.slept == []


@pytest.mark.parametrize(
    "trouble",
    [
        *(httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.CloseError),
        *(httpx.RemoteProtocolError, httpx.LocalProtocolError, httpx.DecodingError),
    ],
)
def test_a_change_without_an_answer_is_never_asked_for_again(
    httpx_mock: HTTPXMock, clock: Clock, trouble: type[Exception]
) -> None:
    httpx_mock.add_exception(trouble(WHO))
    with pytest.raises(InDoubt) as caught:
        change(clock)
    assert caught.value.ended is False
    assert len(httpx_mock.get_requests()) == 1


@pytest.mark.parametrize("answer", [(500, "{}"), (502, GATEWAY), (200, GATEWAY), (200, "null"), (200, "[]"), None])
def test_a_read_is_tried_three_times(httpx_mock: HTTPXMock, clock: Clock, answer: tuple[int, str] | None) -> None:
    def fail() -> None:
        if answer is None:
            httpx_mock.add_exception(httpx.ReadTimeout(WHO))
        else:
            httpx_mock.add_response(status_code=answer[0], text=answer[1])

    for _ in range(2):
        fail()
    httpx_mock.add_response(json={"data": "at last"})
    assert read(clock) == {"data": "at last"}
    assert clock.slept == [0.3, 0.3]

    for _ in range(3):
        fail()
    with pytest.raises(CalcomError) as caught:
        read(clock)
    assert outcome(caught.value) == outcome(Unreached())  # nothing was to be changed, so nothing is in doubt
    assert len(httpx_mock.get_requests()) == 6


@pytest.mark.parametrize("ask", [read, change])
@pytest.mark.parametrize("trouble", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_what_certainly_did_not_arrive_is_tried_again(
    httpx_mock: HTTPXMock, clock: Clock, ask: Any, trouble: type[Exception]
) -> None:
    for _ in range(2):
        httpx_mock.add_exception(trouble(WHO))
    httpx_mock.add_response(json={"data": "at last"})
    assert ask(clock) == {"data": "at last"}
    for _ in range(3):
        httpx_mock.add_exception(trouble(WHO))
    with pytest.raises(CalcomError) as caught:
        ask(clock)
    assert outcome(caught.value) == outcome(Unreached())
    assert len(httpx_mock.get_requests()) == 6


def test_tries_end_with_the_time(httpx_mock: HTTPXMock, clock: Clock) -> None:
    def slowly(_request: httpx.Request) -> httpx.Response:
        clock.now += 4
        raise httpx.ReadTimeout(WHO)

    httpx_mock.add_callback(slowly, is_reusable=True)
    with pytest.raises(Unreached):
        read(clock, 8.4)  # after the second try there is no time for a third
    assert len(httpx_mock.get_requests()) == 2
    assert clock.now <= 1008.4


def test_a_change_is_not_asked_for_again_after_a_try_that_may_have_arrived(httpx_mock: HTTPXMock, clock: Clock) -> None:
    httpx_mock.add_exception(httpx.ConnectError(WHO))
    httpx_mock.add_exception(httpx.ReadTimeout(WHO))
    with pytest.raises(InDoubt):
        change(clock)
    assert len(httpx_mock.get_requests()) == 2


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"data": "\xff"}', b'{"data": 1' + b"0" * 5000 + b"}"])
def test_an_answer_that_nobody_can_read_is_no_answer(httpx_mock: HTTPXMock, clock: Clock, body: bytes) -> None:
    httpx_mock.add_response(content=body)
    with pytest.raises(InDoubt) as caught:
        change(clock)
    assert caught.value.ended is False


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/bookings/{UID}", "bookings"),
        (f"/bookings/{UID}/reschedule", "bookings/reschedule"),
        (f"/bookings/by-seat/{SEAT}", "bookings/by-seat"),
        ("/webhooks/3be561a9", "webhooks"),
        ("/slots", "slots"),
    ],
)
def test_the_log_tells_call_and_error_and_nothing_of_the_booking(
    httpx_mock: HTTPXMock, clock: Clock, capsys: pytest.CaptureFixture[str], path: str, shown: str
) -> None:
    def ask() -> None:
        with pytest.raises(CalcomError):
            calcom_http.call("POST", path, "2024-08-13", clock.now + 25, query={"q": WHO}, body={"reason": WHO})

    httpx_mock.add_response(status_code=400, json=ERRORS["Cal.com's"])
    ask()
    httpx_mock.add_response(status_code=502, html=GATEWAY)
    ask()
    httpx_mock.add_exception(httpx.ReadTimeout(f"{WHO} {path}"))
    ask()
    httpx_mock.add_response(status_code=429, json={"message": WHO}, headers={"Retry-After": "60"})
    ask()
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert [line["error"] for line in lines] == ["400", "502", "ReadTimeout", "429"]
    assert {line["call"] for line in lines} == {shown}
    for secret in (UID, SEAT, KEY, "3be561a9", "Zoe", "example.com", "Gateway"):
        assert secret not in told.out + told.err


def test_errors_carry_no_text_of_calcoms(httpx_mock: HTTPXMock, clock: Clock) -> None:
    httpx_mock.add_response(status_code=400, json=ERRORS["Cal.com's"])
    with pytest.raises(Declined) as declined:
        change(clock)
    httpx_mock.add_response(status_code=500, json=ERRORS["Cal.com's"])
    with pytest.raises(InDoubt) as doubted:
        change(clock)
    assert [str(declined.value), str(doubted.value)] == ["declined with 400", "in doubt"]
