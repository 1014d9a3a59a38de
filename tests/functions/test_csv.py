"""Bookings as CSV through the running system: every column, for each who asks, whatever people typed, however many."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest

from ops.stage import ROOT
from shared.csv_export import HEADER
from tests.bench.served import Served, resident, served
from tests.conftest import Connection, Stack
from tests.database.api import Caller
from tests.functions import many_bookings
from tests.functions.acting import GROUP, PLAIN, VISIT, House, monday
from tests.unit.test_csv_export import original, read, starts_formula

Row = dict[str, str]

PAGE = 2000  # rows that the function asks for at once
MANY = 200_000
MEGABYTES = 16.0  # what a process may grow by while it sends nine tenths of them


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


def ask(house: House, who: Caller, **body: Any) -> httpx.Response:
    return house.call(who, "POST", "export", {"format": "csv", **body})


def table(house: House, who: Caller, **body: Any) -> list[Row]:
    """The rows of the file, as they were before formulas were made harmless."""
    answer = ask(house, who, **body)
    assert answer.status_code == 200, answer.text
    header, *rows = read(answer.content, "utf-8-sig" if body.get("bom") else "utf-8")
    assert header == list(HEADER)
    return [dict(zip(HEADER, map(original, row), strict=True)) for row in rows]


def ids(rows: list[Row]) -> list[str]:
    return [row["id"] for row in rows]


def searched(house: House, who: Caller, **filters: Any) -> list[str]:
    """The ids that the portal's list shows, page after page."""
    url = f"{house.env['SUPABASE_URL']}/rest/v1/rpc/search_bookings"
    headers = {"apikey": house.env["SUPABASE_PUBLISHABLE_KEY"], **bearer(who)}
    wanted = {f"p_{name}": value for name, value in filters.items()} | {"p_page_size": 1000}
    found: list[str] = []
    while True:
        page = httpx.post(url, json=wanted, headers=headers, timeout=30).raise_for_status().json()
        found += [row["id"] for row in page]
        if len(page) < 1000:
            return found
        wanted["p_page_cursor"] = page[-1]["cursor"]


def test_every_column_for_each_who_may_see_it(house: House) -> None:
    made = house.book(PLAIN, monday(9), guests=["guest@example.com"])
    booking_id = house.id_of(made["uid"])
    house.sweep()
    house.db.execute("update public.booking_attendees set phone = '+4930123456' where role = 'booker'")
    house.db.execute("update public.notifications set status = 'delivered' where recipient = 'client@example.com'")
    sent = house.db.execute(
        "select title, host_name, meeting_url, location, created_at, updated_at from public.bookings"
    ).fetchone()
    assert sent is not None
    berlin = monday(9).astimezone(ZoneInfo("Europe/Berlin"))
    everything = {
        "id": booking_id,
        "status": "confirmed",
        "title": sent[0],
        "event_type": "Consultation",
        "starts_at_utc": f"{monday(9):%Y-%m-%dT%H:%M:%SZ}",
        "ends_at_utc": f"{monday(9) + timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}",
        "starts_at_local": f"{berlin:%Y-%m-%d %H:%M}",
        "ends_at_local": f"{berlin + timedelta(minutes=30):%Y-%m-%d %H:%M}",
        "time_zone": "Europe/Berlin",
        "host_name": sent[1],
        "host_email": "host@example.com",
        "booker_name": "Client",
        "booker_email": "client@example.com",
        "booker_phone": "+4930123456",
        "attendees": "Client <client@example.com>; <guest@example.com>",
        "location": sent[3] or "",
        "meeting_url": sent[2],
        "series_id": "",
        "cancellation_reason": "",
        "cancelled_by": "",
        "last_message": "email confirmation delivered",
        "created_at_utc": f"{sent[4].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "updated_at_utc": f"{sent[5].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    house.db.execute("delete from private.outbox")
    house.db.execute("delete from private.delivery_attempts")
    house.db.execute("delete from public.notifications where recipient <> 'client@example.com'")
    assert sent[1] and sent[2]
    people = [house.person("client@example.com"), house.person("host@example.com", "host")]
    people.append(house.person("admin@example.com", "admin"))
    for who in people:
        assert table(house, who) == [everything]
    assert table(house, house.person("other@example.com")) == []
    assert table(house, house.person("else@example.com", "host")) == []
    # A guest sees the booking, and of its people themselves only.
    [row] = table(house, house.person("guest@example.com"))
    theirs = {"booker_name": "", "booker_email": "", "booker_phone": "", "last_message": ""}
    assert row == everything | theirs | {"attendees": "<guest@example.com>"}


def test_the_file_is_a_download(house: House) -> None:
    client = house.person("client@example.com")
    house.book(PLAIN, monday(9), attendee={"name": "Zoë", "email": "client@example.com", "timeZone": "Europe/Berlin"})
    plain, marked = ask(house, client), ask(house, client, bom=True)
    for answer in (plain, marked):
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="bookings.csv"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    assert marked.content == b"\xef\xbb\xbf" + plain.content
    assert plain.content.startswith(b"id,status,title,")
    assert [row["booker_name"] for row in table(house, client, bom=True)] == ["Zoë"]


def test_nothing_booked_is_a_header(house: House) -> None:
    client = house.person("client@example.com")
    assert table(house, client) == []
    assert ask(house, client).content.count(b"\r\n") == 1


@pytest.mark.parametrize(
    ("zone", "edge"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2027, 3, 28, 1, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("America/New_York", datetime(2027, 3, 14, 7, tzinfo=UTC)),
    ],
)
def test_times_on_both_sides_of_a_clock_change(house: House, zone: str, edge: datetime) -> None:
    admin, there = house.person("admin@example.com", "admin"), ZoneInfo(zone)
    starts = [edge + timedelta(minutes=minutes) for minutes in (-60, -15, 0, 30, 90)]
    assert edge.astimezone(there).utcoffset() != (edge - timedelta(minutes=1)).astimezone(there).utcoffset()
    many_bookings.insert(house.db, len(starts))
    house.db.execute("update public.bookings set host_time_zone = %s", [zone])
    for number, start in enumerate(starts, 1):
        house.db.execute(
            "update public.bookings set starts_at = %s, ends_at = %s where ical_uid = %s",
            [start, start + timedelta(minutes=30), f"many{number}@Cal.com"],
        )

    def expected(shown_in: str) -> list[list[str]]:
        local = ZoneInfo(shown_in)
        ends = [start + timedelta(minutes=30) for start in starts]
        return [
            [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (start, end)]
            + [f"{moment.astimezone(local):%Y-%m-%d %H:%M}" for moment in (start, end)]
            + [shown_in]
            for start, end in zip(reversed(starts), reversed(ends), strict=True)
        ]

    columns = ("starts_at_utc", "ends_at_utc", "starts_at_local", "ends_at_local", "time_zone")
    for asked in (None, "Asia/Kathmandu", "UTC"):
        shown_in, rows = asked or zone, table(house, admin, time_zone=asked)
        assert [[row[column] for column in columns] for row in rows] == expected(shown_in)
    house.db.execute("update public.bookings set host_time_zone = null")
    assert {row["time_zone"] for row in table(house, admin)} == {"UTC"}


class TestWhichBookings:
    """Those of the list in the portal, in its order; or the ones that are named."""

    def test_each_filter_of_the_list(self, house: House) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        admin, host = house.person("admin@example.com", "admin"), house.person("host@example.com", "host")
        client = house.person("client@example.com")
        made = {
            "talk": house.book(PLAIN, monday(9)),
            "visit": house.book(VISIT, monday(10), "zoe@example.com"),
            "gone": house.book(PLAIN, monday(11)),
            "elsewhere": house.book(PLAIN, monday(12), "phil@example.com"),
            "past": house.book(PLAIN, now - timedelta(days=2)),
        }
        house.sim(f"bookings/{made['gone']['uid']}/cancel", {"reason": "ill"})
        house.flush()
        known = {name: house.id_of(each["uid"]) for name, each in made.items()}
        house.db.execute(
            "update private.booking_hosts set email = 'else@example.com' where booking_id = %s", [known["elsewhere"]]
        )
        expected: list[tuple[dict[str, Any], str]] = [
            ({}, "elsewhere gone visit talk past"),
            ({"q": "zoe"}, "visit"),
            ({"status": "cancelled"}, "gone"),
            ({"status": "cancelled,confirmed"}, "elsewhere gone visit talk past"),
            ({"client": "PHIL@example.com"}, "elsewhere"),
            ({"host": "else@example.com"}, "elsewhere"),
            ({"event_type_id": VISIT}, "visit"),
            ({"starts_from": monday(11).isoformat()}, "elsewhere gone"),
            ({"starts_to": monday(10).isoformat()}, "talk past"),
            ({"period": "upcoming"}, "talk visit elsewhere"),
            ({"period": "past"}, "past"),
            ({"period": "cancelled"}, "gone"),
            ({"period": "all", "q": None}, "elsewhere gone visit talk past"),
            ({"period": "upcoming", "event_type_id": PLAIN, "host": "host@example.com"}, "talk"),
        ]
        for filters, names in expected:
            assert ids(table(house, admin, filters=filters)) == [known[name] for name in names.split()], filters
            for who in (admin, host, client):
                assert ids(table(house, who, filters=filters)) == searched(house, who, **filters), filters
        assert ids(table(house, host)) == [known[name] for name in ("gone", "visit", "talk", "past")]
        assert ids(table(house, client)) == [known[name] for name in ("gone", "talk", "past")]

    def test_the_named_ones_that_one_sees_in_the_order_of_the_list(self, house: House) -> None:
        made = [house.book(PLAIN, monday(hour), f"{name}@example.com") for hour, name in ((9, "ann"), (10, "ben"))]
        made.append(house.book(PLAIN, monday(11), "ann@example.com"))
        first, others, last = (house.id_of(each["uid"]) for each in made)
        ann, admin = house.person("ann@example.com"), house.person("admin@example.com", "admin")
        named = [first, others, str(uuid4()), last, first]
        assert ids(table(house, ann, booking_ids=named)) == [last, first]
        assert ids(table(house, admin, booking_ids=named)) == [last, others, first]
        assert ids(table(house, admin, booking_ids=[others], filters={"period": "past"})) == [others]
        assert table(house, ann, booking_ids=[others]) == []
        assert table(house, ann, booking_ids=[]) == []

    def test_the_id_of_a_merged_booking_names_the_one_it_was_merged_into(self, house: House) -> None:
        client, alias = house.person("client@example.com"), str(uuid4())
        booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
        house.db.execute("insert into private.booking_aliases (id, booking_id) values (%s, %s)", [alias, booking_id])
        assert ids(table(house, client, booking_ids=[alias, booking_id])) == [booking_id]

    def test_who_left_a_group_has_its_title_and_times_and_that_it_is_off(self, house: House) -> None:
        (uid,) = {house.book(GROUP, monday(9), f"{name}@example.com")["uid"] for name in ("ann", "ben")}
        ben, booking_id = house.person("ben@example.com"), house.id_of(uid)
        assert house.cancel(ben, booking_id, reason="private").status_code == 200
        house.flush()
        house.sim(f"bookings/{uid}/move", {"start": monday(14).isoformat(), "by": "host"})
        house.flush()
        [row] = table(house, ben)
        told = {column: cell for column, cell in row.items() if cell}
        assert set(told) == {
            *("id", "status", "title", "starts_at_utc", "ends_at_utc", "starts_at_local", "ends_at_local", "time_zone")
        }
        assert (told["id"], told["status"]) == (booking_id, "cancelled")
        assert told["starts_at_utc"] == f"{monday(9):%Y-%m-%dT%H:%M:%SZ}"
        assert table(house, ben, booking_ids=[booking_id]) == [row]

    def test_whose_right_ends_sees_nothing_any_more(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
        assert ids(table(house, admin)) == [booking_id]
        house.db.execute("delete from public.staff")
        assert table(house, admin) == []
        assert table(house, admin, booking_ids=[booking_id]) == []


class TestHostileCells:
    """What people type is neither lost nor computed."""

    def test_through_the_real_path(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        names = (
            *(
                "=1+1",
                '=HYPERLINK("https://x.example?"&A1,"click")',
                "=cmd|'/C calc'!A0",
                "+49 170 1",
                "-2+3",
                "@SUM(1)",
            ),
            *("＝1+1", "'=1", "''@x", "'s-Hertogenbosch", "\t=x", 'a"b;c,d'),
            *("Zoë 👩‍👩‍👧 🇳🇱", "שלום עולם", "\u202eevil\u202c"),
        )
        expected = {}
        for number, name in enumerate(names):
            attendee = {"name": name, "email": f"client{number}@example.com", "timeZone": "Europe/Berlin"}
            start = monday(8) + timedelta(minutes=30 * number)
            booking_id = house.id_of(house.book(PLAIN, start, attendee=attendee)["uid"])
            reason = f'{name}\n{name}\n\n,;"'
            answer = house.cancel(admin, booking_id, reason=reason)
            assert answer.status_code == 200, answer.text
            expected[booking_id] = (name.strip(), reason.strip())
        house.flush()
        rows = table(house, admin)
        assert {row["id"]: (row["booker_name"], row["cancellation_reason"]) for row in rows} == expected
        assert all(row["title"].endswith(expected[row["id"]][0]) for row in rows)
        assert all(row["attendees"].startswith(expected[row["id"]][0]) for row in rows)
        assert no_formulas(ask(house, admin).content)

    @pytest.mark.parametrize(
        "start", [*("=", "+", "-", "@", "＝", "\t", "\r", "\n", "'", "'=", "''-", " =", "\u00a0@", ";", '"')]
    )
    def test_whatever_the_database_holds(self, house: House, start: str) -> None:
        admin = house.person("admin@example.com", "admin")
        many_bookings.insert(house.db, 1)
        cell = f'{start}1+1;"x",\r\n=2\t\u202e👩‍👩‍👧'
        house.db.execute(
            "update public.bookings set status = 'cancelled', title = %(c)s, event_type_title = %(c)s,"
            " location = %(c)s, meeting_url = %(c)s, host_name = %(c)s, cancellation_reason = %(c)s",
            {"c": cell},
        )
        house.db.execute("update public.booking_attendees set name = %(c)s, phone = %(c)s", {"c": cell})
        [row] = table(house, admin)
        columns = ("title", "event_type", "location", "meeting_url", "host_name", "cancellation_reason", "booker_name")
        assert {column: row[column] for column in columns} == dict.fromkeys(columns, cell)
        assert (row["booker_phone"], row["attendees"]) == (cell, f"{cell} <client1@example.com>")
        content = ask(house, admin).content
        assert no_formulas(content)
        assert len(read(content)) == 2


def no_formulas(content: bytes) -> bool:
    return not [cell for row in read(content)[1:] for cell in row if starts_formula(cell)]


class TestManyPages:
    """More than one question to the database: still one list."""

    def test_none_is_missing_and_none_is_there_twice(self, house: House) -> None:
        admin, host = house.person("admin@example.com", "admin"), house.person("host@example.com", "host")
        client = house.person("client@example.com")
        count = 2 * PAGE + 777
        many_bookings.insert(house.db, count, after="1 day")
        # A thousand at one time around the end of the first page: their order is decided by their ids.
        house.db.execute(
            "update public.bookings b set starts_at = x.at, ends_at = x.at + interval '1 hour'"
            " from (select max(starts_at) - interval '40 hours' as at from public.bookings) x"
            " where b.starts_at between x.at and x.at + interval '1000 minutes'"
        )
        house.db.execute("update public.booking_attendees set email = 'client@example.com'")
        for who in (admin, host, client):
            for filters in ({}, {"period": "upcoming"}):
                found = ids(table(house, who, filters=filters))
                assert len(found) == len(set(found)) == count
                assert found == searched(house, who, **filters)

    @pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1])
    def test_at_the_end_of_a_page(self, house: House, count: int) -> None:
        admin = house.person("admin@example.com", "admin")
        many_bookings.insert(house.db, count)
        assert len(set(ids(table(house, admin)))) == count

    def test_two_hundred_thousand_take_no_more_memory_than_twenty(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        many_bookings.insert(house.db, MANY)
        with alone(house.env, admin) as function, reading(function.url, admin) as answer:
            lines, memory = 0, {}
            for number, chunk in enumerate(answer.iter_bytes()):
                lines += chunk.count(b"\n")
                if number % 10 == 0:
                    memory[lines] = resident(function.pid)
        assert lines == MANY + 1
        early = max(megabytes for line, megabytes in memory.items() if line <= MANY / 10)
        late = max(megabytes for line, megabytes in memory.items() if line > MANY / 10)
        assert len(memory) > 100
        assert late - early < MEGABYTES, memory


class TestWhatGoesWrong:
    """Before the first byte it is a problem; after it nobody takes a part for the whole."""

    @pytest.mark.parametrize(
        "body",
        [
            {"filters": {"colour": "red"}},
            {"filters": {"page_cursor": "x"}},
            {"filters": {"page_size": 1}},
            {"filters": {"period": "tomorrow"}},
            {"filters": {"event_type_id": "many"}},
            {"filters": {"starts_from": "soon"}},
            {"filters": {"q": "x" * 201}},
            {"filters": {"q": "\0"}},
            {"filters": ["q"]},
            {"format": "xlsx"},
            {"format": None},
            {"time_zone": "Mars/Olympus"},
            {"time_zone": "+01:00'; select 1"},
            {"booking_ids": ["1"]},
            {"booking_ids": [str(UUID(int=1))] * 1001},
            {"colour": "red"},
        ],
        ids=lambda body: str(body)[:60],
    )
    def test_a_wrong_question_is_a_problem(self, house: House, body: dict[str, Any]) -> None:
        answer = ask(house, house.person("admin@example.com", "admin"), **body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "Content-Disposition" not in answer.headers

    def test_a_file_that_breaks_off_does_not_look_whole(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        many_bookings.insert(house.db, 2 * PAGE + 1)
        with between(house.env, fails={3, 4, 5}) as (env, asked), alone(env, admin) as function:
            received = 0
            with (
                pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"),
                reading(function.url, admin) as answer,
            ):
                assert answer.status_code == 200
                for chunk in answer.iter_bytes():
                    received += chunk.count(b"\n")
            assert received == 2 * PAGE + 1
            assert len(asked) == 5

    def test_who_goes_away_is_not_worked_for(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        many_bookings.insert(house.db, 20 * PAGE)
        with between(house.env, fails=()) as (env, asked), alone(env, admin) as function:
            with reading(function.url, admin) as answer:
                assert next(answer.iter_raw()).startswith(b"id,")
            before = -1
            while before < len(asked):
                before = len(asked)
                time.sleep(2)
        assert 0 < len(asked) < 20

    def test_a_hiccup_on_the_way_is_not_seen(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        many_bookings.insert(house.db, 2 * PAGE + 1)
        whole = ask(house, admin).content
        with between(house.env, fails={1, 3, 4}) as (env, asked), alone(env, admin) as function:
            with reading(function.url, admin) as answer:
                assert answer.read() == whole
            assert len(asked) == 3 + 3

    def test_without_a_database_there_is_no_file(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        with between(house.env, fails={1, 2, 3}) as (env, _), alone(env, admin) as function:
            answer = httpx.post(function.url, json={"format": "csv"}, headers=bearer(admin), timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (503, "upstream_unavailable")


def bearer(who: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {who.token}"}


@contextmanager
def reading(url: str, who: Caller) -> Iterator[httpx.Response]:
    with httpx.stream("POST", url, json={"format": "csv"}, headers=bearer(who), timeout=120) as answer:
        yield answer


@contextmanager
def alone(env: Mapping[str, str], who: Caller) -> Iterator[Served]:
    """The function in a process of its own, as it is deployed."""

    def ready(url: str) -> httpx.Response:
        return httpx.post(f"{url}/feed", headers=bearer(who))

    settings = {**env, "PYTHONPATH": str(ROOT)}
    with served(Path(sys.executable), ROOT / "functions" / "export", "export", settings, ready) as function:
        yield function


@contextmanager
def between(env: Mapping[str, str], fails: Collection[int]) -> Iterator[tuple[dict[str, str], list[int]]]:
    """A gateway before Supabase, which answers these questions for a page (1: the first) with a page of its own.

    Yields the settings that lead through it, and the numbers of the questions so far.
    """
    asked: list[int] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("/export_page"):
                asked.append(len(asked) + 1)
                if asked[-1] in fails:
                    self.answer(503, "text/html", b"<h1>Service unavailable</h1>")
                    return
            own = ("host", "accept-encoding")
            headers = {name: value for name, value in self.headers.items() if name.lower() not in own}
            answer = httpx.post(env["SUPABASE_URL"] + self.path, content=body, headers=headers, timeout=30)
            self.answer(answer.status_code, answer.headers["Content-Type"], answer.content)

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield {**env, "SUPABASE_URL": f"http://127.0.0.1:{server.server_port}"}, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
