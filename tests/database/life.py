"""A small Cal.com that lives through what it is told to, and says so in reports as real ones do: with gaps and quirks.

Everything is drawn from a `Random`, so a seed, or hypothesis, decides a whole life.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from shared.booking import BookingChange, Host, Person, Status

DAWN = datetime(2026, 1, 5, 8, tzinfo=UTC)  # when the first report is sent
MEETINGS = datetime(2090, 1, 2, 9, tzinfo=UTC)  # always in the future, so that "started" never decides
PLACES = ("https://meet.example/room-1", "https://meet.example/room-2", "integrations:daily", "Main Street 1")
ANA, BEN, CLEO, DAN = (
    Person(email=f"{name}@example.com", name=name.title(), time_zone=zone, locale=locale)
    for name, zone, locale in (
        ("ana", "Europe/Madrid", "es"),
        ("ben", "Europe/Berlin", "de"),
        ("cleo", "America/New_York", "en"),
        ("dan", "Asia/Tokyo", "en"),
    )
)
PHONE = Person(phone="+4915112345678", name="Phil")
COHOST = "cohost@example.com"
CLIENTS = (ANA, BEN, CLEO, DAN, PHONE)


@dataclass(frozen=True)
class Row:
    """A booking as Cal.com stores it."""

    uid: str
    number: int
    ical_uid: str
    starts_at: datetime
    people: tuple[Person, ...]
    host: str = "host@example.com"
    place: str = PLACES[0]
    status: Status = "accepted"
    needs_confirmation: bool = False
    seats: int | None = None
    series: str | None = None
    origin: Row | None = None  # what it was moved from
    successor: str | None = None


@dataclass
class Life:
    random: Random
    said: list[BookingChange] = field(default_factory=list)
    now: datetime = DAWN
    count: int = 0

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def number(self) -> int:
        self.count += 1
        return self.count

    def book(self, people: Sequence[Person], **facts: Any) -> Row:
        number = self.number()
        start = MEETINGS + timedelta(hours=self.random.randrange(8))
        facts.setdefault("starts_at", start)
        facts.setdefault("ical_uid", f"u{number}@Cal.com")
        return Row(f"u{number}", 100 + number, people=tuple(people), **facts)

    def successor(self, row: Row, **facts: Any) -> Row:
        """The row that a move of `row` makes."""
        moved = row.starts_at + timedelta(minutes=15 * self.random.randrange(1, 9))
        return self.book(
            **{
                **{name: getattr(row, name) for name in row.__dataclass_fields__ if name not in ("uid", "number")},
                "starts_at": moved,
                "origin": row,
                **facts,
            }
        )

    def seat(self, person: Person) -> Person:
        number = self.number()
        return person.model_copy(update={"seat": f"seat{number}", "row": 1000 + number})

    def say(self, trigger: str, row: Row, **words: Any) -> None:
        """One webhook or API answer about `row` as it is now; `words` are what this report says otherwise."""
        self.now += timedelta(seconds=self.random.randrange(1, 40))
        change = BookingChange.model_validate({"trigger": trigger, "at": self.now, **self.facts(trigger, row), **words})
        if change.uid is None and change.calcom_id is None:
            change = change.model_copy(update={"uid": row.uid})
        same = {"trigger", *BookingChange.model_fields} - {"at"}
        # What equals an earlier report in all but its time is ambiguous by nature: re-sent, or really again?
        if not any(change.model_dump(include=same) == earlier.model_dump(include=same) for earlier in self.said):
            self.said.append(change)

    def facts(self, trigger: str, row: Row) -> dict[str, Any]:
        """What a report of this kind says of a row."""
        words: dict[str, Any] = {
            "uid": row.uid,
            "calcom_id": row.number,
            "ical_uid": row.ical_uid,
            "status": row.status,
            "starts_at": row.starts_at,
            "ends_at": row.starts_at + timedelta(minutes=30),
            "title": f"Talk with {row.people[0].name}" if row.people else "Talk",
            "event_type_id": 7,
            "event_type_slug": "talk",
            "event_type_title": "Talk",
            "location": row.place,
            "host": Host(name="Hanna", email=row.host, time_zone="Europe/Berlin"),
            "people": row.people or None,
            "booker": (row.people[0].email or row.people[0].phone) if row.people else None,
            "requires_confirmation": row.needs_confirmation or None,
            "seated": row.seats is not None,
            "seats": row.seats,
            "recurring": row.series is not None,
            "series": row.series,
        }
        if row.place == "integrations:daily" and trigger not in ("CANCELLED", "REJECTED"):
            words["meeting_url"] = f"https://daily.example/{row.uid}"
        if row.origin is not None and trigger in ("REQUESTED", "RESCHEDULED", "API"):
            words["rescheduled_from_uid"] = row.origin.uid
            if trigger != "API":
                words["rescheduled_from_id"] = row.origin.number
                words["rescheduled_from_starts_at"] = row.origin.starts_at
        if trigger == "API":
            words |= {"calcom_id": row.number, "rescheduled_to_uid": row.successor, "updated_at": self.now}
        elif trigger in ("CANCELLED", "REJECTED"):
            words |= {"status": trigger.lower(), "event_type_title": None}
        return self.forget(trigger, words)

    def forget(self, trigger: str, words: dict[str, Any]) -> dict[str, Any]:
        """Real bodies leave out now this, now that."""
        gaps: dict[str, float] = {
            "ical_uid": 0.3,
            "calcom_id": 0.15,
            "event_type_id": 0.1,
            "event_type_slug": 0.1,
            "event_type_title": 0.3,
            "location": 0.1,
            "booker": 0.3,
            "host": 0.05,
            "title": 0.05,
            "rescheduled_from_id": 0.4,
            "rescheduled_from_starts_at": 0.4,
            "updated_at": 0.3,
        }
        if words.get("calcom_id") is not None and trigger != "API":
            gaps["uid"] = 0.06
        if words.get("rescheduled_from_id") is not None:
            gaps["rescheduled_from_uid"] = 0.1
        left = {name: word for name, word in words.items() if not self.maybe(gaps.get(name, 0))}
        if left.get("uid") is None and words.get("calcom_id") is not None:
            left["calcom_id"] = words["calcom_id"]
        if left.get("rescheduled_from_uid") is None and words.get("rescheduled_from_id") is not None:
            left["rescheduled_from_id"] = words["rescheduled_from_id"]
        if left.get("people") and self.maybe(0.3):
            left["people"] = tuple(self.sketch(person) for person in left["people"])
        return left

    def sketch(self, person: Person) -> Person:
        """A person of whom a report says less, or a little more."""
        change: Callable[[], dict[str, Any]] = self.random.choice(
            (
                lambda: {"locale": None},
                lambda: {"time_zone": None, "name": None},
                lambda: {"responses": {"topic": self.random.choice(("tea", "taxes"))}},
                lambda: {"phone": person.phone or "+4915198765432"},
            )
        )
        return person.model_copy(update=change())

    def read(self, row: Row, **words: Any) -> None:
        """An API answer; co-hosts stand among its attendees."""
        people = row.people
        if self.maybe(0.3):
            people = (*people, Person(email=row.host, name="Hanna"))
        if self.maybe(0.2):
            people = (*people, Person(email=COHOST, name="Co"))
        self.say("API", replace(row, people=people), **{"booker": None, "team": (), **words})
