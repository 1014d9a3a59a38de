"""The life of one booking, from the visitor's click to the inbox: booked, moved three times, cancelled."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import icalendar

from tests.conftest import Connection, Stack
from tests.functions.posting import booking
from tests.unit.test_ical import read_by_ical_js

PEOPLE = {"client@example.com", "guest@example.com"}
STARTS = ["2027-03-02T09:00:00Z", "2027-03-03T10:00:00Z", "2027-03-04T11:00:00Z", "2027-03-05T12:00:00Z"]


def test_created_moved_three_times_cancelled(clean: Stack, db: Connection) -> None:
    uid = _visitor_books(clean, STARTS[0])
    for start in STARTS[1:]:
        uid = _calcom(clean, f"bookings/{uid}/reschedule", {"start": start, "reschedulingReason": "A better day"})[
            "uid"
        ]
    _calcom(clean, f"bookings/{uid}/cancel", {"cancellationReason": "I am ill"})

    only = booking(db)
    assert (only["status"], only["revision"], only["cancellation_reason"]) == ("cancelled", 4, "I am ill")
    assert only["starts_at"].isoformat().startswith("2027-03-05T12:00")
    assert {person["email"] for person in only["people"]} == PEOPLE

    story = db.execute("select kind, changes from public.booking_events order by id").fetchall()
    assert [kind for kind, _ in story] == ["created", "moved", "moved", "moved", "cancelled"]
    moves = [changes["starts_at"] for kind, changes in story if kind == "moved"]
    assert [[old[:16], new[:16]] for old, new in moves] == [
        [STARTS[number][:16], STARTS[number + 1][:16]] for number in range(3)
    ]
    assert story[-1][1]["status"] == ["confirmed", "cancelled"]

    for address in PEOPLE:
        _check_mails(_mails(clean, address), only["ical_uid"])


def _check_mails(mails: list[dict[str, Any]], ical_uid: str) -> None:
    """Five mails, whose calendar files are one entry with a rising SEQUENCE, taken out at the end."""
    assert [_kind(mail) for mail in mails] == ["confirmation", "rescheduled", "rescheduled", "rescheduled", "cancelled"]
    files = [_calendar_file(mail) for mail in mails]
    for number, file in enumerate(files):
        calendar = icalendar.Calendar.from_ical(file)
        (event,) = calendar.events
        assert (calendar.errors, event.errors) == ([], [])
        assert calendar["METHOD"] == ("CANCEL" if number == 4 else "REQUEST")
        assert (event["UID"], event["SEQUENCE"]) == (ical_uid, number)
        assert event.start.isoformat()[:16] == STARTS[min(number, 3)][:16]
        assert event["STATUS"] == ("CANCELLED" if number == 4 else "CONFIRMED")
    seen = read_by_ical_js(files)
    assert [(each["method"], each["uid"], each["sequence"]) for each in seen] == [
        ("CANCEL" if number == 4 else "REQUEST", ical_uid, number) for number in range(5)
    ]


def _visitor_books(stack: Stack, start: str) -> str:
    attendee = {"name": "Clara Client", "email": "client@example.com", "timeZone": "Europe/Berlin", "language": "de"}
    body = {"eventTypeId": 101, "start": start, "attendee": attendee, "guests": ["guest@example.com"]}
    answer = httpx.post(f"{stack.env['CALCOM_SIM_URL']}/_sim/bookings", json=body, timeout=30)
    answer.raise_for_status()
    _delivered(stack)
    uid: str = answer.json()["data"]["uid"]
    return uid


def _calcom(stack: Stack, path: str, body: dict[str, str]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {stack.env['CALCOM_API_KEY']}", "cal-api-version": "2024-08-13"}
    answer = httpx.post(f"{stack.env['CALCOM_API_URL']}/{path}", json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    _delivered(stack)
    data: dict[str, Any] = answer.json()["data"]
    return data


def _delivered(stack: Stack) -> None:
    """All webhooks have come, and what they owe has left: what the webhook's second did not reach, the sweep sends."""
    httpx.post(f"{stack.env['CALCOM_SIM_URL']}/_sim/flush", timeout=30).raise_for_status()
    headers = {"Authorization": f"Bearer {stack.env['SCHEDULER_TOKEN']}"}
    swept = httpx.post(f"{stack.env['FUNCTIONS_URL']}/reminders", headers=headers, timeout=90)
    swept.raise_for_status()
    assert swept.json()["backlog"] == 0


def _mails(stack: Stack, address: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{stack.env['RESEND_API_URL']}/_sim/messages", params={"to": address}, timeout=30)
    answer.raise_for_status()
    mails: list[dict[str, Any]] = answer.json()
    return mails


def _kind(mail: dict[str, Any]) -> str:
    kind: str = next(tag["value"] for tag in mail["tags"] if tag["name"] == "kind")
    return kind


def _calendar_file(mail: dict[str, Any]) -> bytes:
    (file,) = mail["attachments"]
    return base64.b64decode(file["content"])
