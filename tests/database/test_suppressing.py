"""Numbers that Twilio refuses for good are not tried again, and saying so crosses nobody's way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from shared.booking import Person
from tests.database import recorded
from tests.database.portal import Portal, Row, person
from tests.database.recorded import Connection

NUMBER = "+4915112345678"
TOM = Person(phone=NUMBER, name="Tom")
FINAL = ("21610", "21211", "21614", "30003", "30004", "30005", "30006")


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    made.book(TOM)
    yield made
    made.empty()


def claim(portal: Portal) -> list[Row]:
    return list(portal.machine("claim_notifications", 100, 60, None))


def settle(portal: Portal, message: Row, outcome: str, **words: Any) -> None:
    portal.machine(
        "settle_notifications", [{"id": message["id"], "lease": message["lease"], "outcome": outcome} | words]
    )


def suppressed(portal: Portal) -> list[Row]:
    return portal.rows("select channel, address, reason from suppressions")


@pytest.mark.parametrize("code", FINAL)
def test_a_refusal_for_good_suppresses_the_number(portal: Portal, code: str) -> None:
    portal.book(TOM, starts_in=48)
    first, second = claim(portal)
    settle(portal, first, "failed", error=f"400 {code}", accepted=False)
    reason = "stopped" if code == "21610" else "bounced"
    assert suppressed(portal) == [{"channel": "sms", "address": NUMBER, "reason": reason}]
    settle(portal, second, "failed", error=f"400 {code}", accepted=False)
    assert len(suppressed(portal)) == 1
    portal.book(TOM, starts_in=72)
    assert [(row["status"], row["reason"]) for row in claim(portal)] == []
    assert portal.rows("select reason from notifications where status = 'skipped' and kind <> 'reminder'") == [
        {"reason": "suppressed"}
    ]


@pytest.mark.parametrize("error", ["400 21617", "400 30007", "render: KeyError", "216100", "400 21610 x", None])
def test_any_other_failure_does_not(portal: Portal, error: str | None) -> None:
    [message] = claim(portal)
    settle(portal, message, "failed", error=error)
    assert portal.rows("select status from notifications where kind <> 'reminder'") == [{"status": "failed"}]
    assert suppressed(portal) == []


@pytest.mark.parametrize("outcome", ["unknown", "retry"])
def test_nor_does_what_is_no_failure(portal: Portal, outcome: str) -> None:
    [message] = claim(portal)
    settle(portal, message, outcome, error="400 21610", rate_limited=True)
    assert suppressed(portal) == []


def test_nor_a_failure_that_does_not_count(portal: Portal) -> None:
    [message] = claim(portal)
    settle(portal, {**message, "lease": str(uuid4())}, "failed", error="400 21610")
    assert suppressed(portal) == []


def test_nor_a_mail(portal: Portal) -> None:
    portal.book(person("ana@example.com"))
    for message in claim(portal):
        if message["channel"] == "email":
            settle(portal, message, "failed", error="400 21610")
    assert suppressed(portal) == []


@pytest.mark.parametrize(("code", "reason"), [("21610", "stopped"), ("30005", "bounced")])
@pytest.mark.parametrize("early", [True, False])
def test_a_receipt_says_the_same(portal: Portal, code: str, reason: str, early: bool) -> None:
    [message] = claim(portal)
    receipt: Row = {
        "permanent": True,
        "receipt_id": "SM1:failed",
        "channel": "sms",
        "provider_id": "SM1",
        "event": "failed",
        "detail": code,
    }
    receipt |= {"occurred_at": "2026-11-23T10:00:00Z"}
    if early:
        assert portal.machine("record_receipt", receipt)["outcome"] == "unknown"
    settle(portal, message, "sent", provider_id="SM1")
    if not early:
        assert portal.machine("record_receipt", receipt)["outcome"] == "applied"
    assert suppressed(portal) == [{"channel": "sms", "address": NUMBER, "reason": reason}]
    assert (
        portal.rows("select status, reason from notifications where kind <> 'reminder'")[0]["reason"]
        == "permanent: failed"
    )


@pytest.mark.parametrize("event", ["accepted", "queued", "sending", "sent"])
def test_a_text_that_waits_at_twilio_was_taken(portal: Portal, event: str) -> None:
    [message] = claim(portal)
    receipt = {"receipt_id": f"SM1:{event}", "channel": "sms", "provider_id": "SM1", "event": event}
    receipt |= {"notification_id": message["id"], "occurred_at": "2026-11-23T10:00:00Z"}
    portal.machine("record_receipt", receipt)
    assert portal.rows("select status, provider_id from notifications where kind <> 'reminder'") == [
        {"status": "sent", "provider_id": "SM1"}
    ]


def test_suppressing_meets_new_bookings_texts_and_receipts_without_a_deadlock(
    portal: Portal, connections: list[Connection]
) -> None:
    """Each number has several bookings; failures, texts from them, and changes of the bookings all come at once."""
    numbers = [f"+491511234{n:04}" for n in range(12)]
    for round_ in range(3):
        for number in numbers:
            portal.book(Person(phone=number), Person(phone=numbers[0]), starts_in=24 + round_)
    messages = [row for row in claim(portal) if row["recipient"] in numbers]
    assert len(messages) >= 36
    uids = [row["uid"] for row in portal.rows("select uid from private.booking_nodes where is_head")]
    errors: list[Exception] = []
    start = threading.Barrier(3)

    def run(worker: int) -> None:
        start.wait()
        for index, message in enumerate(messages):
            number, again = message["recipient"], index % len(uids)
            try:
                if worker == 1:
                    result = {"id": message["id"], "lease": message["lease"], "outcome": "failed"}
                    results = json.dumps([result | {"error": "400 21610", "accepted": False}])
                    recorded.call(connections[1], "settle_notifications", results)
                elif worker == 2:
                    text = {"sid": f"SM{index}", "number": number, "word": ("stop", "start")[index % 2]}
                    recorded.call(connections[2], "record_inbound_text", json.dumps(text))
                else:
                    other = [Person(phone=one) for one in (number, numbers[-index % 12])]
                    Portal.say(_on(portal, connections[3]), "RESCHEDULED", uids[-again], *other, starts_in=30 + index)
            except psycopg.Error as error:
                errors.append(error)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, (1, 2, 3)))
    assert errors == []
    left = portal.rows("select 1 from notifications where status = 'sending' and recipient = any(%s)", numbers)
    assert left == []


def _on(portal: Portal, connection: Connection) -> Portal:
    """The same portal by another connection."""
    other = object.__new__(Portal)
    other.__dict__ |= portal.__dict__ | {"sql": connection}
    return other
