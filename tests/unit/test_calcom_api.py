"""The calls of Cal.com's API: what each asks, under which version, and what it makes of any answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from shared import calcom_api
from shared.calcom_http import Declined, InDoubt

API = "https://calcom.example.com/v2"
NINE = datetime(2026, 12, 1, 9, tzinfo=UTC)
BOOKINGS, SLOTS, EVENT_TYPES = "2024-08-13", "2024-09-04", "2024-06-14"
NO_REASON = "No reason given."
ODD: list[Any] = [
    {},
    {"data": None},
    {"data": []},
    {"data": [None, 5, "x", []]},
    {"data": "x"},
    {"data": 5},
    {"data": {}},
]


@pytest.fixture(autouse=True)
def api(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CALCOM_API_URL", API)
    environment.setenv("CALCOM_API_KEY", "cal_1")


def soon() -> float:
    return time.monotonic() + 25


def answering(httpx_mock: HTTPXMock, answers: dict[str, Any]) -> None:
    """Each booking by its uid, as often as it is asked for; any other is unknown."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = answers.get(request.url.path.rsplit("/", 1)[-1])
        return httpx.Response(200, json={"data": found}) if found else httpx.Response(404, json={"statusCode": 404})

    httpx_mock.add_callback(answer, is_reusable=True)


Ask = Callable[[], object]
CALLS: dict[str, tuple[Ask, str, str, str | None, Any]] = {
    # what is called → method, path with query, version, body
    "booking": (lambda: calcom_api.booking("u1", soon()), "GET", "/bookings/u1", BOOKINGS, None),
    "a strange uid": (
        lambda: calcom_api.booking("a/b?c#d é", soon()),
        *("GET", "/bookings/a%2Fb%3Fc%23d%20%C3%A9", BOOKINGS, None),
    ),
    "booking of a seat": (
        lambda: calcom_api.booking_of_seat("s/1", soon()),
        "GET",
        "/bookings/by-seat/s%2F1",
        BOOKINGS,
        None,
    ),
    "all bookings": (
        lambda: calcom_api.bookings(soon()),
        *("GET", "/bookings?take=250&skip=0&sortUpdatedAt=asc", BOOKINGS, None),
    ),
    "changed bookings": (
        lambda: calcom_api.bookings(soon(), updated_after=NINE.replace(microsecond=123_987), skip=500),
        "GET",
        "/bookings?take=250&skip=500&afterUpdatedAt=2026-12-01T09%3A00%3A00.123Z&sortUpdatedAt=asc",
        *(BOOKINGS, None),
    ),
    "coming bookings": (
        lambda: calcom_api.bookings(soon(), starts_after=NINE),
        "GET",
        "/bookings?take=250&skip=0&afterStart=2026-12-01T09%3A00%3A00.000Z&sortStart=asc",
        *(BOOKINGS, None),
    ),
    "cancel": (
        lambda: calcom_api.cancel("u/1", soon(), reason="ill"),
        *("POST", "/bookings/u%2F1/cancel", BOOKINGS, {"cancellationReason": "ill"}),
    ),
    "cancel without a reason": (
        lambda: calcom_api.cancel("u1", soon(), reason=None),
        *("POST", "/bookings/u1/cancel", BOOKINGS, {"cancellationReason": NO_REASON}),
    ),
    "cancel a seat": (
        lambda: calcom_api.cancel("u1", soon(), reason=None, seat_uid="s1"),
        *("POST", "/bookings/u1/cancel", BOOKINGS, {"cancellationReason": NO_REASON, "seatUid": "s1"}),
    ),
    "cancel the rest": (
        lambda: calcom_api.cancel("u1", soon(), reason="x", remaining=True),
        *("POST", "/bookings/u1/cancel", BOOKINGS, {"cancellationReason": "x", "cancelSubsequentBookings": True}),
    ),
    "reschedule": (
        lambda: calcom_api.reschedule("u1", NINE, soon(), by="a@example.com", reason="a clash"),
        "POST",
        "/bookings/u1/reschedule",
        BOOKINGS,
        {"start": "2026-12-01T09:00:00.000Z", "rescheduledBy": "a@example.com", "reschedulingReason": "a clash"},
    ),
    "reschedule to a local time": (
        lambda: calcom_api.reschedule(
            "u1", NINE.astimezone(timezone(timedelta(hours=5, minutes=45))), soon(), by=None, reason=None
        ),
        *("POST", "/bookings/u1/reschedule", BOOKINGS, {"start": "2026-12-01T09:00:00.000Z"}),
    ),
    "reschedule a seat": (  # which knows no reason
        lambda: calcom_api.reschedule("u1", NINE, soon(), by="a@example.com", reason="a clash", seat_uid="s1"),
        "POST",
        "/bookings/u1/reschedule",
        BOOKINGS,
        {"start": "2026-12-01T09:00:00.000Z", "rescheduledBy": "a@example.com", "seatUid": "s1"},
    ),
    "confirm": (lambda: calcom_api.confirm("u1", soon()), "POST", "/bookings/u1/confirm", BOOKINGS, None),
    "decline": (
        lambda: calcom_api.decline("u1", soon(), reason="full"),
        *("POST", "/bookings/u1/decline", BOOKINGS, {"reason": "full"}),
    ),
    "decline without a reason": (
        lambda: calcom_api.decline("u1", soon(), reason=None),
        *("POST", "/bookings/u1/decline", BOOKINGS, {}),
    ),
    "slots": (
        lambda: calcom_api.slots(101, NINE, NINE + timedelta(days=1), "Europe/Rome", soon()),
        "GET",
        "/slots?eventTypeId=101&start=2026-12-01T09%3A00%3A00.000Z&end=2026-12-02T09%3A00%3A00.000Z"
        "&timeZone=Europe%2FRome",
        *(SLOTS, None),
    ),
    "slots of a move": (
        lambda: calcom_api.slots(101, NINE, NINE, "UTC", soon(), moving="u1", minutes=45),
        "GET",
        "/slots?eventTypeId=101&start=2026-12-01T09%3A00%3A00.000Z&end=2026-12-01T09%3A00%3A00.000Z"
        "&timeZone=UTC&bookingUidToReschedule=u1&duration=45",
        *(SLOTS, None),
    ),
    "event type": (lambda: calcom_api.event_type(101, soon()), "GET", "/event-types/101", EVENT_TYPES, None),
    "me": (lambda: calcom_api.me(soon()), "GET", "/me", None, None),
    "calendars": (lambda: calcom_api.calendars(soon()), "GET", "/calendars", None, None),
    "webhooks": (lambda: calcom_api.webhooks(soon()), "GET", "/webhooks?take=250", None, None),
    "create a webhook": (
        lambda: calcom_api.create_webhook({"active": True}, soon()),
        *("POST", "/webhooks", None, {"active": True}),
    ),
    "update a webhook": (
        lambda: calcom_api.update_webhook("w/1", {"payloadTemplate": None}, soon()),
        *("PATCH", "/webhooks/w%2F1", None, {"payloadTemplate": None}),
    ),
    "delete a webhook": (lambda: calcom_api.delete_webhook("w/1", soon()), "DELETE", "/webhooks/w%2F1", None, None),
}


@pytest.mark.parametrize(("ask", "method", "path", "version", "body"), CALLS.values(), ids=CALLS)
def test_what_is_asked_and_under_which_version(
    httpx_mock: HTTPXMock, ask: Ask, method: str, path: str, version: str | None, body: Any
) -> None:
    httpx_mock.add_response(json={"status": "success", "data": {"uid": "u1"}})
    ask()
    (request,) = httpx_mock.get_requests()
    assert (request.method, str(request.url)) == (method, API + path)
    assert request.headers.get("cal-api-version") == version
    assert (json.loads(request.content) if request.content else None) == body


@pytest.mark.parametrize("ask", [call[0] for call in CALLS.values()], ids=CALLS)
def test_a_refusal_of_any_call_is_told(httpx_mock: HTTPXMock, ask: Ask) -> None:
    httpx_mock.add_response(status_code=404, html="<h1>no</h1>")
    with pytest.raises(Declined):
        ask()


@pytest.mark.parametrize("ask", [call[0] for call in CALLS.values()], ids=CALLS)
@pytest.mark.parametrize("body", ODD, ids=json.dumps)
def test_odd_answers_say_nothing(httpx_mock: HTTPXMock, ask: Ask, body: Any) -> None:
    httpx_mock.add_response(json=body)
    try:
        said = ask()
    except InDoubt:  # a change that went well and says nothing of the booking may be looked up
        assert httpx_mock.get_requests()[0].method == "POST"
        return
    found = said.bookings if isinstance(said, calcom_api.Page) else said
    assert not (any(found) if isinstance(found, tuple) else found)


def test_a_move_that_names_no_booking_is_in_doubt(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=201, json={"status": "success", "data": None})
    with pytest.raises(InDoubt) as caught:
        calcom_api.reschedule("u1", NINE, soon(), by=None, reason=None)
    assert caught.value.ended is False


def test_one_booking_and_the_bookings_of_a_series(httpx_mock: HTTPXMock) -> None:
    answering(httpx_mock, {"u1": {"uid": "u1"}, "series": [{"uid": "u1"}, None, {"uid": "u2"}]})
    assert calcom_api.booking("u1", soon()) == ({"uid": "u1"},)
    assert calcom_api.booking("series", soon()) == ({"uid": "u1"}, {"uid": "u2"})
    with pytest.raises(Declined) as caught:
        calcom_api.booking("u9", soon())
    assert caught.value.status == 404


def test_a_life_goes_on_to_where_it_was_moved(httpx_mock: HTTPXMock) -> None:
    answers = {
        "u1": {"uid": "u1", "status": "accepted", "rescheduledToUid": "u2"},
        "u2": {"uid": "u2", "status": "cancelled", "rescheduledToUid": "u3"},
        "u3": {"uid": "u3", "status": "accepted", "rescheduledToUid": None},
    }
    answering(httpx_mock, answers)
    assert calcom_api.life("u1", soon()) == tuple(answers.values())
    assert calcom_api.life("u3", soon()) == (answers["u3"],)
    assert len(httpx_mock.get_requests()) == 4


@pytest.mark.parametrize("back_to", ["u1", "u2", " u1 "])
def test_a_life_that_bites_its_tail_ends(httpx_mock: HTTPXMock, back_to: str) -> None:
    answers = {"u1": {"uid": "u1", "rescheduledToUid": "u2"}, "u2": {"uid": "u2", "rescheduledToUid": back_to}}
    answering(httpx_mock, answers)
    assert calcom_api.life("u1", soon()) == tuple(answers.values())
    assert len(httpx_mock.get_requests()) == 2


def test_a_life_without_end_is_followed_fifty_times(httpx_mock: HTTPXMock) -> None:
    answering(httpx_mock, {f"u{n}": {"uid": f"u{n}", "rescheduledToUid": f"u{n + 1}"} for n in range(100)})
    assert [one["uid"] for one in calcom_api.life("u0", soon())] == [f"u{n}" for n in range(50)]


@pytest.mark.parametrize("following", [5, True, {}, ["u2"], "", "u\n2", "x" * 201])
def test_what_is_no_uid_is_not_followed(httpx_mock: HTTPXMock, following: Any) -> None:
    answering(httpx_mock, {"u1": {"uid": "u1", "rescheduledToUid": following}})
    assert len(calcom_api.life("u1", soon())) == 1


@pytest.mark.parametrize(
    ("pagination", "more"),
    [
        ({"hasNextPage": True}, True),
        ({"hasNextPage": False}, False),
        ({"hasNextPage": None}, True),  # the next page will tell
        ({}, True),
        (None, True),
        ("x", True),
    ],
)
def test_a_page_tells_whether_others_follow(httpx_mock: HTTPXMock, pagination: Any, more: bool) -> None:
    httpx_mock.add_response(json={"data": [{"uid": "u1"}, {"uid": "u2"}], "pagination": pagination})
    assert calcom_api.bookings(soon()) == calcom_api.Page(({"uid": "u1"}, {"uid": "u2"}), more)
    httpx_mock.add_response(json={"data": [], "pagination": pagination})
    assert calcom_api.bookings(soon()) == calcom_api.Page((), False)


def test_slots_in_every_format(httpx_mock: HTTPXMock) -> None:
    days = {
        "2026-12-02": [
            {"start": "2026-12-02T10:00:00.000+01:00"},
            {"start": "2026-12-02T08:00:00.000Z", "end": "2026-12-02T08:30:00.000Z"},  # as a range
        ],
        "2026-12-01": ["2026-12-01T14:45:00.000+05:45"],  # old versions
        "2026-12-03": [{"start": "2026-12-03T09:00:00.000Z", "seatsBooked": 1, "seatsRemaining": 3, "bookingUid": "x"}],
        "2026-12-04": [],
        "2026-12-05": [{"start": None}, {}, None, 5, [], {"start": "soon"}, {"start": "2026-12-05T09:00:00"}],
        "2026-12-06": None,
    }
    httpx_mock.add_response(json={"status": "success", "data": days})
    found = calcom_api.slots(101, NINE, NINE + timedelta(days=6), "Europe/Rome", soon())
    assert list(found.items()) == [
        ("2026-12-01", [NINE]),
        ("2026-12-02", [NINE + timedelta(hours=23), NINE + timedelta(days=1)]),
        ("2026-12-03", [NINE + timedelta(days=2)]),
    ]
    assert {start.tzinfo for starts in found.values() for start in starts} == {UTC}


def test_what_the_account_has(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        json={"data": {"connectedCalendars": [{"calendars": []}, None], "destinationCalendar": None}}
    )
    assert calcom_api.calendars(soon()) == ({"calendars": []},)
    httpx_mock.add_response(json={"data": [{"id": "w1", "secret": "s"}, {"id": 2}]})
    assert calcom_api.webhooks(soon()) == ({"id": "w1", "secret": "s"}, {"id": 2})
    httpx_mock.add_response(json={"data": {"id": 11, "email": "host@example.com"}})
    assert calcom_api.me(soon()) == {"id": 11, "email": "host@example.com"}
