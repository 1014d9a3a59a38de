"""Bookings as CSV (RFC 4180, UTF-8) for a spreadsheet, in pieces that can be streamed.

The cells come as text from SQL, in the order of `HEADER`. Here they are kept from being read as formulas, quoted and
encoded. Reading back: a cell that begins with an apostrophe, and without it would still be one that `neutral` changes,
loses that one apostrophe; every other cell is what it says.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

HEADER: tuple[str, ...] = (
    "id",
    "status",
    "title",
    "event_type",
    "starts_at_utc",
    "ends_at_utc",
    "starts_at_local",
    "ends_at_local",
    "time_zone",
    "host_name",
    "host_email",
    "booker_name",
    "booker_email",
    "booker_phone",
    "attendees",
    "location",
    "meeting_url",
    "series_id",
    "cancellation_reason",
    "cancelled_by",
    "last_message",
    "created_at_utc",
    "updated_at_utc",
)
# Excel takes a file without this mark for the machine's old code page.
_BOM = b"\xef\xbb\xbf"

# OWASP's list ("CSV Injection"): = + - @, their full-width forms, tab, CR, LF. White space before them does not help:
# spreadsheets trim it. Apostrophes are passed over so that one that was typed can be told from ours. `|` is not on the
# list: it parts the program from its arguments within a DDE formula (=cmd|'/C calc'!A0), and begins none.
_FORMULA = re.compile(r"'*(?:\s*[=+\-@＝＋－＠]|[\t\r\n])")
# What a match can begin with: most cells are seen to be harmless by their first character alone.
_SUSPECT = frozenset("'=+-@＝＋－＠") | frozenset(filter(str.isspace, map(chr, range(0x3001))))


def header(bom: bool) -> bytes:
    """The first line; with the byte order mark where the file is for Excel."""
    return (_BOM if bom else b"") + lines([HEADER])


def lines(rows: Iterable[Sequence[str | None]]) -> bytes:
    """A line for each row, None as an empty cell."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [neutral(cell) if cell and cell[0] in _SUSPECT else cell for cell in row] for row in rows
    )
    return text.getvalue().encode()


def neutral(cell: str) -> str:
    """The cell, with one apostrophe before it if a spreadsheet could read it as a formula."""
    return "'" + cell if _FORMULA.match(cell) else cell
