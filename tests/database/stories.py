"""Life stories of bookings: what happens to them, in the words of the reports that tell of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

from shared.booking import BookingChange, Host, Person
from tests.database.life import ANA, BEN, CLEO, CLIENTS, COHOST, DAN, MEETINGS, PHONE, PLACES, Life, Row


def chain(life: Life) -> None:
    """Booked, changed and moved a few times, perhaps ended, perhaps moved again after that."""
    row = life.book(some(life, CLIENTS))
    life.say("CREATED", row, **team(life))
    for _ in range(life.random.randrange(4)):
        row = life.random.choice((moved, moved, moved_awaiting, relocated, reassigned, other_guests, asked))(life, row)
        looked_at(life, row)
    over = life.random.randrange(4)
    if over == 0:
        cancelled(life, row)
    elif over == 1:
        life.say("CANCELLED", row, reschedule_requested=True, reason="Please reschedule. I am ill", by="staff")
        if life.maybe(0.6):
            moved(life, replace(row, status="cancelled"))


def confirmation(life: Life) -> None:
    """An event that the host has to accept."""
    row = life.book(some(life, CLIENTS), status="pending", needs_confirmation=True)
    life.say("REQUESTED", row)
    if life.maybe(0.3):
        row = moved_awaiting(life, row)
    looked_at(life, row)
    answer = life.random.randrange(4)
    if answer < 2:
        row = replace(row, status="accepted")
        life.say("CREATED", row)
        row = life.random.choice((moved, moved_awaiting, relocated))(life, row)
    elif answer == 2:
        life.say("REJECTED", replace(row, status="rejected"), reason="Not this week", by="staff")
    looked_at(life, row)


def paid(life: Life) -> None:
    """An event that costs: Cal.com says ACCEPTED before the money is there."""
    row = life.book(some(life, CLIENTS), needs_confirmation=life.maybe(0.4))
    life.say("PAYMENT_INITIATED", row)
    if life.maybe(0.7):
        life.say("PAID", row, status="pending" if row.needs_confirmation and life.maybe(0.5) else "accepted")
        life.say("REQUESTED" if row.needs_confirmation else "CREATED", row)
        if row.needs_confirmation and life.maybe(0.5):
            life.say("CREATED", row)
    looked_at(life, replace(row, status="pending") if life.maybe(0.5) else row)
    if life.maybe(0.3):
        cancelled(life, row)


def seated(life: Life) -> None:
    """Two slots of one event: seats are taken, given back, taken again, and moved from slot to slot."""
    slots = [life.book((), seats=5), life.book((), seats=5)]
    for _ in range(life.random.randrange(1, 8)):
        here = life.random.randrange(2)
        slots[here], slots[1 - here] = life.random.choice((joined, joined, left, seat_moved, seats_read))(
            life, slots[here], slots[1 - here]
        )
    if slots[0].people and life.maybe(0.3):
        life.say("CANCELLED", slots[0], by="staff")


def series(life: Life) -> None:
    """A recurring event, cancelled from somewhere on, with or without the name of the series."""
    name = f"series{life.number()}"
    first = life.book(some(life, (ANA, BEN)), series=name, starts_at=MEETINGS)
    rows = [first]
    for week in range(1, life.random.randrange(2, 4)):
        rows.append(life.book(first.people, series=name, starts_at=MEETINGS + timedelta(weeks=week)))
    for row in rows:
        life.say("CREATED", row, ical_uid=first.ical_uid, **({"series": None} if life.maybe(0.1) else {}))
    if life.maybe(0.3):
        place = life.random.randrange(len(rows))
        rows[place] = moved(life, rows[place])
    if life.maybe(0.8):
        words = {"series": None} if life.maybe(0.2) else {}
        life.say("CANCELLED", life.random.choice(rows), reason=life.random.choice((None, "No more")), **words)
    for row in rows:
        looked_at(life, row)


def fork(life: Life) -> None:
    """One booking moved twice from two open pages, and one of the two given up."""
    row = life.book(some(life, (ANA, BEN)))
    life.say("CREATED", row)
    ways = [moved(life, row), moved(life, row)]
    if life.maybe(0.7):
        cancelled(life, life.random.choice(ways))
    if life.maybe(0.3):
        moved(life, life.random.choice(ways))


def found_to_be_one(life: Life) -> None:
    """Two bookings known apart, until the API or a shared iCalUID tells that they are one."""
    row = life.book(some(life, (ANA, BEN)))
    other = life.successor(row, origin=None, ical_uid=f"other{life.number()}@Cal.com")
    life.say("CREATED", row, ical_uid=row.ical_uid)
    life.say("CREATED", other, ical_uid=other.ical_uid)
    if life.maybe(0.5):
        cancelled(life, other)
    for _ in range(life.random.randrange(3)):
        row = life.random.choice((relocated, moved, other_guests))(life, row)
    joint = life.random.randrange(3)
    if joint == 0:
        life.read(other, rescheduled_from_uid=row.uid)
    elif joint == 1:
        life.read(row, rescheduled_to_uid=other.uid)
    else:
        life.read(other, ical_uid=row.ical_uid)


PLOTS: tuple[Callable[[Life], None], ...] = (chain, confirmation, paid, seated, series, fork, found_to_be_one)


# What happens to one booking: each says it, and gives the row as it is afterwards.


def moved(life: Life, row: Row) -> Row:
    new = life.successor(row, status="accepted")
    life.say("RESCHEDULED", new, by=life.random.choice((None, "client", "staff")))
    return new


def moved_awaiting(life: Life, row: Row) -> Row:
    """A move that the host has to accept; the newer senders do not say what it replaces."""
    new = life.successor(row, status="pending", needs_confirmation=True)
    life.say("REQUESTED", new, **({"rescheduled_from_uid": None} if life.maybe(0.3) else {}))
    answer = life.random.randrange(3)
    if answer == 0:
        life.say("REJECTED", replace(new, status="rejected"), reason="No", by="staff")
    elif answer == 1:
        new = replace(new, status="accepted")
        life.say("CREATED", new)
    return new


def relocated(life: Life, row: Row) -> Row:
    new = replace(row, place=life.random.choice(PLACES))
    life.say("LOCATION_UPDATED", new)
    return new


def reassigned(life: Life, row: Row) -> Row:
    new = replace(row, host=life.random.choice(("second@example.com", "third@example.com")))
    life.say("REASSIGNED", new, **team(life))
    return new


def other_guests(life: Life, row: Row) -> Row:
    new = replace(row, people=(row.people[0], *some(life, [p for p in CLIENTS if p != row.people[0]])))
    if life.maybe(0.5):
        return moved(life, new)
    life.read(new)
    return new


def asked(life: Life, row: Row) -> Row:
    """Entries of the timeline, and little changes that an API answer brings."""
    if life.maybe(0.5):
        absent = tuple(Person(email=p.email, phone=p.phone, absent=life.maybe(0.7)) for p in row.people)
        life.said.append(BookingChange(trigger="NO_SHOW", at=life.now, uid=row.uid, people=absent))
        life.now += timedelta(seconds=1)
    if life.maybe(0.5):
        life.said.append(BookingChange(trigger="STARTED", at=life.now, uid=row.uid, calcom_id=row.number))
        life.now += timedelta(seconds=1)
    if life.maybe(0.3):
        life.read(row, host=Host(name="Hanna", email=row.host, hidden=True), description="Bring papers")
    return row


def cancelled(life: Life, row: Row) -> None:
    life.say("CANCELLED", row, reason=life.random.choice((None, "Ill")), by=life.random.choice((None, "client")))


def looked_at(life: Life, row: Row) -> None:
    """API answers: of now, of a while ago, or of a booking that has a successor by now."""
    if life.maybe(0.25):
        life.read(row)
    if row.origin is not None and life.maybe(0.25):
        moved_away = {"status": "cancelled", "rescheduled_to_uid": row.uid} if life.maybe(0.7) else {}
        life.read(row.origin, **moved_away)


# What happens between two seated bookings.


def joined(life: Life, slot: Row, other: Row) -> tuple[Row, Row]:
    taken = {p.email for p in slot.people}
    free = [p for p in (ANA, BEN, CLEO, DAN, PHONE) if p.email not in taken]
    if not free:
        return slot, other
    person = life.seat(life.random.choice(free))
    slot = replace(slot, people=(*slot.people, person))
    life.say("CREATED", slot, booker=None, **({"people": (person,)} if life.maybe(0.7) else {}))
    return slot, other


def left(life: Life, slot: Row, other: Row) -> tuple[Row, Row]:
    if not slot.people:
        return slot, other
    person = life.random.choice(slot.people)
    gone = person if life.maybe(0.5) else person.model_copy(update={"seat": None})
    life.say("CANCELLED", slot, people=(gone,), booker=None, reason=life.random.choice((None, "Ill")))
    return replace(slot, people=tuple(p for p in slot.people if p != person)), other


def seat_moved(life: Life, slot: Row, other: Row) -> tuple[Row, Row]:
    if not slot.people:
        return slot, other
    person = life.random.choice(slot.people)
    arrived = life.random.choice((person, life.seat(person), person.model_copy(update={"seat": None})))
    stayed = tuple(p for p in slot.people if p != person)
    other = replace(other, people=(*(p for p in other.people if p.email != person.email), arrived))
    old = life.random.choice((slot.uid, person.seat, None))
    words = {"rescheduled_from_uid": old, "rescheduled_from_id": slot.number if life.maybe(0.5) else None}
    life.say("RESCHEDULED", other, booker=None, people=(arrived,), **words)
    return replace(slot, people=stayed), other


def seats_read(life: Life, slot: Row, other: Row) -> tuple[Row, Row]:
    people = slot.people[1:] if life.maybe(0.3) else slot.people
    if people:
        life.read(replace(slot, people=people), **({"status": "cancelled"} if life.maybe(0.1) else {}))
    return slot, other


def some(life: Life, people: tuple[Person, ...] | list[Person]) -> list[Person]:
    return life.random.sample(list(people), life.random.randrange(1, min(3, len(people)) + 1))


def team(life: Life) -> dict[str, tuple[str, ...]]:
    return {"team": (COHOST,)} if life.maybe(0.3) else {}


def story(random: Random, plots: int = 2) -> list[BookingChange]:
    """The reports of a few lives at once, in the order in which they were said."""
    life = Life(random)
    for _ in range(random.randrange(1, plots + 1)):
        random.choice(PLOTS)(life)
    return life.said
