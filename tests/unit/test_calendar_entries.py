"""A booking as SQL hands it out, as it comes to stand in a calendar."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from shared.calendar_entries import entry
from shared.ical import Entry, published
from shared.untrusted import one_line, paragraphs
from tests.unit.test_ical import read_by_ical_js
from tests.unit.test_ical_feed import calendar_of

PORTAL = "https://booking.example.com/portal"
PAGE = f"{PORTAL}/bookings/018f2c1e-0000-4000-8000-000000000001"
VIEW = f"View booking: {PAGE}"
REMOVED: dict[str, JsonValue] = {
    "id": "018f2c1e-0000-4000-8000-000000000001",
    "ical_uid": "3kRzAAyGqr6Pz5TtcJTcPB@cal.com",
    "status": "confirmed",
    "title": "Intro call",
    "starts_at": "2026-12-01T14:30:00+00:00",
    "ends_at": "2026-12-01T15:00:00+00:00",
    "revision": 3,
    "updated_at": "2026-11-23T09:00:00.123456+00:00",
}
BOOKING: dict[str, JsonValue] = REMOVED | {
    "description": "Please bring the contract.\r\nWe begin with your questions.",
    "location": "Main Street 1",
    "meeting_url": None,
    "host_name": "Holly Host",
    "host_email": "host@example.com",
}


def of(**changed: JsonValue) -> Entry:
    return entry(BOOKING | changed, PORTAL)


def test_a_booking_as_an_entry() -> None:
    assert of() == Entry(
        uid="3kRzAAyGqr6Pz5TtcJTcPB@cal.com",
        sequence=3,
        status="CONFIRMED",
        stamp=datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC),
        starts_at=datetime(2026, 12, 1, 14, 30, tzinfo=UTC),
        ends_at=datetime(2026, 12, 1, 15, tzinfo=UTC),
        summary="Intro call",
        description=f"Please bring the contract.\nWe begin with your questions.\n\n{VIEW}",
        location="Main Street 1",
        meeting_url="",
        url=PAGE,
        contact="Holly Host, host@example.com",
    )
    assert entry(BOOKING, PORTAL + "/") == of()


def test_who_was_removed_gets_the_time_and_the_title_only() -> None:
    removed = entry(REMOVED | {"status": "cancelled"}, PORTAL)
    assert (removed.status, removed.summary, removed.url) == ("CANCELLED", "Intro call", PAGE)
    assert (removed.location, removed.meeting_url, removed.contact, removed.description) == ("", "", "", VIEW)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("pending", "TENTATIVE"),
        ("awaiting_payment", "TENTATIVE"),
        ("confirmed", "CONFIRMED"),
        ("cancelled", "CANCELLED"),
        ("rejected", "CANCELLED"),
    ],
)
def test_status(status: str, expected: str) -> None:
    assert of(status=status).status == expected
    [event] = calendar_of(published([of(status=status)])).events
    assert event["status"] == expected


@pytest.mark.parametrize("title", [None, "", " \n\t", "\u202e\u200f"])
def test_a_booking_without_a_title_has_a_word(title: str | None) -> None:
    assert of(title=title).summary == "Booking"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-12-01T10:00:00+00:00", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01 10:00:00+00", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01T10:00:00Z", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01T10:00:00.5Z", datetime(2026, 12, 1, 10, 0, 0, 500000, tzinfo=UTC)),
        ("2026-12-01 10:00:00.12345+00", datetime(2026, 12, 1, 10, 0, 0, 123450, tzinfo=UTC)),
        ("2026-12-01T15:45:00+05:45", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01 10:00:00", datetime(2026, 12, 1, 10, tzinfo=UTC)),
    ],
)
def test_moments_as_postgres_writes_them(written: str, meant: datetime) -> None:
    one = of(starts_at=written, ends_at=written, updated_at=written)
    assert one.starts_at == one.ends_at == one.stamp == meant
    assert one.starts_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("zone", "local", "instant"),
    [
        ("Europe/Berlin", "2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00+00:00"),
        ("Europe/Berlin", "2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00+00:00"),
        ("Europe/Berlin", "2027-03-28T01:59:00+01:00", "2027-03-28T00:59:00+00:00"),
        ("Europe/Berlin", "2027-03-28T03:00:00+02:00", "2027-03-28T01:00:00+00:00"),
        ("America/New_York", "2026-11-01T01:30:00-04:00", "2026-11-01T05:30:00+00:00"),
        ("America/New_York", "2026-11-01T01:30:00-05:00", "2026-11-01T06:30:00+00:00"),
        ("America/New_York", "2027-03-14T01:59:00-05:00", "2027-03-14T06:59:00+00:00"),
        ("America/New_York", "2027-03-14T03:00:00-04:00", "2027-03-14T07:00:00+00:00"),
    ],
)
def test_local_times_around_clock_changes(zone: str, local: str, instant: str) -> None:
    file = published([of(starts_at=instant, ends_at=instant)])
    assert file == published([of(starts_at=local, ends_at=local)])
    [event], [read] = calendar_of(file).events, read_by_ical_js([file])
    for moment in (event.DTSTART, datetime.fromisoformat(read["dtstart"])):
        assert moment.astimezone(ZoneInfo(zone)).isoformat() == local


@pytest.mark.parametrize(
    ("location", "meeting_url", "place", "join"),
    [
        (None, None, "", ""),
        ("Main Street 1", "https://meet.example.com/a", "Main Street 1", "https://meet.example.com/a"),
        ("+49 30 901820", None, "+49 30 901820", ""),
        ("integrations:zoom", None, "Zoom", ""),
        ("integrations:zoom", "https://zoom.us/j/1", "https://zoom.us/j/1", "https://zoom.us/j/1"),
        ("https://zoom.us/j/1", None, "https://zoom.us/j/1", "https://zoom.us/j/1"),
        (None, "https://zoom.us/j/1", "https://zoom.us/j/1", "https://zoom.us/j/1"),
        ("inPerson", None, "In person", ""),
        ("somewhereElse", None, "To be agreed", ""),
        ("integrations:unheard_of", None, "Online", ""),
        ("javascript://alert(1)", None, "javascript://alert(1)", ""),
        (None, "javascript:alert(1)", "", ""),
        ("Main\r\nStreet \u202e1", "https://meet.example.com/\u202ea", "Main Street 1", ""),
    ],
)
def test_place(location: str | None, meeting_url: str | None, place: str, join: str) -> None:
    one = of(location=location, meeting_url=meeting_url, description=None)
    assert (one.location, one.meeting_url) == (place, join)
    assert one.description == (f"Join online: {join}\n\n{VIEW}" if join else VIEW)


@pytest.mark.parametrize("status", ["cancelled", "rejected"])
def test_what_has_ended_leads_into_no_meeting(status: str) -> None:
    one = of(status=status, location="integrations:google:meet", meeting_url="https://meet.google.com/a")
    assert (one.location, one.meeting_url, one.description) == ("Google Meet", "", VIEW)


@pytest.mark.parametrize(
    ("name", "address", "expected"),
    [
        ("Holly Host", None, ""),  # hidden
        (None, "host@example.com", "host@example.com"),
        ("Holly\nHost", "host@example.com\r\nBcc: x@example.com", "Holly Host"),
    ],
)
def test_contact(name: str | None, address: str | None, expected: str) -> None:
    assert of(host_name=name, host_email=address).contact == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("One\nTwo\rThree\r\nFour", "One Two Three Four"),
        ("BEGIN:VEVENT\r\nEND:VCALENDAR", "BEGIN:VEVENT END:VCALENDAR"),
        (';,\\ \\n \\N \\; :"^n', ';,\\ \\n \\N \\; :"^n'),
        ("\u202eevil\u202c \u2066x\u2069\ufeff", "evil x"),
        ("Call\x00\x07\x1b[31m\u2028now\x85then", "Call[31m now then"),
        ("👩‍👩‍👧 Größe 🇩🇪", "👩‍👩‍👧 Größe 🇩🇪"),
        ("x" * 10_000, "x" * 199 + "…"),
        ("👩‍👩‍👧" * 2_000, "👩‍👩‍👧" * 39 + "…"),
    ],
)
def test_hostile_titles_reach_both_parsers_as_one_line(title: str, expected: str) -> None:
    file = published([of(title=title)])
    [event], [read] = calendar_of(file).events, read_by_ical_js([file])
    assert event["summary"] == read["summary"] == expected
    assert read["events"] == 1
    assert all(len(line) <= 75 for line in file.split(b"\r\n"))


# Everything that JSON can hold, and often what calendars treat specially.
typed = st.text(st.one_of(st.characters(), st.sampled_from('\r\n\\;,:^nN"\u202e\u2028\x85\x00\t')), max_size=300)
no_link = typed.filter(lambda text: "http" not in text.lower())  # of a place: the description would name it too


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(typed, typed, no_link), min_size=5, max_size=40))
def test_what_was_typed_survives_both_parsers_once_cleaned(texts: list[tuple[str, str, str]]) -> None:
    entries = [of(id=str(n), title=t, description=d, location=p, host_name=p) for n, (t, d, p) in enumerate(texts)]
    file = published(entries)
    [read] = read_by_ical_js([file])
    for number, (event, each, one) in enumerate(zip(calendar_of(file).events, read["entries"], entries, strict=True)):
        title, description, _ = texts[number]
        agenda = "\n".join(paragraphs(description, 3000))
        view = f"View booking: {PORTAL}/bookings/{number}"
        assert event["summary"] == each["summary"] == one.summary == (one_line(title, 200) or "Booking")
        assert event["description"] == each["description"] == (f"{agenda}\n\n{view}" if agenda else view)
        assert event.get("location", "") == (each["location"] or "") == one.location
        assert event["contact"] == each["contact"] == one.contact
        assert not {unicodedata.category(character) for character in one.summary} & {"Cc", "Cs", "Zl", "Zp"}
