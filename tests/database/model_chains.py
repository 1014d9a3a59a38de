"""The chains of a set of reports: which of Cal.com's bookings are one booking here. Part of the model in `model.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any

from shared.booking import BookingChange

Node = str  # a uid, or "#" and Cal.com's number where no uid is known
Order = tuple[datetime, int, str]

PHASES = {
    "REQUESTED": 0,
    "PAYMENT_INITIATED": 1,
    "CREATED": 2,
    "RESCHEDULED": 2,
    "PAID": 3,
    "LOCATION_UPDATED": 4,
    "REASSIGNED": 4,
    "API": 5,
    "REJECTED": 6,
    "CANCELLED": 7,
}
TIMELINE = {"STARTED", "ENDED", "NO_SHOW"}
JOINS_BY_ICAL = {"REQUESTED", "PAYMENT_INITIATED", "CREATED", "RESCHEDULED", "API"}


@dataclass(frozen=True)
class Report:
    """One distinct change, at the time that counts: a body's first sending, an API answer's last reading."""

    at: datetime
    change: BookingChange
    key: str

    @property
    def order(self) -> Order:
        return (self.at, PHASES.get(self.change.trigger, 9), self.key)


def distinct(changes: Iterable[BookingChange]) -> list[Report]:
    """Each change once, in the order of reports; copies differ in nothing but `at`."""
    copies: dict[str, list[BookingChange]] = {}
    for change in changes:
        copies.setdefault(change.model_dump_json(exclude={"at"}, exclude_none=True), []).append(change)
    reports = []
    for content, same in copies.items():
        choose = max if same[0].trigger == "API" else min
        reports.append(Report(choose(c.at for c in same), same[0], sha256(content.encode()).hexdigest()))
    return sorted(reports, key=lambda report: report.order)


class Chains:
    """Nodes, the edges between them, and the components that they form."""

    def __init__(self, changes: Iterable[BookingChange]) -> None:
        everything = distinct(changes)
        self.reports = [r for r in everything if r.change.trigger not in TIMELINE]
        self.timeline = [r for r in everything if r.change.trigger in TIMELINE]

    # Nodes: what Cal.com calls a booking.

    @cached_property
    def claims(self) -> dict[int, set[Node]]:
        """Cal.com's number → the uids that some report ties to it."""
        claims: dict[int, set[Node]] = {}
        for change in (r.change for r in self.reports):
            pairs = [(change.uid, change.calcom_id)]
            if not change.seated:  # a seat may name its seat instead of a booking
                pairs.append((change.rescheduled_from_uid, change.rescheduled_from_id))
            for uid, number in pairs:
                if uid is not None and number is not None:
                    claims.setdefault(number, set()).add(uid)
        return claims

    def resolve(self, uid: str | None, number: int | None) -> Node | None:
        if uid is not None:
            return uid
        return None if number is None else min(self.claims.get(number, {f"#{number}"}))

    def node(self, change: BookingChange) -> Node:
        found = self.resolve(change.uid, change.calcom_id)
        if found is None:
            raise ValueError("a report names its booking by a uid or a number")
        return found

    def predecessor(self, change: BookingChange) -> Node | None:
        found = self.resolve(change.rescheduled_from_uid, change.rescheduled_from_id)
        return None if found == self.node(change) else found

    @cached_property
    def reports_of(self) -> dict[Node, list[Report]]:
        found: dict[Node, list[Report]] = {}
        for report in self.reports:
            found.setdefault(self.node(report.change), []).append(report)
        return found

    def changes(self, node: Node) -> list[BookingChange]:
        return [r.change for r in self.reports_of.get(node, [])]

    def number(self, node: Node) -> int | None:
        if node.startswith("#"):
            return int(node[1:])
        return max((number for number, uids in self.claims.items() if node in uids), default=None)

    def seated(self, node: Node) -> bool:
        return any(change.seated for change in self.changes(node))

    def newest(self, node: Node, field: str) -> Any:
        """The newest word on a field; a report that does not mention it never erases."""
        words = (getattr(change, field) for change in reversed(self.changes(node)))
        return next((word for word in words if word is not None), None)

    # Chains: the nodes that are one booking.

    @cached_property
    def edges(self) -> set[tuple[Node, Node]]:
        """Old → new, as reports say it of themselves."""
        edges = set()
        for change in (r.change for r in self.reports if not r.change.seated):
            node = self.node(change)
            if (old := self.predecessor(change)) is not None:
                edges.add((old, node))
            if change.rescheduled_to_uid is not None:
                edges.add((node, change.rescheduled_to_uid))
        return {(old, new) for old, new in edges if old != new}

    def same_booking(self) -> Iterator[set[Node]]:
        """Sets of nodes that belong together."""
        yield from ({old, new} for old, new in self.edges)
        for report in self.reports:
            change = report.change
            if change.uid is None and change.calcom_id is not None:
                yield {self.node(change), *self.claims.get(change.calcom_id, set())}
            if change.ical_uid and change.trigger in JOINS_BY_ICAL and not change.recurring and not change.seated:
                yield {self.node(r.change) for r in self.reports if r.change.ical_uid == change.ical_uid}

    @cached_property
    def components(self) -> list[set[Node]]:
        components = [{node} for node in self.reports_of]
        for together in self.same_booking():
            joined = set(together).union(*(c for c in components if c & together))
            components = [c for c in components if not c & together] + [joined]
        return components

    def ancestors(self, node: Node) -> set[Node]:
        found, new = {node}, {node}
        while new:
            new = {old for old, young in self.edges if young in new} - found
            found |= new
        return found
