"""Resend: what is posted, and what each of its answers means for the message."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from shared import mail
from shared.delivery import read_retry_after
from shared.messages import Attachment, Email

pytestmark = pytest.mark.usefixtures("environment")
EMAILS = "https://mail.example.com/emails"
# Not as any encoder of ours would write it: a second try posts what the first one stored, whoever encoded it.
PAYLOAD = '{"to" : ["zoë@example.com"], "subject":"\\u00e9", "html":"<p>x</p>","from":"a@example.com"}'

EMAIL = Email(
    to="zoë@example.com",
    from_="Bookings <bookings@example.com>",
    subject="Your booking “Ünit”",
    html="<p>x</p>",
    text="x",
    reply_to=None,
    headers={"List-Unsubscribe": "<https://x.example.com>"},
    attachments=(Attachment("invite.ics", "text/calendar; method=REQUEST", b"BEGIN:VCALENDAR\r\n"),),
    tags=({"name": "notification_id", "value": "n1"},),
)


def test_a_mail_becomes_resends_json() -> None:
    assert json.loads(mail.encode(EMAIL)) == {
        "from": "Bookings <bookings@example.com>",
        "to": ["zoë@example.com"],
        "subject": "Your booking “Ünit”",
        "html": "<p>x</p>",
        "text": "x",
        "headers": {"List-Unsubscribe": "<https://x.example.com>"},
        "attachments": [
            {
                "filename": "invite.ics",
                "content_type": "text/calendar; method=REQUEST",
                "content": "QkVHSU46VkNBTEVOREFSDQo=",
            }
        ],
        "tags": [{"name": "notification_id", "value": "n1"}],
    }
    assert mail.encode(EMAIL) == mail.encode(EMAIL)


def test_the_stored_bytes_are_posted_under_their_key(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=EMAILS, json={"id": "r1"}, headers={"ratelimit-limit": "5"})
    delivery = mail.post(PAYLOAD, "key-1", 3.0)
    assert (delivery.outcome, delivery.provider_id, delivery.accepted) == ("sent", "r1", True)
    assert delivery.rate_limit == 5.0
    (request,) = httpx_mock.get_requests()
    assert request.method == "POST"
    assert request.content == PAYLOAD.encode()
    assert request.headers["Idempotency-Key"] == "key-1"
    assert request.headers["Authorization"] == "Bearer re_1"
    assert request.headers["Content-Type"] == "application/json"
    assert request.extensions["timeout"]["read"] == 3.0


def test_threads_never_post_each_others_bytes(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_callback(
        lambda request: httpx.Response(200, json={"id": json.loads(request.content)["subject"]}), is_reusable=True
    )

    def post(number: int) -> Any:
        return mail.post(json.dumps({"subject": str(number)}), str(number), 3.0).provider_id

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(post, range(100))) == [str(number) for number in range(100)]
    for request in httpx_mock.get_requests():
        assert json.loads(request.content)["subject"] == request.headers["Idempotency-Key"]


@pytest.mark.parametrize(
    ("status", "name", "outcome", "accepted"),
    [
        (400, "validation_error", "failed", False),
        (400, "invalid_idempotency_key", "failed", False),
        (403, "validation_error", "failed", False),
        (422, "missing_required_field", "failed", False),
        (422, "invalid_attachment", "failed", False),
        (451, "security_error", "failed", False),
        # Our key or our setup: the message is not to blame.
        (401, "missing_api_key", "retry", False),
        (401, "restricted_api_key", "retry", False),
        (403, "invalid_api_key", "retry", False),
        # It may have been taken.
        (409, "concurrent_idempotent_requests", "retry", None),
        (500, "application_error", "retry", None),
        (500, "internal_server_error", "retry", None),
        (503, "service_unavailable", "retry", None),
        (409, "invalid_idempotent_request", "unknown", None),
    ],
)
def test_refusals(httpx_mock: HTTPXMock, status: int, name: str, outcome: str, accepted: bool | None) -> None:
    body = {"statusCode": status, "name": name, "message": "for zoë@example.com"}
    httpx_mock.add_response(status_code=status, json=body)
    delivery = mail.post(PAYLOAD, "k", 3.0)
    assert (delivery.outcome, delivery.accepted) == (outcome, accepted)
    assert delivery.error == f"{status} {name}"
    assert not delivery.rate_limited


@pytest.mark.parametrize("status", [200, 403, 502, 504])
def test_a_proxys_page_leaves_it_in_doubt(httpx_mock: HTTPXMock, status: int) -> None:
    httpx_mock.add_response(status_code=status, html="<h1>zoë@example.com</h1>")
    delivery = mail.post(PAYLOAD, "k", 3.0)
    assert (delivery.outcome, delivery.accepted) == ("retry", None)
    assert "zoë" not in str(delivery.error)


def test_too_fast_costs_patience_only(httpx_mock: HTTPXMock) -> None:
    body = {"statusCode": 429, "name": "rate_limit_exceeded", "message": "slow down"}
    httpx_mock.add_response(status_code=429, json=body, headers={"retry-after": "2", "ratelimit-limit": "2"})
    before = datetime.now(UTC)
    delivery = mail.post(PAYLOAD, "k", 3.0)
    assert (delivery.outcome, delivery.accepted, delivery.rate_limited) == ("retry", False, True)
    assert delivery.rate_limit == 2.0
    assert delivery.retry_at is not None
    assert timedelta(seconds=2) <= delivery.retry_at - before < timedelta(seconds=4)


@pytest.mark.parametrize("name", ["daily_quota_exceeded", "monthly_quota_exceeded"])
def test_a_spent_quota_waits_an_hour(httpx_mock: HTTPXMock, name: str) -> None:
    httpx_mock.add_response(status_code=429, json={"statusCode": 429, "name": name, "message": "x"})
    delivery = mail.post(PAYLOAD, "k", 3.0)
    assert delivery.rate_limited
    assert delivery.retry_at is not None
    assert delivery.retry_at - datetime.now(UTC) > timedelta(minutes=59)


@pytest.mark.parametrize("trouble", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_no_connection_means_not_accepted(httpx_mock: HTTPXMock, trouble: type[Exception]) -> None:
    httpx_mock.add_exception(trouble("to zoë@example.com"))
    delivery = mail.post(PAYLOAD, "k", 3.0)
    assert (delivery.outcome, delivery.accepted, delivery.error) == ("retry", False, "unreachable")


@pytest.mark.parametrize("trouble", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.RemoteProtocolError])
def test_no_answer_leaves_it_in_doubt(httpx_mock: HTTPXMock, trouble: type[Exception]) -> None:
    httpx_mock.add_exception(trouble("to zoë@example.com"))
    delivery = mail.post(PAYLOAD, "k", 3.0)
    assert (delivery.outcome, delivery.accepted) == ("retry", None)
    assert delivery.error == f"no answer: {trouble.__name__}"


@pytest.mark.parametrize("limit", ["", "x", "0", "-1", "5;w=1", "999999999999"])
def test_a_strange_rate_is_not_believed(httpx_mock: HTTPXMock, limit: str) -> None:
    httpx_mock.add_response(json={"id": "r1"}, headers={"ratelimit-limit": limit})
    assert mail.post(PAYLOAD, "k", 3.0).rate_limit == (5.0 if limit.startswith("5") else None)


BATCH = '[{"to":["a@example.com"]}, {"to":["b@example.com"]},{"to":["c@example.com"]}]'  # as no encoder of ours would


def test_a_batch_is_its_mails_bodies_and_says_which_they_are() -> None:
    bodies = [mail.encode(replace(EMAIL, tags=({"name": "notification_id", "value": one},))) for one in ("n1", "n2")]
    batch = mail.encode_batch(bodies)
    assert json.loads(batch) == [json.loads(body) for body in bodies]
    assert mail.notification_ids(batch) == ["n1", "n2"]


def test_a_batch_is_posted_as_it_was_stored_and_may_leave_in_part(httpx_mock: HTTPXMock) -> None:
    told = {"data": [{"id": "r1"}, {"id": "r2"}, {"id": "r3"}]}
    httpx_mock.add_response(url=f"{EMAILS}/batch", json=told, headers={"ratelimit-limit": "5"})
    posted = mail.post_batch(BATCH, 3, "reminders/1", 3.0)
    assert [(one.outcome, one.provider_id, one.accepted) for one in posted] == [
        ("sent", "r1", True),
        ("sent", "r2", True),
        ("sent", "r3", True),
    ]
    assert {one.rate_limit for one in posted} == {5.0}
    (request,) = httpx_mock.get_requests()
    assert request.content == BATCH.encode()
    assert request.headers["Idempotency-Key"] == "reminders/1"
    assert request.headers["x-batch-validation"] == "permissive"
    assert request.extensions["timeout"]["read"] == 3.0


@pytest.mark.parametrize(
    ("refused", "ids"),
    [([0], [None, "r1", "r2"]), ([2], ["r1", "r2", None]), ([0, 1], [None, None, "r1"]), ([0, 1, 2], [None] * 3)],
)
def test_a_refused_place_shifts_no_id(httpx_mock: HTTPXMock, refused: list[int], ids: list[str | None]) -> None:
    data = [{"id": f"r{number}"} for number in range(1, 4 - len(refused))]
    errors = [{"index": place, "message": "for a@example.com"} for place in refused]
    httpx_mock.add_response(json={"data": data, "errors": errors})
    posted = mail.post_batch(BATCH, 3, "k", 3.0)
    assert [one.provider_id for one in posted] == ids
    failed = [one for one in posted if one.provider_id is None]
    assert [(one.outcome, one.accepted, one.error) for one in failed] == [
        ("failed", False, "422 validation_error") for _ in refused
    ]


@pytest.mark.parametrize(
    "told",
    [
        {"data": [{"id": "r1"}, {"id": "r2"}]},
        {"data": [{"id": f"r{number}"} for number in range(4)]},
        {"data": [{"id": "r1"}, {"id": "r2"}, {"id": "r3"}], "errors": [{"index": 0}]},
        {"data": None},
        {"data": {"id": "r1"}},
        {},
    ],
)
def test_ids_that_do_not_fit_leave_the_whole_batch_in_doubt(httpx_mock: HTTPXMock, told: dict[str, Any]) -> None:
    httpx_mock.add_response(json=told)
    posted = mail.post_batch(BATCH, 3, "k", 3.0)
    assert [(one.outcome, one.accepted) for one in posted] == [("retry", None)] * 3


def test_one_answer_to_a_batch_speaks_for_each_of_its_mails(httpx_mock: HTTPXMock) -> None:
    body = {"statusCode": 429, "name": "rate_limit_exceeded", "message": "slow down"}
    httpx_mock.add_response(status_code=429, json=body, headers={"retry-after": "2", "ratelimit-limit": "2"})
    posted = mail.post_batch(BATCH, 3, "k", 3.0)
    assert [(one.outcome, one.accepted, one.rate_limited, one.rate_limit) for one in posted] == [
        ("retry", False, True, 2.0)
    ] * 3
    assert all(one.retry_at is not None for one in posted)
    httpx_mock.add_exception(httpx.ReadTimeout("x"))
    posted = mail.post_batch(BATCH, 3, "k", 3.0)
    assert [(one.outcome, one.accepted) for one in posted] == [("retry", None)] * 3


NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3),
        ("1.5", 1.5),
        ("0", 1),
        ("-5", 1),
        ("999999", 86_400),
        ("1e400", None),
        ("Tue, 01 Dec 2026 10:00:30 GMT", 30),
        ("Tue, 01 Dec 2026 09:00:00 GMT", 1),
        ("soon", None),
        ("", None),
        (None, None),
        ("nan", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert read_retry_after(value, NOW) == expected
