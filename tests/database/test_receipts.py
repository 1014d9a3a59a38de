"""What providers say became of a message: late, twice, out of order, early, or about nothing we know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from tests.database import recorded
from tests.database.portal import Portal, Row, person
from tests.database.recorded import Connection

ANA = person("ana@example.com")


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    made.book(ANA)
    yield made
    made.empty()


def receive(portal: Portal, event: str, **words: Any) -> str:
    receipt = {"receipt_id": uuid4().hex, "channel": "email", "event": event, "occurred_at": "2026-11-23T10:00:00Z"}
    return str(portal.machine("record_receipt", receipt | words)["outcome"])


def claim(portal: Portal) -> Row:
    [message] = portal.machine("claim_notifications", 10, 60, None)
    return dict(message)


def settle(portal: Portal, message: Row, outcome: str = "sent", **words: Any) -> None:
    result = {"id": message["id"], "lease": message["lease"], "outcome": outcome, "provider_id": "re_1"} | words
    portal.machine("settle_notifications", [result])


def status(portal: Portal) -> Row:
    [message] = portal.messages()
    return {"status": message["status"], "reason": message["reason"], "sent": message["sent_at"] is not None}


def suppressed(portal: Portal) -> list[Row]:
    return portal.rows("select channel, address, reason from suppressions")


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "complained", "opened"])))
def test_the_state_only_moves_forward(portal: Portal, order: tuple[str, ...]) -> None:
    message = claim(portal)
    settle(portal, message)
    for event in order:
        assert receive(portal, event, notification_id=message["id"]) == "applied"
    assert status(portal)["status"] == "complained"


@pytest.mark.parametrize(
    ("event", "permanent", "state", "reason"),
    [
        ("sent", False, "sent", None),
        ("delivered", False, "delivered", None),
        ("delivery_delayed", False, "sent", None),
        ("bounced", False, "bounced", "bounced"),
        ("bounced", True, "bounced", "permanent: bounced"),
        ("failed", False, "bounced", "failed"),
        ("suppressed", True, "bounced", "permanent: suppressed"),
        ("undelivered", False, "bounced", "undelivered"),
        ("complained", False, "complained", None),
    ],
)
def test_what_each_event_means(portal: Portal, event: str, permanent: bool, state: str, reason: str | None) -> None:
    settle(portal, message := claim(portal))
    receive(portal, event, provider_id="re_1", permanent=permanent, notification_id=message["id"])
    assert status(portal) == {"status": state, "reason": reason, "sent": True}
    assert bool(suppressed(portal)) == (permanent or event == "complained")


def test_a_receipt_counts_once(portal: Portal) -> None:
    settle(portal, claim(portal))
    assert receive(portal, "delivered", receipt_id="msg_1", provider_id="re_1") == "applied"
    assert receive(portal, "bounced", receipt_id="msg_1", provider_id="re_1") == "duplicate"
    assert status(portal)["status"] == "delivered"


def test_a_receipt_that_comes_before_the_send_is_settled_proves_the_send(portal: Portal) -> None:
    message = claim(portal)
    receive(portal, "delivered", notification_id=message["id"], provider_id="re_1")
    assert status(portal)["status"] == "delivered"
    late = "update private.outbox set try_at = now() - interval '1 hour' where lease is not null"
    portal.sql.execute(late)  # the sender never comes back
    assert portal.machine("claim_notifications", 10, 60, None) == []
    settle(portal, message, "retry", error="timeout")
    settle(portal, message)
    assert status(portal)["status"] == "delivered"


def test_a_receipt_of_an_unknown_message_waits_for_its_settling(portal: Portal) -> None:
    message = claim(portal)
    assert receive(portal, "bounced", provider_id="re_1", permanent=True) == "unknown"
    assert status(portal)["status"] == "sending"
    settle(portal, message)
    assert status(portal)["status"] == "bounced"
    assert suppressed(portal) == [{"channel": "email", "address": "ana@example.com", "reason": "bounced"}]


def test_a_receipt_of_another_channel_is_not_of_this_message(portal: Portal) -> None:
    settle(portal, message := claim(portal))
    assert receive(portal, "failed", channel="sms", provider_id="re_1") == "unknown"
    assert receive(portal, "failed", channel="sms", notification_id=message["id"]) == "unknown"
    assert receive(portal, "delivered", notification_id=str(uuid4())) == "unknown"
    assert status(portal)["status"] == "sent"
    assert portal.rows("select count(*) from private.receipts") == [{"count": 3}]


def test_nothing_more_is_planned_for_an_address_that_bounced(portal: Portal) -> None:
    settle(portal, message := claim(portal))
    portal.book(ANA)
    receive(portal, "bounced", notification_id=message["id"], permanent=True)
    portal.book(ANA)
    assert portal.machine("claim_notifications", 10, 60, None)[0]["reason"] == "suppressed"
    assert [m["reason"] for m in portal.messages() if m["status"] == "skipped"] == ["suppressed", "suppressed"]


def test_receipts_and_settling_at_once_end_the_same(portal: Portal, connections: list[Connection]) -> None:
    """Each message's receipt races with its settling, some of them naming only the provider's id."""
    for number in range(12):
        portal.book(person(f"p{number}@example.com"))
    messages = portal.machine("claim_notifications", 100, 60, None)

    def act(job: tuple[int, str, int]) -> None:
        number, kind, worker = job
        message, provider_id = messages[number], f"re_{number}"
        if kind == "settle":
            result = {"id": message["id"], "lease": message["lease"], "outcome": "sent", "provider_id": provider_id}
            recorded.call(connections[worker], "settle_notifications", json.dumps([result]))
            return
        receipt = {"receipt_id": provider_id, "channel": "email", "event": "bounced", "permanent": True}
        name = {"notification_id": message["id"]} if number % 2 else {"provider_id": provider_id}
        receipt |= name | {"occurred_at": "2026-11-23T10:00:00Z"}
        recorded.call(connections[worker], "record_receipt", json.dumps(receipt))

    with ThreadPoolExecutor(2) as pool:
        for number in range(len(messages)):
            list(pool.map(act, [(number, "settle", 1), (number, "receipt", 2)]))
    assert {m["status"] for m in portal.messages()} == {"bounced"}
    assert len(suppressed(portal)) == len(messages) == 13
