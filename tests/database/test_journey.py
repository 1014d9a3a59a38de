"""Booked, moved three times, cancelled: one booking, its story, and one calendar entry that everybody can follow."""

from __future__ import annotations

import json
from typing import Any

from shared.booking import BookingChange
from tests.database import recorded
from tests.database.expectations import clock, tell
from tests.database.life import ANA, BEN
from tests.database.recorded import Connection, call

JOURNEY = [
    tell("CREATED", "u1", ANA, BEN),
    *(tell("RESCHEDULED", f"u{n + 1}", ANA, BEN, rescheduled_from_uid=f"u{n}", hour=n) for n in (1, 2, 3)),
    tell("CANCELLED", "u4", ANA, BEN, hour=3),
]


def test_five_letters_of_one_uid_and_a_rising_sequence(sql: Connection) -> None:
    recorded.empty(sql)
    sql.execute("update private.send_rates set rate = 1000000, tokens = 1000000")
    letters = [letter for change in JOURNEY for letter in _sent_after(sql, change)]
    for person in (ANA, BEN):
        own = [letter for letter in letters if letter["recipient"] == person.email]
        assert [letter["kind"] for letter in own] == ["confirmation", *["rescheduled"] * 3, "cancelled"]
        assert {letter["calendar"]["uid"] for letter in own} == {"u1@Cal.com"}
        assert [letter["calendar"]["sequence"] for letter in own] == [0, 1, 2, 3, 4]
        assert [letter["calendar"]["method"] for letter in own] == [*["REQUEST"] * 4, "CANCEL"]


def test_the_story_has_old_and_new_times(sql: Connection) -> None:
    recorded.empty(sql)
    for change in JOURNEY:
        recorded.record(sql, change)
    story = sql.execute("select kind, changes from booking_events order by id").fetchall()
    moves = [changes["starts_at"] for kind, changes in story if kind == "moved"]
    assert [kind for kind, _ in story] == ["created", "moved", "moved", "moved", "cancelled"]
    assert [[time[:16] for time in times] for times in moves] == [
        [clock(n - 1).isoformat()[:16], clock(n).isoformat()[:16]] for n in (1, 2, 3)
    ]


def _sent_after(sql: Connection, change: BookingChange) -> list[dict[str, Any]]:
    recorded.record(sql, change)
    claimed: list[dict[str, Any]] = call(sql, "claim_notifications", 100, 60, None)
    results = [{"id": letter["id"], "lease": letter["lease"], "outcome": "sent"} for letter in claimed]
    call(sql, "settle_notifications", json.dumps(results))
    return claimed
