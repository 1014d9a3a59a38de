"""Calendar subscriptions: what a feed shows, to whom, since when, and when it ends."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.conftest import Connection, Stack
from tests.database.api import Caller
from tests.functions import many_bookings
from tests.functions.acting import GROUP, PLAIN, SERIES, VISIT, House, monday
from tests.unit.test_ical import read_by_ical_js
from tests.unit.test_ical_feed import calendar_of

MANY = 10_000
_CLIENT = httpx.Client(timeout=60)


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


def feed_of(house: House, who: Caller, **filters: Any) -> str:
    """The address of a new feed."""
    answer = house.call(who, "POST", "export/feed", {"filters": filters} if filters else None)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"url", "webcal"}
    url: str = answer.json()["url"]
    assert answer.json()["webcal"].partition("://") == ("webcal", "://", url.partition("://")[2])
    return url


def poll(url: str, **headers: str) -> httpx.Response:
    """As a calendar does, which knows the address and nothing else."""
    return _CLIENT.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})


def shown(url: str) -> dict[str, dict[str, Any]]:
    """The entries by their UID, as both parsers agree."""
    answer = poll(url)
    assert answer.status_code == 200, answer.text
    events = calendar_of(answer.content).events
    [read] = read_by_ical_js([answer.content])
    entries = {entry["uid"]: entry for entry in read["entries"]}
    assert len(entries) == len(read["entries"])  # a UID twice is one entry too few
    assert [(event["UID"], event["STATUS"]) for event in events] == [(e["uid"], e["status"]) for e in read["entries"]]
    assert [event.DTSTART for event in events] == [datetime.fromisoformat(e["dtstart"]) for e in read["entries"]]
    return entries


def uid_of(house: House, booking_id: str) -> str:
    row = house.db.execute("select ical_uid from public.bookings where id = %s", [booking_id]).fetchone()
    assert row is not None
    uid: str = row[0]
    return uid


def uids(house: House, made: Iterable[Any]) -> set[str]:
    """Of these bookings at Cal.com, in calendars."""
    return {uid_of(house, house.id_of(each["uid"])) for each in made}


def test_the_last_thirty_days_and_all_to_come(house: House) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    client = house.person("client@example.com")
    far = [house.book(PLAIN, now + timedelta(days=days)) for days in (-29.9, -1, 1, 400)]
    house.book(PLAIN, now - timedelta(days=30, minutes=1))
    house.book(PLAIN, now + timedelta(days=2), "other@example.com")
    assert list(shown(feed_of(house, client))) == [uid_of(house, house.id_of(each["uid"])) for each in far]


def test_a_calendar_asks_without_a_session_and_is_told_when_to_come_again(house: House) -> None:
    client = house.person("client@example.com")
    house.book(PLAIN, monday())
    url = feed_of(house, client)
    assert url.startswith(f"{house.env['FUNCTIONS_URL']}/export/feed/")
    assert url.endswith(".ics")
    answer = poll(url)
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8; method=PUBLISH"
    assert answer.headers["Cache-Control"] == "private, max-age=300"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Disposition" not in answer.headers
    [read] = read_by_ical_js([answer.content])
    assert (read["name"], read["refresh"], read["method"]) == ("Bookings", 3600, "PUBLISH")
    assert b"X-PUBLISHED-TTL:PT1H\r\n" in answer.content
    assert poll(url.removesuffix(".ics")).content == answer.content
    head = _CLIENT.head(url)
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", answer.headers["ETag"])


def test_nothing_booked_is_an_empty_calendar(house: House) -> None:
    assert shown(feed_of(house, house.person("client@example.com"))) == {}


def test_a_cancelled_booking_stays_in_it_as_cancelled(house: House) -> None:
    client = house.person("client@example.com")
    made = [house.book(PLAIN, monday(hour)) for hour in (9, 10)]
    url = feed_of(house, client)
    (gone,), (kept,) = uids(house, made[:1]), uids(house, made[1:])
    before = shown(url)[gone]["sequence"]
    house.sim(f"bookings/{made[0]['uid']}/cancel", {"reason": "ill"})
    house.flush()
    entries = shown(url)
    assert {uid: entry["status"] for uid, entry in entries.items()} == {gone: "CANCELLED", kept: "CONFIRMED"}
    assert entries[gone]["sequence"] > before
    assert "ill" not in str(entries[gone])


def test_who_left_a_group_has_it_as_cancelled_without_what_came_later(house: House) -> None:
    (uid,) = {house.book(GROUP, monday(9), f"{name}@example.com")["uid"] for name in ("ann", "ben")}
    ben, booking_id = house.person("ben@example.com"), house.id_of(uid)
    url = feed_of(house, ben)
    assert house.cancel(ben, booking_id).status_code == 200
    house.flush()
    house.sweep()  # they were told
    known = poll(url)
    house.sim(f"bookings/{uid}/move", {"start": monday(14).isoformat(), "by": "host"})
    house.flush()
    assert poll(url).content == known.content
    (entry,) = shown(url).values()
    assert (entry["status"], datetime.fromisoformat(entry["dtstart"])) == ("CANCELLED", monday(9))
    assert (entry["location"], entry["conference"], entry["contact"]) == (None, None, None)


def test_each_of_a_series_is_an_entry_of_its_own(house: House) -> None:
    client = house.person("client@example.com")
    made = house.book(SERIES, monday(), recurrenceCount=4)
    entries = shown(feed_of(house, client))
    assert set(entries) == uids(house, made)
    assert len(entries) == 4


@pytest.mark.parametrize(
    ("zone", "month"),
    [("Europe/Berlin", 3), ("Europe/Berlin", 10), ("America/New_York", 3), ("America/New_York", 11)],
)
def test_nine_in_the_morning_is_nine_on_both_sides_of_a_clock_change(house: House, zone: str, month: int) -> None:
    there, client = ZoneInfo(zone), house.person("client@example.com")
    year = datetime.now(UTC).year + 1
    days = [datetime(year, month, 1, 9, tzinfo=there) + timedelta(days=each) for each in range(31)]
    change = next(n for n in range(1, 31) if days[n].utcoffset() != days[n - 1].utcoffset())
    starts = days[change - 1 : change + 1]
    for start in starts:
        house.book(PLAIN, start.astimezone(UTC))
    told = [datetime.fromisoformat(entry["dtstart"]) for entry in shown(feed_of(house, client)).values()]
    assert [each.astimezone(there).replace(tzinfo=None) for each in told] == [s.replace(tzinfo=None) for s in starts]
    assert told[1] - told[0] != timedelta(days=1)


class TestPolling:
    """What is known already is not sent again."""

    def test_without_news_there_is_nothing_to_send(self, house: House) -> None:
        client = house.person("client@example.com")
        house.book(PLAIN, monday())
        url = feed_of(house, client)
        first = poll(url)
        etag = first.headers["ETag"]
        assert etag.startswith('"')
        for known in (etag, f"W/{etag}", f'"other", W/{etag}', f'"other",{etag}'):
            again = poll(url, If_None_Match=known)
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
            assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
        for other in ('"other"', etag.strip('"'), ""):
            assert poll(url, If_None_Match=other).content == first.content

    def test_news_give_another_tag(self, house: House) -> None:
        client = house.person("client@example.com")
        made = house.book(PLAIN, monday(9))
        url = feed_of(house, client)
        tags = [poll(url).headers["ETag"]]
        house.sim(f"bookings/{made['uid']}/move", {"start": monday(13).isoformat()})
        house.flush()
        tags.append(poll(url).headers["ETag"])
        house.book(PLAIN, monday(15))
        tags.append(poll(url).headers["ETag"])
        assert len(set(tags)) == 3
        assert poll(url, If_None_Match=tags[0]).status_code == 200
        assert poll(url, If_None_Match=tags[2]).status_code == 304

    def test_a_calendar_that_asks_too_often_is_told_to_wait(self, house: House) -> None:
        client, other = house.person("client@example.com"), house.person("other@example.com")
        url, others = feed_of(house, client), feed_of(house, other)
        etag = poll(url).headers["ETag"]
        assert {poll(url, If_None_Match=etag).status_code for _ in range(59)} == {304}
        refused = poll(url, If_None_Match=etag)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 0 < int(refused.headers["Retry-After"]) <= 600
        assert poll(others).status_code == 200
        house.db.execute("update private.feed_tokens set window_began_at = now() - interval '10 minutes 1 second'")
        assert poll(url).status_code == 200


class TestTheAddress:
    """Knowing it is the right to read."""

    def test_it_has_at_least_128_random_bits(self, house: House) -> None:
        client = house.person("client@example.com")
        tokens = [token_in(feed_of(house, client)) for _ in range(20)]
        raw = [base64.urlsafe_b64decode(token + "=") for token in tokens]
        assert {len(each) for each in raw} == {32}
        for byte in range(32):  # were one of them fixed, there would be fewer bits than it seems
            assert len({each[byte] for each in raw}) > 1

    def test_only_its_hash_is_kept_and_no_log_has_it(self, house: House, clean: Stack) -> None:
        client = house.person("client@example.com")
        url = feed_of(house, client)
        token = token_in(url)
        assert poll(url).status_code == 200
        assert poll(f"{url}x").status_code == 404
        assert _CLIENT.post(url).status_code == 401
        assert house.call(client, "DELETE", "export/feed").status_code == 200
        assert poll(url).status_code == 404
        assert token not in clean.log
        url = feed_of(house, client)
        token = token_in(url)
        assert poll(url).status_code == 200
        tables = house.db.execute(
            "select format('%I.%I', relnamespace::regnamespace, relname) from pg_class where relkind = 'r'"
            " and relnamespace::regnamespace::text in ('public', 'private', 'auth')"
        ).fetchall()

        def holding(text: str) -> list[str]:
            """The tables in which this stands anywhere."""
            asked = {name: f"select 1 from {name} t where strpos(t::text, %s) > 0".encode() for (name,) in tables}
            return [name for name, query in asked.items() if house.db.execute(query, [text]).fetchall()]

        assert holding(hashlib.sha256(token.encode()).hexdigest()) == ["private.feed_tokens"]
        assert holding(token) == []

    def test_a_new_one_ends_the_old_one_at_once(self, house: House) -> None:
        client = house.person("client@example.com")
        house.book(PLAIN, monday())
        old = feed_of(house, client)
        etag = poll(old).headers["ETag"]
        new = feed_of(house, client)
        assert token_in(new) != token_in(old)
        assert poll(old, If_None_Match=etag).status_code == 404
        assert len(shown(new)) == 1

    def test_made_up_ones_are_not_found(self, house: House) -> None:
        url = feed_of(house, house.person("client@example.com"))
        token, base = token_in(url), url.rpartition("/")[0]
        (stored,) = house.db.execute("select token_hash from private.feed_tokens").fetchone() or ("",)
        others = (
            *(token[:-1], token + "A", token.swapcase(), "A" * 43, stored, "%00", "null", "x" * 5000),
            *(
                f"{token}.ics.ics",
                f"{token}.txt",
                f"{token}.",
                f"{token}/x.ics",
                f"{token}%20.ics",
                f"%27or%201=1--{token}",
            ),
        )
        answers = [poll(f"{base}/{other}") for other in others]
        assert {answer.status_code for answer in answers} == {404}
        assert {answer.content for answer in answers} == {answers[0].content}
        assert poll(url).status_code == 200

    def test_whose_it_is_revokes_it(self, house: House) -> None:
        host, other = house.person("host@example.com", "host"), house.person("other@example.com")
        plain, upcoming, past = (
            feed_of(house, host, **each) for each in ({}, {"period": "upcoming"}, {"period": "past"})
        )
        kept = feed_of(house, other)
        one = house.call(host, "DELETE", "export/feed", {"filters": {"period": "past"}})
        assert (one.status_code, one.json()) == (200, {"revoked": 1})
        assert [poll(url).status_code for url in (plain, upcoming, past, kept)] == [200, 200, 404, 200]
        assert house.call(host, "DELETE", "export/feed", {"filters": {}}).json() == {"revoked": 1}
        assert [poll(url).status_code for url in (plain, upcoming, kept)] == [404, 200, 200]
        feed_of(house, host)
        assert house.call(host, "DELETE", "export/feed").json() == {"revoked": 2}
        assert [poll(url).status_code for url in (plain, upcoming, kept)] == [404, 404, 200]
        assert house.call(host, "DELETE", "export/feed").json() == {"revoked": 0}

    @pytest.mark.parametrize(
        "ending",
        [
            "delete from auth.users where email = 'client@example.com'",
            "update auth.users set deleted_at = now() where email = 'client@example.com'",
            "update auth.users set banned_until = now() + interval '1 hour' where email = 'client@example.com'",
            "update auth.users set email_confirmed_at = null where email = 'client@example.com'",
        ],
        ids=["deleted", "marked as deleted", "banned", "unconfirmed"],
    )
    def test_it_ends_with_the_account(self, house: House, ending: str) -> None:
        url = feed_of(house, house.person("client@example.com"))
        house.book(PLAIN, monday())
        etag = poll(url).headers["ETag"]
        house.db.execute(ending.encode())
        answer = poll(url, If_None_Match=etag)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


class TestFilters:
    """For staff, with the rights that they have when it is read."""

    def test_clients_have_none(self, house: House) -> None:
        client = house.person("client@example.com")
        answer = house.call(client, "POST", "export/feed", {"filters": {"period": "upcoming"}})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert house.call(client, "POST", "export/feed", {"filters": {}}).status_code == 200
        assert house.db.execute("select count(*) from private.feed_tokens").fetchone() == (1,)

    @pytest.mark.parametrize(
        "body",
        [
            {"filters": {"colour": "red"}},
            {"filters": {"page_cursor": "x"}},
            {"filters": {"period": "tomorrow"}},
            {"filters": {"event_type_id": "many"}},
            {"filters": {"starts_from": "soon"}},
            {"filters": {"q": "x" * 201}},
            {"filters": ["period"]},
            {"filter": {}},
        ],
        ids=str,
    )
    def test_unknown_ones_are_refused(self, house: House, body: Any) -> None:
        answer = house.call(house.person("admin@example.com", "admin"), "POST", "export/feed", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert house.db.execute("select count(*) from private.feed_tokens").fetchone() == (0,)

    def test_by_host_type_status_and_period(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        talk, visit, gone = house.book(PLAIN, monday(9)), house.book(VISIT, monday(10)), house.book(PLAIN, monday(11))
        others = house.book(PLAIN, monday(12))
        past = house.book(PLAIN, datetime.now(UTC).replace(microsecond=0) - timedelta(days=2))
        house.sim(f"bookings/{gone['uid']}/cancel", {"reason": "ill"})
        house.flush()
        house.db.execute(
            "update private.booking_hosts set email = 'else@example.com' where booking_id = %s",
            [house.id_of(others["uid"])],
        )
        expected: list[tuple[dict[str, Any], list[Any]]] = [
            ({}, [talk, visit, gone, others, past]),
            ({"host": "else@example.com"}, [others]),
            ({"event_type_id": VISIT}, [visit]),
            ({"status": "cancelled"}, [gone]),
            ({"status": "cancelled,confirmed", "event_type_id": PLAIN}, [talk, gone, others, past]),
            ({"period": "upcoming"}, [talk, visit, others]),
            ({"period": "past"}, [past]),
            ({"starts_from": monday(10).isoformat(), "starts_to": monday(12).isoformat()}, [visit, gone]),
        ]
        for filters, wanted in expected:
            assert set(shown(feed_of(house, admin, **filters))) == uids(house, wanted), filters

    def test_no_filter_reaches_further_back(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        house.book(PLAIN, datetime.now(UTC).replace(microsecond=0) - timedelta(days=31))
        assert shown(feed_of(house, admin, starts_from="2020-01-01T00:00:00Z")) == {}

    def test_each_has_an_address_of_its_own(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        made = house.book(PLAIN, monday())
        house.sim(f"bookings/{made['uid']}/cancel", {"reason": "ill"})
        house.flush()
        all_of_them, upcoming = feed_of(house, admin), feed_of(house, admin, period="upcoming")
        assert (len(shown(all_of_them)), len(shown(upcoming))) == (1, 0)
        again = feed_of(house, admin, period="upcoming")
        assert [poll(url).status_code for url in (all_of_them, upcoming, again)] == [200, 404, 200]

    def test_who_no_longer_works_here_sees_what_a_client_sees(self, house: House) -> None:
        host = house.person("host@example.com", "host")
        own = house.book(PLAIN, monday(9), "host@example.com")
        others = house.book(PLAIN, monday(10))
        house.db.execute(
            "update private.booking_hosts set email = 'else@example.com' where booking_id = %s",
            [house.id_of(own["uid"])],
        )
        urls = [feed_of(house, host), feed_of(house, host, period="upcoming")]
        assert [set(shown(url)) for url in urls] == [uids(house, [own, others])] * 2
        house.db.execute("delete from public.staff")
        assert [set(shown(url)) for url in urls] == [uids(house, [own])] * 2
        house.db.execute("update public.booking_attendees set email = 'else@example.com'")
        assert [shown(url) for url in urls] == [{}, {}]

    def test_an_admin_who_becomes_a_host_sees_theirs(self, house: House) -> None:
        admin = house.person("admin@example.com", "admin")
        house.book(PLAIN, monday(9))
        url = feed_of(house, admin, event_type_id=PLAIN)
        assert len(shown(url)) == 1
        house.db.execute("update public.staff set role = 'host'")
        assert shown(url) == {}


def test_ten_thousand_bookings(house: House) -> None:
    """Under five seconds on a busy machine; the bound is for slow ones."""
    admin = house.person("admin@example.com", "admin")
    many_bookings.insert(house.db, MANY)
    url = feed_of(house, admin)
    begun = time.perf_counter()
    answer = poll(url)
    seconds = time.perf_counter() - begun
    expected = {f"many{number}@Cal.com" for number in range(1, MANY + 1)}
    events = calendar_of(answer.content).events
    [read] = read_by_ical_js([answer.content])
    assert (len(events), len(read["entries"])) == (MANY, MANY)
    assert {str(event["UID"]) for event in events} == expected
    assert {entry["uid"] for entry in read["entries"]} == expected
    assert poll(url, If_None_Match=answer.headers["ETag"]).status_code == 304
    assert seconds < 30


def token_in(url: str) -> str:
    return url.rpartition("/")[2].removesuffix(".ics")
