"""Times as pages write them, against Python's own zones: each day of a year, each quarter around each change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.words import call, call_all

# Both hemispheres, half and quarter hours, changes by half an hour, and changes at midnight.
ZONES = [
    *("UTC", "Europe/Berlin", "Europe/Lisbon", "America/New_York", "America/St_Johns", "Pacific/Auckland"),
    *("Pacific/Chatham", "Asia/Kathmandu", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago"),
    *("Asia/Beirut", "America/Havana", "Africa/Casablanca", "Pacific/Kiritimati", "Pacific/Pago_Pago"),
]
FIRST, DAYS = date(2026, 1, 1), 366
QUARTER = timedelta(minutes=15)


@cache
def changes(zone: str) -> list[datetime]:
    """The instants at which the zone's offset changes, within the two years."""
    at, found = datetime(2026, 1, 1, tzinfo=UTC), []
    while at < datetime(2028, 1, 1, tzinfo=UTC):
        after = at + timedelta(hours=6)
        if at.astimezone(ZoneInfo(zone)).utcoffset() != after.astimezone(ZoneInfo(zone)).utcoffset():
            while at.astimezone(ZoneInfo(zone)).utcoffset() != after.astimezone(ZoneInfo(zone)).utcoffset():
                before, at = at, at + QUARTER
                if before.astimezone(ZoneInfo(zone)).utcoffset() != at.astimezone(ZoneInfo(zone)).utcoffset():
                    found.append(at)
        at = after
    return found


def around(zone: str) -> list[datetime]:
    """Each quarter of an hour from a day before to a day after each change; a usual day where there is none."""
    instants = changes(zone) or [datetime(2026, 6, 1, tzinfo=UTC)]
    return [at + QUARTER * step for at in instants for step in range(-96, 97)]


def local(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone))


def offset(at: datetime, zone: str) -> str:
    minutes = int((local(at, zone).utcoffset() or timedelta()).total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    return "UTC" if not minutes else f"UTC{'−' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def first_instant(day: date, zone: str) -> datetime:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    while local(at, zone).date() < day:
        at += QUARTER
    return at


@pytest.mark.parametrize("zone", ZONES)
def test_around_each_change_of_clocks(zone: str) -> None:
    instants = around(zone)
    calls: list[tuple[str, list[Any]]] = []
    expected: list[str] = []
    for at in instants:
        here = local(at, zone)
        calls += [("clock", [at, zone]), ("dayOf", [at, zone]), ("offset", [at, zone]), ("date", [at, zone])]
        day = f"{here:%a}, {here.day} {here:%B %Y}"
        expected += [f"{here:%H:%M}", here.date().isoformat(), offset(at, zone), day]
    assert call_all("time", calls) == expected


@pytest.mark.parametrize("zone", ZONES)
def test_a_meeting_across_a_change_is_as_long_as_it_is(zone: str) -> None:
    """A span says both ends as clocks show them then, and when its end is on another day."""
    calls, expected = [], []
    for start in around(zone)[::3]:
        for length in (30, 120, 1500, 3000):
            end = start + timedelta(minutes=length)
            days = (local(end, zone).date() - local(start, zone).date()).days
            crossing = {0: "", 1: " (next day)"}.get(days, f" ({days} days later)")
            calls.append(("span", [start, end, zone]))
            expected.append(f"{local(start, zone):%H:%M} – {local(end, zone):%H:%M}{crossing}")
    assert call_all("time", calls) == expected


@pytest.mark.parametrize("zone", ZONES)
def test_each_day_begins_at_its_first_instant(zone: str) -> None:
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    found = call_all("time", [("startOfDay", [day.isoformat(), zone]) for day in days])
    assert found == [first_instant(day, zone) for day in days]


@pytest.mark.parametrize("zone", ZONES)
def test_days_are_counted_as_on_a_calendar(zone: str) -> None:
    pairs = [
        (at, at + timedelta(hours=hours)) for at in around(zone)[::5] for hours in (-49, -24, -1, 0, 1, 23, 25, 336)
    ]
    found = call_all("time", [("daysBetween", [first, second, zone]) for first, second in pairs])
    assert found == [(local(second, zone).date() - local(first, zone).date()).days for first, second in pairs]


def test_adding_days_passes_every_change() -> None:
    found = call_all("time", [("addDays", [FIRST.isoformat(), number]) for number in range(-400, DAYS)])
    assert found == [(FIRST + timedelta(days=number)).isoformat() for number in range(-400, DAYS)]


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en-GB", "09:05"),
        ("en-US", "9:05 AM"),
        ("en-AU", "9:05 am"),
        ("de-DE", "09:05"),
        ("fr", "09:05"),
        ("ja-JP", "09:05"),
        ("hi-IN", "9:05 am"),
        ("ar-EG", "9:05 am"),
    ],
)
def test_hours_are_written_as_the_reader_is_used_to(language: str, written: str) -> None:
    """Whether they count to 12 or to 24 is the language's; the words stay English, the digits too."""
    at = datetime(2026, 12, 1, 9, 5, tzinfo=UTC)
    assert call("time", "clock", at, "UTC", language=language).replace("\u202f", " ") == written


@pytest.mark.parametrize(("language", "midnight"), [("en-GB", "00:00"), ("en-US", "12:00 AM"), ("de-DE", "00:00")])
def test_midnight_is_never_24(language: str, midnight: str) -> None:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    assert call("time", "clock", at, "UTC", language=language).replace("\u202f", " ") == midnight


def test_a_moment_names_its_zone_as_it_is_then() -> None:
    summer, winter = datetime(2026, 7, 1, 9, tzinfo=UTC), datetime(2026, 12, 1, 9, tzinfo=UTC)
    moments = call_all("time", [("moment", [at, "America/St_Johns"]) for at in (summer, winter)])
    assert moments == [
        "Wed, 1 July 2026, 06:30, America/St Johns (UTC−2:30)",
        "Tue, 1 December 2026, 05:30, America/St Johns (UTC−3:30)",
    ]
    assert call("time", "zoneName", winter, "UTC") == "UTC"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-01 10:00:00+00", "2026-12-01T10:00:00Z"),
        ("2026-12-01T10:00:00+00:00", "2026-12-01T10:00:00Z"),
        ("2026-12-01T10:00:00.123456+00:00", "2026-12-01T10:00:00.123Z"),
        ("2026-12-01T12:00:00+02", "2026-12-01T10:00:00Z"),
        ("2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z"),
    ],
)
def test_an_instant_is_read_however_the_api_writes_it(text: str, at: str) -> None:
    assert call("time", "instant", text) == datetime.fromisoformat(at)


def test_days_and_distances_in_words() -> None:
    now, zone = datetime(2026, 10, 24, 23, 30, tzinfo=UTC), "Europe/Berlin"  # the 25th, 01:30, before clocks go back
    hours = {-26: "Fri, 23 October 2026", -2: "Yesterday", 0: "Today", 23: "Today", 24: "Tomorrow"}
    calls = [("dayInWords", [now + timedelta(hours=hour), now, zone]) for hour in hours]
    assert call_all("time", calls) == list(hours.values())
    seconds = {
        -10: "just now",
        10: "in a moment",
        -60: "1 minute ago",
        7200: "in 2 hours",
        -86_400: "yesterday",
        259_200: "in 3 days",
    }
    found = call_all("time", [("ago", [now + timedelta(seconds=one), now]) for one in seconds])
    assert found == list(seconds.values())
    lengths = {0: "0 minutes", 1: "1 minute", 60: "1 hour", 90: "1 hour 30 minutes", 2880: "2 days"}
    assert call_all("time", [("minutes", [one]) for one in lengths]) == list(lengths.values())
