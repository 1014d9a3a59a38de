"""The team's filters: ranges against Python's own zones, what the API is asked for; and files of failures."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared import csv_export
from tests.unit.words import call

ZONES = ["UTC", "Europe/Lisbon", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe"]
# Around both changes of the clocks, the turn of a year, and a leap day.
NOWS = [
    *(datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC)),
    *(datetime(2026, 10, 25, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, 11, 30, tzinfo=UTC)),
    *(datetime(2027, 1, 1, 3, tzinfo=UTC), datetime(2028, 2, 29, 23, 30, tzinfo=UTC)),
]
# preset → its first day and the day after its last, counted from today
RANGES = {
    "today": lambda today: (today, today + timedelta(days=1)),
    "last-7": lambda today: (today - timedelta(days=6), today + timedelta(days=1)),
    "last-90": lambda today: (today - timedelta(days=89), today + timedelta(days=1)),
    "next-30": lambda today: (today, today + timedelta(days=30)),
    "month": lambda today: (today.replace(day=1), today + timedelta(days=1)),
    "year": lambda today: (today.replace(month=1, day=1), today + timedelta(days=1)),
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("preset", RANGES)
def test_a_preset_begins_and_ends_with_days_of_the_zone(zone: str, preset: str) -> None:
    for now in NOWS:
        days = RANGES[preset](now.astimezone(ZoneInfo(zone)).date())
        found = call("filters", "rangeOf", preset, now, zone)
        assert [_instant(found["from"]), _instant(found["to"])] == [_midnight(day, zone) for day in days], now


@pytest.mark.parametrize(
    ("asked", "first", "after"),
    [
        ("2026-10-20..2026-10-31", date(2026, 10, 20), date(2026, 11, 1)),
        ("2026-10-20..", date(2026, 10, 20), None),
        ("..2026-10-31", None, date(2026, 11, 1)),
    ],
)
@pytest.mark.parametrize("zone", ZONES)
def test_a_range_of_days_has_its_last_day_in_it(asked: str, first: date | None, after: date | None, zone: str) -> None:
    found = call("filters", "rangeOf", asked, NOWS[0], zone)
    expected = [day and _midnight(day, zone) for day in (first, after)]
    assert [end and _instant(end) for end in (found["from"], found["to"])] == expected


def test_the_past_has_a_date_of_its_own_until_it_is_taken_off() -> None:
    assert call("filters", "dateOf", {"tab": "past"}) == "last-30"
    off = call("filters", "withoutDate", {"tab": "past"})
    assert call("filters", "dateOf", {"tab": "past", **off}) == ""
    assert call("filters", "dateOf", {"tab": "all"}) == ""
    for nonsense in ("..", "yesterday", "constructor", "2026-1-1..", "2026-99-99..", "last-30000"):
        assert call("filters", "dateOf", {"tab": "all", "date": nonsense}) == ""


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        ({}, {"period": "upcoming"}),
        ({"tab": "__proto__"}, {"period": "upcoming"}),
        ({"tab": "unconfirmed"}, {"period": "upcoming", "status": "pending,awaiting_payment"}),
        ({"tab": "unconfirmed", "status": "pending,cancelled"}, {"period": "upcoming", "status": "pending"}),
        ({"tab": "cancelled", "status": "confirmed"}, {"period": "cancelled"}),
        (
            {"tab": "all", "q": "ann", "client": "a@example.com", "host": "h@example.com", "event": "101"},
            {
                "period": "all",
                "q": "ann",
                "client": "a@example.com",
                "host": "h@example.com",
                "event_type_id": "101",
            },
        ),
        (
            {"tab": "all", "message": "bounced,failed", "by": "created", "date": "2026-03-29..2026-03-29"},
            {
                "period": "all",
                "message": "bounced,failed",
                "created_from": "2026-03-28T23:00:00.000Z",
                "created_to": "2026-03-29T22:00:00.000Z",
            },
        ),
    ],
)
def test_what_the_api_is_asked_for(query: dict[str, str], filters: dict[str, str]) -> None:
    assert call("filters", "filtersOf", query, NOWS[0], "Europe/Berlin") == filters


def test_another_list_takes_along_what_makes_sense_there() -> None:
    query = {"tab": "upcoming", "date": "next-7", "status": "pending", "q": "ann", "booking": "x"}
    turned = call("filters", "turnedTo", "past", query)
    assert turned == {"tab": "past", "date": "", "by": "", "status": "pending", "booking": ""}
    kept = call("filters", "turnedTo", "cancelled", query | {"date": "2026-01-01..", "by": "created"})
    assert kept == {"tab": "cancelled", "date": "2026-01-01..", "by": "created", "status": "", "booking": ""}


def test_a_range_in_words_names_both_ends_and_the_zone_of_each() -> None:
    query = {"tab": "all", "date": "2026-10-25..2026-10-25"}
    words = call("filters", "rangeInWords", query, NOWS[0], "Europe/Berlin")
    assert words == (
        "Booking time from Sun, 25 October 2026, 00:00, Europe/Berlin (UTC+2)"
        " until before Mon, 26 October 2026, 00:00, Europe/Berlin (UTC+1)"
    )


def test_a_view_is_what_the_list_shows_and_nothing_else() -> None:
    assert call("filters", "viewOf", {"tab": "all", "q": "", "booking": "x", "page": "2"}) == {"tab": "all"}
    assert call("filters", "sameView", {}, {"tab": "upcoming", "q": ""}) is True
    assert call("filters", "sameView", {"q": "a"}, {"tab": "past", "q": "a"}) is False


CELLS = ["plain", "", "=1+1", "'=1", "'plain", " @x", "＝1", "a,b", 'say "hi"', "two\nlines", "-5", "+49", "\tx", "é😀"]


def test_a_cell_is_written_as_the_export_writes_it() -> None:
    text: Any = call("csv", "csvOf", [CELLS])
    assert text.startswith("\ufeff")
    (row,) = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert row == [csv_export.neutral(cell) for cell in CELLS]


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
