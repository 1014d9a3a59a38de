"""Twilio: what is posted, and what each of its answers means. What is not clear is never posted again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pytest_httpx import HTTPXMock

from shared import sms
from shared.messages import Text

pytestmark = pytest.mark.usefixtures("environment")
MESSAGES = "https://text.example.com/2010-04-01/Accounts/AC1/Messages.json"
NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


def form(starts_in: timedelta) -> dict[str, list[str]]:
    return parse_qs(sms.encode(Text(to="+351912345678", body="Olá & até já"), "n1", NOW + starts_in, NOW))


def test_a_text_becomes_twilios_form() -> None:
    assert form(timedelta(minutes=30)) == {
        "To": ["+351912345678"],
        "Body": ["Olá & até já"],
        "MessagingServiceSid": ["MG1"],
        "StatusCallback": ["https://functions.example.com/receipts/twilio/status?id=n1"],
        "ValidityPeriod": ["1800"],
    }


@pytest.mark.parametrize(("starts_in", "seconds"), [(timedelta(days=3), 36_000), (timedelta(0), 1), (-timedelta(1), 1)])
def test_it_is_given_up_when_the_meeting_begins(starts_in: timedelta, seconds: int) -> None:
    assert form(starts_in)["ValidityPeriod"] == [str(seconds)]


def test_the_stored_form_is_posted_with_the_account(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=MESSAGES, status_code=201, json={"sid": "SM1", "status": "queued"})
    delivery = sms.post("To=%2B1&Body=x", 3.0)
    assert (delivery.outcome, delivery.provider_id, delivery.accepted) == ("sent", "SM1", True)
    (request,) = httpx_mock.get_requests()
    assert request.content == b"To=%2B1&Body=x"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Authorization"] == "Basic QUMxOnR3aWxpby10b2tlbg=="


@pytest.mark.parametrize(
    ("answer", "outcome", "accepted", "error"),
    [
        ({"status_code": 400, "json": {"code": 21610, "message": "to +351912345678"}}, "failed", False, "400 21610"),
        ({"status_code": 400, "json": {"code": 21211, "message": "x"}}, "failed", False, "400 21211"),
        ({"status_code": 401, "json": {"code": 20003, "message": "x"}}, "retry", False, "401 20003"),
        ({"status_code": 403, "json": {"code": 20403, "message": "x"}}, "retry", False, "403 20403"),
        ({"status_code": 500, "json": {"code": 20500, "message": "x"}}, "unknown", None, "500 20500"),
        ({"status_code": 503, "html": "<h1>+351912345678</h1>"}, "unknown", None, "503"),
        ({"status_code": 404, "html": "<h1>x</h1>"}, "unknown", None, "404"),
        ({"status_code": 201, "html": "<h1>x</h1>"}, "unknown", None, "201"),
        ({"status_code": 201, "json": []}, "unknown", None, "201"),
        ({"status_code": 302, "headers": {"location": "/"}}, "unknown", None, "302"),
    ],
)
def test_answers(
    httpx_mock: HTTPXMock, answer: dict[str, Any], outcome: str, accepted: bool | None, error: str
) -> None:
    httpx_mock.add_response(**answer)
    delivery = sms.post("To=%2B1", 3.0)
    assert (delivery.outcome, delivery.accepted, delivery.error) == (outcome, accepted, error)


def test_too_fast_was_never_processed(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=429, json={"code": 20429}, headers={"Retry-After": "5"})
    delivery = sms.post("To=%2B1", 3.0)
    assert (delivery.outcome, delivery.accepted, delivery.rate_limited) == ("retry", False, True)
    assert delivery.retry_at is not None
    assert delivery.retry_at > datetime.now(UTC) + timedelta(seconds=3)


@pytest.mark.parametrize("trouble", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_no_connection_means_not_accepted(httpx_mock: HTTPXMock, trouble: type[Exception]) -> None:
    httpx_mock.add_exception(trouble("x"))
    delivery = sms.post("To=%2B1", 3.0)
    assert (delivery.outcome, delivery.accepted) == ("retry", False)


@pytest.mark.parametrize("trouble", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.RemoteProtocolError])
def test_no_answer_is_unknown(httpx_mock: HTTPXMock, trouble: type[Exception]) -> None:
    httpx_mock.add_exception(trouble("x"))
    delivery = sms.post("To=%2B1", 3.0)
    assert (delivery.outcome, delivery.accepted) == ("unknown", None)


PAYLOAD = "To=%2B351912345678&Body=Ol%C3%A1+%26+at%C3%A9&MessagingServiceSid=MG1"
SINCE = datetime(2026, 12, 1, 0, 0, 30, tzinfo=UTC)


def text(sid: str | None, **words: Any) -> dict[str, Any]:
    made = {"sid": sid, "to": "+351912345678", "body": "Olá & até", "direction": "outbound-api", "status": "sent"}
    return made | {"error_code": None, "date_created": "Tue, 01 Dec 2026 00:01:00 +0000"} | words


def find(httpx_mock: HTTPXMock, *texts: Any, known: tuple[str, ...] = ()) -> str | None:
    httpx_mock.add_response(json={"messages": list(texts)})
    found = sms.find(PAYLOAD, SINCE, known, 3.0)
    return found.sid if found else None


def test_texts_to_the_number_are_listed_from_the_day_before_if_the_day_has_just_begun(httpx_mock: HTTPXMock) -> None:
    assert find(httpx_mock) is None
    (request,) = httpx_mock.get_requests()
    assert dict(request.url.params) == {"To": "+351912345678", "DateSent>": "2026-11-30", "PageSize": "200"}
    assert request.headers["Authorization"] == "Basic QUMxOnR3aWxpby10b2tlbg=="


def test_the_text_with_these_words_is_found(httpx_mock: HTTPXMock) -> None:
    others = [
        text("SM2", body="Olá"),
        text("SM3", to="+351900000000"),
        text("SM4", direction="inbound"),
        text("SM5", date_created="Mon, 30 Nov 2026 23:50:00 +0000"),
        text("SM6", date_created="yesterday"),
        text(None),
        "no text",
    ]
    assert find(httpx_mock, *others, text("SM1")) == "SM1"


def test_of_several_alike_it_is_the_first_that_is_not_known(httpx_mock: HTTPXMock) -> None:
    texts = [text(f"SM{n}", date_created=f"Tue, 01 Dec 2026 00:0{n}:00 +0000") for n in (3, 2, 1)]
    assert find(httpx_mock, *texts) == "SM1"
    assert find(httpx_mock, *texts, known=("SM1",)) == "SM2"
    assert find(httpx_mock, *texts, known=("SM1", "SM2", "SM3")) is None


@pytest.mark.parametrize("answer", [{"status_code": 500}, {"status_code": 404, "json": {"code": 20404}}, {"json": []}])
def test_no_text_and_no_answer_are_nothing(httpx_mock: HTTPXMock, answer: dict[str, Any]) -> None:
    httpx_mock.add_response(**answer)
    assert sms.find(PAYLOAD, SINCE, (), 3.0) is None
    httpx_mock.add_response(**answer)
    assert sms.fetch("SM1", 3.0) is None
    httpx_mock.add_exception(httpx.ReadTimeout("x"))
    assert sms.fetch("SM1", 3.0) is None


def test_a_text_is_fetched_by_its_id(httpx_mock: HTTPXMock) -> None:
    url = MESSAGES.replace(".json", "/SM1.json")
    httpx_mock.add_response(url=url, json=text("SM1", status="undelivered", error_code=30003))
    found = sms.fetch("SM1", 3.0)
    assert found == sms.Found(sid="SM1", state="undelivered", error=30003, at=datetime(2026, 12, 1, 0, 1, tzinfo=UTC))
