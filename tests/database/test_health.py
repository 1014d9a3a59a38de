"""The health of the machinery, as an admin sees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.database.portal import HOST, Portal, person
from tests.database.recorded import Connection

ADMIN = "admin@example.com"
ANA = person("ana@example.com")
NOW = datetime.now(UTC)
FROM, TO = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    made.account("ana@example.com")
    made.account(ADMIN, "admin")
    made.account(HOST, "host")
    yield made
    made.empty()


def health(portal: Portal, start: str = FROM, end: str = TO, zone: str = "UTC") -> Any:
    return portal.answer(ADMIN, "health", start, end, zone)


def test_bookings_by_day_in_a_zone(portal: Portal) -> None:
    for day in (5, 5, 6):
        booking = portal.book(ANA)
        portal.sql.execute("update bookings set created_at = %s where id = %s", (f"2026-01-0{day}T23:30:00Z", booking))
    for kind in ("moved", "cancelled", "reschedule_requested", "rejected", "created"):
        portal.sql.execute(
            "insert into booking_events (booking_id, kind, actor_kind, source, occurred_at)"
            " values (%s, %s, 'calcom', 'webhook', '2026-01-06T12:00:00Z')",
            (booking, kind),
        )
    assert health(portal)["bookings"] == [
        {"day": "2026-01-05", "made": 2, "cancelled": 0, "moved": 0},
        {"day": "2026-01-06", "made": 1, "cancelled": 3, "moved": 1},
    ]
    assert [(day["day"], day["made"]) for day in health(portal, zone="Europe/Lisbon")["bookings"]] == [
        ("2026-01-05", 2),
        ("2026-01-06", 1),
    ]
    assert [(day["day"], day["made"]) for day in health(portal, zone="Europe/Berlin")["bookings"]] == [
        ("2026-01-06", 2),
        ("2026-01-07", 1),
    ]
    assert health(portal, end="2026-01-06T00:00:00Z")["bookings"] == [
        {"day": "2026-01-05", "made": 2, "cancelled": 0, "moved": 0}
    ]


def test_messages_by_day_and_what_part_arrived(portal: Portal) -> None:
    states = ("delivered", "delivered", "complained", "bounced", "failed", "sent", "skipped", "planned")
    for status in states:
        booking = portal.book(ANA)
        portal.sql.execute("delete from notifications where booking_id = %s and kind = 'reminder'", (booking,))
        sent = status in ("delivered", "complained", "bounced", "sent")
        portal.sql.execute(
            "update notifications set status = %s, reason = %s, due_at = '2026-01-04T12:00:00Z',"
            " sent_at = case when %s then '2026-01-05T12:00:00Z'::timestamptz end where booking_id = %s",
            (status, {"skipped": "staff", "bounced": "permanent: bounced"}.get(status), sent, booking),
        )
    answer = health(portal)
    shown = {(each["day"], each["channel"], each["status"], each["reason"]): each["n"] for each in answer["messages"]}
    assert shown == {
        ("2026-01-05", "email", "delivered", None): 2,
        ("2026-01-05", "email", "complained", None): 1,
        ("2026-01-05", "email", "bounced", None): 1,
        ("2026-01-05", "email", "sent", None): 1,
        ("2026-01-04", "email", "failed", None): 1,
        ("2026-01-04", "email", "skipped", "staff"): 1,
        ("2026-01-04", "email", "planned", None): 1,
    }
    assert answer["delivery"] == {"email": {"delivered": 3, "lost": 2, "open": 1, "rate": 0.6}}
    assert health(portal, "2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z")["delivery"] == {}


def test_webhooks_by_day_and_what_waits(portal: Portal) -> None:
    booking = portal.book(ANA)
    before = health(portal)
    portal.sql.execute(
        "insert into webhook_events (received_at, outcome, sha256) values ('2026-01-05T12:00:00Z', 'quarantined', 'a'),"
        " ('2026-01-05T13:00:00Z', 'applied', 'b'), ('2026-01-05T13:00:00Z', 'applied', 'c')"
    )
    portal.sql.execute(
        "insert into doubts (booking_id, kind) values (%s, 'resent'), (%s, 'move_rejected')", [booking] * 2
    )
    portal.sql.execute(
        "insert into doubts (booking_id, kind, resolved_at, outcome) values (%s, 'resent', now(), 'x')", (booking,)
    )
    portal.sql.execute("update private.outbox set try_at = now() + interval '1 hour'")
    waiting = "update private.outbox set try_at = now() where notification_id in (select id from notifications limit 1)"
    portal.sql.execute(waiting.encode())
    after = health(portal)
    assert before["webhooks"] == []
    assert after["webhooks"] == [
        {"day": "2026-01-05", "outcome": "applied", "n": 2},
        {"day": "2026-01-05", "outcome": "quarantined", "n": 1},
    ]
    assert (before["quarantined"], after["quarantined"]) == (0, 1)
    assert (before["doubts"]["open"], after["doubts"]["open"]) == (0, 2)
    assert after["doubts"]["by_kind"] == {"resent": 1, "move_rejected": 1}
    assert after["backlog"] == {"email": 1, "sms": 0}


def test_the_last_runs_of_the_jobs(portal: Portal) -> None:
    assert (health(portal)["jobs"], health(portal)["drift"]) == ([], None)
    differences = [{"kind": "missing", "booking_id": None}]
    for minutes in range(12, 0, -1):
        started = (NOW - timedelta(minutes=minutes)).isoformat()
        portal.machine("finish_job", "reminders", started, {"sent": minutes}, None)
    portal.machine("finish_job", "reconcile", NOW.isoformat(), {"healed": 1, "differences": differences}, "upstream")
    portal.sql.execute("update job_runs set finished_at = now() - interval '90 seconds'")
    answer = health(portal)
    reconcile, reminders = answer["jobs"]
    assert (reminders["job"], reminders["minutes_ago"], reminders["result"]) == ("reminders", 1, {"sent": 1})
    assert [run["result"]["sent"] for run in reminders["runs"]] == list(range(1, 11))
    assert (reconcile["error"], reconcile["runs"][0]["result"]) == ("upstream", {"healed": 1})
    assert answer["drift"]["result"] == {"healed": 1, "differences": differences}


def test_how_long_ago_the_sweep_ran(portal: Portal) -> None:
    assert portal.answer(HOST, "sweep_age") is None
    portal.machine("finish_job", "reminders", NOW.isoformat(), {"sent": 0}, None)
    portal.sql.execute("update job_runs set finished_at = now() - interval '11 minutes'")
    assert portal.answer(HOST, "sweep_age") in (660, 661)
    with pytest.raises(psycopg.DatabaseError) as refused:
        portal.answer("ana@example.com", "sweep_age")
    assert refused.value.sqlstate == "PT403"


@pytest.mark.parametrize(
    "words",
    [(FROM, FROM), (TO, FROM), (FROM, "2027-03-01T00:00:00Z"), (FROM, TO, "FOO3"), (FROM, TO, "Mars/Base")],
)
def test_a_span_without_end_and_zones_that_are_none_are_refused(portal: Portal, words: tuple[str, ...]) -> None:
    with pytest.raises(psycopg.DataError):
        health(portal, *words)
