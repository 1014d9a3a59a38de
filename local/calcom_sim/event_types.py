"""What can be booked: the people of the house and their event types, one for each way that Cal.com books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

TEAM_ID = 77
TEAM_NAME = "Example House"
TEAM_SLUG = "example-house"
VIDEO = "integrations:daily"  # Cal Video; Cal.com makes the meeting's URL itself
ATTENDEE_PHONE = "phone"  # the booker's own number becomes the place
IN_PERSON = "inPerson"


@dataclass(frozen=True)
class Host:
    """A member of the house. Working hours are Monday to Friday in `time_zone`."""

    id: int
    name: str
    email: str
    username: str
    time_zone: str  # IANA name
    locale: str = "en"
    opens: time = time(9)
    closes: time = time(17)


@dataclass(frozen=True)
class Field:
    """A question of the organiser's own on the booking form."""

    slug: str
    label: str
    required: bool = False


@dataclass(frozen=True)
class EventType:
    """One bookable kind of meeting. `price` is in minor units; `seats` and `weeks` are None where they do not apply."""

    id: int
    slug: str
    title: str
    description: str
    minutes: int
    hosts: tuple[Host, ...]
    location: str = VIDEO
    address: str | None = None
    scheduling: str | None = None  # COLLECTIVE, ROUND_ROBIN, or None for one person's own type
    requires_confirmation: bool = False
    seats: int | None = None
    show_attendees: bool = True
    weeks: int | None = None  # how many weekly occurrences a series has at most
    price: int = 0
    currency: str = "eur"
    notice: int = 0  # minutes between booking and start, at least
    hide_host_email: bool = False
    fields: tuple[Field, ...] = ()

    @property
    def host(self) -> Host:
        return self.hosts[0]

    @property
    def team(self) -> bool:
        return self.scheduling is not None

    @property
    def recurrence(self) -> dict[str, int] | None:
        """Cal.com's own notation: frequency 2 is weekly."""
        return None if self.weeks is None else {"freq": 2, "count": self.weeks, "interval": 1}


def catalogue(host_email: str) -> tuple[EventType, ...]:
    """The event types, all led by the person with `host_email`; the two team types have a second host."""
    host = Host(11, "Hanna Host", host_email, host_email.partition("@")[0], "Europe/Berlin")
    colleague = Host(12, "Colin Colleague", "colleague@example.com", "colin", "Europe/London")
    return (
        EventType(
            101,
            "consultation",
            "Consultation",
            "A first talk about your plans.",
            30,
            (host,),
            fields=(Field("topic", "What is it about?"),),
        ),
        EventType(
            102, "interview", "Interview", "Held when we have agreed to it.", 45, (host,), requires_confirmation=True
        ),
        EventType(
            103, "workshop", "Workshop", "A small group at one table.", 60, (host,), seats=4, show_attendees=False
        ),
        EventType(104, "coaching", "Coaching", "The same hour each week.", 30, (host,), weeks=6),
        EventType(105, "deep-dive", "Deep dive", "Paid in advance.", 60, (host,), price=9000),
        EventType(106, "call", "Phone call", "We ring you.", 15, (host,), location=ATTENDEE_PHONE),
        EventType(
            107,
            "studio-visit",
            "Studio visit",
            "Come and see us.",
            60,
            (host,),
            location=IN_PERSON,
            address="Studio 4, 12 Harbour Street, Hamburg",
            hide_host_email=True,
        ),
        EventType(108, "panel", "Panel", "Both of us at once.", 45, (host, colleague), scheduling="COLLECTIVE"),
        EventType(109, "open-desk", "Open desk", "Whoever is free.", 30, (host, colleague), scheduling="ROUND_ROBIN"),
        EventType(
            110,
            "assessment",
            "Assessment",
            "Paid in advance, held when we have agreed to it.",
            60,
            (host,),
            price=15000,
            requires_confirmation=True,
        ),
    )
