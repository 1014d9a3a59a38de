"""A client in Auckland, a host in Lisbon, bookings on both sides of each change of clocks: all places agree."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.sync_api import expect

from tests.functions.acting import House
from tests.functions.posting import post
from tests.portal.every_page import settle
from tests.portal.portal import Portal

AUCKLAND, LISBON = "Pacific/Auckland", "Europe/Lisbon"
CHANGES = [datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)]  # in Lisbon
CHANGES += [datetime(2027, 4, 3, 14, tzinfo=UTC), datetime(2027, 9, 25, 14, tzinfo=UTC)]  # in Auckland
STARTS = [change + timedelta(minutes=minutes) for change in sorted(CHANGES) for minutes in (-15, 45)]
LENGTH = timedelta(minutes=30)


def test_list_booking_dashboard_csv_and_mails_agree(portal: Portal, house: House) -> None:
    ids = [_booked(house, number, start) for number, start in enumerate(STARTS)]
    house.sweep()

    page = portal.open("/bookings", "client", time_zone=AUCKLAND)
    settle(page)
    for number, start in enumerate(STARTS):
        card = page.locator("li.booking", has_text=f"Talk {number} ")
        expect(card).to_contain_text(f"{_span(start, AUCKLAND)} {_zone(start, AUCKLAND)}")
        expect(card).to_contain_text(f"{_span(start, LISBON)} for your host, {_zone(start, LISBON)}")
        there = start.astimezone(ZoneInfo(AUCKLAND))
        expect(card.locator(".date")).to_have_text(f"{there:%a}{there.day}{_month(there)} {there.year}")

    for booking_id, start in zip(ids, STARTS, strict=True):
        page.goto(f"{portal.url}/bookings/{booking_id}")
        settle(page)
        main = page.locator("main")
        there = start.astimezone(ZoneInfo(AUCKLAND))
        expect(main).to_contain_text(f"{there:%a}, {there.day} {there:%B %Y}")
        expect(main).to_contain_text(_span(start, AUCKLAND))
        expect(main).to_contain_text(_zone(start, AUCKLAND))
        expect(main).to_contain_text(f"{_span(start, LISBON)} for your host, {_zone(start, LISBON)}")

    dashboard = portal.open("/admin?tab=all", "admin", time_zone=AUCKLAND)
    settle(dashboard)
    for number, start in enumerate(STARTS):
        row = dashboard.get_by_role("row").filter(has_text=f"Talk {number} ")
        there = start.astimezone(ZoneInfo(AUCKLAND))
        expect(row).to_contain_text(f"{there:%H:%M}")
        expect(row).to_contain_text(f"{there.day} {_month(there)}")
    expect(dashboard.locator("main")).to_contain_text("Pacific/Auckland (UTC+13)")

    wanted = {"format": "csv", "time_zone": AUCKLAND, "filters": {}}
    answer = house.call(portal.person("admin"), "POST", "export", wanted)
    assert answer.status_code == 200, answer.text
    rows = sorted(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))), key=lambda row: row["starts_at_utc"])
    assert [(row["starts_at_utc"], row["starts_at_local"]) for row in rows] == [
        (f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{start.astimezone(ZoneInfo(AUCKLAND)):%Y-%m-%d %H:%M}") for start in STARTS
    ]

    mails = house.mails("client@example.com")
    for number, start in enumerate(STARTS):
        (mail,) = [mail for mail in mails if f"Talk {number} " in mail["subject"] + mail["text"]]
        there = start.astimezone(ZoneInfo(AUCKLAND))
        for text in (mail["text"], mail["html"]):
            assert f"{there.day} {there:%B} {there.year}" in text or f"{there:%B} {there.day}, {there.year}" in text
            assert there.strftime("%I:%M").lstrip("0") in text.replace("\u202f", " ")
            assert "Auckland" in text


def _booked(house: House, number: int, start: datetime) -> str:
    client = {"email": "client@example.com", "name": "Client", "timeZone": AUCKLAND, "language": {"locale": "en"}}
    payload = {
        "uid": f"zones{number:017}",
        "bookingId": 7000 + number,
        "title": f"Talk {number} with Client",
        "startTime": start.isoformat(),
        "endTime": (start + LENGTH).isoformat(),
        "status": "ACCEPTED",
        "organizer": {"name": "Host", "email": "host@example.com", "timeZone": LISBON},
        "attendees": [client],
    }
    made = {"triggerEvent": "BOOKING_CREATED", "createdAt": "2026-11-01T09:00:00.000Z", "payload": payload}
    post(house.env, json.dumps(made).encode())
    return house.id_of(f"zones{number:017}")


def _span(start: datetime, zone: str) -> str:
    here, end = start.astimezone(ZoneInfo(zone)), (start + LENGTH).astimezone(ZoneInfo(zone))
    return f"{here:%H:%M} – {end:%H:%M}" + (" (next day)" if end.date() > here.date() else "")


def _zone(at: datetime, zone: str) -> str:
    hours = int((at.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()).total_seconds() // 3600)
    return f"{zone} (UTC+{hours})" if hours else f"{zone} (UTC)"


def _month(at: datetime) -> str:
    return "Sept" if at.month == 9 else f"{at:%b}"  # as British English has it
