"""What one call of a provider carries, and what is posted of it when."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from pytest_httpx import HTTPXMock

from shared import letters, mail, sms
from tests.unit.test_outbox import reminder, row, soon

pytestmark = pytest.mark.usefixtures("environment")
NUMBER = "+351912345678"


def written(*rows: dict[str, Any]) -> letters.Letter:
    letter, failed = letters.write(list(rows))
    assert letter is not None
    assert failed == []
    return letter


def test_a_message_is_a_letter_of_its_own() -> None:
    letter = written(row(1))
    assert (letter.ids, letter.key, letter.lease) == ([row(1)["id"]], row(1)["batch_key"], row(1)["lease"])
    assert (letter.channel, letter.repeated, letter.is_batch) == ("email", False, False)
    assert json.loads(letter.payload)["to"] == ["client1@example.com"]


def test_reminders_by_mail_are_a_batch_though_there_is_one() -> None:
    letter = written(reminder(1))
    assert (letter.is_batch, letter.ids, letter.key) == (True, [row(1)["id"]], "reminders/1")
    assert [one["to"] for one in json.loads(letter.payload)] == [["client1@example.com"]]


def test_reminders_by_text_are_none() -> None:
    letter = written(reminder(1, channel="sms", recipient=NUMBER))
    assert (letter.channel, letter.is_batch) == ("sms", False)
    assert letter.payload.startswith("To=%2B351912345678&")


def test_bytes_of_an_earlier_try_are_not_written_again() -> None:
    letter = written(row(1, payload='{"as it":"was"}', booking={}))
    assert (letter.payload, letter.repeated, letter.ids) == ('{"as it":"was"}', True, [row(1)["id"]])


def test_the_bytes_of_a_batch_say_who_is_in_it() -> None:
    """Only the first row of a batch brings the bytes, and those whose receipt has come are not claimed again."""
    first = written(reminder(1), reminder(2), reminder(3))
    letter = written(reminder(2, payload=first.kept), reminder(3))
    assert letter.payload == first.payload
    assert letter.ids == [row(number)["id"] for number in (1, 2, 3)]
    assert letter.repeated


def test_a_batch_is_kept_small_and_a_message_as_it_is() -> None:
    batch, single = written(*map(reminder, range(1, 101))), written(row(1))
    assert len(batch.kept) < len(batch.payload) / 10
    assert single.kept == single.payload


def test_who_cannot_be_written_to_is_left_out() -> None:
    letter, failed = letters.write([reminder(1), reminder(2, booking={}), reminder(3)])
    assert letter is not None
    assert letter.ids == [row(1)["id"], row(3)["id"]]
    assert mail.notification_ids(letter.payload) == letter.ids
    [(number, lease, delivery)] = failed
    assert (number, lease) == (row(2)["id"], row(99)["lease"])
    assert (delivery.outcome, delivery.accepted) == ("failed", False)
    assert letters.write([reminder(2, booking={})])[0] is None


def test_with_no_time_left_nothing_is_posted(httpx_mock: HTTPXMock) -> None:
    batch = written(reminder(1), reminder(2))
    late = time.monotonic() + letters.LEAST_SECONDS / 2
    posted = letters.post(batch, late)
    assert [(one.outcome, one.accepted, one.rate_limited) for one in posted] == [("retry", False, True)] * 2
    again = letters.post(written(reminder(1, payload=batch.kept)), late)
    assert [(one.outcome, one.accepted) for one in again] == [("retry", None)] * 2, "an earlier try may have been taken"
    assert httpx_mock.get_requests() == []


def test_a_text_is_never_posted_again(httpx_mock: HTTPXMock) -> None:
    [posted] = letters.post(written(row(1, channel="sms", recipient=NUMBER, payload="To=x")), soon())
    assert (posted.outcome, posted.error) == ("unknown", "interrupted")
    assert httpx_mock.get_requests() == []


def test_what_nobody_thought_of_leaves_all_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("for client1@example.com")

    for module, name in ((mail, "post"), (mail, "post_batch"), (sms, "post")):
        monkeypatch.setattr(module, name, broken)
    text = written(row(1, channel="sms", recipient=NUMBER, calendar=None))
    for letter, outcome in (
        (written(row(1)), "retry"),
        (written(reminder(1), reminder(2)), "retry"),
        (text, "unknown"),
    ):
        posted = letters.post(letter, soon())
        assert [(one.outcome, one.accepted, one.error) for one in posted] == [
            (outcome, None, "post: RuntimeError") for _ in letter.ids
        ]


def test_no_post_takes_longer_than_a_try(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json={"id": "r1"}, is_reusable=True)
    for left, least, most in ((60.0, 9.9, 10.0), (2.0, 1.5, 2.0)):
        letters.post(written(row(1)), soon(left))
        assert least <= httpx_mock.get_requests()[-1].extensions["timeout"]["read"] <= most
