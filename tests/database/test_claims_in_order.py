"""Claiming, settling and planning at once: nobody waits in a circle, and what is just being changed is left alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg.types.json import Jsonb

from tests.database.portal import Portal, person
from tests.database.recorded import Connection, call

ANA, BEN = person("ana@example.com"), person("ben@example.com")
A_MOMENT = 0.3  # seconds in which another gets all the locks that are free


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    yield made
    made.empty()


@pytest.fixture
def other(connections: list[Connection]) -> Connection:
    return connections[1]


def reminders_come_due(portal: Portal) -> set[str]:
    """They are all that is due. → whose they are"""
    portal.sql.execute("update private.outbox set open = false where priority < 3")
    portal.sql.execute("update private.outbox set try_at = now() - interval '1 second' where open")
    opened = "from notifications n join private.outbox o on o.notification_id = n.id where o.open"
    return {row["recipient"] for row in portal.rows(f"select n.recipient {opened}")}


def test_two_claims_take_from_two_buckets_in_one_order(portal: Portal, other: Connection) -> None:
    """One begins with a mail and goes on with a text, the other the other way round."""

    def text_then_mail() -> None:
        with other.transaction():
            for channel in ("sms", "email"):
                other.execute("select private.take_tokens(%s, 1)", (channel,))

    with ThreadPoolExecutor(1) as pool:
        with portal.sql.transaction():
            portal.sql.execute("select private.take_tokens('email', 1)")
            second = pool.submit(text_then_mail)
            time.sleep(A_MOMENT)
            portal.sql.execute("select private.take_tokens('sms', 1)")
        second.result()


def test_a_settlement_empties_a_bucket_after_it_has_the_messages(portal: Portal, other: Connection) -> None:
    """A claim holds messages while it takes tokens."""
    portal.book(ANA)
    [message] = portal.machine("claim_notifications", 10, 60, None)
    refused = {"id": message["id"], "lease": message["lease"], "outcome": "retry", "accepted": False}
    refused |= {"rate_limited": True, "rate_limit": 2}
    with ThreadPoolExecutor(1) as pool:
        with portal.sql.transaction():
            portal.sql.execute("select 1 from private.outbox where notification_id = %s for update", (message["id"],))
            settled = pool.submit(call, other, "settle_notifications", Jsonb([refused]))
            time.sleep(A_MOMENT)
            portal.sql.execute("select private.take_tokens('email', 1)")
        assert settled.result() == {"settled": 1}
    [rate] = portal.rows("select rate, tokens from private.send_rates where channel = 'email'")
    assert rate == {"rate": 2, "tokens": 0}


def test_the_reminder_of_somebody_whose_wishes_are_just_changing_is_left_for_the_next_look(
    portal: Portal, other: Connection
) -> None:
    """Whoever plans holds the person, and then writes to their messages."""
    booking_id = portal.book(ANA, starts_in=30)
    portal.book(BEN, starts_in=30)
    assert reminders_come_due(portal) == {ANA.email, BEN.email}
    with other.transaction():
        other.execute("select private.lock_people(array[%s])", (booking_id,))
        claimed = portal.machine("claim_notifications", 100, 60, None)
        assert {row["recipient"] for row in claimed} == {BEN.email}
        other.execute("insert into notification_preferences (email, email_reminders) values (%s, false)", (ANA.email,))
    assert portal.machine("claim_notifications", 100, 60, None) == []
    reminders = "from notifications where kind = 'reminder' and recipient = %s"
    assert portal.rows(f"select distinct status, reason {reminders}", ANA.email) == [
        {"status": "skipped", "reason": "opted_out"}
    ]


def test_a_receipt_that_waited_for_its_message_holds_nothing_while_it_waits_for_the_person(
    portal: Portal, connections: list[Connection]
) -> None:
    """One sender settles a message; another, who was slow, settles it once more."""
    _, receiver, first, second = connections
    booking_id = portal.book(ANA)
    same_receipt = "select pg_advisory_xact_lock(hashtextextended('receipt:re_1', 0))"
    receipt = {"receipt_id": "1", "channel": "email", "provider_id": "re_1", "event": "delivered"}
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            first.execute(same_receipt)
            received = pool.submit(call, receiver, "record_receipt", Jsonb(receipt))
            time.sleep(A_MOMENT)
            first.execute("update notifications set provider_id = 're_1', status = 'sent' where kind = 'confirmation'")
            second.execute("begin")
            second.execute("select private.lock_people(array[%s])", (booking_id,))
        time.sleep(A_MOMENT)
        second.execute(same_receipt)
        second.execute("commit")
        assert received.result() == {"outcome": "applied"}
    assert portal.rows("select status from notifications where kind = 'confirmation'") == [{"status": "delivered"}]
