"""Reading one value of a Cal.com body: what it ought to be, or None.

Cal.com says absent, null and "" for the same thing, and has written one field in several ways over the years. Each
reader takes any JSON value, never raises, and answers None for what cannot be used. Text for people is cut at a limit;
an identifier is never cut, since a cut one would name something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from shared.booking import NO_REASON

MAX_TITLE = 500
MAX_PLACE = 2000
MAX_PROSE = 20_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
# Addresses are ASCII here, as in Cal.com's own check: among other letters some differ only to the eye, or turn into
# ASCII when lower-cased, and an address is what says whose booking it is.
_ADDRESS = re.compile(r"[a-z0-9_.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,8}")
_NUMBER_MARKS = re.compile(r"[\s().\-/]+")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_ZONE = re.compile(r"(?!posix/|right/|Factory)[A-Z][A-Za-z0-9+_-]*(/[A-Za-z0-9+_-]+){0,2}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#<>\"]+[^\s<>\"]*", re.IGNORECASE)

# Cal.com stores its ids as 32-bit integers; nothing larger is one of them.
_LARGEST_ID = 2**31 - 1


Object = Mapping[str, JsonValue]


def mapping(value: JsonValue) -> Object:
    """The object itself; anything else reads as an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: JsonValue, limit: int) -> Sequence[Object]:
    """The objects in a list, at most `limit`; anything else reads as none."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)][:limit]


def line(value: JsonValue, limit: int) -> str | None:
    """One line of text, cut at `limit` characters."""
    if not isinstance(value, str):
        return None
    return _CONTROL.sub(" ", value).strip()[:limit].rstrip() or None


def prose(value: JsonValue, limit: int) -> str | None:
    """Text that may have several lines, cut at `limit` characters."""
    if not isinstance(value, str):
        return None
    return _CONTROL_BUT_LINES.sub(" ", value.replace("\r\n", "\n")).strip()[:limit].rstrip() or None


def reason(value: JsonValue) -> str | None:
    """Why somebody cancelled or moved; what stands there where nobody said is none."""
    text = prose(value, MAX_PROSE)
    return text if text != NO_REASON else None


def asks_for_new_time(why: str | None) -> bool:
    """Whether a cancellation's reason is how Cal.com writes that the host asks for another time."""
    return (why or "").startswith("Please reschedule.")


def identifier(value: JsonValue, limit: int = 200) -> str | None:
    """A name by which Cal.com knows something (a uid, a seat, a series, an iCalUID)."""
    if not isinstance(value, str) or _CONTROL.search(value):
        return None
    value = value.strip()
    return value if 0 < len(value) <= limit else None


def whole(value: JsonValue, least: int = 1, most: int = _LARGEST_ID) -> int | None:
    """A whole number between `least` and `most`; also when it is written as text, as some versions do."""
    if isinstance(value, str) and len(value) <= 10 and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if least <= value <= most else None


def flag(value: JsonValue) -> bool | None:
    return value if isinstance(value, bool) else None


def instant(value: JsonValue) -> datetime | None:
    """A point in time, in UTC.

    Seen so far: `…Z`, `….000Z`, `…+00:00` and local offsets (2022). A time without a zone could be anything: None.
    """
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is None:
            return None
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 1970 <= moment.year < 2200 else None


def address(value: JsonValue) -> str | None:
    """An e-mail address, lower-case. A managed user's `+<25 characters>` suffix is part of it."""
    if not isinstance(value, str) or len(value) > 254 or not value.isascii():
        return None
    value = value.strip().lower()
    return value if _ADDRESS.fullmatch(value) else None


def number(value: JsonValue) -> str | None:
    """A phone number in E.164; None when it doesn't tell its country."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    value = _NUMBER_MARKS.sub("", value)
    return value if _NUMBER.fullmatch(value) else None


def time_zone(value: JsonValue) -> str | None:
    """The IANA name of a time zone that exists."""
    return value if isinstance(value, str) and len(value) <= 64 and _zone_exists(value) else None


@lru_cache(maxsize=1024)
def _zone_exists(name: str) -> bool:
    if not _ZONE.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def locale(value: JsonValue) -> str | None:
    """A language tag, as Cal.com writes it."""
    return value if isinstance(value, str) and _LOCALE.fullmatch(value) else None


def web_address(value: JsonValue) -> str | None:
    """An http(s) URL of at most 2,000 characters."""
    if not isinstance(value, str) or _CONTROL.search(value):
        return None
    value = value.strip()
    return value if len(value) <= 2000 and _WEB_ADDRESS.fullmatch(value) else None
