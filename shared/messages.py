"""A claimed notification → the e-mail or the text message to send.

Pure and deterministic: the same row gives the same bytes, whenever and wherever it is rendered, because a provider
refuses a second try whose body differs. No clock, no randomness. What costs time to import (Babel, Jinja, icalendar)
is imported by the first message that needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shared.letter import Letter, Links, compose
from shared.notification import CalendarEntry, Claimed
from shared.text_message import body
from shared.untrusted import mail_address, one_line

if TYPE_CHECKING:
    from jinja2 import Environment, Template

__all__ = ["Attachment", "Claimed", "Email", "Links", "Text", "render"]


class Attachment(NamedTuple):
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Email:
    """One mail to one address. Every header value is a single line."""

    to: str
    from_: str
    subject: str
    html: str
    text: str
    reply_to: str | None  # the host
    headers: dict[str, str]
    attachments: tuple[Attachment, ...]
    tags: tuple[dict[str, str], ...]  # [{"name", "value"}], as the provider's receipts give them back


@dataclass(frozen=True)
class Text:
    """One text message to one number (E.164)."""

    to: str
    body: str


def render(claimed: Claimed, links: Links) -> Email | Text:
    """The message for one row of `claim_notifications`."""
    if claimed.channel == "sms":
        return Text(to=claimed.recipient, body=body(claimed, links))
    letter = compose(claimed, links)
    return Email(
        to=claimed.recipient,
        from_=links.from_,
        subject=letter.subject,
        html=_template("email.html").render(letter=letter),
        text=_template("email.txt").render(letter=letter),
        reply_to=mail_address(claimed.booking.reply_to) or None,
        headers={
            "List-Unsubscribe": f"<{links.unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        attachments=(_calendar_file(claimed, claimed.calendar, letter, links),) if claimed.calendar else (),
        tags=({"name": "notification_id", "value": str(claimed.id)}, {"name": "kind", "value": claimed.kind}),
    )


def _calendar_file(claimed: Claimed, entry: CalendarEntry, letter: Letter, links: Links) -> Attachment:
    from shared.ical import Invitation, calendar_file, content_type

    facts, colon, booking = letter.words["facts"], letter.words["signs"]["colon"], claimed.booking
    description = ["\n".join(letter.agenda)] if letter.agenda else []
    if letter.meeting_url:
        description.append(f"{facts['join']}{colon}{letter.meeting_url}")
    description.append(f"{letter.words['buttons']['view']}{colon}{letter.page}")
    host = one_line(booking.host_name, 120)
    invitation = Invitation(
        method=entry.method,
        uid=one_line(entry.uid, 1000),
        sequence=entry.sequence,
        stamp=entry.stamp,
        starts_at=entry.starts_at,
        ends_at=entry.ends_at,
        summary=letter.title,
        organizer=parseaddr(links.from_)[1],
        organizer_name=host,
        attendee=claimed.recipient,
        attendee_name=one_line(claimed.attendee.name, 120),
        accepted=claimed.attendee.role != "guest",
        description="\n\n".join(description),
        location=letter.location,
        meeting_url=letter.meeting_url,
        url=letter.page,
        contact=", ".join(filter(None, (host, mail_address(booking.host_email)))) if booking.host_email else "",
    )
    filename = "cancel.ics" if entry.method == "CANCEL" else "invite.ics"
    return Attachment(filename, content_type(entry.method), calendar_file(invitation))


def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
