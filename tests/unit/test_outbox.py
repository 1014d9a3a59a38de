"""The drain, with Supabase and the providers played at the transport: what is posted when, and what is settled."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pytest_httpx import HTTPXMock

from shared import outbox
from shared.errors import Unavailable
from shared.outbox import Counts

pytestmark = pytest.mark.usefixtures("environment")
Row = dict[str, Any]
Answer = Callable[[httpx.Request], httpx.Response]


class World:
    """Supabase and the providers. `pages` are what the claims hand out, one after the other."""

    def __init__(self, *pages: list[Row]) -> None:
        self.pages = list(pages)
        self.stored: list[Row] = []
        self.settled: dict[str, Row] = {}
        self.settlements = 0
        self.mails: list[httpx.Request] = []
        self.texts: list[httpx.Request] = []
        self.claims: list[Row] = []
        self.lost_leases: set[str] = set()
        self.on_mail: Answer = lambda request: httpx.Response(200, json={"id": "r1"})

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "mail.example.com":
            self.mails.append(request)
            return self.on_mail(request)
        if request.url.host == "text.example.com":
            self.texts.append(request)
            return httpx.Response(201, json={"sid": "SM1"})
        function, given = request.url.path.rpartition("/")[2], json.loads(request.content)
        return httpx.Response(200, json=getattr(self, function)(**given))

    def claim_notifications(self, **given: Any) -> list[Row]:
        self.claims.append(given)
        return self.pages.pop(0) if self.pages else []

    def store_payloads(self, p_payloads: list[Row]) -> Row:
        kept = [one for one in p_payloads if one["lease"] not in self.lost_leases]
        self.stored += kept
        return {"stored": [one["batch_key"] for one in kept]}

    def settle_notifications(self, p_results: list[Row]) -> Row:
        self.settled |= {one["id"]: one for one in p_results}
        self.settlements += 1
        return {"settled": len(p_results)}


@pytest.fixture
def play(httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    for pause in ("_PAUSE_SECONDS", "_SHORT_PAUSE_SECONDS"):
        monkeypatch.setattr(outbox, pause, 0.01)

    def play(*pages: list[Row]) -> World:
        world = World(*pages)
        httpx_mock.add_callback(world.answer, is_reusable=True, is_optional=True)
        return world

    return play


def row(number: int = 1, **changes: Any) -> Row:
    times = {"starts_at": "2099-01-05T10:00:00+00:00", "ends_at": "2099-01-05T10:30:00+00:00"}
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "lease": f"00000000-0000-4000-9000-{number:012}",
        "batch_key": f"00000000-0000-4000-8000-{number:012}",
        "payload": None,
        "status": "sending",
        "channel": "email",
        "kind": "confirmation",
        "recipient": f"client{number}@example.com",
        "time_zone": "Europe/Lisbon",
        "locale": "en",
        "calendar": {"method": "REQUEST", "uid": "u@Cal.com", "sequence": 0, "stamp": times["starts_at"], **times},
        "booking": {
            "id": "00000000-0000-4000-a000-000000000001",
            "status": "confirmed",
            "title": "Consultation",
            "host_name": "Host",
            **times,
        },
        "attendee": {"id": "x", "email": f"client{number}@example.com", "name": "Client", "role": "booker"},
        **changes,
    }


def reminder(number: int, **changes: Any) -> Row:
    """One of those that were claimed together."""
    together = {"lease": row(99)["lease"], "batch_key": "reminders/1"}
    return row(number, kind="reminder", lead_minutes=60, calendar=None, **together | changes)


def accepted(*ids: str, refused: Sequence[int] = ()) -> Answer:
    errors = [{"index": place, "message": "x"} for place in refused]
    return lambda request: httpx.Response(200, json={"data": [{"id": one} for one in ids], "errors": errors})


def bytes_of(kept: Row) -> bytes:
    """What was kept of a batch, as it is posted."""
    return zlib.decompress(base64.b64decode(kept["payload"]))


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_a_message_is_stored_posted_and_settled(play: Callable[..., World]) -> None:
    world = play([row()])
    assert outbox.drain(soon()) == Counts(claimed=1, sent=1)
    (mail,) = world.mails
    assert world.stored[0]["payload"].encode() == mail.content
    assert mail.headers["Idempotency-Key"] == row()["batch_key"]
    assert json.loads(mail.content)["to"] == ["client1@example.com"]
    assert world.settled[row()["id"]] == {
        "id": row()["id"],
        "lease": row()["lease"],
        "outcome": "sent",
        "provider_id": "r1",
        "accepted": True,
    }


def test_it_carries_a_link_to_unsubscribe_and_one_to_the_booking(play: Callable[..., World]) -> None:
    world = play([row()])
    outbox.drain(soon())
    body = json.loads(world.mails[0].content)
    assert body["headers"]["List-Unsubscribe"].startswith("<https://functions.example.com/preferences?token=")
    assert body["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "https://functions.example.com/portal/bookings/00000000-0000-4000-a000-000000000001" in body["text"]


def test_what_was_skipped_is_counted_and_left_alone(play: Callable[..., World]) -> None:
    world = play([row(1, status="skipped", lease=None, reason="superseded"), row(2)])
    assert outbox.drain(soon()) == Counts(claimed=1, sent=1, skipped=1)
    assert set(world.settled) == {row(2)["id"]}


def test_bytes_of_an_earlier_try_are_posted_as_they_were(play: Callable[..., World]) -> None:
    world = play([row(payload='{"to": ["a@example.com"]}')])
    assert outbox.drain(soon()) == Counts(claimed=1, sent=1)
    assert world.mails[0].content == b'{"to": ["a@example.com"]}'
    assert world.stored == []


def test_who_has_lost_the_lease_posts_nothing(play: Callable[..., World]) -> None:
    world = play([row(1), row(2)])
    world.lost_leases = {row(1)["lease"]}
    assert outbox.drain(soon()) == Counts(claimed=2, sent=1)
    assert [json.loads(mail.content)["to"] for mail in world.mails] == [["client2@example.com"]]
    assert set(world.settled) == {row(2)["id"]}


def test_one_that_cannot_be_rendered_fails_alone(
    play: Callable[..., World], capsys: pytest.CaptureFixture[str]
) -> None:
    world = play([row(1, booking={"id": "someone@example.com"}), row(2)])
    assert outbox.drain(soon()) == Counts(claimed=2, sent=1, failed=1)
    failed = world.settled[row(1)["id"]]
    assert (failed["outcome"], failed["error"], failed["accepted"]) == ("failed", "render: ValidationError", False)
    assert world.settled[row(2)["id"]]["outcome"] == "sent"
    assert "someone@example.com" not in capsys.readouterr().out


def test_a_missing_package_is_not_blamed_on_the_messages(
    play: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = play([row(1), row(2)])
    monkeypatch.setitem(sys.modules, "shared.ical", None)
    with pytest.raises(ImportError):
        outbox.drain(soon())
    assert world.settled == {}, "their leases run out, and they are claimed again"


@pytest.mark.parametrize("answer", [{"json": []}, {"json": None}, {"json": {}}, {"json": {"id": None}}])
def test_a_strange_yes_leaves_it_in_doubt_and_loses_no_other(play: Callable[..., World], answer: Any) -> None:
    world = play([row(1), row(2)])
    answers = [httpx.Response(200, **answer), httpx.Response(200, json={"id": "r2"})]
    world.on_mail = lambda request: answers.pop(0)
    outbox.drain(soon())
    assert world.settled[row(1)["id"]]["outcome"] == "retry"
    assert "accepted" not in world.settled[row(1)["id"]]
    assert world.settled[row(2)["id"]]["outcome"] == "sent"


def test_a_text_is_posted_once(play: Callable[..., World]) -> None:
    world = play([row(channel="sms", recipient="+351912345678", calendar=None)])
    assert outbox.drain(soon()) == Counts(claimed=1, sent=1)
    (text,) = world.texts
    assert parse_qs(text.content.decode())["To"] == ["+351912345678"]


def test_a_text_whose_first_try_was_interrupted_is_never_posted_again(play: Callable[..., World]) -> None:
    world = play([row(channel="sms", recipient="+351912345678", payload="To=%2B351912345678")])
    assert outbox.drain(soon()) == Counts(claimed=1)
    assert world.texts == []
    assert world.settled[row()["id"]]["outcome"] == "unknown"


def test_what_there_is_no_time_for_goes_back_untouched(play: Callable[..., World]) -> None:
    world = play([row(1), row(2), row(3, payload="{}")])

    def slow(request: httpx.Request) -> httpx.Response:
        time.sleep(1.5)
        return httpx.Response(200, json={"id": "r1"})

    world.on_mail = slow
    outbox.drain(soon(1.7))
    assert len(world.mails) == 1
    left = world.settled[row(2)["id"]]
    assert (left["outcome"], left["accepted"], left["rate_limited"]) == ("retry", False, True)
    # An earlier try of the third may have been accepted, so its bytes must be kept.
    assert "accepted" not in world.settled[row(3)["id"]]


def test_no_try_outlasts_the_deadline(play: Callable[..., World]) -> None:
    world = play([row()])
    outbox.drain(soon(2.0))
    assert 1.0 < world.mails[0].extensions["timeout"]["read"] <= 2.0


def test_without_time_nothing_is_claimed(play: Callable[..., World]) -> None:
    world = play([row()])
    assert outbox.drain(soon(0.1)) == Counts()
    assert world.claims == []


def test_the_sweep_goes_on_until_nothing_is_due(play: Callable[..., World]) -> None:
    # An empty page in between: for a moment the providers' buckets were empty.
    world = play([row(1), row(2)], [], [row(3)])
    assert outbox.drain(soon()) == Counts(claimed=3, sent=3)
    assert all(claim["p_booking_id"] is None for claim in world.claims)


def test_an_idle_sweep_asks_once(play: Callable[..., World]) -> None:
    world = play()
    assert outbox.drain(soon()) == Counts()
    assert len(world.claims) == 1


def test_of_one_booking_all_is_sent_and_then_no_time_lost(play: Callable[..., World]) -> None:
    # A page that is not full was all there is: the visitor waits, so nobody asks again.
    world = play([row(number) for number in range(10)], [row(10)], [row(11)])
    assert outbox.drain(soon(), "b1") == Counts(claimed=11, sent=11)
    assert [claim["p_booking_id"] for claim in world.claims] == ["b1"] * 2


def test_the_database_away(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(httpx.ConnectError("x"), is_reusable=True)
    with pytest.raises(Unavailable):
        outbox.drain(soon())
    outbox.deliver_now(["b1"], soon())


def test_a_message_that_cannot_be_settled_does_not_stop_the_next(play: Callable[..., World]) -> None:
    world = play([row(1), row(2)])
    settle = world.settle_notifications

    def broken_once(p_results: list[Row]) -> Row:
        world.settle_notifications = settle  # type: ignore[method-assign]
        raise httpx.ReadTimeout("x")

    world.settle_notifications = broken_once  # type: ignore[method-assign]
    assert outbox.drain(soon()) == Counts(claimed=2, sent=2)
    assert len(world.mails) == 2
    assert set(world.settled) == {row(2)["id"]}


class TestReminders:
    """What was claimed under one key is one call."""

    def test_they_share_one_call_and_one_settlement(self, play: Callable[..., World]) -> None:
        world = play([reminder(1), reminder(2), row(3), reminder(4, batch_key="reminders/2")])
        answers = [accepted("r1", "r2"), lambda request: httpx.Response(200, json={"id": "r3"}), accepted("r4")]
        world.on_mail = lambda request: answers.pop(0)(request)
        assert outbox.drain(soon()) == Counts(claimed=4, sent=4)
        assert [mail.url.path for mail in world.mails] == ["/emails/batch", "/emails", "/emails/batch"]
        first = world.mails[0]
        assert first.headers["Idempotency-Key"] == "reminders/1"
        assert first.headers["x-batch-validation"] == "permissive"
        assert [mail["to"] for mail in json.loads(first.content)] == [["client1@example.com"], ["client2@example.com"]]
        assert [bytes_of(kept) for kept in world.stored if kept["batch_key"] == "reminders/1"] == [first.content]
        assert [world.settled[row(n)["id"]]["provider_id"] for n in (1, 2, 3, 4)] == ["r1", "r2", "r3", "r4"]
        assert world.settlements == 3

    def test_one_refused_place_fails_alone(self, play: Callable[..., World]) -> None:
        world = play([reminder(1), reminder(2), reminder(3)])
        world.on_mail = accepted("r1", "r3", refused=[1])
        assert outbox.drain(soon()) == Counts(claimed=3, sent=2, failed=1)
        assert [world.settled[row(n)["id"]]["outcome"] for n in (1, 2, 3)] == ["sent", "failed", "sent"]
        assert [world.settled[row(n)["id"]].get("provider_id") for n in (1, 2, 3)] == ["r1", None, "r3"]

    @pytest.mark.parametrize("ids", [("r1",), ("r1", "r2", "r3"), ()])
    def test_another_number_of_ids_leaves_all_in_doubt(self, play: Callable[..., World], ids: tuple[str, ...]) -> None:
        world = play([reminder(1), reminder(2)])
        world.on_mail = accepted(*ids)
        assert outbox.drain(soon()) == Counts(claimed=2)
        assert {one["outcome"] for one in world.settled.values()} == {"retry"}
        assert not any("accepted" in one for one in world.settled.values())

    def test_too_fast_is_not_accepted_for_certain(self, play: Callable[..., World]) -> None:
        world = play([reminder(1), reminder(2)])
        told = {"name": "rate_limit_exceeded", "message": "x", "statusCode": 429}
        world.on_mail = lambda request: httpx.Response(429, json=told, headers={"retry-after": "2"})
        assert outbox.drain(soon()) == Counts(claimed=2)
        for number in (1, 2):
            settled = world.settled[row(number)["id"]]
            assert (settled["outcome"], settled["accepted"], settled["rate_limited"]) == ("retry", False, True)
            assert settled["retry_at"]

    def test_the_same_bytes_again_though_a_receipt_has_settled_some(self, play: Callable[..., World]) -> None:
        """Only the second is still open; its batch is posted as it was, and what is sent is sent for all."""
        first = play([reminder(1), reminder(2), reminder(3)])
        first.on_mail = lambda request: httpx.Response(500)
        outbox.drain(soon())
        [kept] = first.stored
        first.pages, first.on_mail = [[reminder(2, payload=kept["payload"])]], accepted("a", "b", "c")
        first.settled, first.stored = {}, []
        assert outbox.drain(soon()).claimed == 1
        assert [mail.content for mail in first.mails] == [bytes_of(kept)] * 2
        assert first.stored == []
        assert {one["id"]: one["provider_id"] for one in first.settled.values()} == {
            row(1)["id"]: "a",
            row(2)["id"]: "b",
            row(3)["id"]: "c",
        }

    def test_one_that_cannot_be_rendered_is_left_out(self, play: Callable[..., World]) -> None:
        world = play([reminder(1), reminder(2, booking={}), reminder(3)])
        world.on_mail = accepted("r1", "r3")
        assert outbox.drain(soon()) == Counts(claimed=3, sent=2, failed=1)
        assert len(json.loads(world.mails[0].content)) == 2
        failed = world.settled[row(2)["id"]]
        assert (failed["outcome"], failed["accepted"], failed["error"]) == ("failed", False, "render: ValidationError")
        assert world.settled[row(3)["id"]]["provider_id"] == "r3"

    def test_where_none_can_be_rendered_nothing_is_posted(self, play: Callable[..., World]) -> None:
        world = play([reminder(1, booking={}), reminder(2, booking={})])
        assert outbox.drain(soon()) == Counts(claimed=2, failed=2)
        assert world.mails == []
        assert world.stored == []

    def test_who_has_lost_the_lease_of_a_batch_posts_none_of_it(self, play: Callable[..., World]) -> None:
        world = play([reminder(1), reminder(2)])
        world.lost_leases = {row(99)["lease"]}
        assert outbox.drain(soon()) == Counts(claimed=2)
        assert world.mails == []
        assert world.settled == {}


class TestSecondLook:
    """Of one booking nothing is found while its last message is under way, or it is just being changed."""

    def test_it_looks_again(self, play: Callable[..., World]) -> None:
        world = play([], [], [row(1)])
        assert outbox.drain(soon(), "b1") == Counts(claimed=1, sent=1)
        assert len(world.claims) == 3

    def test_not_for_ever(self, play: Callable[..., World]) -> None:
        world = play([], [], [], [row(1)])
        assert outbox.drain(soon(), "b1") == Counts()
        assert len(world.claims) == 3

    def test_not_beyond_the_deadline(self, play: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbox, "_SHORT_PAUSE_SECONDS", 0.4)
        world = play([], [], [row(1)])
        started = time.monotonic()
        outbox.drain(soon(0.6), "b1")
        assert len(world.claims) == 1
        assert time.monotonic() - started < 0.6


class TestWorkers:
    """Two messages are all that a worker takes at once, here."""

    @pytest.fixture
    def together(self, play: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
        """Nobody's first mail leaves before a second worker has looked. `fails`: the look of that second one does."""
        monkeypatch.setattr(outbox, "_OF_ALL", 2)

        def together(*pages: list[Row], fails: bool = False) -> World:
            world, lock, second = play(*pages), threading.Lock(), threading.Event()
            claim = world.claim_notifications

            def look(**given: Any) -> list[Row]:
                with lock:
                    page = claim(**given)
                    is_second = len(world.claims) == 2
                if is_second:
                    second.set()
                    if fails:
                        raise httpx.ConnectError("x")
                return page

            def mail(_: httpx.Request) -> httpx.Response:
                assert second.wait(5)
                return httpx.Response(200, json={"id": "r1"})

            world.claim_notifications = look  # type: ignore[method-assign]
            world.on_mail = mail
            return world

        return together

    def test_while_there_is_more_than_one_can_take_others_help(self, together: Callable[..., World]) -> None:
        world = together([row(1), row(2)], [row(3), row(4)], [row(5), row(6)], [row(7)])
        assert outbox.sweep(soon()) == Counts(claimed=7, sent=7)
        assert len(world.mails) == 7

    def test_it_says_that_one_failed_when_the_others_are_done(self, together: Callable[..., World]) -> None:
        world = together([row(1), row(2)], [row(3), row(4)], [row(5), row(6)], [row(7)], fails=True)
        with pytest.raises(Unavailable):
            outbox.sweep(soon())
        assert len(world.mails) == 5, "all but those that were claimed and not heard of"

    def test_with_nothing_due_one_asks_once(self, play: Callable[..., World]) -> None:
        world = play()
        assert outbox.sweep(soon()) == Counts()
        assert len(world.claims) == 1
