"""The list of bookings: who finds what, in which order, under which tab."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared.booking import Person
from tests.database.portal import HOST, Portal, Row, person
from tests.database.recorded import Connection

ANA, BEN = person("ana@example.com"), person("ben@example.com")
ADMIN, OTHER_HOST = "admin@example.com", "other.host@example.com"


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    for email in ("ana@example.com", "ben@example.com"):
        made.account(email)
    made.account("new@example.com", confirmed=False)
    made.account(ADMIN, "admin")
    made.account(HOST, "host")
    made.account(OTHER_HOST, "host")
    yield made
    made.empty()


def found(portal: Portal, email: str, **filters: Any) -> list[UUID]:
    return [row["id"] for row in search(portal, email, **filters)]


def search(portal: Portal, email: str, **filters: Any) -> list[Row]:
    named = ", ".join(f"p_{name} => %s" for name in filters)
    return portal.ask(email, f"select * from public.search_bookings({named})", *filters.values())


def test_each_person_finds_their_own_bookings_and_no_others(portal: Portal) -> None:
    of_ana = portal.book(ANA)
    of_ben = portal.book(BEN, host={"email": OTHER_HOST, "hidden": True})
    portal.book(person("new@example.com"), host={"email": "elsewhere@example.com"})

    assert found(portal, "ana@example.com") == [of_ana]
    assert found(portal, "ben@example.com") == [of_ben]
    assert found(portal, HOST) == [of_ana]
    assert found(portal, OTHER_HOST) == [of_ben]  # who hides an address from clients still holds the booking
    assert len(found(portal, ADMIN)) == 3
    assert found(portal, "new@example.com") == []  # the address is not confirmed


def test_nobody_signed_in_may_not_search_at_all(portal: Portal) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        portal.ask(None, "select * from public.search_bookings()")


def test_a_host_who_attends_elsewhere_finds_both(portal: Portal) -> None:
    held = portal.book(ANA, starts_in=1)
    attended = portal.book(person(HOST), host={"email": OTHER_HOST}, starts_in=2)
    assert found(portal, HOST, period="upcoming") == [held, attended]


@pytest.mark.parametrize("who", ["ana@example.com", HOST, ADMIN])
def test_tabs(portal: Portal, who: str) -> None:
    soon, later = portal.book(ANA, starts_in=1), portal.book(ANA, starts_in=50)
    running = portal.book(ANA, starts_in=-0.25)
    past, longer_past = portal.book(ANA, starts_in=-5), portal.book(ANA, starts_in=-90)
    pending = portal.say("REQUESTED", "asked", ANA, starts_in=20)
    portal.say("CREATED", "gone", ANA, starts_in=30)
    gone = portal.say("CANCELLED", "gone", ANA, starts_in=30, reason="Ill")

    assert found(portal, who, period="upcoming") == [running, soon, pending, later]
    assert found(portal, who, period="past") == [past, longer_past]
    assert found(portal, who, period="cancelled") == [gone]
    assert found(portal, who, period="all") == [later, gone, pending, soon, running, past, longer_past]
    assert found(portal, who, status="pending,cancelled", period="all") == [gone, pending]


@pytest.mark.parametrize("period", ["upcoming", "all"])
@pytest.mark.parametrize("who", ["ana@example.com", HOST, ADMIN])
def test_pages_show_each_booking_once(portal: Portal, who: str, period: str) -> None:
    for day in (1, 1, 1, 2, 3, 3, 5):
        portal.book(ANA, starts_at=f"2090-01-0{day}T10:00:00Z")
    whole = search(portal, who, period=period)
    pages: list[Row] = []
    for _ in range(4):
        after = {"page_cursor": pages[-1]["cursor"]} if pages else {}
        pages += search(portal, who, period=period, page_size=2, **after)
    assert pages == whole
    assert len(whole) == 7


def test_staff_search_names_addresses_numbers_titles(portal: Portal) -> None:
    wanted = portal.book(
        person("zoe@example.org", name="Zoë O'Neil", phone="+4915112345678"), event_type_title="Massage_50%"
    )
    portal.book(BEN, event_type_title="Talk")
    for words in ("zoë", "o'neil", "ZOE@example", "151123", "massage zoë", "hanna zoe", "_50%", "e_5"):
        assert found(portal, HOST, q=words) == [wanted], words
    for words in ("%", "zoë ben", "massage_5_", "nobody", "\\"):
        expected = [wanted] if words == "%" else []
        assert found(portal, ADMIN, q=words) == expected, words


def test_what_is_searched_follows_what_changes(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA)
    portal.say("CREATED", "u1", ANA.model_copy(update={"name": "Anastasia"}))
    assert found(portal, HOST, q="anastasia") == [booking]


def test_clients_search_what_they_see(portal: Portal) -> None:
    booked = portal.book(ANA, BEN, title="Consultation")
    assert found(portal, "ana@example.com", q="ben") == [booked]  # who booked sees everybody
    assert found(portal, "ben@example.com", q="ana@") == []
    assert found(portal, "ben@example.com", q="consult hanna") == [booked]


def test_filters(portal: Portal) -> None:
    phil = Person(phone="+4915112345678", name="Phil")
    first = portal.book(ANA, event_type_id=7, starts_at="2090-01-01T10:00:00Z")
    second = portal.book(phil, host={"email": OTHER_HOST}, starts_at="2090-01-02T10:00:00Z")
    assert found(portal, ADMIN, client="Ana@Example.com") == [first]
    assert found(portal, ADMIN, client="+4915112345678") == [second]
    assert found(portal, ADMIN, host=OTHER_HOST) == [second]
    assert found(portal, HOST, host=OTHER_HOST) == []
    assert found(portal, ADMIN, event_type_id=7) == [first]
    assert found(portal, ADMIN, starts_from="2090-01-02T10:00:00Z") == [second]
    assert found(portal, ADMIN, starts_to="2090-01-02T10:00:00Z") == [first]
    assert found(portal, "ana@example.com", host=OTHER_HOST) == []


def test_who_was_removed_finds_title_times_and_status_under_cancelled(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA, BEN, title="Consultation", starts_at="2090-01-01T10:00:00Z")
    portal.say("API", "u1", ANA, title="Consultation", location="Main Street 1", starts_at="2090-01-01T10:00:00Z")
    portal.say("RESCHEDULED", "u2", ANA, rescheduled_from_uid="u1", starts_at="2090-02-01T10:00:00Z")

    assert found(portal, "ben@example.com", period="upcoming") == []
    [row] = search(portal, "ben@example.com", period="cancelled")
    assert (row["id"], row["title"], row["status"], row["removed"]) == (booking, "Consultation", "cancelled", True)
    assert row["starts_at"].isoformat() == "2090-01-01T10:00:00+00:00"  # later moves are not theirs to see
    assert [a["email"] for a in row["attendees"]] == ["ben@example.com"]
    hidden = ("location", "meeting_url", "host_name", "host_email", "revision", "ical_uid", "event_type_id")
    assert not any(row[name] for name in hidden)
    [seen] = search(portal, "ana@example.com")
    assert seen["starts_at"].isoformat() == "2090-02-01T10:00:00+00:00"


def test_a_row_shows_people_and_the_last_message_as_far_as_the_caller_may_see(portal: Portal) -> None:
    portal.book(ANA, BEN)
    [of_ana], [of_ben], [of_host] = (search(portal, who) for who in ("ana@example.com", "ben@example.com", HOST))
    both = {"ana@example.com", "ben@example.com"}
    assert {a["email"] for a in of_ana["attendees"]} == both
    assert {a["email"] for a in of_ben["attendees"]} == {"ben@example.com"}
    assert {a["email"] for a in of_host["attendees"]} == both
    assert of_ben["last_message"]["kind"] == "confirmation"
    assert of_ben["last_message"]["status"] == "planned"


@pytest.mark.parametrize(
    "filters", [{"period": "someday"}, {"page_cursor": "x"}, {"page_cursor": "2090-01-01_x"}, {"q": "a" * 201}]
)
def test_what_cannot_be_meant_is_refused(portal: Portal, filters: dict[str, str]) -> None:
    with pytest.raises(psycopg.DataError):
        search(portal, ADMIN, **filters)
