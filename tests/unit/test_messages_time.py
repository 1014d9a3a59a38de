"""Local time in words: zones, offsets, both ends of summer time, midnight, 12 and 24 hours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import local_time
from shared.wording import LANGUAGES, catalogue, language_of
from tests.unit.rendered import visible, written


def line(starts: str, minutes: int, zone_name: str, wanted: str) -> str:
    """The stretch that begins at `starts` (UTC), for somebody in that zone who asked for that locale."""
    zone = local_time.zone_of(zone_name)
    start = datetime.fromisoformat(starts).replace(tzinfo=UTC)
    language = language_of(wanted)
    locale = local_time.locale_for(language, wanted, zone)
    return local_time.span(start, start + timedelta(minutes=minutes), zone, locale, catalogue(language)).line


@pytest.mark.parametrize(
    ("starts", "zone", "locale", "expected"),
    [
        (
            "2026-12-01T09:00",
            "Europe/Berlin",
            "en",
            "Tuesday, 1 December 2026, 10:00 – 10:30, Central European Time (Europe/Berlin, UTC+01:00)",
        ),
        (
            "2026-07-01T08:00",
            "Europe/Berlin",
            "de",
            "Mittwoch, 1. Juli 2026, 10:00 – 10:30 Uhr, Mitteleuropäische Zeit (Europe/Berlin, UTC+02:00)",
        ),
        # Half an hour of summer time.
        (
            "2026-12-01T00:00",
            "Australia/Lord_Howe",
            "en",
            "Tuesday, 1 December 2026, 11:00 am – 11:30 am, Lord Howe Time (Australia/Lord_Howe, UTC+11:00)",
        ),
        (
            "2026-07-01T00:00",
            "Australia/Lord_Howe",
            "de",
            "Mittwoch, 1. Juli 2026, 10:30 – 11:00 Uhr, Lord-Howe-Zeit (Australia/Lord_Howe, UTC+10:30)",
        ),
        (
            "2026-12-01T09:00",
            "Asia/Kathmandu",
            "en",
            "Tuesday, 1 December 2026, 2:45 pm – 3:15 pm, Nepal Time (Asia/Kathmandu, UTC+05:45)",
        ),
        (
            "2026-12-01T09:00",
            "America/St_Johns",
            "fr",
            "mardi 1 décembre 2026, 05 h 30 – 06 h 00, heure de Terre-Neuve (America/St_Johns, UTC-03:30)",
        ),
        (
            "2026-07-01T09:00",
            "America/St_Johns",
            "es",
            "miércoles, 1 de julio de 2026, 6:30 – 7:00, hora de Terranova (America/St_Johns, UTC-02:30)",
        ),
        (
            "2026-12-01T15:00",
            "America/New_York",
            "en",
            "Tuesday, December 1, 2026, 10:00 AM – 10:30 AM, Eastern Time (America/New_York, UTC-05:00)",
        ),
        (
            "2026-12-01T09:00",
            "Europe/Berlin",
            "en-US",
            "Tuesday, December 1, 2026, 10:00 AM – 10:30 AM, Central European Time (Europe/Berlin, UTC+01:00)",
        ),
        (
            "2026-12-01T09:00",
            "Europe/Berlin",
            "pt-BR",
            "Tuesday, 1 December 2026, 10:00 – 10:30, Central European Time (Europe/Berlin, UTC+01:00)",
        ),
        (
            "2026-12-01T09:00",
            "Etc/UTC",
            "de",
            "Dienstag, 1. Dezember 2026, 09:00 – 09:30 Uhr, Koordinierte Weltzeit (Etc/UTC, UTC+00:00)",
        ),
        # CLDR knows no name that a person would understand.
        ("2026-12-01T09:00", "Etc/GMT+5", "es", "martes, 1 de diciembre de 2026, 4:00 – 4:30, Etc/GMT+5 (UTC-05:00)"),
        (
            "2026-12-01T09:00",
            "No/Where",
            "de",
            "Dienstag, 1. Dezember 2026, 09:00 – 09:30 Uhr, Koordinierte Weltzeit (UTC, ",
        ),
        (
            "2026-12-01T09:00",
            "../../etc/passwd",
            "fr",
            "mardi 1 décembre 2026, 09:00 – 09:30, temps universel coordonné",
        ),
        ("2026-12-01T09:00", "Europe", "fr", "mardi 1 décembre 2026, 09:00 – 09:30, temps universel coordonné"),
    ],
)
def test_a_time_is_written_as_people_there_write_it(starts: str, zone: str, locale: str, expected: str) -> None:
    assert line(starts, 30, zone, locale).startswith(expected)


@pytest.mark.parametrize(
    ("starts", "minutes", "zone", "expected"),
    [
        # The hour that comes twice: the offset tells which.
        ("2026-10-25T00:15", 30, "Europe/Berlin", "02:15 – 02:45, Central European Time (Europe/Berlin, UTC+02:00)"),
        ("2026-10-25T01:15", 30, "Europe/Berlin", "02:15 – 02:45, Central European Time (Europe/Berlin, UTC+01:00)"),
        # The change falls into the meeting.
        (
            "2026-10-25T00:45",
            30,
            "Europe/Berlin",
            "02:45 – 02:15, Central European Time (Europe/Berlin, UTC+02:00 → UTC+01:00)",
        ),
        (
            "2027-03-28T00:45",
            30,
            "Europe/Berlin",
            "01:45 – 03:15, Central European Time (Europe/Berlin, UTC+01:00 → UTC+02:00)",
        ),
        (
            "2027-03-14T06:45",
            30,
            "America/New_York",
            "1:45 AM – 3:15 AM, Eastern Time (America/New_York, UTC-05:00 → UTC-04:00)",
        ),
        (
            "2027-04-03T14:45",
            30,
            "Australia/Lord_Howe",
            "1:45 am – 1:45 am, Lord Howe Time (Australia/Lord_Howe, UTC+11:00 → UTC+10:30)",
        ),
    ],
)
def test_both_ends_of_summer_time(starts: str, minutes: int, zone: str, expected: str) -> None:
    assert line(starts, minutes, zone, "en").endswith(expected)


@pytest.mark.parametrize(
    ("minutes", "locale", "expected"),
    [
        (60, "en", "Tuesday, 1 December 2026, 23:30 – 00:30 (next day), "),
        (30, "de", "Dienstag, 1. Dezember 2026, 23:30 – 00:00 Uhr (am Folgetag), "),
        (60, "fr", "mardi 1 décembre 2026, 23:30 – 00:30 (le lendemain), "),
        (60, "es-ES", "martes, 1 de diciembre de 2026, 23:30 – 0:30 (del día siguiente), "),
        (29, "en", "Tuesday, 1 December 2026, 23:30 – 23:59, "),
        (48 * 60, "en", "Tuesday, 1 December 2026, 23:30 – Thursday, 3 December 2026, 23:30, "),
        (48 * 60, "de", "Dienstag, 1. Dezember 2026, 23:30 Uhr – Donnerstag, 3. Dezember 2026, 23:30 Uhr, "),
    ],
)
def test_crossing_midnight_is_said(minutes: int, locale: str, expected: str) -> None:
    assert line("2026-12-01T22:30", minutes, "Europe/Berlin", locale).startswith(expected)


def test_midnight_is_the_readers_not_the_hosts() -> None:
    """23:45 in Berlin, 18:15 in St John's."""
    start = datetime(2026, 12, 1, 22, 45, tzinfo=UTC)
    email = written(
        "confirmation", host_time_zone="America/St_Johns", starts_at=start, ends_at=start + timedelta(minutes=45)
    )
    assert "23:45 – 00:30 (next day)" in visible(email.html)
    assert "For the host: 19:15 – 20:00, Newfoundland Time (America/St_Johns, UTC-03:30)" in visible(email.html)


zones = st.sampled_from(sorted(available_timezones() - {"localtime", "posixrules", "Factory"}))
instants = st.integers(0, 18 * 365 * 24 * 60).map(lambda n: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=n))


@given(zones, instants, st.integers(5, 3000), st.sampled_from(LANGUAGES))
def test_any_zone_and_time(name: str, start: datetime, minutes: int, language: str) -> None:
    zone, end = ZoneInfo(name), start + timedelta(minutes=minutes)
    locale = local_time.locale_for(language, None, zone)
    span = local_time.span(start, end, zone, locale, catalogue(language))
    there = start.astimezone(zone)
    sign, hours, rest = re.search(r"\(.*?UTC([+-])(\d\d):(\d\d)", span.zone).groups()  # type: ignore[union-attr]
    offset = timedelta(hours=int(hours), minutes=int(rest)) * (-1 if sign == "-" else 1)
    assert offset == there.utcoffset()
    assert name in span.zone
    assert str(there.year) in span.date
    assert re.search(rf"\b0?{there.day}\b", span.date)
    assert f"{there.minute:02d}" in span.times
    assert not re.search("[\u202f\u00a0\u2009]", span.line + span.short + span.brief)
    assert not re.search(r"[Uu]nknown|[Uu]nbekannt|indéterminée|[Dd]esconocida", span.zone)
