"""People as webhook bodies write them: the organiser, who attends, the team."""

from __future__ import annotations

from datetime import datetime

from local.calcom_sim.event_types import Host
from local.calcom_sim.state import Attendee, Booking, Json
from local.calcom_sim.times import utc_offset


def organizer(host: Host, at: datetime) -> Json:
    """The host; `at` decides the offset of the zone."""
    return {
        "id": host.id,
        "name": host.name,
        "email": host.email,
        "username": host.username,
        "usernameInOrg": host.username,
        "timeZone": host.time_zone,
        "language": {"locale": host.locale},
        "timeFormat": "HH:mm",
        "utcOffset": utc_offset(host.time_zone, at),
    }


def attendee(person: Attendee, at: datetime, *, phone: bool = False, names: bool = True) -> Json:
    """Who attends, in a payload. `phone`: the number is there even when it is null; `names`: first and last apart."""
    written: Json = {"email": person.email, "name": person.name}
    if names:
        first, _, last = person.name.partition(" ")
        written |= {"firstName": "" if person.guest else first, "lastName": "" if person.guest else last}
    if phone or person.phone:
        written["phoneNumber"] = person.phone
    return written | {
        "timeZone": person.time_zone,
        "language": {"locale": person.locale},
        "utcOffset": utc_offset(person.time_zone, at),
    }


def attendee_row(person: Attendee, booking: Booking) -> Json:
    """Who attends, as a row of Cal.com's table."""
    return {
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "timeZone": person.time_zone,
        "phoneNumber": person.phone,
        "locale": person.locale,
        "bookingId": booking.id,
        "noShow": person.absent,
    }


def team_member(host: Host) -> Json:
    return {
        "id": host.id,
        "name": host.name,
        "email": host.email,
        "timeZone": host.time_zone,
        "phoneNumber": None,
        "language": {"locale": host.locale},
    }
