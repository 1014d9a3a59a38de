"""A booking as SQL hands it out → the entry that stands for it in its owner's calendar."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from shared.place import Place, place, web_address
from shared.untrusted import mail_address, one_line, paragraphs
from shared.wording import Catalogue, catalogue

if TYPE_CHECKING:
    from shared.ical import Entry, Status

_STATUS: dict[str, Status] = {
    "pending": "TENTATIVE",
    "awaiting_payment": "TENTATIVE",
    "confirmed": "CONFIRMED",
    "cancelled": "CANCELLED",
    "rejected": "CANCELLED",
}


def entry(booking: Mapping[str, JsonValue], portal_url: str) -> Entry:
    """The entry, with the texts of the files that messages carry, in English: a feed has many readers and no locale.

    Who was removed from a booking gets it without its place, host and description. What has ended keeps neither its
    agenda nor the way into a meeting that does not take place.
    """
    from shared.ical import Entry  # loads icalendar: not before there is something to write

    words = catalogue("en")
    status = _STATUS[_text(booking, "status")]
    ended = status == "CANCELLED"
    location, meeting_url = _text(booking, "location"), _text(booking, "meeting_url")
    join_url = "" if ended else _joinable(meeting_url) or _joinable(location)
    page = f"{portal_url.rstrip('/')}/bookings/{_text(booking, 'id')}"
    agenda = () if ended else paragraphs(_text(booking, "description"), 3000)
    return Entry(
        uid=one_line(_text(booking, "ical_uid"), 1000),
        sequence=_number(booking, "revision"),
        status=status,
        stamp=_time(booking, "updated_at"),
        starts_at=_time(booking, "starts_at"),
        ends_at=_time(booking, "ends_at"),
        summary=one_line(_text(booking, "title"), 200) or words["subject"]["untitled"],
        description=_description(agenda, join_url, page, words),
        location=_location(place(location, meeting_url), join_url, words),
        meeting_url=join_url,
        url=page,
        contact=_contact(_text(booking, "host_name"), _text(booking, "host_email")),
    )


def _joinable(url: str) -> str:
    """The URL if a browser may be sent there and nothing invisible is in it, else ""."""
    return web_address(url) if url.isprintable() else ""


def _description(agenda: tuple[str, ...], join_url: str, page: str, words: Catalogue) -> str:
    """The agenda, and the links once more in words: many calendars show neither CONFERENCE nor URL."""
    colon = words["signs"]["colon"]
    parts = ["\n".join(agenda)] if agenda else []
    if join_url:
        parts.append(f"{words['facts']['join']}{colon}{join_url}")
    parts.append(f"{words['buttons']['view']}{colon}{page}")
    return "\n\n".join(parts)


def _location(where: Place | None, join_url: str, words: Catalogue) -> str:
    """An address or a number as it is; of a meeting online its URL, which most calendars make a link of."""
    if where is None:
        return ""
    if join_url and not where.href:
        return join_url
    return words["places"][where.key] if where.key else one_line(where.name, 300)


def _contact(name: str, address: str) -> str:
    """The host, if clients may see how to reach them."""
    return ", ".join(filter(None, (one_line(name, 120), mail_address(address)))) if address else ""


def _text(booking: Mapping[str, JsonValue], key: str) -> str:
    value = booking.get(key)
    return value if isinstance(value, str) else ""


def _number(booking: Mapping[str, JsonValue], key: str) -> int:
    value = booking.get(key)
    return value if isinstance(value, int) else 0


def _time(booking: Mapping[str, JsonValue], key: str) -> datetime:
    """A moment as Postgres writes it, in JSON or as text, in whatever zone its session has. Without one it is UTC."""
    moment = datetime.fromisoformat(_text(booking, key))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
