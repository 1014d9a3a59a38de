"""A stretch of time as a person reads it: local date and times, the zone's name and its UTC offset.

Babel (CLDR) writes dates, times and zone names. It is imported by the first use, not with this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from shared.wording import Catalogue, territory_of

# Narrow and no-break spaces of CLDR's patterns ("10:00 AM"): plain ones can be searched, copied and sent as a text.
_SPACES = str.maketrans({"\u202f": " ", "\u00a0": " ", "\u2009": " "})


@dataclass(frozen=True)
class Span:
    """Start to end in one zone, in words."""

    date: str  # Tuesday, 1 December 2026
    times: str  # 10:00 – 10:30; says so when it ends on another day
    zone: str  # Central European Time (Europe/Berlin, UTC+01:00)
    short: str  # Tue, 1 Dec 2026, 10:00
    brief: str  # Tue, 1 Dec 2026, 10:00 – 10:30 (Europe/Berlin, UTC+01:00)
    offset: str  # UTC+01:00

    @property
    def line(self) -> str:
        return f"{self.date}, {self.times}, {self.zone}"


def zone_of(*names: str | None) -> ZoneInfo:
    """The first of the names that is a time zone, else UTC."""
    for name in names:
        try:
            return ZoneInfo(name or "")
        except (ValueError, KeyError, OSError):  # not a key; unknown; the name of a folder of zones
            continue
    return ZoneInfo("UTC")


def differs(starts_at: datetime, ends_at: datetime, one: ZoneInfo, other: ZoneInfo) -> bool:
    """Whether clocks in the two zones show different times during this stretch."""
    moments = (starts_at, ends_at)
    return any(moment.astimezone(one).utcoffset() != moment.astimezone(other).utcoffset() for moment in moments)


def span(starts_at: datetime, ends_at: datetime, zone: ZoneInfo, locale: str, words: Catalogue) -> Span:
    """The stretch in that zone, written as `locale` (see `locale_for`) does."""
    from babel.dates import format_date, format_skeleton, format_time

    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    time = words["time"]
    date = format_date(start, "full", locale=locale)
    short_date = format_skeleton("yMMMEd", start, locale=locale)
    first, last = (format_time(moment, "short", locale=locale) for moment in (start, end))
    if end.date() == start.date():
        times = time["span"].format(start=first, end=last)
    elif end.date() == start.date() + timedelta(days=1):
        times = time["span_next_day"].format(start=first, end=last)
    else:
        times = time["span_days"].format(start=first, end=last, date=format_date(end, "full", locale=locale))
    offset = utc_offset(start) if start.utcoffset() == end.utcoffset() else f"{utc_offset(start)} → {utc_offset(end)}"
    name = _zone_name(zone, locale)
    return Span(
        date=date.translate(_SPACES),
        times=times.translate(_SPACES),
        zone=f"{name} ({zone.key}, {offset})" if name else f"{zone.key} ({offset})",
        short=time["short"].format(date=short_date, start=first).translate(_SPACES),
        brief=f"{short_date}, {times} ({zone.key}, {offset})".translate(_SPACES),
        offset=offset,
    )


def utc_offset(moment: datetime) -> str:
    """`UTC+05:45`. Minutes are the least that any zone has had since 1972."""
    minutes = int((moment.utcoffset() or timedelta()).total_seconds()) // 60
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@lru_cache(maxsize=1024)
def locale_for(language: str, wanted: str | None, zone: ZoneInfo) -> str:
    """The CLDR locale that writes dates and times for a reader of `language`.

    The territory is the one that `wanted` names, else the zone's: `en` alone, Cal.com's word for everybody, then means
    1 December and 10:00 in Berlin, but December 1 and 10:00 AM in New York.
    """
    from babel import Locale, UnknownLocaleError

    for territory in (territory_of(wanted), _territory(zone)):
        if territory:
            try:
                return str(Locale(language, territory))
            except UnknownLocaleError:
                continue
    return "en_001" if language == "en" else language


def territory_of_zone(name: str) -> str:
    """The territory where a zone's clocks hang: `Europe/Berlin` → DE; "" where there is none, or no such zone."""
    return _territory(zone_of(name))


@cache
def _zone_name(zone: ZoneInfo, locale: str) -> str:
    """CLDR's name for the whole year (the offset tells summer time), "" where CLDR only has "Unknown region"."""
    from babel.dates import get_timezone_location, get_timezone_name

    name = get_timezone_name(zone, "long", locale=locale)
    if name == get_timezone_location(zone, locale=locale) and not _territory(zone):
        universal = ZoneInfo("Etc/UTC")
        name = get_timezone_name(datetime(2000, 1, 1, tzinfo=universal), "long", locale=locale) if _is_utc(zone) else ""
    return name.translate(_SPACES)


def _is_utc(zone: ZoneInfo) -> bool:
    from babel.core import get_global

    return bool(get_global("zone_aliases").get(zone.key, zone.key) == "Etc/UTC")


def _territory(zone: ZoneInfo) -> str:
    from babel.core import get_global

    canonical = get_global("zone_aliases").get(zone.key, zone.key)
    territory = str(get_global("zone_territories").get(canonical) or "")
    return "" if territory in ("ZZ", "001") else territory
