"""What is past its time is forgotten, a part at a time, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.database.portal import Portal, person
from tests.database.recorded import Connection


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    yield made
    made.empty()


def test_bodies_receipts_and_runs_go_after_90_days(portal: Portal) -> None:
    for number, (age, outcome) in enumerate(
        [("91 days", "applied"), ("91 days", "ignored"), ("91 days", "quarantined"), ("89 days", "applied")]
    ):
        portal.sql.execute(
            "insert into public.webhook_events (received_at, outcome, body, sha256)"
            " values (now() - %s::interval, %s, '{}', %s)",
            [age, outcome, str(number)],
        )
        portal.sql.execute(
            "insert into private.receipts (receipt_id, channel, provider_id, event, occurred_at, received_at)"
            " values (%s, 'email', 'x', 'sent', now(), now() - %s::interval)",
            [str(number), age],
        )
        portal.sql.execute(
            "insert into public.job_runs (job, started_at) values ('reminders', now() - %s::interval)", [age]
        )
    assert portal.machine("forget_old", 1) == 3, "one of each kind"
    assert portal.machine("forget_old", 100) == 5
    assert portal.machine("forget_old", 100) == 0
    kept = portal.rows("select sha256 from public.webhook_events where body is not null order by 1")
    assert [row["sha256"] for row in kept] == ["2", "3"], "what waits to be understood is kept until then"
    assert len(portal.rows("select 1 from public.webhook_events")) == 4, "that it came is known for ever"
    assert len(portal.rows("select 1 from private.receipts")) == len(portal.rows("select 1 from public.job_runs")) == 1


def test_bytes_that_nobody_needs_go_after_two_days(portal: Portal) -> None:
    booking = portal.book(person("ana@example.com"))
    [message, *_] = [
        row for row in portal.machine("claim_notifications", 10, 60, booking) if row["status"] == "sending"
    ]
    given = {"lease": message["lease"], "batch_key": message["batch_key"], "payload": "{}"}
    portal.machine("store_payloads", [given])
    portal.sql.execute("insert into private.outbox_batches (key, payload) values ('left over', '')")
    portal.sql.execute("update private.outbox_batches set created_at = now() - interval '3 days'")
    assert portal.machine("forget_old", 100) == 1
    assert [row["key"] for row in portal.rows("select key from private.outbox_batches")] == [message["batch_key"]]
