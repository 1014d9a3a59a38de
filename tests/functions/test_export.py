"""One booking to take away as a calendar file: what is in it, for whom, and how it is sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Connection, Stack
from tests.database.api import Caller
from tests.functions.acting import CONFIRMED, GROUP, PLAIN, House, monday
from tests.unit.test_ical import read_by_ical_js
from tests.unit.test_ical_feed import calendar_of


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


def file_of(house: House, who: Caller, booking_id: str) -> dict[str, Any]:
    """The one event of the booking's file: what ical.js reads, once icalendar has read the same."""
    answer = house.call(who, "GET", "export", booking_id=booking_id, format="ics")
    assert answer.status_code == 200, answer.text
    (event,) = calendar_of(answer.content).events
    [read] = read_by_ical_js([answer.content])
    assert (event["UID"], event["STATUS"], event["SEQUENCE"]) == (read["uid"], read["status"], read["sequence"])
    assert datetime.fromisoformat(read["dtstart"]) == event.DTSTART
    assert (read["method"], read["events"], read["organizer"], read["attendees"]) == ("PUBLISH", 1, None, [])
    return read


def test_a_confirmed_booking(house: House) -> None:
    client = house.person("client@example.com")
    booking_id = house.id_of(house.book(PLAIN, monday(9), guests=["guest@example.com"])["uid"])
    read = file_of(house, client, booking_id)
    row = house.db.execute(
        "select ical_uid, title, meeting_url, host_name, host_email from public.bookings where id = %s", [booking_id]
    ).fetchone()
    assert row is not None
    ical_uid, title, meeting_url, host_name, host_email = row
    assert (read["uid"], read["sequence"], read["status"]) == (ical_uid, 0, "CONFIRMED")
    assert (read["summary"], read["conference"]) == (title, meeting_url)
    assert (read["location"], read["contact"]) == (meeting_url, f"{host_name}, {host_email}")
    assert read["url"] == f"{house.env['PORTAL_URL']}/bookings/{booking_id}"
    assert (datetime.fromisoformat(read["dtstart"]), read["zone"]) == (monday(9), "UTC")
    assert "/video/" in meeting_url
    assert "guest@example.com" not in str(read)  # a file is passed on easily: it names nobody who comes


def test_the_file_is_a_download_that_no_browser_takes_for_a_page(house: House) -> None:
    client = house.person("client@example.com")
    booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
    answer = house.call(client, "GET", "export", booking_id=booking_id)
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8; method=PUBLISH"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="booking.ics"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    head = house.call(client, "HEAD", "export", booking_id=booking_id)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(answer.content))


def test_a_booking_that_waits_for_its_host_is_tentative(house: House) -> None:
    client = house.person("client@example.com")
    booking_id = house.id_of(house.book(CONFIRMED, monday(9))["uid"])
    assert file_of(house, client, booking_id)["status"] == "TENTATIVE"


def test_a_cancelled_booking_says_so_and_leads_into_no_meeting(house: House) -> None:
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday(9))
    booking_id = house.id_of(made["uid"])
    before = file_of(house, client, booking_id)
    house.sim(f"bookings/{made['uid']}/cancel", {"reason": "ill"})
    house.flush()
    after = file_of(house, client, booking_id)
    assert (after["uid"], after["status"], after["transp"]) == (before["uid"], "CANCELLED", "TRANSPARENT")
    assert after["sequence"] > before["sequence"]
    assert (after["conference"], before["conference"] is None) == (None, False)


def test_a_moved_booking_is_the_same_entry_with_a_higher_sequence(house: House) -> None:
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday(9))
    booking_id = house.id_of(made["uid"])
    before = file_of(house, client, booking_id)
    house.sim(f"bookings/{made['uid']}/move", {"start": monday(13).isoformat()})
    house.flush()
    after = file_of(house, client, booking_id)
    assert (after["uid"], after["sequence"]) == (before["uid"], before["sequence"] + 1)
    assert datetime.fromisoformat(after["dtstart"]) == monday(13)


def test_who_left_a_group_has_it_as_it_was_then(house: House) -> None:
    (uid,) = {house.book(GROUP, monday(9), f"{name}@example.com")["uid"] for name in ("ann", "ben")}
    ann, ben, booking_id = house.person("ann@example.com"), house.person("ben@example.com"), house.id_of(uid)
    assert house.cancel(ben, booking_id).status_code == 200
    house.flush()
    house.sim(f"bookings/{uid}/move", {"start": monday(14).isoformat(), "by": "host"})
    house.flush()
    theirs, own = file_of(house, ann, booking_id), file_of(house, ben, booking_id)
    assert theirs["uid"] == own["uid"]
    assert datetime.fromisoformat(theirs["dtstart"]) == monday(14)
    assert (own["status"], datetime.fromisoformat(own["dtstart"])) == ("CANCELLED", monday(9))
    assert (own["location"], own["conference"], own["contact"]) == (None, None, None)


def test_a_guest_and_the_host_may_have_it_too(house: House) -> None:
    guest, host = house.person("guest@example.com"), house.person("host@example.com", "host")
    booking_id = house.id_of(house.book(PLAIN, monday(9), guests=["guest@example.com"])["uid"])
    assert file_of(house, guest, booking_id) == file_of(house, host, booking_id)


def test_nobody_elses_and_none_that_is_not_there(house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
    stranger, other_host = house.person("other@example.com"), house.person("else@example.com", "host")
    answers = [
        house.call(stranger, "GET", "export", booking_id=booking_id),
        house.call(other_host, "GET", "export", booking_id=booking_id),
        house.call(stranger, "GET", "export", booking_id=str(uuid4())),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 3
    assert answers[0].content == answers[2].content  # one cannot tell which ids exist
    nobody = httpx.get(f"{house.env['FUNCTIONS_URL']}/export", params={"booking_id": booking_id})
    assert (nobody.status_code, nobody.json()["code"]) == (401, "not_signed_in")


def test_the_id_of_a_booking_that_was_merged_into_another_opens_that_one(house: House) -> None:
    client = house.person("client@example.com")
    booking_id, alias = house.id_of(house.book(PLAIN, monday(9))["uid"]), str(uuid4())
    house.db.execute("insert into private.booking_aliases (id, booking_id) values (%s, %s)", [alias, booking_id])
    assert file_of(house, client, alias) == file_of(house, client, booking_id)
    stranger = house.person("other@example.com")
    assert house.call(stranger, "GET", "export", booking_id=alias).status_code == 404


@pytest.mark.parametrize(
    "query",
    [{}, {"booking_id": "1"}, {"format": "ics"}, {"booking_id": str(uuid4()), "format": "csv"}],
    ids=lambda query: " ".join(query) or "nothing",
)
def test_a_wrong_question_is_a_problem(house: House, query: dict[str, str]) -> None:
    answer = house.call(house.person("client@example.com"), "GET", "export", None, **query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_other_methods_and_paths(house: House) -> None:
    client = house.person("client@example.com")
    asked = {
        ("PUT", "export"): 405,
        ("DELETE", "export"): 405,
        ("GET", "export/feed"): 405,
        ("GET", "export/elsewhere"): 404,
        ("POST", "export/feed/x"): 404,
    }
    assert {each: house.call(client, *each).status_code for each in asked} == asked


def test_a_token_that_was_tampered_with_is_told_to_sign_in(house: House) -> None:
    client = house.person("client@example.com")
    head, _, signature = client.token.rpartition(".")
    forged = {"Authorization": f"Bearer {head}.{signature[::-1]}"}
    for method, path in (("GET", "export"), ("POST", "export"), ("POST", "export/feed"), ("DELETE", "export/feed")):
        answer = httpx.request(method, f"{house.env['FUNCTIONS_URL']}/{path}", headers=forged)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


def test_a_meeting_over_a_clock_change_keeps_its_length(house: House) -> None:
    """Over the end of summer time in Berlin: 02:30 to 02:15 by the wall clock, 45 minutes by any other."""
    client = house.person("client@example.com")
    booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
    house.db.execute(
        "update public.bookings set starts_at = '2026-10-25T00:30Z', ends_at = '2026-10-25T01:15Z' where id = %s",
        [booking_id],
    )
    read = file_of(house, client, booking_id)
    length = datetime.fromisoformat(read["dtend"]) - datetime.fromisoformat(read["dtstart"])
    assert length == timedelta(minutes=45)
