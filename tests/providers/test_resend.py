"""The Resend stand-in accepts and refuses what Resend does: through its SDK, and byte by byte."""

from __future__ import annotations

import base64
import threading
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
import resend

from .conftest import KEY, RATE, TestClock

MAIL: dict[str, Any] = {
    "from": "Bookings <bookings@example.com>",
    "to": ["client@example.com"],
    "subject": "Confirmed: Intro call",
    "html": "<p>See you</p>",
    "text": "See you",
}
CALENDAR = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def sdk(resend_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "api_url", resend_url)
    monkeypatch.setattr(resend, "api_key", KEY)
    # As the SDK comes: our own mail module, imported by other tests, puts a client of ours there.
    monkeypatch.setattr(resend, "default_http_client", resend.RequestsClient(timeout=10))


def messages(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/_sim/messages").json()
    return found


def assert_refused(response: httpx.Response, status: int, name: str) -> None:
    assert response.status_code == status
    body = response.json()
    assert (body["statusCode"], body["name"]) == (status, name)
    assert body["message"]


@pytest.mark.usefixtures("sdk")
class TestThroughTheSdk:
    def test_an_email_with_everything_is_kept_with_everything(self, mail: httpx.Client) -> None:
        sent = resend.Emails.send(
            {
                "from": "Bookings <bookings@example.com>",
                "to": ["client@example.com", "Guest <guest@example.com>"],
                "cc": "cc@example.com",
                "bcc": ["bcc@example.com"],
                "reply_to": "host@example.com",
                "subject": "Confirmed: Intro call",
                "html": "<p>See you</p>",
                "text": "See you",
                "headers": {"List-Unsubscribe": "<https://example.com/u>"},
                "tags": [{"name": "notification_id", "value": "7c0e4b6e-5f3c-4f0e-8b7b-2a6f6d1c9e11"}],
                "attachments": [
                    {
                        "filename": "invite.ics",
                        "content": base64.b64encode(CALENDAR.encode()).decode(),
                        "content_type": "text/calendar; charset=utf-8; method=REQUEST",
                    },
                    {"filename": "raw.bin", "content": list(b"\x00\xff")},
                ],
            },
            {"idempotency_key": "one"},
        )
        [kept] = messages(mail)
        assert kept["id"] == sent["id"]
        assert kept["channel"] == "email"
        assert kept["to"] == ["client@example.com", "Guest <guest@example.com>"]
        assert (kept["cc"], kept["bcc"], kept["reply_to"]) == (
            ["cc@example.com"],
            ["bcc@example.com"],
            ["host@example.com"],
        )
        assert (kept["subject"], kept["html"], kept["text"]) == ("Confirmed: Intro call", "<p>See you</p>", "See you")
        assert kept["headers"] == {"List-Unsubscribe": "<https://example.com/u>"}
        assert kept["tags"] == [{"name": "notification_id", "value": "7c0e4b6e-5f3c-4f0e-8b7b-2a6f6d1c9e11"}]
        assert kept["idempotency_key"] == "one"
        assert kept["accepted_at"].endswith("+00:00")
        calendar, raw = kept["attachments"]
        assert base64.b64decode(calendar["content"]).decode() == CALENDAR
        assert calendar["content_type"] == "text/calendar; charset=utf-8; method=REQUEST"
        assert base64.b64decode(raw["content"]) == b"\x00\xff"

    def test_an_email_can_be_read_back(self) -> None:
        sent = resend.Emails.send({**MAIL})  # type: ignore[typeddict-item]
        found = resend.Emails.get(sent["id"])
        assert (found["subject"], found["to"], found["last_event"]) == (MAIL["subject"], MAIL["to"], "sent")
        assert [email["id"] for email in resend.Emails.list()["data"]] == [sent["id"]]

    def test_a_permissive_batch_takes_what_is_valid(self, mail: httpx.Client) -> None:
        answer = resend.Batch.send(
            [{**MAIL}, {**MAIL, "to": ["nobody"]}, {**MAIL, "subject": "Third"}],  # type: ignore[typeddict-item]
            {"batch_validation": "permissive", "idempotency_key": "batch"},
        )
        assert [error["index"] for error in answer["errors"]] == [1]
        assert [kept["id"] for kept in messages(mail)] == [email["id"] for email in answer["data"]]
        assert [kept["subject"] for kept in messages(mail)] == [MAIL["subject"], "Third"]

    def test_a_strict_batch_takes_all_or_nothing(self, mail: httpx.Client) -> None:
        with pytest.raises(resend.exceptions.ValidationError):
            resend.Batch.send([{**MAIL}, {**MAIL, "to": ["nobody"]}])  # type: ignore[typeddict-item]
        assert messages(mail) == []
        assert len(resend.Batch.send([{**MAIL}, {**MAIL}])["data"]) == 2  # type: ignore[typeddict-item]
        assert len(messages(mail)) == 2

    def test_the_rate_limit_is_an_error_that_says_when_to_come_back(self, mail: httpx.Client) -> None:
        mail.post("/_sim/faults", json={"fail": [429]})
        with pytest.raises(resend.exceptions.RateLimitError) as refused:
            resend.Emails.send({**MAIL})  # type: ignore[typeddict-item]
        assert refused.value.headers["retry-after"] == "1"


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"from": None}, "missing_required_field"),
            ({"to": []}, "missing_required_field"),
            ({"subject": ""}, "missing_required_field"),
            ({"html": None, "text": None}, "missing_required_field"),
            ({"from": "bookings"}, "invalid_from_address"),
            ({"to": "nobody"}, "validation_error"),
            ({"to": ["a@example.com\r\nBcc: b@example.com"]}, "validation_error"),
            ({"to": ["a@example.com"] * 51}, "validation_error"),
            ({"to": [1]}, "validation_error"),
            ({"cc": "x"}, "validation_error"),
            ({"subject": 1}, "validation_error"),
            ({"headers": {"X-A": 1}}, "validation_error"),
            ({"htlm": "<p>"}, "validation_error"),
            ({"tags": [{"name": "mail", "value": "a@example.com"}]}, "validation_error"),
            ({"tags": [{"name": "x"}]}, "validation_error"),
            ({"attachments": [{"filename": "a.ics"}]}, "invalid_attachment"),
            ({"attachments": [{"filename": "a.ics", "content": "%%%"}]}, "invalid_attachment"),
            ({"attachments": [{"filename": "a.ics", "content": [300]}]}, "invalid_attachment"),
            ({"attachments": [{"filename": 1, "content": "eA=="}]}, "validation_error"),
        ],
    )
    def test_a_wrong_field(self, mail: httpx.Client, change: dict[str, Any], name: str) -> None:
        assert_refused(mail.post("/emails", json={**MAIL, **change}), 422, name)
        assert messages(mail) == []

    def test_no_key_and_a_wrong_key(self, resend_url: str) -> None:
        assert_refused(httpx.post(f"{resend_url}/emails", json=MAIL), 401, "missing_api_key")
        wrong = {"Authorization": "Bearer re_other"}
        assert_refused(httpx.post(f"{resend_url}/emails", json=MAIL, headers=wrong), 403, "invalid_api_key")
        assert_refused(httpx.get(f"{resend_url}/emails", headers=wrong), 403, "invalid_api_key")

    def test_no_json_no_object_no_such_path(self, mail: httpx.Client) -> None:
        assert_refused(mail.post("/emails", content=b"{"), 400, "validation_error")
        half_a_pair = b'{"from": "a@example.com", "to": "b@example.com", "subject": "\\ud800", "text": "x"}'
        assert_refused(mail.post("/emails", content=half_a_pair), 400, "validation_error")
        assert_refused(mail.post("/emails", json=[]), 422, "validation_error")
        assert_refused(mail.get("/emails/00000000-0000-0000-0000-000000000000"), 404, "not_found")
        assert_refused(mail.get("/email"), 404, "not_found")
        assert_refused(mail.delete("/emails"), 405, "method_not_allowed")

    def test_a_batch_of_the_wrong_size_or_kind(self, mail: httpx.Client) -> None:
        for body in ([], [MAIL] * 101, MAIL):
            assert_refused(mail.post("/emails/batch", json=body), 422, "validation_error")
        mode = {"x-batch-validation": "lenient"}
        assert_refused(mail.post("/emails/batch", json=[MAIL], headers=mode), 422, "validation_error")
        assert len(mail.post("/emails/batch", json=[MAIL] * 100).json()["data"]) == 100

    def test_a_batch_takes_no_attachments(self, mail: httpx.Client) -> None:
        with_file = {**MAIL, "attachments": [{"filename": "a.ics", "content": "eA=="}]}
        assert_refused(mail.post("/emails/batch", json=[MAIL, with_file]), 422, "validation_error")
        permissive = {"x-batch-validation": "permissive"}
        answer = mail.post("/emails/batch", json=[MAIL, with_file], headers=permissive).json()
        assert (len(answer["data"]), [error["index"] for error in answer["errors"]]) == (1, [1])


class TestIdempotency:
    def send(self, mail: httpx.Client, key: str, body: dict[str, Any] = MAIL) -> httpx.Response:
        return mail.post("/emails", json=body, headers={"Idempotency-Key": key})

    def test_the_same_key_and_body_is_one_mail(self, mail: httpx.Client) -> None:
        first, second = self.send(mail, "k"), self.send(mail, "k")
        assert first.json() == second.json()
        assert len(messages(mail)) == 1

    def test_another_body_is_refused(self, mail: httpx.Client) -> None:
        self.send(mail, "k")
        assert_refused(self.send(mail, "k", {**MAIL, "subject": "Other"}), 409, "invalid_idempotent_request")
        batch = mail.post("/emails/batch", json=[MAIL], headers={"Idempotency-Key": "k"})
        assert_refused(batch, 409, "invalid_idempotent_request")
        assert len(messages(mail)) == 1

    def test_a_refused_request_does_not_use_up_the_key(self, mail: httpx.Client) -> None:
        assert_refused(self.send(mail, "k", {**MAIL, "to": "nobody"}), 422, "validation_error")
        assert self.send(mail, "k").status_code == 200

    @pytest.mark.parametrize("key", ["", "x" * 257])
    def test_a_key_has_1_to_256_characters(self, mail: httpx.Client, key: str) -> None:
        assert_refused(self.send(mail, key), 400, "invalid_idempotency_key")
        assert self.send(mail, "x" * 256).status_code == 200

    def test_a_key_is_forgotten_after_24_hours(self, mail: httpx.Client, clock: TestClock) -> None:
        first = self.send(mail, "k").json()
        clock.forward(timedelta(hours=23, minutes=59))
        assert self.send(mail, "k").json() == first
        clock.forward(timedelta(minutes=1))
        assert self.send(mail, "k").json() != first
        assert len(messages(mail)) == 2

    def test_while_the_first_is_in_progress_a_second_is_refused(self, mail: httpx.Client) -> None:
        mail.post("/_sim/faults", json={"delay_ms": 60_000})
        answers: list[httpx.Response] = []
        waiting = threading.Thread(target=lambda: answers.append(self.send(mail, "k")))
        waiting.start()
        while not messages(mail):
            time.sleep(0.01)
        mail.post("/_sim/faults", json={"delay_ms": 1})
        waiting.join()
        assert [answer.status_code for answer in answers] == [200]

        mail.post("/_sim/faults", json={"delay_ms": 400})
        together = [threading.Thread(target=lambda: answers.append(self.send(mail, "j"))) for _ in range(8)]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join()
        statuses = sorted(answer.status_code for answer in answers[1:])
        assert statuses == [200] + [409] * 7
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert_refused(refused, 409, "concurrent_idempotent_requests")
        assert len(messages(mail)) == 2

    def test_a_batch_has_one_key(self, mail: httpx.Client) -> None:
        headers = {"Idempotency-Key": "k", "x-batch-validation": "permissive"}
        first, second = (mail.post("/emails/batch", json=[MAIL, {}], headers=headers) for _ in range(2))
        assert first.json() == second.json()
        assert len(messages(mail)) == 1


def test_calls_a_second_are_limited(mail: httpx.Client) -> None:
    answers = [mail.get("/emails") for _ in range(RATE + 5)]
    refused = [answer for answer in answers if answer.status_code == 429]
    # Slow machines may begin a new second in between.
    assert refused
    assert_refused(refused[0], 429, "rate_limit_exceeded")
    assert refused[0].headers["retry-after"] == "1"
    assert answers[0].headers["ratelimit-limit"] == str(RATE)
    assert answers[0].headers["ratelimit-remaining"] == str(RATE - 1)
    assert answers[0].headers["ratelimit-reset"] == "1"


def test_emails_are_listed_in_pages_newest_first(mail: httpx.Client) -> None:
    ids = [mail.post("/emails", json=MAIL).json()["id"] for _ in range(5)]
    newest = ids[::-1]

    def page(**query: Any) -> tuple[list[str], bool]:
        body = mail.get("/emails", params=query).json()
        return [email["id"] for email in body["data"]], body["has_more"]

    assert page(limit=2) == (newest[:2], True)
    assert page(limit=2, after=newest[1]) == (newest[2:4], True)
    assert page(limit=2, after=newest[3]) == (newest[4:], False)
    assert page(limit=2, before=newest[3]) == (newest[1:3], True)
    assert page() == (newest, False)
    assert mail.get("/emails", params={"limit": 101}).status_code == 422
