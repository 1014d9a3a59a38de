"""The calendar file of a message: one event for one recipient, by RFC 5545, 5546 (iTIP), 6047 (iMIP) and 7986.

Choices:

- Times are UTC. One event needs no zone rules; every calendar shows UTC in its owner's zone, a VTIMEZONE is one more
  thing for it to get wrong, and the bytes do not change with the zone data of the machine.
- The organizer is the address that sends the mail, under the host's name. iMIP binds the two together, and calendars
  refuse a change or a removal that comes from somebody else; so it must neither be a stranger to the mail nor change
  when the booking gets another host. The host's own address, where it may be seen, is the CONTACT.
- The only attendee is the recipient: nobody learns who else comes. Nobody is asked to answer: who booked has accepted.
- The bytes follow from the values alone (DTSTAMP is one of them), so a second try sends the same file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from icalendar import Calendar, Conference, Event, vCalAddress, vUri
from icalendar.enums import PARTSTAT, ROLE

_PRODUCT = "-//Booking calendar//Invitations//EN"


@dataclass(frozen=True)
class Invitation:
    """What a calendar is told. Texts are plain; absent ones are ""."""

    method: Literal["REQUEST", "CANCEL"]
    uid: str
    sequence: int
    stamp: datetime
    starts_at: datetime
    ends_at: datetime
    summary: str
    organizer: str  # the sender's address
    organizer_name: str
    attendee: str  # the recipient's address
    attendee_name: str
    accepted: bool  # the recipient has agreed to come
    description: str = ""
    location: str = ""
    meeting_url: str = ""
    url: str = ""  # the booking's page
    contact: str = ""


def calendar_file(invitation: Invitation) -> bytes:
    """The file: UTF-8, CRLF, lines folded at 75 octets, properties in one order."""
    event = Event()
    event.uid = invitation.uid
    event.sequence = invitation.sequence
    event.DTSTAMP = invitation.stamp
    event.DTSTART = invitation.starts_at
    event.DTEND = invitation.ends_at
    event.add("summary", invitation.summary)
    event.add("status", "CANCELLED" if invitation.method == "CANCEL" else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if invitation.method == "CANCEL" else "OPAQUE")
    event.organizer = vCalAddress.new(invitation.organizer, cn=_name(invitation.organizer_name))
    event.add("attendee", _attendee(invitation))
    for name in ("description", "location", "contact"):
        if text := getattr(invitation, name):
            event.add(name, text)
    if invitation.url:
        event.add("url", vUri(invitation.url))
    if invitation.meeting_url:
        event.conferences = [Conference(invitation.meeting_url, feature="VIDEO")]
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", invitation.method)
    calendar.add_component(event)
    written: bytes = calendar.to_ical(sorted=True)
    return written


def content_type(method: str) -> str:
    """Outlook and Gmail act on the file only if the type names the same method as the file."""
    return f"text/calendar; charset=utf-8; method={method}"


def _attendee(invitation: Invitation) -> vCalAddress:
    return vCalAddress.new(
        invitation.attendee,
        cn=_name(invitation.attendee_name),
        role=ROLE.REQ_PARTICIPANT,
        partstat=PARTSTAT.ACCEPTED if invitation.accepted else PARTSTAT.NEEDS_ACTION,
        rsvp=False,
    )


def _name(name: str) -> str | None:
    """A name fit for a parameter. There, unlike in a text, quotes cannot stand and backslashes are read in two ways."""
    return name.replace('"', "'").replace("\\", "/") or None
