"""Text that strangers typed (names, titles, reasons), made fit for a subject, a page or a calendar.

Escaping is the business of whoever prints it (the templates, icalendar). Here goes what no escaping cures: control
characters, newlines where one line is meant, marks that reverse the text around them, endless length.
"""

from __future__ import annotations

import re
import unicodedata

# Bidirectional marks, embeddings, overrides and isolates (Unicode UAX #9), byte order mark.
_INVISIBLE = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
# C0 and C1 controls, noncharacters, surrogates that lost their half.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff]")
_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_ADDRESS = re.compile(r"[^@\s<>,;:\"()\\]+@[^@\s<>,;:\"()\\]+")
_JOINERS = "\u200d\ufe0e\ufe0f"


def one_line(text: str | None, limit: int) -> str:
    """The text on one line, of at most `limit` characters."""
    return shorten(" ".join(_without_marks(text or "").split()), limit)


def paragraphs(text: str | None, limit: int) -> tuple[str, ...]:
    """The lines of a longer text, without blank ends and with at most one empty line in a row."""
    lines: list[str] = []
    for raw in _BREAK.split(shorten(_without_marks(text or "").strip(), limit)):
        line = " ".join(raw.split())
        if line or (lines and lines[-1]):
            lines.append(line)
    return tuple(lines)


def mail_address(text: str | None) -> str:
    """The address if it is a plain one, fit for a header or a link, else ""."""
    address = (text or "").strip()
    return address if _ADDRESS.fullmatch(address) and address.isprintable() else ""


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; what is cut is marked by an ellipsis and never splits an emoji or an accent."""
    if len(text) <= limit:
        return text
    end = max(limit - 1, 0)
    while end > 0 and _belongs_together(text[end - 1], text[end]):
        end -= 1
    return text[:end].rstrip() + "…"


def _without_marks(text: str) -> str:
    return _CONTROL.sub("", _INVISIBLE.sub("", text))


def _belongs_together(before: str, after: str) -> bool:
    is_flag = "\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff"
    is_skin_tone = "\U0001f3fb" <= after <= "\U0001f3ff"
    return before == "\u200d" or after in _JOINERS or unicodedata.combining(after) != 0 or is_flag or is_skin_tone
