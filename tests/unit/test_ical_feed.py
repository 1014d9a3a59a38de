"""Calendar files that a person takes away, read back by two independent parsers: icalendar, and ical.js."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ical import Entry, Status, calendar_file, published
from tests.unit.test_ical import INVITATION, event_of, read_by_ical_js

START = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
PAGE = "https://booking.example.com/portal/bookings/018f2c1e-0000-4000-8000-000000000001"
ENTRY = Entry(
    uid="3kRzAAyGqr6Pz5TtcJTcPB@cal.com",
    sequence=2,
    status="CONFIRMED",
    stamp=datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC),
    starts_at=START,
    ends_at=START + timedelta(minutes=30),
    summary="Intro call",
    description="Please bring the contract.\n\nView booking: " + PAGE,
    location="Main Street 1",
    meeting_url="https://meet.example.com/a;b,c",
    url=PAGE,
    contact="Holly Host, host@example.com",
)
TWISTED = "Größe 👩‍👩‍👧 \u0301\\;,:\"^'\\n\\N\\\\n "


def calendar_of(file: bytes) -> icalendar.Calendar:
    """The calendar, read by icalendar without a complaint about it or one of its events."""
    calendar = icalendar.Calendar.from_ical(file)
    assert isinstance(calendar, icalendar.Calendar)
    assert calendar.errors == []
    assert [event.errors for event in calendar.events if event.errors] == []
    assert len(calendar.subcomponents) == len(calendar.events)
    return calendar


def many(count: int) -> list[Entry]:
    return [
        replace(ENTRY, uid=f"{number}@cal.com", starts_at=start, ends_at=start + timedelta(minutes=30))
        for number in range(count)
        for start in [START + timedelta(hours=number)]
    ]


def test_what_a_published_entry_says() -> None:
    file = published([ENTRY])
    event = event_of(file)
    assert b"METHOD:PUBLISH\r\n" in file
    assert b"DTSTART:20261201T143000Z\r\n" in file
    assert (ENTRY.starts_at, ENTRY.ends_at) == (event.DTSTART, event.DTEND)
    assert ENTRY.stamp.replace(microsecond=0) == event.DTSTAMP == event.LAST_MODIFIED
    assert set(event) == {
        *("UID", "SEQUENCE", "DTSTAMP", "LAST-MODIFIED", "DTSTART", "DTEND", "SUMMARY", "STATUS", "TRANSP"),
        *("DESCRIPTION", "LOCATION", "CONTACT", "URL", "CONFERENCE"),
    }
    assert (event["uid"], event["sequence"]) == (ENTRY.uid, 2)
    assert (event["status"], event["transp"]) == ("CONFIRMED", "OPAQUE")
    assert event["conference"] == ENTRY.meeting_url
    assert event["conference"].params == {"FEATURE": "VIDEO", "VALUE": "URI"}
    [read] = read_by_ical_js([file])
    assert read["method"] == "PUBLISH"
    assert (read["name"], read["refresh"]) == (None, None)
    assert (read["organizer"], read["attendees"]) == (None, [])
    for field in ("uid", "sequence", "status", "summary", "description", "location", "url", "contact"):
        assert read[field] == getattr(ENTRY, field) == event[field]
    assert read["conference"] == ENTRY.meeting_url
    assert datetime.fromisoformat(read["last_modified"]) == event.LAST_MODIFIED


def test_absent_things_are_left_out() -> None:
    bare = replace(ENTRY, description="", location="", meeting_url="", url="", contact="")
    assert set(event_of(published([bare]))) == {
        *("UID", "SEQUENCE", "DTSTAMP", "LAST-MODIFIED", "DTSTART", "DTEND", "SUMMARY", "STATUS", "TRANSP"),
    }


def test_a_moment_has_no_end_of_its_own() -> None:
    file = published([replace(ENTRY, ends_at=ENTRY.starts_at)])
    assert b"DTEND" not in file
    assert ENTRY.starts_at == event_of(file).end
    assert read_by_ical_js([file])[0]["dtend"] is None


def test_a_subscribed_calendar_has_a_name_and_says_when_to_look_again() -> None:
    file = published([ENTRY], name="Bookings; of Ä, B\\N", refresh=timedelta(hours=1, minutes=30))
    calendar, [read] = calendar_of(file), read_by_ical_js([file])
    # Neither parser knows that NAME is a text (RFC 7986 5.1), so both give it as it is written.
    assert calendar["name"] == calendar["x-wr-calname"] == read["name"] == "Bookings\\; of Ä\\, B\\\\N"
    assert calendar.refresh_interval == timedelta(seconds=read["refresh"]) == timedelta(minutes=90)
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H30M\r\n" in file
    assert b"X-PUBLISHED-TTL:PT1H30M\r\n" in file


def test_nothing_booked_is_an_empty_calendar() -> None:
    file = published([], name="Bookings")
    assert calendar_of(file).events == []
    assert read_by_ical_js([file])[0]["events"] == 0


def test_the_entries_stand_in_their_order_with_their_status() -> None:
    statuses: tuple[Status, ...] = ("CONFIRMED", "TENTATIVE", "CANCELLED")
    entries = [replace(entry, status=status) for entry, status in zip(many(3), statuses, strict=True)]
    file = published(iter(entries))
    [read] = read_by_ical_js([file])
    events = calendar_of(file).events
    assert [event["uid"] for event in events] == [each["uid"] for each in read["entries"]] == [e.uid for e in entries]
    assert [event["status"] for event in events] == [each["status"] for each in read["entries"]] == [*statuses]
    assert [event["transp"] for event in events] == ["OPAQUE", "OPAQUE", "TRANSPARENT"]
    assert [datetime.fromisoformat(each["dtstart"]) for each in read["entries"]] == [e.starts_at for e in entries]


@pytest.mark.parametrize(
    ("zone", "edge"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2027, 3, 28, 1, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("America/New_York", datetime(2027, 3, 14, 7, tzinfo=UTC)),
    ],
)
def test_local_times_are_right_on_both_sides_of_a_clock_change(zone: str, edge: datetime) -> None:
    there = ZoneInfo(zone)
    minutes = (-24 * 60, -90, -60, -30, -1, 0, 1, 30, 60, 90, 24 * 60)
    starts = [(edge + timedelta(minutes=each)).astimezone(there) for each in minutes]
    assert starts[4].utcoffset() != starts[5].utcoffset()
    file = published([replace(ENTRY, uid=str(n), starts_at=s, ends_at=s) for n, s in enumerate(starts)])
    [read] = read_by_ical_js([file])
    for event, each, start in zip(calendar_of(file).events, read["entries"], starts, strict=True):
        for instant in (event.DTSTART, datetime.fromisoformat(each["dtstart"])):
            local = instant.astimezone(there)
            assert (local.isoformat(), local.fold) == (start.isoformat(), start.fold)
        assert each["zone"] == "UTC"


def test_an_entry_across_a_clock_change_keeps_its_length() -> None:
    edge = datetime(2026, 10, 25, 1, tzinfo=UTC)
    start, end = edge - timedelta(minutes=30), edge + timedelta(minutes=30)
    berlin = ZoneInfo("Europe/Berlin")
    file = published([replace(ENTRY, starts_at=start.astimezone(berlin), ends_at=end.astimezone(berlin))])
    assert (start, end) == (event_of(file).DTSTART, event_of(file).DTEND)
    assert event_of(file).DTSTART.astimezone(berlin).time() == event_of(file).DTEND.astimezone(berlin).time()


def test_lines_are_folded_at_75_octets_as_the_library_folds_them() -> None:
    texts = [
        TWISTED * 40,
        "x" * 10_000,
        "👩‍👩‍👧" * 99,
        "\\" * 300,
        "^" * 300,
        *("a" * n + "ä\\;^" * 9 for n in range(80)),
    ]
    entries = [replace(ENTRY, uid=str(n), summary=text, description=text * 2) for n, text in enumerate(texts)]
    file = published(entries, name=TWISTED * 9)
    assert file.endswith(b"\r\nEND:VCALENDAR\r\n")
    assert b"\n" not in file.replace(b"\r\n", b"") and b"\r" not in file.replace(b"\r\n", b"")
    for line in file.split(b"\r\n"):
        assert len(line) <= 75
        line.decode()  # never within a character
    calendar, [read] = calendar_of(file), read_by_ical_js([file])
    assert [event["summary"] for event in calendar.events] == texts == [each["summary"] for each in read["entries"]]
    # Without a backslash before N, which it misreads, the library writes the same bytes itself.
    tame = published([replace(entry, summary=entry.summary.replace("\\N", ""), description="") for entry in entries])
    assert calendar_of(tame).to_ical(sorted=True) == tame


def test_a_backslash_before_a_letter_is_no_line_break_in_an_invitation_either() -> None:
    file = calendar_file(replace(INVITATION, summary="C:\\New\\names", location="AC\\NDC"))
    [read] = read_by_ical_js([file])
    assert event_of(file)["summary"] == read["summary"] == "C:\\New\\names"
    assert event_of(file)["location"] == read["location"] == "AC\\NDC"


def test_the_bytes_follow_from_the_values() -> None:
    entries = many(20)
    again = [replace(entry, starts_at=entry.starts_at.astimezone(ZoneInfo("Asia/Kathmandu"))) for entry in entries]
    file = published(entries, name="Bookings", refresh=timedelta(hours=1))
    assert file == published(again, name="Bookings", refresh=timedelta(hours=1))
    assert file != published(entries, name="Bookings")


def test_ten_thousand_entries_take_seconds() -> None:
    """Two seconds as measured; the bound is for slow and busy machines."""
    entries = many(10_000)
    before = perf_counter()
    file = published(entries, name="Bookings")
    assert perf_counter() - before < 20
    [read] = read_by_ical_js([file])
    assert len({each["uid"] for each in read["entries"]}) == 10_000
    assert datetime.fromisoformat(read["entries"][-1]["dtstart"]) == entries[-1].starts_at
    assert len(calendar_of(file).events) == 10_000
    assert perf_counter() - before < 60


# What untrusted.py leaves over of what a person can type: several lines, but no other control characters.
kept = st.text(
    st.one_of(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), st.sampled_from("\n\\;,:^nN\"'")),
    min_size=1,
)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(kept, kept), min_size=5, max_size=60))
def test_texts_survive_the_round_trip(texts: list[tuple[str, str]]) -> None:
    file = published(
        replace(ENTRY, uid=str(number), summary=summary, description=description, location=summary)
        for number, (summary, description) in enumerate(texts)
    )
    [read] = read_by_ical_js([file])
    for event, each, (summary, description) in zip(calendar_of(file).events, read["entries"], texts, strict=True):
        assert event["summary"] == each["summary"] == summary
        assert event["description"] == each["description"] == description
        assert event["location"] == each["location"] == summary
