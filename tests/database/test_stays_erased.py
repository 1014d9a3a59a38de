"""Who was erased stays erased: what was known brings nobody back, and a booking made later is a new one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import psycopg
import pytest

from shared.booking import Person
from tests.database import recorded
from tests.database.portal import HOST, Portal, person
from tests.database.recorded import Connection

ANA_ = "ana@example.com"


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    yield made
    made.empty()


def test_a_booking_made_later_is_a_new_one(portal: Portal) -> None:
    portal.say("CREATED", "u1", person(ANA_, name="Ana"))
    portal.erase(ANA_)
    later = portal.say("CREATED", "u2", person(ANA_, name="Ana"), starts_in=48, body={"email": ANA_})
    people = portal.rows("select name, email, role, removed_at from booking_attendees where booking_id = %s", later)
    assert people == [{"name": "Ana", "email": ANA_, "role": "booker", "removed_at": None}]
    [message] = portal.machine("claim_notifications", 10, 60, later)
    assert (message["recipient"], message["status"]) == (ANA_, "sending")
    assert portal.rows("select body from webhook_events where booking_id = %s", later) == [{"body": {"email": ANA_}}]
    portal.say("CANCELLED", "u2", person(ANA_, name="Ana"), starts_in=48)
    assert portal.rows("select status from bookings where id = %s", later) == [{"status": "cancelled"}]


def test_what_is_said_later_of_an_old_booking_stays_nameless(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", person(ANA_))
    portal.erase(ANA_)
    portal.say("RESCHEDULED", "u2", person(ANA_), rescheduled_from_uid="u1", starts_in=48, title="Talk with Ana")
    portal.say("CANCELLED", "u2", person(ANA_), starts_in=48, reason="Ana is ill", body={"who": ANA_})
    assert portal.rows("select id, status, cancellation_reason from bookings") == [
        {"id": booking, "status": "cancelled", "cancellation_reason": None}
    ]
    assert portal.traces(ANA_) == []
    assert portal.traces("Ana is ill") == []


def test_an_old_booking_that_is_heard_of_only_now_names_nobody(portal: Portal) -> None:
    portal.say("CREATED", "u1", person(ANA_))
    portal.erase(ANA_)
    said_then = datetime.now(UTC) - timedelta(days=2)
    portal.say("API", "u7", person(ANA_), person("ben@example.com"), updated_at=said_then)
    portal.say("CREATED", "u8", person(ANA_), at=said_then, starts_in=90)
    assert portal.traces(ANA_) == []
    assert [row["email"] for row in portal.rows("select email from booking_attendees where email like 'ben%'")] == [
        "ben@example.com"
    ]


def test_a_seat_taken_again_is_a_new_one(portal: Portal) -> None:
    slot: dict[str, Any] = {"seated": True, "seats": 5, "title": "Course"}
    booking = portal.say("CREATED", "u1", person(ANA_, seat="s1"), **slot)
    portal.say("CREATED", "u1", person("ben@example.com", seat="s2"), **slot)
    portal.erase(ANA_)
    portal.say("CANCELLED", "u1", person(ANA_, seat="s1"), **slot)
    assert portal.traces(ANA_) == []
    portal.say("CREATED", "u1", person(ANA_, seat="s3"), **slot)
    portal.say("CANCELLED", "u1", person(ANA_), **slot)
    seats = portal.rows("select email from booking_attendees where booking_id = %s and removed_at is null", booking)
    assert seats == [{"email": "ben@example.com"}]
    assert portal.rows("select 1 from booking_attendees where email = %s", ANA_)


def test_what_is_kept_aside_names_nobody_either(portal: Portal) -> None:
    portal.say("CREATED", "u1", person(ANA_))
    portal.erase(ANA_)
    ignored = {"source": "webhook", "trigger": "RECORDING_READY", "received_at": "2026-11-23T10:00:00Z", "changes": []}
    portal.machine("record_event", ignored | {"sha256": "1", "body": {"attendees": [{"email": "Ana@Example.com"}]}})
    portal.say("NO_SHOW", "u1", Person(email=ANA_, absent=True), body={"email": ANA_})
    assert portal.traces(ANA_) == []
    assert [row["body"].get("erased") for row in portal.rows("select body from webhook_events")] == [True] * 3
    assert portal.rows("select absent from booking_attendees") == [{"absent": True}]


def test_who_was_erased_and_came_back_can_be_erased_again(portal: Portal) -> None:
    portal.say("CREATED", "u1", person(ANA_))
    portal.erase(ANA_)
    portal.say("CREATED", "u2", person(ANA_), starts_in=48)
    assert portal.erase(ANA_)["erased"]["bookings"] == 1
    assert portal.traces(ANA_) == []
    assert len(portal.rows("select * from private.erased")) == 1


def test_an_old_link_to_preferences_stores_nothing(portal: Portal) -> None:
    portal.book(person(ANA_))
    portal.erase(ANA_)
    portal.machine("preferences_by_link", ANA_, {"email_reminders": False}, False)
    assert portal.traces(ANA_) == []


def test_hosts_and_staff_are_not_clients_to_erase(portal: Portal) -> None:
    portal.account("admin@example.com", "admin")
    portal.book(person(ANA_))
    for address, state in ((HOST, "PT409"), ("admin@example.com", "PT409"), ("nonsense", "22023")):
        with pytest.raises(psycopg.Error) as refused:
            portal.erase(address)
        assert refused.value.sqlstate == state


def test_a_pseudonym_tells_nothing_without_the_key(portal: Portal) -> None:
    portal.book(person(ANA_))
    portal.erase(ANA_)
    [row] = portal.rows("select email from booking_attendees")
    assert row["email"].endswith("@erased.invalid")
    for role in ("anon", "authenticated", "service_role"):
        for secret in ("table private.erasure_key", "select private.pseudonym('ana@example.com')"):
            with portal.sql.transaction(force_rollback=True):
                portal.sql.execute(f"set local role {role}".encode())
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    portal.sql.execute(secret.encode())


def test_an_event_under_way_is_waited_for(portal: Portal, connections: list[Connection]) -> None:
    portal.say("CREATED", "u1", person(ANA_))
    erasing = Thread(target=recorded.call, args=(connections[1], "erase_person", ANA_))
    with portal.sql.transaction():
        portal.say("CREATED", "u2", person(ANA_), starts_in=48)
        erasing.start()
        erasing.join(0.5)
        assert erasing.is_alive()
    erasing.join(30)
    assert portal.traces(ANA_) == []
