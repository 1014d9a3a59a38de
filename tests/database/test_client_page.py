"""A client's page: what staff learn of a client, from the bookings that they hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from shared.booking import Person
from tests.database.portal import HOST, Portal, person
from tests.database.recorded import Connection

ANA = person("ana@example.com", name="Ana", phone="+4915112345678", time_zone="Europe/Lisbon", locale="pt")
ADMIN, OTHER_HOST = "admin@example.com", "other.host@example.com"


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    made.account("ana@example.com")
    made.account(ADMIN, "admin")
    made.account(HOST, "host")
    made.account(OTHER_HOST, "host")
    yield made
    made.empty()


def page(portal: Portal, who: str, client: str = "ana@example.com") -> Any:
    return portal.answer(who, "client_page", client)


def refusal(portal: Portal, who: str, client: str) -> str | None:
    with pytest.raises(psycopg.DatabaseError) as refused:
        page(portal, who, client)
    return refused.value.sqlstate


def test_names_numbers_and_counts_of_what_the_caller_holds(portal: Portal) -> None:
    past = portal.book(ANA.model_copy(update={"name": "Ana Old", "phone": None, "time_zone": "UTC"}), starts_in=-48)
    missed = portal.book(ANA, starts_in=-24)
    portal.sql.execute("update booking_attendees set absent = true where booking_id = %s", (missed,))
    portal.book(ANA, starts_in=24)
    portal.say("CREATED", "gone", ANA, starts_in=30)
    portal.say("CANCELLED", "gone", ANA, starts_in=30)
    last = portal.book(ANA, starts_in=48)
    elsewhere = portal.book(ANA, host={"email": OTHER_HOST}, starts_in=72)

    shown = page(portal, HOST, " Ana@Example.com")
    assert shown["email"] == "ana@example.com"
    assert shown["names"] == ["Ana", "Ana Old"]
    assert shown["phones"] == ["+4915112345678"]
    assert (shown["time_zone"], shown["locale"]) == ("Europe/Lisbon", "pt")
    assert shown["counts"] == {"upcoming": 2, "past": 2, "cancelled": 1, "no_shows": 1}
    assert shown["first_booking"]["id"] == str(past)
    assert (shown["last_booking"]["id"], shown["last_booking"]["status"]) == (str(last), "confirmed")

    assert page(portal, ADMIN)["counts"]["upcoming"] == 3
    assert page(portal, OTHER_HOST)["first_booking"]["id"] == str(elsewhere)


def test_who_was_removed_has_it_under_cancelled(portal: Portal) -> None:
    portal.say("CREATED", "u1", ANA, person("ben@example.com"))
    portal.say("API", "u1", ANA)
    assert page(portal, HOST, "ben@example.com")["counts"] == {"upcoming": 0, "past": 0, "cancelled": 1, "no_shows": 0}
    assert page(portal, HOST, "ben@example.com")["reach"] is None


def test_who_has_no_address_is_found_by_number(portal: Portal) -> None:
    portal.book(Person(phone="+4930111111", name="Phil"))
    portal.book(ANA)
    phil = page(portal, HOST, "+4930111111")
    assert (phil["email"], phil["names"], phil["phones"]) == (None, ["Phil"], ["+4930111111"])
    assert refusal(portal, HOST, "+4915112345678") == "PT404"  # who has an address is found by that


def test_wishes_consents_and_suppressions_as_the_caller_may_read_them(portal: Portal) -> None:
    portal.book(ANA)
    assert page(portal, HOST)["preferences"] is None
    for statement in (
        "insert into notification_preferences (email, phone, email_reminders) values"
        " ('ana@example.com', '+4930222222', false)",
        "insert into sms_consents (email, phone, text_shown, source, withdrawn_at) values"
        " ('ana@example.com', '+4930222222', 'Yes', 'portal', null),"
        " ('ana@example.com', '+4930333333', 'Yes', 'portal', now()),"
        " ('x@example.com', '+4930333333', 'No', 'x', null)",
        "insert into suppressions (channel, address, reason) values ('email', 'ana@example.com', 'bounced'),"
        " ('sms', '+4930222222', 'stopped'), ('sms', '+4915112345678', 'stopped'), ('sms', '+4930444444', 'stopped')",
    ):
        portal.sql.execute(statement.encode())
    of_admin, of_host = page(portal, ADMIN), page(portal, HOST)
    assert of_host["preferences"]["email_reminders"] is False
    assert (of_host["sms_consents"], of_host["suppressions"]) == (None, None)
    assert of_admin["preferences"] == of_host["preferences"]
    assert {(each["phone"], each["withdrawn_at"] is None) for each in of_admin["sms_consents"]} == {
        ("+4930222222", True),
        ("+4930333333", False),
    }
    assert {each["address"] for each in of_admin["suppressions"]} == {
        *("ana@example.com", "+4930222222", "+4915112345678"),
    }


def test_whether_they_can_be_reached(portal: Portal) -> None:
    reached = portal.book(ANA, starts_in=24)
    lost = portal.book(ANA, starts_in=48)
    portal.book(person("ben@example.com"))
    portal.sql.execute("update notifications set status = 'delivered', sent_at = now() where kind <> 'reminder'")
    reach = page(portal, HOST)["reach"]
    assert (reach["state"], reach["unreachable"]) == ("reached", [])
    portal.sql.execute(
        "update notifications set status = 'bounced' where kind <> 'reminder' and booking_id = %s", (lost,)
    )
    portal.sql.execute("update notifications set status = 'skipped', reason = 'suppressed' where kind = 'reminder'")
    reach = page(portal, HOST)["reach"]
    assert reach == {"state": "unreachable", "phone": "+4915112345678", "unreachable": [str(lost)]}
    assert str(reached) not in reach["unreachable"]


def test_a_client_of_others_and_nobody_are_not_there(portal: Portal) -> None:
    portal.book(ANA, host={"email": OTHER_HOST})
    portal.book(person(HOST), person("guest@example.com"), host={"email": OTHER_HOST})
    assert refusal(portal, HOST, "ana@example.com") == "PT404"
    assert refusal(portal, HOST, HOST) == "PT404"  # a host's own appointments are another host's
    assert refusal(portal, HOST, "guest@example.com") == "PT404"
    assert refusal(portal, ADMIN, "nobody@example.com") == "PT404"
    assert refusal(portal, "ana@example.com", "ana@example.com") == "PT403"
