"""The sending side of the outbox, without a sender: claims, settles, and remembers what each person was told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, LiteralString
from uuid import UUID

from tests.database.model import Booking, World
from tests.database.model_messages import Truth, owed, truth
from tests.database.recorded import Connection, call

Who = tuple[UUID, str]  # a booking and the address, or the number, of somebody in it
STATES = {"requested": "pending", "confirmation": "confirmed", "rescheduled": "confirmed", "updated": "confirmed"}


@dataclass(frozen=True)
class Letter:
    """A message that left. `truth` is what the model held for true at that moment."""

    booking: UUID
    recipient: str
    ical_uid: str
    kind: str
    starts_at: datetime
    place: str | None
    method: str | None  # of its calendar file
    truth: Truth | None

    @property
    def who(self) -> Who:
        return self.booking, self.recipient

    @property
    def state(self) -> str:
        return STATES.get(self.kind, self.kind)


@dataclass
class Postbox:
    sql: Connection
    random: Random
    letters: dict[str, Letter] = field(default_factory=dict)  # by the id of the message, in the order of their leaving
    under_way: dict[str, str] = field(default_factory=dict)  # id → lease
    in_doubt: set[str] = field(default_factory=set)  # perhaps taken: to be posted once more, with the same bytes
    fallen: dict[str, Who] = field(default_factory=dict)  # claimed, and never posted
    clumsy: bool = True

    def __post_init__(self) -> None:
        self.sql.execute("update private.send_rates set rate = 1000000, tokens = 1000000")

    def claim(self, world: World) -> list[Letter]:
        """Take what is due. What was tried before, and is posted once more, is no new letter."""
        new = []
        for row in call(self.sql, "claim_notifications", 1000, 600, None):
            number = row["id"]
            self.fallen.pop(number, None)
            self.in_doubt.discard(number)
            if row["status"] != "sending":
                continue
            if number not in self.letters and self.random.random() < 0.1 * self.clumsy:
                self.fall(number, (UUID(row["booking_id"]), row["recipient"]))
                continue
            self.under_way[number] = row["lease"]
            bytes_ = {"lease": row["lease"], "batch_key": row["batch_key"], "payload": row["kind"]}
            call(self.sql, "store_payloads", json.dumps([bytes_]))
            if number not in self.letters:
                self.letters[number] = self.letter(row, world)
                new.append(self.letters[number])
        return new

    def fall(self, number: str, who: Who) -> None:
        """Whoever claimed this died before the bytes were stored, and so before the post; the lease has run out."""
        self.sql.execute("update private.outbox set try_at = now() where notification_id = %s", [number])
        self.fallen[number] = who

    def unsettled(self) -> set[str]:
        return {*self.under_way, *self.in_doubt}

    def settle_some(self) -> None:
        for number in [number for number in self.under_way if self.random.random() < 0.7]:
            self.settle(number, self.random.choice(("sent", "sent", "sent", "unknown", "refused", "retry")))

    def settle_all(self) -> None:
        for number in list(self.under_way):
            self.settle(number, "sent")

    def settle(self, number: str, outcome: str) -> None:
        """`retry`: perhaps taken, so the same bytes go once more; `refused`: certainly not, so it may be taken back."""
        result: dict[str, Any] = {"id": number, "lease": self.under_way.pop(number), "outcome": outcome}
        if outcome in ("refused", "retry"):
            result |= {"outcome": "retry", "retry_at": datetime.now(UTC).isoformat(), "rate_limited": True}
        if outcome == "refused":
            result["accepted"] = False
        call(self.sql, "settle_notifications", json.dumps([result]))
        [(status,)] = self.sql.execute("select status from notifications where id = %s", [number]).fetchall()
        if status == "sending":
            self.in_doubt.add(number)
        elif status not in ("unknown", "sent"):
            del self.letters[number]

    def owed(self, world: World) -> set[tuple[Who, str]]:
        """Who should be told what now, by the model; not before what is under way to them is settled."""
        waiting = {(self.survivor(self.letters[n].booking), self.letters[n].recipient) for n in self.unsettled()}
        found: set[tuple[Who, str]] = set()
        for identifier, booking in self.bookings(world).items():
            for name, person in booking.attendees.items():
                told = self.told(identifier, name)
                invited = [letter.method for letter in told if letter.method][-1:] == ["REQUEST"]
                kind = owed(truth(booking, person), told[-1].truth if told else None, person.moved, invited)
                if kind and not person.staff and (identifier, name) not in waiting:
                    found.add(((identifier, name), kind))
        return found

    def told(self, booking: UUID, name: str) -> list[Letter]:
        """What this person was told about this booking, by its present UID."""
        uid = self.ical_uids()[booking]
        return [letter for letter in self.all_told(booking, name) if letter.ical_uid == uid]

    def all_told(self, booking: UUID, name: str) -> list[Letter]:
        """What this person was told about this booking, and about those that turned out to be the same."""
        return [
            letter
            for letter in self.letters.values()
            if (self.survivor(letter.booking), letter.recipient) == (booking, name)
        ]

    def bookings(self, world: World) -> dict[UUID, Booking]:
        """The model's bookings by the ids that they have in the SQL."""
        heads = self.pairs("select uid, booking_id from private.booking_nodes where is_head")
        return {heads[booking.head]: booking for booking in world.bookings()}

    def ical_uids(self) -> dict[UUID, str]:
        return self.pairs("select id, ical_uid from bookings")

    def survivor(self, booking: UUID) -> UUID:
        """The booking that this one turned out to be."""
        aliases: dict[UUID, UUID] = self.pairs("select id, booking_id from private.booking_aliases")
        return aliases.get(booking, booking)

    def pairs(self, query: LiteralString) -> dict[Any, Any]:
        return dict(self.sql.execute(query).fetchall())

    def letter(self, row: dict[str, Any], world: World) -> Letter:
        identifier = UUID(row["booking_id"])
        uid = self.sql.execute("select ical_uid from notifications where id = %s", [row["id"]]).fetchone()
        booking = self.bookings(world)[identifier]
        person = booking.attendees.get(row["recipient"])
        return Letter(
            booking=identifier,
            recipient=row["recipient"],
            ical_uid=uid[0] if uid else "",
            kind=row["kind"],
            starts_at=datetime.fromisoformat(row["starts_at"]),
            place=row["booking"]["meeting_url"] or row["booking"]["location"],
            method=row["calendar"] and row["calendar"]["method"],
            truth=truth(booking, person) if person else None,
        )
