"""Erasing a person: nothing is left of them, and nothing is taken from the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from shared.booking import BookingChange, Person
from tests.database import recorded, stories
from tests.database.life import ANA, PHONE
from tests.database.model_people import identity
from tests.database.portal import HOST, Portal, person
from tests.database.recorded import Connection, View

ANA_ = "ana@example.com"


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    yield made
    made.empty()


def others(views: list[View], who: str) -> list[View]:
    """The bookings without that person, and without the words that may have been about them."""

    def theirs(row: dict[str, Any], *fields: str) -> bool:
        return any(row[field] == who or str(row[field]).endswith("@erased.invalid") for field in fields)

    about = ("title", "description", "cancellation_reason", "location")
    return [
        {
            **{name: value for name, value in view.items() if name not in about},
            "people": [p for p in view["people"] if not theirs(p, "email", *(["phone"] if not p["email"] else []))],
            "messages": [m for m in view["messages"] if not theirs(m, "recipient")],
        }
        for view in views
    ]


def told(change: BookingChange) -> dict[str, Any]:
    return {"triggerEvent": change.trigger, "who": [identity(p) for p in change.people or ()], "title": change.title}


@pytest.mark.parametrize("who", [ANA, PHONE], ids=["address", "number"])
@pytest.mark.parametrize("seed", range(12))
def test_whole_lives_are_forgotten_and_replays_change_nothing(portal: Portal, seed: int, who: Person) -> None:
    said = stories.story(Random(seed * 7 + 1))
    for change in said:
        recorded.record(portal.sql, change, body=told(change))
    before = recorded.in_sql(portal.sql)
    portal.erase(identity(who))
    assert portal.traces(identity(who)) == []
    assert portal.traces(f"with {who.name}") == []
    after = recorded.in_sql(portal.sql)
    assert not recorded.difference(others(before, identity(who)), others(after, identity(who)))

    for change in said:
        recorded.record(portal.sql, change, body=told(change))
        later = change.model_copy(update={"at": change.at + timedelta(days=300)})  # re-sent, or read by a sweep
        recorded.record(portal.sql, later, body=told(later))
    assert portal.traces(identity(who)) == []
    assert portal.traces(f"with {who.name}") == []


def test_a_stored_report_has_the_key_of_what_it_was_stored_from(portal: Portal) -> None:
    for seed in range(20):
        for change in stories.story(Random(seed)):
            recorded.record(portal.sql, change)
    assert portal.rows("select count(*) from private.reports")[0]["count"] > 100
    assert (
        portal.rows("select r.* from private.reports r where private.report_key(private.change_of(r)) <> r.key") == []
    )


def test_everything_that_a_person_leaves_goes(portal: Portal) -> None:
    ana, admin = portal.account(ANA_), portal.account("admin@example.com", "admin")
    portal.account(HOST, "host")
    words = {"responses": {"notes": "I am ana@example.com"}, "phone": "+4915112345678"}
    booking = portal.say(
        "CREATED",
        "u1",
        person(ANA_, name="Ana Gómez", **words),
        title="Talk between Hanna and Ana Gómez",
        description="Ana Gómez wrote this",
        location="+4915112345678",
        body={"attendees": [{"email": ANA_, "name": "Ana Gómez"}]},
    )
    portal.machine("claim_notifications", 10, 60, booking)
    [lease] = portal.rows("select lease, batch_key from private.outbox where lease is not null")
    portal.machine("store_payloads", [{"payload": f"to {ANA_}", **{k: str(v) for k, v in lease.items()}}])
    portal.say("CANCELLED", "u1", person(ANA_), reason="Ana Gómez is ill", by="client", actor="Ana Gómez")
    portal.ask(ANA_, "insert into booking_notes (booking_id, body) values (%s, 'Call me, Ana Gómez')", booking)
    portal.ask(HOST, "insert into booking_notes (booking_id, body) values (%s, 'She is late')", booking)
    portal.ask(ANA_, "insert into notification_preferences (email) values ('ana@example.com')")
    for statement in (
        "update notification_preferences set phone = '+4915112345678'",
        "insert into sms_consents (email, phone, text_shown, source)"
        " values ('ana@example.com', '+4915112345678', 'Text me', 'portal')",
        "insert into suppressions (channel, address, reason) values ('sms', '+4915112345678', 'STOP')",
        "insert into job_runs (job, started_at, result) values ('reconcile', now(), '[\"ana@example.com\"]')",
    ):
        portal.sql.execute(statement.encode())
    portal.sql.execute(
        "insert into private.phone_codes (id, email, phone, code_hash)"
        " values (gen_random_uuid(), 'ana@example.com', '+4915112345678', repeat('0', 64))"
    )
    insert_feed = "insert into private.feed_tokens (token_hash, user_id, filters) values (%s, %s, %s)"
    portal.sql.execute(insert_feed, ("a" * 64, ana, Jsonb({})))
    portal.sql.execute(insert_feed, ("b" * 64, admin, Jsonb({"client": ANA_})))
    portal.sql.execute(
        "insert into saved_views (user_id, name, view) values (%s, 'x', %s)", (admin, Jsonb({"client": ANA_}))
    )
    for who, side in ((ana, "client"), (admin, "staff")):
        portal.sql.execute(
            "insert into private.actions (booking_id, kind, user_id, actor_kind, actor, reason, state, finished_at)"
            " values (%s, 'cancel', %s, %s, %s, 'Ana Gómez called', 'done', now())",
            (booking, who, side, "Ana Gómez" if side == "client" else "Ada Admin"),
        )

    report = portal.erase(ANA_)
    for text in (ANA_, "Gómez", "15112345678", "She is late"):
        assert portal.traces(text) == [], text
    erased = report["erased"]
    assert {name for name, number in erased.items() if not number} == set()
    assert report["remains"]["calcom"]["bookings"] == ["u1"]
    assert report["remains"]["account"] == str(ana)
    assert [row["kind"] for row in portal.rows("select kind from booking_events order by id")][:2] == [
        *("created", "cancelled"),
    ]


def test_nothing_more_leaves_to_who_was_erased(portal: Portal) -> None:
    portal.say("CREATED", "u1", person(ANA_), person("ben@example.com"))
    assert portal.erase(ANA_)["remains"]["calcom"]["upcoming"]
    portal.say("CANCELLED", "u1", person(ANA_), person("ben@example.com"))
    claimed = portal.machine("claim_notifications", 10, 60, None)
    assert {m["recipient"] for m in claimed if m["status"] == "sending"} <= {"ben@example.com"}
    silent = [m for m in portal.messages() if m["recipient"] != "ben@example.com"]
    assert {(m["status"], m["reason"]) for m in silent} == {("skipped", "suppressed")}
    assert portal.rows("select 1 from notifications where recipient <> 'ben@example.com' and status <> 'skipped'") == []


def test_a_message_under_way_ends_as_unknown_and_its_late_answer_brings_nothing_back(portal: Portal) -> None:
    portal.book(person(ANA_))
    [message] = portal.machine("claim_notifications", 10, 60, None)
    portal.erase(ANA_)
    assert [m["status"] for m in portal.messages()] == ["unknown"]
    portal.machine("settle_notifications", [{"id": message["id"], "lease": message["lease"], "outcome": "sent"}])
    bounce = {"receipt_id": "r", "channel": "email", "notification_id": message["id"], "event": "bounced"}
    portal.machine("record_receipt", bounce | {"permanent": True, "occurred_at": "2026-11-23T10:00:00Z"})
    assert [m["status"] for m in portal.messages()] == ["bounced"]
    assert portal.traces(ANA_) == []


def test_the_others_are_not_disturbed(portal: Portal) -> None:
    words: dict[str, Any] = {"title": "Talk with Ana", "event_type_title": "Talk", "location": "+4915112345678"}
    booking = portal.say("CREATED", "u1", person(ANA_, phone="+4915112345678"), person("ben@example.com"), **words)
    portal.machine("claim_notifications", 10, 60, None)
    for row in portal.rows("select notification_id as id, lease from private.outbox"):
        sent = {"id": str(row["id"]), "lease": str(row["lease"]), "outcome": "sent"}
        portal.machine("settle_notifications", [sent])
    portal.erase(ANA_)
    assert portal.rows("select title, location, revision from bookings") == [
        {"title": "Talk", "location": None, "revision": 1}
    ]
    portal.sql.execute("select private.plan(%s, 'all')", (booking,))
    assert portal.machine("claim_notifications", 10, 60, None) == []
    assert {row["kind"] for row in portal.rows("select kind from booking_events")} == {"created"}
