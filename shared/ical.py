"""Calendar files, by RFC 5545, 5546 (iTIP), 6047 (iMIP) and 7986: the one of a message, and those a person takes away.

Choices:

- Times are UTC. Single events need no zone rules; every calendar shows UTC in its owner's zone, a VTIMEZONE is one more
  thing for it to get wrong, and the bytes do not change with the zone data of the machine.
- The bytes follow from the values alone (DTSTAMP is one of them): a second try of a message sends the same file, and a
  feed without news is the same file.

Of an invitation, one event for one recipient:

- The organizer is the address that sends the mail, under the host's name. iMIP binds the two together, and calendars
  refuse a change or a removal that comes from somebody else; so it must neither be a stranger to the mail nor change
  when the booking gets another host. The host's own address, where it may be seen, is the CONTACT.
- The only attendee is the recipient: nobody learns who else comes. Nobody is asked to answer: who booked has accepted.

A published file, any number of events for their owner, names neither organizer nor attendees. RFC 5546 3.2.1 would have
an organizer, but RFC 5545 3.8.4.3 forbids one where an event only stands on one person's calendar, which is what this
is; with one, calendars take their owner's own entries for somebody else's invitations. Both forbid attendees.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from icalendar import Calendar, Component, Conference, Event, vCalAddress, vDatetime, vDuration, vText, vUri
from icalendar.enums import PARTSTAT, ROLE

_INVITATIONS = "-//Booking calendar//Invitations//EN"
_BOOKINGS = "-//Booking calendar//Bookings//EN"
_LINE = 74  # octets: a folded line begins with a space more, and may have 75

Status = Literal["CONFIRMED", "TENTATIVE", "CANCELLED"]


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


@dataclass(frozen=True)
class Entry:
    """One booking as its owner's calendar shows it. Texts are plain; absent ones are ""."""

    uid: str
    sequence: int
    status: Status
    stamp: datetime  # when it last changed
    starts_at: datetime
    ends_at: datetime
    summary: str
    description: str = ""
    location: str = ""
    meeting_url: str = ""
    url: str = ""  # the booking's page
    contact: str = ""


def calendar_file(invitation: Invitation) -> bytes:
    """The file of a message: UTF-8, CRLF, lines folded at 75 octets, properties in one order."""
    event = _event(invitation, "CANCELLED" if invitation.method == "CANCEL" else "CONFIRMED")
    event.organizer = vCalAddress.new(invitation.organizer, cn=_name(invitation.organizer_name))
    event.add("attendee", _attendee(invitation))
    return _file(_calendar(_INVITATIONS, invitation.method), [event])


def published(entries: Iterable[Entry], *, name: str = "", refresh: timedelta | None = None) -> bytes:
    """The file that holds these entries, in their order (RFC 5546 3.2.1). Each UID stands in it once.

    `name`: what the calendar is called. `refresh`: how long a subscriber should wait before looking again. Both are
    written in the standard's words (RFC 7986 5.1, 5.7) and in those that Outlook and Apple's calendar know.
    """
    calendar = _calendar(_BOOKINGS, "PUBLISH")
    if name:
        calendar.add("name", _Text(name))
        calendar.add("x-wr-calname", _Text(name))
    if refresh:
        calendar.add("refresh-interval", vDuration(refresh, params={"VALUE": "DURATION"}))
        calendar.add("x-published-ttl", vDuration(refresh))
    return _file(calendar, map(_published_event, entries))


def content_type(method: str) -> str:
    """Outlook and Gmail act on the file only if the type names the same method as the file."""
    return f"text/calendar; charset=utf-8; method={method}"


class _Text(vText):
    """A text escaped by RFC 5545 3.3.11. The library itself would read a typed `\\N` as a line break."""

    def to_ical(self) -> bytes:
        escaped = self.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
        return escaped.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n").encode()


def _calendar(product: str, method: str) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", product)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    return calendar


def _published_event(entry: Entry) -> Event:
    event = _event(entry, entry.status)
    event.add("last-modified", _utc(entry.stamp))
    return event


def _event(entry: Invitation | Entry, status: Status) -> Event:
    """What every entry says, whoever it is for."""
    event = Event()
    start, end = entry.starts_at.astimezone(UTC), entry.ends_at.astimezone(UTC)
    event.add("uid", _Text(entry.uid))
    event.add("sequence", entry.sequence)
    event.add("dtstamp", _utc(entry.stamp))
    event.add("dtstart", _utc(start))
    if end > start:  # an end must be later; without one it ends as it starts (RFC 5545 3.6.1, 3.8.2.2)
        event.add("dtend", _utc(end))
    event.add("status", status)
    event.add("transp", "TRANSPARENT" if status == "CANCELLED" else "OPAQUE")
    event.add("summary", _Text(entry.summary))
    for name in ("description", "location", "contact"):
        if text := getattr(entry, name):
            event.add(name, _Text(text))
    if entry.url:
        event.add("url", vUri(entry.url))
    if entry.meeting_url:
        event.conferences = [Conference(entry.meeting_url, feature="VIDEO")]
    return event


def _utc(moment: datetime) -> vDatetime:
    return vDatetime(moment.astimezone(UTC))


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


def _file(calendar: Calendar, events: Iterable[Event]) -> bytes:
    """The calendar around its events, each written as soon as it is made: as objects, ten thousand take much memory."""
    opening, end = _written(calendar).rsplit(b"END:", 1)
    return b"".join([opening, *map(_written, events), b"END:", end])


def _written(component: Component) -> bytes:
    return b"".join(_folded(line) + b"\r\n" for line in component.content_lines(sorted=True) if line)


def _folded(line: str) -> bytes:
    """A content line folded as the library does it (RFC 5545 3.1), but not octet by octet, which took most of the time.

    No character is torn, nor an escape: some calendars read it before they unfold.
    """
    octets, parts, start = line.encode(), [], 0
    while len(octets) - start > _LINE:
        end = start + _LINE
        while octets[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        if octets[end - 1] in b"\\^":
            end -= 1
        parts.append(octets[start:end])
        start = end
    return b"\r\n ".join([*parts, octets[start:]])
