"""The Twilio stand-in accepts and refuses what Twilio does."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .conftest import ACCOUNT, SERVICE, Receiver, TestClock

MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
TEXT = {"To": "+4915112345678", "Body": "Your meeting begins at 10:00.", "MessagingServiceSid": SERVICE}


def assert_refused(response: httpx.Response, status: int, code: int) -> None:
    assert response.status_code == status
    body = response.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["more_info"].endswith(str(code))


def test_a_text_is_accepted_in_twilios_shape(texts: httpx.Client) -> None:
    form = {**TEXT, "StatusCallback": "https://example.com/status?id=1", "ValidityPeriod": "3600"}
    answer = texts.post(MESSAGES, data=form)
    assert answer.status_code == 201
    body = answer.json()
    assert body["sid"].startswith("SM")
    assert len(body["sid"]) == 34
    assert (body["status"], body["direction"], body["from"]) == ("accepted", "outbound-api", None)
    assert (body["to"], body["body"], body["messaging_service_sid"]) == (TEXT["To"], TEXT["Body"], SERVICE)
    assert (body["error_code"], body["num_segments"], body["account_sid"]) == (None, "0", ACCOUNT)
    assert texts.get(body["uri"]).json() == body

    [kept] = texts.get("/_sim/messages").json()
    assert (kept["id"], kept["channel"], kept["to"]) == (body["sid"], "sms", [TEXT["To"]])
    assert (kept["text"], kept["subject"], kept["html"]) == (TEXT["Body"], None, None)
    assert kept["details"]["validity_period"] == "3600"


@pytest.mark.parametrize(
    ("body", "count"),
    [("a" * 160, 1), ("a" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("ж" * 70, 1), ("ж" * 71, 2), ("🎉" * 35, 1)],
)
def test_segments_are_counted(texts: httpx.Client, body: str, count: int) -> None:
    form = {"To": TEXT["To"], "Body": body, "From": "+15005550006"}
    answer = texts.post(MESSAGES, data=form).json()
    assert (answer["num_segments"], answer["status"], answer["from"]) == (str(count), "queued", "+15005550006")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "0151 12345678"}, 21211),
        ({"To": "+15005550001"}, 21211),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"MessagingServiceSid": ""}, 21603),
        ({"MessagingServiceSid": "MGother"}, 21701),
        ({"MessagingServiceSid": "", "From": "+15005550007"}, 21606),
        ({"MessagingServiceSid": "", "From": "12"}, 21212),
        ({"StatusCallback": "example.com"}, 21609),
        ({"ValidityPeriod": "0"}, 20001),
        ({"ValidityPeriod": "36001"}, 20001),
        ({"ValidityPeriod": "soon"}, 20001),
    ],
)
def test_a_wrong_field_is_refused(texts: httpx.Client, change: dict[str, str], code: int) -> None:
    assert_refused(texts.post(MESSAGES, data={**TEXT, **change}), 400, code)
    assert texts.get("/_sim/messages").json() == []


def test_who_may_send(twilio_url: str, texts: httpx.Client) -> None:
    for auth in (None, (ACCOUNT, "wrong"), ("AC" + "0" * 32, "wrong")):
        assert_refused(httpx.post(f"{twilio_url}{MESSAGES}", data=TEXT, auth=auth), 401, 20003)
    other = MESSAGES.replace(ACCOUNT, "AC" + "0" * 32)
    assert_refused(texts.post(other, data=TEXT), 404, 20404)
    assert_refused(texts.get(MESSAGES.replace(".json", "/SM0.json")), 404, 20404)
    assert_refused(texts.get("/2010-04-01/Nothing.json"), 404, 20404)


def test_a_form_is_needed_not_json(texts: httpx.Client) -> None:
    assert_refused(texts.post(MESSAGES, json=TEXT), 400, 21604)


def test_messages_are_found_by_number_and_day(texts: httpx.Client, clock: TestClock) -> None:
    clock.now = clock.now.replace(year=2026, month=12, day=1, hour=23, minute=59)
    first = texts.post(MESSAGES, data=TEXT).json()["sid"]
    clock.now = clock.now.replace(day=2, hour=0)
    second = texts.post(MESSAGES, data={**TEXT, "To": "+4915199999999"}).json()["sid"]
    clock.now = clock.now.replace(day=3)
    third = texts.post(MESSAGES, data=TEXT).json()["sid"]

    def found(**query: Any) -> list[str]:
        renamed = {name.replace("_after", ">").replace("_before", "<"): value for name, value in query.items()}
        return [message["sid"] for message in texts.get(MESSAGES, params=renamed).json()["messages"]]

    assert found() == [third, second, first]
    assert found(To=TEXT["To"]) == [third, first]
    assert found(DateSent="2026-12-02") == [second]
    assert found(DateSent_after="2026-12-02") == [third, second]
    assert found(DateSent_before="2026-12-01") == [first]
    assert found(To=TEXT["To"], DateSent_after="2026-12-01T23:58:00Z", DateSent_before="2026-12-02") == [first]
    assert_refused(texts.get(MESSAGES, params={"DateSent": "yesterday"}), 400, 20001)

    page = texts.get(MESSAGES, params={"PageSize": 2}).json()
    assert [message["sid"] for message in page["messages"]] == [third, second]
    rest = texts.get(page["next_page_uri"]).json()
    assert [message["sid"] for message in rest["messages"]] == [first]
    assert rest["next_page_uri"] is None
    assert texts.get(rest["previous_page_uri"]).json()["messages"] == page["messages"]


def test_stop_belongs_to_the_number_until_start(texts: httpx.Client, receiver: Receiver) -> None:
    def say(body: str) -> None:
        texts.post("/_sim/receipts", json={"from": TEXT["To"], "body": body})

    say("Please stop")
    assert texts.post(MESSAGES, data=TEXT).status_code == 201
    say(" stop ")
    assert_refused(texts.post(MESSAGES, data=TEXT), 400, 21610)
    assert texts.post(MESSAGES, data={**TEXT, "To": "+4915199999999"}).status_code == 201
    say("START")
    assert texts.post(MESSAGES, data=TEXT).status_code == 201
    assert [callback.form["Body"] for callback in receiver.callbacks] == ["Please stop", " stop ", "START"]


def test_a_number_may_have_too_many_requests(texts: httpx.Client) -> None:
    texts.post("/_sim/faults", json={"fail": [429, 500, 30001, 20003]})
    assert_refused(texts.post(MESSAGES, data=TEXT), 429, 20429)
    assert_refused(texts.post(MESSAGES, data=TEXT), 500, 20500)
    assert_refused(texts.post(MESSAGES, data=TEXT), 400, 30001)
    assert_refused(texts.post(MESSAGES, data=TEXT), 401, 20003)
    assert texts.post(MESSAGES, data=TEXT).status_code == 201
    assert len(texts.get("/_sim/messages").json()) == 1
