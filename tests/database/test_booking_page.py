"""A booking's page: one list of all that happened, and what the person who looks may do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.database.portal import HOST, Portal, Row, person
from tests.database.recorded import Connection

ANA, BEN, CLEO = person("ana@example.com"), person("ben@example.com"), person("cleo@example.com")
ADMIN, OTHER_HOST = "admin@example.com", "other.host@example.com"


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    for client in (ANA, BEN, CLEO):
        made.account(str(client.email))
    made.account(ADMIN, "admin")
    made.account(HOST, "host")
    made.account(OTHER_HOST, "host")
    yield made
    made.empty()


def timeline(portal: Portal, who: str, booking: object) -> list[Row]:
    return portal.ask(who, "select * from public.booking_timeline(%s)", booking)


def told_of_changes(entries: list[Row]) -> list[Row]:
    return [entry for entry in entries if entry["entry"] == "message" and entry["kind"] != "reminder"]


def actions(portal: Portal, who: str, booking: object) -> Any:
    return portal.answer(who, "booking_actions", booking)


def settings(portal: Portal, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    portal.sql.execute(f"insert into event_type_settings ({names}) values ({marks})".encode(), tuple(values.values()))


# The timeline.


def test_events_and_messages_are_one_list_newest_first(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA)
    portal.say("RESCHEDULED", "u2", ANA, rescheduled_from_uid="u1", starts_in=48)
    entries = timeline(portal, "ana@example.com", booking)
    assert [entry["at"] for entry in entries] == sorted((entry["at"] for entry in entries), reverse=True)
    events = [entry for entry in entries if entry["entry"] == "event"]
    assert [event["kind"] for event in events] == ["moved", "created"]
    assert all(events[0]["changes"]["starts_at"])  # the old time and the new


def test_a_message_that_is_not_sent_says_why(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA)
    portal.say("RESCHEDULED", "u2", ANA, rescheduled_from_uid="u1", starts_in=48)
    messages = told_of_changes(timeline(portal, HOST, booking))
    assert sorted((m["kind"], m["status"], m["reason"]) for m in messages) == [
        ("confirmation", "skipped", "superseded"),
        ("rescheduled", "planned", None),
    ]


def test_each_person_reads_their_part_of_the_story(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA)
    portal.say("API", "u1", ANA, BEN)
    portal.ask(HOST, "insert into booking_notes (booking_id, visibility, body) values (%s, 'staff', 'VIP')", booking)

    kinds = {who: [e["kind"] for e in timeline(portal, who, booking)] for who in ("ana@example.com", HOST, ADMIN)}
    assert "note_added" in kinds[HOST]
    assert "note_added" in kinds[ADMIN]
    assert "note_added" not in kinds["ana@example.com"]
    assert "attendee_added" in kinds["ana@example.com"]  # who booked sees who comes
    recipients = {e["recipient"] for e in timeline(portal, "ben@example.com", booking)} - {None}
    assert recipients == {"ben@example.com"}
    assert timeline(portal, "cleo@example.com", booking) == []
    assert timeline(portal, OTHER_HOST, booking) == []


def test_who_was_removed_keeps_their_messages_only(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA, BEN)
    portal.say("API", "u1", ANA)
    entries = timeline(portal, "ben@example.com", booking)
    assert {entry["entry"] for entry in entries} == {"message"}
    assert {entry["recipient"] for entry in entries} == {"ben@example.com"}


def test_each_try_to_deliver_is_shown_to_staff(portal: Portal) -> None:
    booking = portal.book(ANA)
    [message] = portal.machine("claim_notifications", 10, 60, booking)
    refused = {"id": message["id"], "lease": message["lease"], "outcome": "retry", "error": "500", "accepted": False}
    portal.machine("settle_notifications", [refused])
    [of_host] = told_of_changes(timeline(portal, HOST, booking))
    [of_ana] = told_of_changes(timeline(portal, "ana@example.com", booking))
    assert [(t["outcome"], t["error"]) for t in of_host["tries"]] == [("retry", "500")]
    assert of_ana["tries"] is None


def test_links_to_a_booking_that_became_part_of_another_still_open(portal: Portal) -> None:
    booking, alias = portal.book(ANA), uuid4()
    portal.sql.execute("insert into private.booking_aliases (id, booking_id) values (%s, %s)", (alias, booking))
    assert timeline(portal, "ana@example.com", alias) == timeline(portal, "ana@example.com", booking)
    assert actions(portal, "ana@example.com", alias)["booking_id"] == str(booking)
    assert actions(portal, "cleo@example.com", alias) is None


# What may be done.


def test_who_booked_may_cancel_and_move_until_the_notice(portal: Portal) -> None:
    settings(portal, event_type_id=7, min_cancel_notice=120, min_reschedule_notice=2880, contact="+49 30 1234")
    booking = portal.book(ANA, event_type_id=7, starts_in=24)
    answer = actions(portal, "ana@example.com", booking)
    start = portal.rows("select starts_at from bookings")[0]["starts_at"]
    assert answer["part"] == "booker"
    assert answer["contact"] == "+49 30 1234"
    assert answer["cancel"]["allowed"]
    assert datetime.fromisoformat(answer["cancel"]["until"]) == start - timedelta(hours=2)
    assert answer["move"]["reason"] == "too_late"
    assert datetime.fromisoformat(answer["move"]["until"]) == start - timedelta(hours=48)


def test_an_event_type_without_settings_has_the_default_ones(portal: Portal) -> None:
    settings(portal, min_cancel_notice=2880, contact="office@example.com")
    booking = portal.book(ANA, event_type_id=9, starts_in=24)
    answer = actions(portal, "ana@example.com", booking)
    assert (answer["cancel"]["reason"], answer["contact"]) == ("too_late", "office@example.com")


def test_staff_are_exempt_from_notices_until_the_meeting_is_over(portal: Portal) -> None:
    settings(portal, min_cancel_notice=2880, max_reschedules=0)
    running, over = portal.book(ANA, starts_in=-0.25), portal.book(ANA, starts_in=-3)
    for who in (HOST, ADMIN):
        answer = actions(portal, who, running)
        assert answer["part"] == "staff"
        assert answer["cancel"]["allowed"]
        assert answer["move"]["allowed"]
        assert actions(portal, who, over)["cancel"]["reason"] == "too_late"


def test_guests_look_and_seats_act_for_themselves(portal: Portal) -> None:
    booking = portal.book(ANA, BEN)
    answer = actions(portal, "ben@example.com", booking)
    assert (answer["part"], answer["cancel"]["reason"], answer["move"]["reason"]) == (
        *("guest", "not_allowed", "not_allowed"),
    )
    seated = portal.book(BEN, CLEO, seated=True, seats=5)
    answer = actions(portal, "cleo@example.com", seated)
    assert (answer["part"], answer["cancel"]["allowed"], answer["move"]["allowed"]) == ("seat", True, True)


def test_a_client_may_move_so_many_times(portal: Portal) -> None:
    settings(portal, max_reschedules=2)
    booking = portal.say("CREATED", "u1", ANA)
    for number, mover in ((2, "client"), (3, "staff"), (4, "client")):
        assert actions(portal, "ana@example.com", booking)["move"]["allowed"]
        old = f"u{number - 1}"
        portal.say("RESCHEDULED", f"u{number}", ANA, rescheduled_from_uid=old, starts_in=24 + number, by=mover)
    assert actions(portal, "ana@example.com", booking)["move"]["reason"] == "too_many_moves"
    assert actions(portal, "ana@example.com", booking)["cancel"]["allowed"]
    assert actions(portal, HOST, booking)["move"]["allowed"]


def test_what_is_over_is_over(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA)
    portal.say("CANCELLED", "u1", ANA)
    assert actions(portal, "ana@example.com", booking)["cancel"]["reason"] == "already_cancelled"
    assert actions(portal, HOST, booking)["move"]["reason"] == "already_cancelled"


def test_a_booking_that_is_not_mine_is_no_booking(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA, BEN)
    portal.say("API", "u1", ANA)
    for who in ("ben@example.com", "cleo@example.com", OTHER_HOST):
        assert actions(portal, who, booking) is None
    assert actions(portal, ADMIN, uuid4()) is None


# The dashboard.


def dashboard(portal: Portal, who: str) -> Any:
    now = datetime.now(UTC)
    return portal.answer(who, "dashboard", now - timedelta(days=1), now + timedelta(days=3))


def test_the_dashboard_counts_what_the_caller_sees(portal: Portal) -> None:
    portal.book(ANA, event_type_id=7)
    portal.book(BEN, host={"email": OTHER_HOST})
    portal.say("REQUESTED", "asked", CLEO)
    portal.say("CREATED", "gone", ANA)
    portal.say("CANCELLED", "gone", ANA)
    portal.book(ANA, starts_in=200)
    of_host, of_admin = dashboard(portal, HOST), dashboard(portal, ADMIN)
    counts = {"total": 3, "confirmed": 1, "pending": 1, "awaiting_payment": 0, "cancelled": 1, "rejected": 0}
    assert of_host["bookings"] == counts
    assert of_admin["bookings"] == counts | {"total": 4, "confirmed": 2}
    assert sum(day["booked"] for day in of_host["by_day"]) == 2
    assert of_host["messages"]["email"]["planned"] == 3 + 1  # and a reminder of the one that is confirmed
    with pytest.raises(psycopg.Error) as refused:
        dashboard(portal, "ana@example.com")
    assert refused.value.sqlstate == "PT403"


def test_who_cannot_be_reached_is_to_be_called(portal: Portal) -> None:
    booking = portal.book(person("ana@example.com", phone="+4915112345678"))
    portal.book(BEN)
    [message] = portal.machine("claim_notifications", 10, 60, booking)
    portal.machine("settle_notifications", [{"id": message["id"], "lease": message["lease"], "outcome": "sent"}])
    bounce = {"receipt_id": "r1", "channel": "email", "notification_id": message["id"], "event": "bounced"}
    portal.machine("record_receipt", bounce | {"permanent": True, "occurred_at": "2026-11-23T10:00:00Z"})
    [unreachable] = dashboard(portal, HOST)["unreachable"]
    assert (unreachable["booking_id"], unreachable["phone"]) == (str(booking), "+4915112345678")
