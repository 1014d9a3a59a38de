"""Ordered faults: each hits one call, says what it should, and leaves a trace."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any

import httpx
import pytest

from local.providers.mailbox import Mailbox
from local.providers.message import Attachment, Message

from .conftest import KEY, TestClock

MAIL = {"from": "bookings@example.com", "to": "client@example.com", "subject": "Hello", "text": "Hello"}


def order(mail: httpx.Client, **faults: Any) -> None:
    assert mail.post("/_sim/faults", json=faults).status_code == 200


def accepted(mail: httpx.Client) -> int:
    return len(mail.get("/_sim/messages").json())


def send(mail: httpx.Client, **options: Any) -> httpx.Response:
    return mail.post("/emails", json=MAIL, headers={"Idempotency-Key": "k"}, **options)


def test_one_entry_a_call_then_none(mail: httpx.Client) -> None:
    order(mail, fail=[500, "ok", 429, 503])
    assert [send(mail).status_code for _ in range(5)] == [500, 200, 429, 503, 200]
    assert accepted(mail) == 1


def test_an_empty_order_clears(mail: httpx.Client) -> None:
    order(mail, fail=[500] * 3, delay_ms=100)
    assert mail.get("/_sim/faults").json() == {"fail": [500] * 3, "delay_ms": 100}
    order(mail)
    assert mail.get("/_sim/faults").json() == {"fail": [], "delay_ms": 0}
    assert send(mail).status_code == 200


def test_a_timeout_after_accepting_has_accepted(mail: httpx.Client) -> None:
    order(mail, fail=["timeout_after_accept"])
    with pytest.raises(httpx.ReadTimeout):
        send(mail, timeout=0.3)
    assert accepted(mail) == 1
    # The try again gets the answer that was lost, and no second mail.
    assert send(mail).json() == {"id": mail.get("/_sim/messages").json()[0]["id"]}
    assert accepted(mail) == 1


def test_a_timeout_before_accepting_has_not(mail: httpx.Client) -> None:
    order(mail, fail=["timeout"])
    with pytest.raises(httpx.ReadTimeout):
        send(mail, timeout=0.3)
    assert accepted(mail) == 0


def test_a_reset_connection(mail: httpx.Client) -> None:
    order(mail, fail=["reset"])
    with pytest.raises(httpx.ReadError):
        send(mail)
    assert accepted(mail) == 0
    assert send(mail).status_code == 200


def test_a_page_instead_of_json(mail: httpx.Client) -> None:
    order(mail, fail=["html"])
    answer = send(mail)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert accepted(mail) == 0


def test_a_delay_holds_the_answer_not_the_mail(mail: httpx.Client) -> None:
    order(mail, delay_ms=60_000)
    answers: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(send(mail)))
    waiting.start()
    _until(lambda: accepted(mail) == 1)
    assert not answers
    # A new order lets those who wait go.
    order(mail)
    waiting.join(timeout=5)
    assert [answer.status_code for answer in answers] == [200]

    order(mail, delay_ms=200)
    begun = time.monotonic()
    assert send(mail).status_code == 200
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize(
    "wrong", [{"fail": ["explode"]}, {"fail": [200]}, {"fail": 500}, {"delay_ms": -1}, {"delay_ms": "1"}, {"fial": []}]
)
def test_an_order_that_makes_no_sense_is_refused(mail: httpx.Client, wrong: dict[str, Any]) -> None:
    order(mail, fail=[503])
    assert mail.post("/_sim/faults", json=wrong).status_code == 422
    assert mail.get("/_sim/faults").json()["fail"] == [503]


def test_every_try_is_listed(mail: httpx.Client, resend_url: str, clock: TestClock) -> None:
    order(mail, fail=["timeout_after_accept", "reset", 500])
    with pytest.raises(httpx.ReadTimeout):
        send(mail, timeout=0.3)
    with pytest.raises(httpx.ReadError):
        send(mail)
    sent = [send(mail), send(mail), httpx.post(f"{resend_url}/emails", json=MAIL)]
    tries = mail.get("/_sim/requests").json()
    assert [(one["fault"], one["status"]) for one in tries] == [
        ("timeout_after_accept", None),
        ("reset", None),
        (500, 500),
        (None, 200),
        (None, 401),
    ]
    assert {(one["method"], one["path"], one["at"]) for one in tries} == {("POST", "/emails", clock.now.isoformat())}
    assert [one["idempotency_key"] for one in tries] == ["k"] * 4 + [None]
    assert {one["sha256"] for one in tries} == {hashlib.sha256(sent[0].request.content).hexdigest()}


def test_reset_forgets_everything(mail: httpx.Client) -> None:
    first = send(mail).json()
    order(mail, fail=[500])
    mail.post("/_sim/reset")
    assert (mail.get("/_sim/messages").json(), mail.get("/_sim/requests").json()) == ([], [])
    assert send(mail).json() != first


def test_a_page_of_another_site_may_not_order_anything(mail: httpx.Client, resend_url: str) -> None:
    for origin in ("https://example.com", "null"):
        assert mail.post("/_sim/reset", headers={"Origin": origin}).status_code == 403
    assert mail.post("/_sim/reset", headers={"Origin": resend_url}).status_code == 200


def test_the_mailbox_is_bounded_by_number_and_by_size(clock: TestClock) -> None:
    def message(number: int, size: int = 0) -> Message:
        file = Attachment(filename="a", content_type="text/plain", content=b"x" * size)
        return Message(
            id=str(number),
            channel="email",
            sender="a@example.com",
            to=("b@example.com",),
            accepted_at=clock(),
            status="sent",
            attachments=(file,),
        )

    mailbox = Mailbox(max_messages=3, max_bytes=10_000)
    mailbox.accept(message(number) for number in range(5))
    assert [kept.id for kept in mailbox.all()] == ["2", "3", "4"]
    mailbox.accept([message(5, size=8_000)])
    assert [kept.id for kept in mailbox.all()] == ["5"]
    mailbox.accept([message(6, size=20_000)])
    assert mailbox.all() == []


def test_keys_never_reach_the_log(mail: httpx.Client, capfd: pytest.CaptureFixture[str]) -> None:
    send(mail)
    mail.get("/emails", params={"to": "client@example.com"})
    mail.get("/_sim/messages", params={"to": "client@example.com"})
    printed = "".join(capfd.readouterr())
    assert "POST /emails 200" in printed
    assert KEY not in printed
    assert "@" not in printed


def _until(true: Any) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
