"""Who attends a node, who was once listed, and what is known of them. Part of the model in `model.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from shared.booking import BookingChange, Host, Person
from tests.database.model_chains import PHASES, Chains, Node

Identity = str  # an address, or a phone number where there is none
Role = Literal["booker", "guest", "seat"]

JOINING = set(PHASES) - {"REJECTED", "CANCELLED"}


@dataclass(frozen=True)
class Attendee:
    email: str | None
    phone: str | None
    name: str | None
    time_zone: str | None
    locale: str | None
    responses: dict[str, Any] | None
    role: Role | None  # None once removed
    absent: bool
    removed: bool
    moved: bool  # this person's time came by a move from another Cal.com booking
    staff: bool  # holds the meeting too


def identity(person: Person) -> Identity:
    return person.email or person.phone or ""


class People(Chains):
    """The people of each node."""

    def hosts(self, node: Node) -> list[Host]:
        """Who held the meeting, the newest word last."""
        return [c.host for c in self.changes(node) if c.host and (c.host.email or c.host.name)]

    def crew(self, node: Node) -> set[Identity]:
        """Who holds the meeting and does not attend it; who booked always attends."""
        changes = self.changes(node)
        hosts = {change.host.email for change in changes if change.host and change.host.email}
        team = {address for change in changes for address in change.team}
        return (hosts | team) - {change.booker for change in changes if change.booker}

    def holders(self, component: set[Node]) -> set[Identity]:
        """Who held it at any time."""
        return set().union(*(self.crew(node) for node in component))

    def listed(self, node: Node, change: BookingChange) -> list[Identity]:
        return [identity(p) for p in change.people or () if identity(p) not in self.crew(node)]

    def known(self, node: Node) -> set[Identity]:
        return {person for change in self.changes(node) for person in self.listed(node, change)}

    def seats(self, node: Node) -> dict[Identity, bool]:
        """The last word on each person of a seated node, "in" or "out"; an end of the whole is no word on a seat."""
        attends: dict[Identity, bool] = {}
        for report in self.reports:
            change = report.change
            if self.node(change) != node:
                for person in self.leavers(node, change):
                    if person in self.known(node):
                        attends[person] = False
                continue
            listed = self.listed(node, change)
            over = change.trigger == "REJECTED" or (
                change.trigger == "API" and change.status in ("cancelled", "rejected")
            )
            if change.trigger == "API" and not over and change.people is not None:
                attends = dict.fromkeys(self.known(node), False)
            if not over:
                attends |= dict.fromkeys(listed, change.trigger in JOINING)
        return attends

    def leavers(self, node: Node, change: BookingChange) -> set[Identity]:
        """Who left this node by moving to the seated booking that `change` is about."""
        if change.trigger != "RESCHEDULED" or not change.seated:
            return set()
        seats_here = {(identity(p), p.seat) for c in self.changes(node) for p in c.people or () if p.seat}
        return {
            identity(person)
            for person in change.people or ()
            if change.rescheduled_from_uid == node
            or {(identity(person), person.seat), (identity(person), change.rescheduled_from_uid)} & seats_here
        }

    def attending(self, node: Node) -> dict[Identity, Role]:
        if self.seated(node):
            seats = self.seats(node)
            return {person: "seat" for person in self.known(node) if seats.get(person, True)}
        lists = [self.listed(node, change) for change in self.changes(node) if change.people]
        if not lists or not lists[-1]:
            return {}
        booker = self.newest(node, "booker")
        if booker not in lists[-1]:
            booker = lists[-1][0]
        return {person: "booker" if person == booker else "guest" for person in lists[-1]}

    def attendees(self, component: set[Node], head: Node) -> dict[Identity, Attendee]:
        attending = self.attending(head)
        earlier = set().union(*(self.known(node) for node in component)) - self.holders(component)
        return {
            person: self.attendee(person, attending.get(person), component, head) for person in earlier | {*attending}
        }

    def attendee(self, person: Identity, role: Role | None, component: set[Node], head: Node) -> Attendee:
        earlier = [r.change for r in self.reports if self.node(r.change) in component - {head}]
        words = [*reversed(self.changes(head)), *reversed(earlier)]
        rows = [p for change in words for p in change.people or () if identity(p) == person]
        hosts, teams = self.hosts(head), [change.team for change in self.changes(head) if change.team]
        holding = {host.email for host in hosts[-1:]}.union(*teams[-1:])

        def word(field: str) -> Any:
            return next((value for row in rows if (value := getattr(row, field)) is not None), None)

        return Attendee(
            email=word("email"),
            phone=word("phone"),
            name=word("name"),
            time_zone=word("time_zone"),
            locale=word("locale"),
            responses=word("responses"),
            role=role,
            absent=self.absent(person, head),
            removed=role is None,
            moved=self.moved(person, head),
            staff=person in holding,
        )

    def absent(self, person: Identity, head: Node) -> bool:
        told = [r for r in self.reports_of[head] if r.change.trigger == "API"]
        told += [r for r in self.timeline if r.change.trigger == "NO_SHOW" and self.node(r.change) == head]
        for report in sorted(told, key=lambda r: r.order, reverse=True):
            for row in report.change.people or ():
                if identity(row) == person and row.absent is not None:
                    return row.absent
        return False

    def moved(self, person: Identity, head: Node) -> bool:
        if not self.seated(head):
            return any(new == head for _, new in self.edges)
        return any(
            change.trigger == "RESCHEDULED"
            and self.predecessor(change) is not None
            and person in self.listed(head, change)
            for change in self.changes(head)
        )
