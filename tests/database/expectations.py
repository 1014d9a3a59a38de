"""Words for stories told by hand: reports with as little in them as the story needs, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from shared.booking import BookingChange, Host, Person
from tests.database.life import DAWN, MEETINGS
from tests.database.model_people import identity
from tests.database.recorded import View

Seen = Callable[..., list[View]]  # reports → the bookings that people see


def clock(hour: float) -> datetime:
    """A time of meeting, so many hours after the first one."""
    return MEETINGS + timedelta(hours=hour)


def tell(trigger: str, uid: str | None, *people: Person, hour: float = 0, **words: Any) -> BookingChange:
    """A report; those of one story are said a minute after each other, in the order in which they are written."""
    said = {
        "trigger": trigger,
        "at": DAWN + timedelta(minutes=next(_minutes)),
        "uid": uid,
        "starts_at": clock(hour),
        "ends_at": clock(hour + 0.5),
        "people": people or None,
        "host": Host(name="Hanna", email="host@example.com"),
        "status": _USUAL.get(trigger, "accepted"),
    }
    return BookingChange.model_validate(said | words)


def answer(uid: str, *people: Person, **words: Any) -> BookingChange:
    """What Cal.com's API says."""
    return tell("API", uid, *people, **words)


def again(change: BookingChange, minutes: float = 60) -> BookingChange:
    """The same words, sent once more."""
    return change.model_copy(update={"at": change.at + timedelta(minutes=minutes)})


def in_seat(person: Person, seat: str) -> Person:
    return person.model_copy(update={"seat": seat})


def attending(booking: View) -> dict[str, str]:
    """Who takes part, and as what."""
    return {person["email"] or person["phone"]: person["role"] for person in booking["people"] if person["role"]}


def gone(booking: View) -> set[str]:
    return {person["email"] or person["phone"] for person in booking["people"] if not person["role"]}


def letters(*bookings: View) -> dict[str, str]:
    """The kind of message that waits for each person, over one or several bookings."""
    waiting = [m for booking in bookings for m in booking["messages"] if m["status"] == "planned"]
    assert len(waiting) == len({m["recipient"] for m in waiting}), "one person, two messages"
    return {message["recipient"]: message["kind"] for message in waiting}


def names(*people: Person) -> set[str]:
    return {identity(person) for person in people}


_minutes = count()
_USUAL = {
    "REQUESTED": "pending",
    "CANCELLED": "cancelled",
    "REJECTED": "rejected",
    "PAYMENT_INITIATED": "accepted",
}
