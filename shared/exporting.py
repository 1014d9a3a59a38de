"""What a person takes away: one booking or a live feed as a calendar, many as CSV.

A feed's address is the right to read it, so its token has 256 random bits, only its hash is stored, and what it shows
is read with its maker's rights as they are at that moment.
"""

from __future__ import annotations

import contextvars
import gc
import hashlib
import itertools
import re
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared import calendar_entries, csv_export, database, settings
from shared.errors import NotFound, RateLimited, Unavailable
from shared.request_fields import TimeZone
from shared.web import Answer

_REFRESH = timedelta(hours=1)
_EDITION = 1  # to be raised when feeds are written otherwise: what a calendar has is then no longer what it would get
_CALENDAR = "text/calendar; charset=utf-8; method=PUBLISH"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_PAUSES = (0.2, 1.0)  # seconds, before a page is asked for again
_ROWS_AT_ONCE = 500

_Rows = list[list[str | None]]


class File(BaseModel):
    """The query for one booking as a calendar file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    booking_id: UUID
    format: Literal["ics"] = "ics"


class Csv(BaseModel):
    """`filters`: those of search_bookings without `p_`; `booking_ids`: these instead; `bom`: for spreadsheets that need
    one to see UTF-8; `time_zone`: of the local times, else each booking's host's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["csv"]
    filters: dict[str, JsonValue] = Field(default_factory=dict)
    booking_ids: tuple[UUID, ...] | None = Field(default=None, max_length=1000)
    bom: bool = False
    time_zone: TimeZone | None = None


class Feed(BaseModel):
    """A feed to make (or replace), by its filters; to revoke, without filters all of mine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filters: dict[str, JsonValue] | None = None


def calendar_file(token: str, wanted: File) -> Answer:
    """One booking as `.ics`, a cancelled one too. Raises NotFound."""
    booking = database.as_user(token).call("my_booking", p_booking_id=str(wanted.booking_id))
    if booking is None:
        raise NotFound()
    from shared import ical  # brings icalendar, which the other answers do not need

    entry = calendar_entries.entry(cast(dict[str, JsonValue], booking), settings.load(settings.Addresses).portal_url)
    headers = {"Content-Type": _CALENDAR, "Content-Disposition": 'attachment; filename="booking.ics"'}
    return Answer(body=ical.published([entry]), headers=headers)


def csv_file(token: str, wanted: Csv) -> Answer:
    """The bookings as CSV, streamed page by page: memory stays the same however many there are.

    Raises Invalid and NotAllowed before the first byte. What breaks later breaks the connection.
    """
    pages = _ahead(_pages(token, wanted))
    pages = itertools.chain([next(pages)], pages)
    headers = {"Content-Type": "text/csv; charset=utf-8; header=present"}
    headers |= {"Content-Disposition": 'attachment; filename="bookings.csv"'}
    return Answer(body=_csv(pages, wanted.bom), headers=headers)


def make_feed(token: str, wanted: Feed) -> Answer:
    """A new address for the feed with these filters; the one it had is dead at once. Raises NotAllowed, Invalid."""
    secret = secrets.token_urlsafe(32)
    database.as_user(token).call("make_feed", p_token_hash=_hash(secret), p_filters=wanted.filters or {})
    url = f"{settings.load(settings.Addresses).functions_url}/export/feed/{secret}.ics"
    return Answer({"url": url, "webcal": "webcal://" + url.partition("://")[2]})


def revoke_feed(token: str, wanted: Feed) -> Answer:
    """The feed with these filters, or all of mine, is dead at once."""
    revoked = database.as_user(token).call("revoke_feed", p_filters=wanted.filters)
    return Answer({"revoked": revoked})


def feed(name: str, known_etag: str) -> Answer:
    """A feed by the last part of its address; 304 where who asks has it already. Raises NotFound, RateLimited."""
    secret, dot, ending = name.partition(".")
    if not _TOKEN.fullmatch(secret) or f"{dot}{ending}" not in ("", ".ics"):
        raise NotFound()
    shown = cast(dict[str, Any] | None, database.as_service().call("calendar_feed", p_token_hash=_hash(secret)))
    if shown is None:
        raise NotFound()
    if "retry_after" in shown:
        raise RateLimited(retry_after=int(shown["retry_after"]))
    bookings, portal_url = shown["bookings"], settings.load(settings.Addresses).portal_url
    etag = f'"{_hash(f"{_EDITION} {portal_url} {bookings!r}")[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, max-age=300", "Content-Type": _CALENDAR}
    if etag in {one.strip().removeprefix("W/") for one in known_etag.split(",")}:
        return Answer(status=304, body=b"", headers=headers)
    from shared import ical

    entries = (calendar_entries.entry(booking, portal_url) for booking in bookings)
    return Answer(body=ical.published(entries, name="Bookings", refresh=_REFRESH), headers=headers)


def _csv(pages: Iterator[_Rows], bom: bool) -> Iterator[bytes]:
    yield csv_export.header(bom)
    for rows in pages:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield csv_export.lines(rows[start : start + _ROWS_AT_ONCE])
        del rows  # not beside the next page


def _ahead(pages: Iterator[_Rows]) -> Iterator[_Rows]:
    """The same pages, each asked for while the one before it is written."""
    from concurrent.futures import ThreadPoolExecutor

    def following() -> _Rows | None:
        return next(pages, None)

    same_trace = contextvars.copy_context()
    with ThreadPoolExecutor(1) as thread:
        page = thread.submit(same_trace.run, following)
        while (rows := page.result()) is not None:
            page = thread.submit(same_trace.run, following)
            yield rows
            del rows


def _pages(token: str, wanted: Csv) -> Iterator[_Rows]:
    cursor: str | None = None
    ids = None if wanted.booking_ids is None else [str(booking_id) for booking_id in wanted.booking_ids]
    while True:
        page = _page(token, wanted, cast(JsonValue, ids), cursor)
        # An answer of httpx is a cycle: its bytes, a megabyte, would stay until Python looks through all it has.
        gc.collect(1)
        cursor = page["cursor"]
        yield page.pop("rows")
        if cursor is None:
            return


def _page(token: str, wanted: Csv, ids: JsonValue, cursor: str | None) -> dict[str, Any]:
    """One page; a hiccup on the way is no reason to begin the whole file again."""

    def ask() -> dict[str, Any]:
        page = database.as_user(token).call(
            "export_page", p_filters=wanted.filters, p_booking_ids=ids, p_cursor=cursor, p_time_zone=wanted.time_zone
        )
        return cast(dict[str, Any], page)

    for pause in _PAUSES:
        try:
            return ask()
        except Unavailable:
            time.sleep(pause)
    return ask()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
