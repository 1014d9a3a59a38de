"""The list by filters as JSON: what it adds to search_bookings, its count, a frozen list of ids, what to filter by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.database.portal import HOST, Portal, person
from tests.database.recorded import Connection

ANA, BEN = person("ana@example.com"), person("ben@example.com")
ADMIN, OTHER_HOST = "admin@example.com", "other.host@example.com"
EVERYBODY = ("ana@example.com", HOST, ADMIN)
# The message that a list shows as a booking's last one, in one query over the tables.
LAST = """
    select distinct on (n.booking_id) n.booking_id, n.status, b.starts_at
    from notifications n join bookings b on b.id = n.booking_id where n.kind <> 'reminder' or n.sent_at is not null
    order by n.booking_id, case n.kind when 'reminder' then n.sent_at else n.created_at end desc, n.id
"""


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    for email in ("ana@example.com", "ben@example.com"):
        made.account(email)
    made.account(ADMIN, "admin")
    made.account(HOST, "host")
    made.account(OTHER_HOST, "host")
    yield made
    made.empty()


def found(portal: Portal, who: str, **filters: Any) -> list[UUID]:
    return [row["id"] for row in portal.ask(who, "select * from public.find_bookings(%s)", filters)]


def counted(portal: Portal, who: str, **filters: Any) -> Any:
    return portal.answer(who, "count_bookings", filters)


def matching(portal: Portal, who: str, limit: int = 5000, **filters: Any) -> tuple[list[UUID], bool]:
    answer = portal.answer(who, "matching_bookings", filters, limit)
    return [UUID(each) for each in answer["ids"]], answer["more"]


def settle(portal: Portal, booking: UUID, status: str) -> None:
    portal.sql.execute("update notifications set status = %s where booking_id = %s", (status, booking))


def test_each_row_is_that_of_search_bookings(portal: Portal) -> None:
    portal.book(ANA, BEN)
    portal.book(BEN, host={"email": OTHER_HOST})
    portal.book(person(HOST), host={"email": OTHER_HOST})
    for who in (*EVERYBODY, "ben@example.com", OTHER_HOST):
        by_filters = portal.ask(who, "select * from public.find_bookings(%s)", {"period": "upcoming"})
        assert by_filters == portal.ask(who, "select * from public.search_bookings(p_period => 'upcoming')")
        assert by_filters


@pytest.mark.parametrize("who", EVERYBODY)
def test_the_filters_of_search_bookings_by_their_names(portal: Portal, who: str) -> None:
    first = portal.book(ANA, event_type_id=7, title="Massage", starts_at="2090-01-01T10:00:00Z")
    second = portal.book(ANA, starts_at="2090-01-02T10:00:00Z")
    portal.say("CREATED", "gone", ANA, starts_at="2090-01-03T10:00:00Z")
    gone = portal.say("CANCELLED", "gone", ANA, starts_at="2090-01-03T10:00:00Z")
    assert found(portal, who, q="massage") == [first]
    assert found(portal, who, client="ana@example.com", host=HOST, status="confirmed") == [second, first]
    assert found(portal, who, event_type_id=7) == [first]
    assert found(portal, who, starts_from="2090-01-02T00:00:00Z", starts_to="2090-01-03T00:00:00Z") == [second]
    assert found(portal, who, period="upcoming") == [first, second]
    assert found(portal, who, period="cancelled", status="confirmed") == []
    assert found(portal, who, status="cancelled,confirmed", page_size=2) == [gone, second]
    [page] = portal.ask(who, "select * from public.find_bookings(%s)", {"page_size": 1})
    assert found(portal, who, page_cursor=page["cursor"]) == [second, first]


@pytest.mark.parametrize("who", EVERYBODY)
def test_by_the_state_of_the_last_message(portal: Portal, who: str) -> None:
    bounced, planned, failed = (portal.book(ANA, starts_in=hours) for hours in (1, 2, 3))
    settle(portal, bounced, "bounced")
    settle(portal, failed, "failed")
    assert found(portal, who, message="bounced") == [bounced]
    assert found(portal, who, message="failed,bounced") == [failed, bounced]
    assert found(portal, who, message="failed,bounced", period="upcoming") == [bounced, failed]
    assert found(portal, who, message="planned") == [planned]
    assert found(portal, who, message="delivered") == []
    assert found(portal, who, message="failed,bounced", status="confirmed", q="talk", page_size=1) == [failed]


def test_the_state_is_that_of_the_message_that_the_list_shows(portal: Portal) -> None:
    """Whatever happens to messages, for a client by their own messages only."""
    bookings = [portal.book(ANA, BEN, starts_in=hours) for hours in range(1, 7)]
    statuses = ("planned", "failed", "sent", "delivered", "bounced", "skipped")
    for number, (message,) in enumerate(portal.sql.execute("select id from notifications order by id").fetchall()):
        status = statuses[number % len(statuses)]
        reason, sent = ("staff" if status == "skipped" else None), status in ("sent", "delivered", "bounced")
        portal.sql.execute(
            "update notifications set status = %s, reason = %s, sent_at = case when %s then now() + %s end"
            " where id = %s",
            (status, reason, sent, timedelta(seconds=number), message),
        )
    for who in (*EVERYBODY, "ben@example.com"):
        shown: dict[str, list[UUID]] = {}
        for row in portal.ask(who, "select * from public.find_bookings()"):
            shown.setdefault(row["last_message"]["status"], []).append(row["id"])
        assert sum(len(ids) for ids in shown.values()) == len(bookings)
        assert len(shown) > 1
        for status in statuses:
            assert found(portal, who, message=status) == shown.get(status, []), (who, status)


def test_what_lists_are_read_from_follows_each_change(portal: Portal) -> None:
    """Moves, another event type, another host, bookings that turn out to be one."""
    portal.say("CREATED", "u1", ANA, event_type_id=7, starts_at="2090-01-01T10:00:00Z")
    portal.say("CREATED", "u2", ANA, event_type_id=8, starts_at="2090-01-02T10:00:00Z")
    portal.say("RESCHEDULED", "u3", ANA, rescheduled_from_uid="u1", starts_at="2090-03-01T10:00:00Z")
    portal.say("API", "u2", ANA, host={"email": OTHER_HOST}, event_type_id=9, starts_at="2090-02-02T10:00:00Z")
    _assert_listed(portal)
    assert [len(found(portal, host)) for host in (HOST, OTHER_HOST)] == [1, 1]
    portal.say("RESCHEDULED", "u2", ANA, rescheduled_from_uid="u3", starts_at="2090-04-01T10:00:00Z")
    _assert_listed(portal)
    assert len(found(portal, ADMIN)) == 1


def _assert_listed(portal: Portal) -> None:
    assert not portal.rows(
        "select 1 from private.booking_hosts h join bookings b on b.id = h.booking_id"
        " where (h.starts_at, h.event_type_id) is distinct from (b.starts_at, b.event_type_id)"
    )
    listed = portal.rows(
        "select distinct on (m.booking_id) m.booking_id, m.status, m.starts_at from private.listed_messages m"
        " order by m.booking_id, m.at desc, m.notification_id"
    )
    assert listed == portal.rows(LAST)
    assert listed


@pytest.mark.parametrize("who", EVERYBODY)
def test_by_when_it_was_booked(portal: Portal, who: str) -> None:
    older, newer = portal.book(ANA, starts_in=5), portal.book(ANA, starts_in=4)
    portal.sql.execute("update bookings set created_at = '2026-01-01T00:00:00Z' where id = %s", (older,))
    assert found(portal, who, created_from="2026-01-01T00:00:00Z") == [older, newer]
    assert found(portal, who, created_from="2026-01-02T00:00:00Z") == [newer]
    assert found(portal, who, created_to="2026-01-01T00:00:00Z") == []
    assert found(portal, who, created_to="2026-01-02T00:00:00Z") == [older]


@pytest.mark.parametrize("function", ["find_bookings", "count_bookings", "matching_bookings", "export_page"])
@pytest.mark.parametrize(
    "filters",
    [{"name": "Ana"}, {"message": "lost"}, {"created_from": "soon"}, {"event_type_id": "x"}, {"period": "someday"}],
)
def test_what_is_no_filter_is_refused(portal: Portal, function: str, filters: dict[str, str]) -> None:
    with pytest.raises(psycopg.DataError):
        portal.answer(ADMIN, function, filters)


def test_exports_and_feeds_take_the_same_filters(portal: Portal) -> None:
    bounced, _ = portal.book(ANA), portal.book(ANA)
    settle(portal, bounced, "bounced")
    filters = {"message": "bounced", "created_from": "2026-01-01T00:00:00Z"}
    page = portal.answer(HOST, "export_page", filters)
    assert [row[0] for row in page["rows"]] == [str(bounced)]
    portal.answer(HOST, "make_feed", "0" * 64, filters)
    feed = portal.machine("calendar_feed", "0" * 64)
    assert [entry["id"] for entry in feed["bookings"]] == [str(bounced)]


def test_a_list_is_counted_as_it_is_shown(portal: Portal) -> None:
    for hours in (1, 2, -5):
        portal.book(ANA, starts_in=hours)
    portal.book(person(HOST), host={"email": OTHER_HOST}, starts_in=3)
    both = portal.book(ANA, host={"email": OTHER_HOST}, starts_in=4)
    portal.say("API", "uid5", ANA, host={"email": OTHER_HOST}, team=[HOST], starts_in=4)
    for who in (*EVERYBODY, OTHER_HOST):
        for filters in (
            {},
            {"period": "upcoming"},
            {"q": "talk"},
            {"message": "planned,skipped"},
            {"status": "pending"},
        ):
            shown = found(portal, who, **filters)
            assert counted(portal, who, **filters) == {"count": len(shown), "more": False}, (who, filters)
    assert counted(portal, ADMIN, page_size=1, period="upcoming")["count"] == 4  # a page's filters may be handed over
    assert both in found(portal, OTHER_HOST)


def test_a_count_ends_at_ten_thousand(portal: Portal) -> None:
    portal.sql.execute(
        "insert into bookings (ical_uid, status, starts_at, ends_at)"
        " select n::text, 'confirmed', now() + n * interval '1 minute', now() + n * interval '1 minute'"
        " from generate_series(1, 10001) n"
    )
    assert counted(portal, ADMIN) == {"count": 10000, "more": True}
    assert counted(portal, ADMIN, period="upcoming", starts_to=_in(minutes=60))["count"] in (59, 60)
    ids, more = matching(portal, ADMIN, limit=100_000)
    assert (len(ids), more) == (5000, True)


def _in(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def test_a_frozen_list_is_what_staff_hold_of_it_in_its_order(portal: Portal) -> None:
    soon, later = portal.book(ANA, starts_in=1), portal.book(ANA, starts_in=2)
    elsewhere = portal.book(person(HOST), host={"email": OTHER_HOST}, starts_in=3)
    assert matching(portal, HOST, period="upcoming") == ([soon, later], False)
    assert matching(portal, ADMIN, period="upcoming") == ([soon, later, elsewhere], False)
    assert matching(portal, ADMIN) == ([elsewhere, later, soon], False)
    assert matching(portal, ADMIN, 2) == ([elsewhere, later], True)
    assert matching(portal, ADMIN, status="pending") == ([], False)
    with pytest.raises(psycopg.DatabaseError) as refused:
        matching(portal, "ana@example.com")
    assert refused.value.sqlstate == "PT403"


def test_what_to_filter_by_is_what_staff_hold(portal: Portal) -> None:
    portal.book(ANA, event_type_id=7, event_type_title="Massage", starts_in=1)
    portal.book(ANA, event_type_id=7, event_type_title="Massage, long", starts_in=2)
    portal.book(ANA, event_type_id=3, event_type_title="Talk", host={"name": "Otto", "email": OTHER_HOST})
    portal.book(BEN, starts_in=3)  # of no event type
    team = {"host": {"name": "Hanna", "email": HOST}, "team": ["mate@example.com"]}
    massage, talk = {"id": 7, "title": "Massage, long"}, {"id": 3, "title": "Talk"}
    hanna, otto = {"email": HOST, "name": "Hanna"}, {"email": OTHER_HOST, "name": "Otto"}
    assert portal.answer(ADMIN, "filter_choices") == {"event_types": [massage, talk], "hosts": [hanna, otto]}
    assert portal.answer(HOST, "filter_choices") == {"event_types": [massage], "hosts": [hanna]}
    assert portal.answer(OTHER_HOST, "filter_choices") == {"event_types": [talk], "hosts": [otto]}
    portal.book(ANA, **team)
    mate = {"email": "mate@example.com", "name": None}
    assert portal.answer(HOST, "filter_choices")["hosts"] == [hanna, mate]
    assert portal.answer(OTHER_HOST, "filter_choices")["hosts"] == [otto]


def test_who_holds_what_only_hosts_are_told_of_themselves(portal: Portal) -> None:
    """The policies read it with the caller's own rights."""
    mine = portal.book(ANA)
    portal.book(ANA, host={"email": OTHER_HOST})
    portal.book(ANA, host={"email": "ben@example.com"})  # an address that hosts, of nobody who works here
    held = "select booking_id from private.booking_hosts"
    assert portal.ask(HOST, held) == [{"booking_id": mine}]
    assert portal.ask("ana@example.com", held) == portal.ask("ben@example.com", held) == portal.ask(ADMIN, held) == []
    for closed in ("select status from private.booking_hosts", "delete from private.booking_hosts"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            portal.ask(HOST, closed)
