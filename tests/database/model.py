"""What a set of reports should become: the rules of bookings in plain Python, to test the SQL against.

The model was written from the rules alone, never from the SQL, so that the two can disagree. It is meant to be read:
it knows no database, no clock and no speed. Everything is asked of one `World`, which is a function of a *set* of
reports, so the order of their arrival cannot matter.

    reports → nodes (one Cal.com uid each) → components (one booking each) → its head → state and people
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.booking import BookingChange
from tests.database.model_chains import Node, Report
from tests.database.model_people import Attendee, Identity, People

Ending = Literal["cancelled", "rejected"]
Status = Literal["pending", "awaiting_payment", "confirmed", "cancelled", "rejected"]


@dataclass(frozen=True)
class Booking:
    """One booking as people see it, with the known nodes that it is made of."""

    nodes: dict[Node, int | None]
    head: Node
    ical_uid: str
    status: Status
    reschedule_requested: bool
    title: str | None
    description: str | None
    event_type_id: int | None
    event_type_slug: str | None
    event_type_title: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    location: str | None
    meeting_url: str | None
    host: str | None  # the real address, also where clients may not see it
    host_name: str | None
    host_email: str | None
    host_time_zone: str | None
    seats: int | None
    series: str | None
    cancellation_reason: str | None
    cancelled_by: str | None
    attendees: dict[Identity, Attendee]
    crew: frozenset[Identity]  # who holds it: was perhaps taken for an attendee, before a report told better


class World(People):
    """All bookings that a set of reports makes."""

    def head(self, component: set[Node]) -> Node:
        """The node that speaks for the booking: the newest that nothing replaced, if possible one that lives."""

        def age(node: Node) -> tuple[int, datetime, str]:
            number = self.number(node)
            return (-1 if number is None else number, self.reports_of[node][0].at, node)

        replaced = {old for old, _ in self.edges}
        known = [node for node in component if node in self.reports_of]
        candidates = [node for node in known if node not in replaced] or known
        newest = max(candidates, key=age)
        if self.ending(newest) is None:
            return newest
        living = [n for n in candidates if self.ending(n) is None and self.ancestors(n) & self.ancestors(newest)]
        return max(living, key=age) if living else newest

    # The state of one node.

    def ending(self, node: Node) -> Ending | None:
        changes = self.changes(node)
        seats = self.seats(node)
        if (
            any(change.trigger == "API" and change.status == "cancelled" for change in changes)
            or (not self.seated(node) and any(change.trigger == "CANCELLED" for change in changes))
            or (self.seated(node) and seats and not any(seats.values()))
            or self.closings(node)
        ):
            return "cancelled"
        if any(c.trigger == "REJECTED" or (c.trigger == "API" and c.status == "rejected") for c in changes):
            return "rejected"
        return None

    def closings(self, node: Node) -> list[Report]:
        """The cancellations of a series that close this node, wherever they were said."""
        series = {change.series for change in self.changes(node)} - {None}
        starts_at = self.newest(node, "starts_at")
        return [
            report
            for report in self.reports
            if report.change.trigger == "CANCELLED"
            and report.change.recurring
            and report.change.series in series
            and not report.change.seated
            and None not in (starts_at, report.change.starts_at)
            and starts_at >= report.change.starts_at
            and not any(
                later.order > report.order and later.change.trigger == "API" and later.change.status == "accepted"
                for later in self.reports_of[node]
            )
        ]

    def endings(self, node: Node) -> list[Report]:
        """What ended the node, the newest first."""
        own = [report for report in self.reports_of[node] if ends(report.change)]
        others = [report for report in self.closings(node) if report not in own]
        return sorted(own + others, key=lambda report: report.order, reverse=True)

    def status(self, node: Node) -> Status:
        if (ending := self.ending(node)) is not None:
            return ending
        changes = self.changes(node)
        said = {change.trigger for change in changes}
        accepting = {change.trigger for change in changes if change.status == "accepted"}
        if "PAYMENT_INITIATED" in said and not said & {"CREATED", "PAID"} and "API" not in accepting:
            return "awaiting_payment"
        accepted = "CREATED" in said or accepting & {"RESCHEDULED", "LOCATION_UPDATED", "REASSIGNED", "API"}
        paid = "PAID" in accepting and not self.newest(node, "requires_confirmation")
        return "confirmed" if accepted or paid else "pending"

    def meeting_url(self, node: Node) -> str | None:
        """The address of the room; a word on it counts only if it was said of the same sort of place."""
        location = self.newest(node, "location")
        if is_url(location):
            return str(location)
        if location is not None and not location.startswith("integrations:"):
            return None
        for change in reversed(self.changes(node)):
            place = change.location
            if change.meeting_url and (place is None or place.startswith("integrations:") or is_url(place)):
                return change.meeting_url
        return None

    # Bookings.

    def bookings(self) -> list[Booking]:
        return [self.booking(component) for component in self.components]

    def booking(self, component: set[Node]) -> Booking:
        head = self.head(component)
        own = [r for r in self.reports if self.node(r.change) in component]
        known = sorted(component & self.reports_of.keys())
        status = self.status(head)
        event_type_title = self.newest(head, "event_type_title")
        hosts = self.hosts(head)
        hidden = [c.host.hidden for c in self.changes(head) if c.host and c.host.hidden is not None]
        ended = status in ("cancelled", "rejected")
        endings = self.endings(head) if ended else []
        # Why somebody gave up a seat is for that person alone.
        private = [r for r in self.reports_of[head] if self.seated(head) and r.change.trigger == "CANCELLED"]
        attendees = self.attendees(component, head)
        return Booking(
            nodes={node: self.number(node) for node in known},
            head=head,
            ical_uid=next(
                (r.change.ical_uid for r in own if r.change.ical_uid),
                self.node(own[0].change).removeprefix("#") + "@Cal.com",
            ),
            status=status,
            reschedule_requested=status == "cancelled"
            and any(c.trigger == "CANCELLED" and c.reschedule_requested for c in self.changes(head)),
            title=(event_type_title if self.seated(head) else None) or self.newest(head, "title"),
            description=self.newest(head, "description"),
            event_type_id=self.newest(head, "event_type_id"),
            event_type_slug=self.newest(head, "event_type_slug"),
            event_type_title=event_type_title,
            starts_at=self.newest(head, "starts_at"),
            ends_at=self.newest(head, "ends_at"),
            location=self.newest(head, "location"),
            meeting_url=self.meeting_url(head),
            host=hosts[-1].email if hosts else None,
            host_name=hosts[-1].name if hosts else None,
            host_email=hosts[-1].email if hosts and not (hidden and hidden[-1]) else None,
            host_time_zone=hosts[-1].time_zone if hosts else None,
            seats=self.newest(head, "seats"),
            series=next((c.series for c in self.changes(head) if c.series), None),
            cancellation_reason=next((r.change.reason for r in endings if r.change.reason and r not in private), None),
            cancelled_by=next((r.change.by for r in endings if r.change.by), "calcom") if ended else None,
            attendees=attendees,
            crew=frozenset(self.holders(component) - attendees.keys()),
        )


def ends(change: BookingChange) -> bool:
    if change.trigger == "API":
        return change.status in ("cancelled", "rejected")
    return change.trigger in ("CANCELLED", "REJECTED")


def is_url(location: str | None) -> bool:
    return location is not None and location.startswith(("http://", "https://"))
