"""Which reminders there should be: the rules in plain Python, to test the SQL against.

Written from the rules alone, never from the SQL, so that the two can disagree. Unlike bookings, reminders are no
function of what is known: when it became known matters too (a lead past when the booking was made is no reminder). So
the model lives along: it keeps its rows, and plans again whenever something changes that they depend on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
STAFF_MAY_OVERRULE = ("not_wanted_by_team", "imported", "inside_window", "quiet_hours", "merged")


class Key(NamedTuple):
    """What a reminder is unique by."""

    booking: str
    person: str
    channel: str
    lead: int
    starts_at: datetime


@dataclass(frozen=True)
class Row:
    status: str
    reason: str | None
    due_at: datetime
    try_at: datetime
    recipient: str
    since: datetime  # when it was first wanted, or wanted again after it was not
    stopped: bool = False  # by staff, who alone may let it go
    hurried: bool = False  # by staff, who may overrule quiet hours


@dataclass(frozen=True)
class Wishes:
    """The preferences of an address; these are the defaults."""

    email_reminders: bool = True
    reminder_leads: tuple[int, ...] = (1440, 60)
    sms_reminders: bool = False
    sms_lead: int = 60
    phone: str | None = None
    verified: bool = False
    quiet_start: time = time(21)
    quiet_end: time = time(8)
    quiet_email: bool = False
    time_zone: str | None = None


@dataclass(frozen=True)
class Attendee:
    """Somebody in a booking. `name` is the address, or the number of who has none."""

    name: str
    time_zone: str | None = None
    staff: bool = False
    removed: bool = False

    @property
    def has_address(self) -> bool:
        return "@" in self.name


@dataclass(frozen=True)
class Booking:
    status: str
    starts_at: datetime
    people: dict[str, Attendee]
    host_zone: str | None = None


@dataclass
class Reminders:
    """All there is, at one time of the clock."""

    clock: datetime
    bookings: dict[str, Booking] = field(default_factory=dict)
    wishes: dict[str, Wishes] = field(default_factory=lambda: defaultdict(Wishes))
    consents: set[tuple[str, str]] = field(default_factory=set)  # address and number, not withdrawn
    suppressions: set[tuple[str, str]] = field(default_factory=set)  # channel and recipient
    wanted_by_team: bool = True
    rows: dict[Key, Row] = field(default_factory=dict)

    # Planning.

    def plan(self, booking: str, *, imported: bool = False) -> None:
        for person in self.bookings[booking].people:
            self.plan_person(booking, person, imported=imported)

    def plan_for(self, *, address: str | None = None, number: str | None = None) -> None:
        """After a change of the wishes of an address, or of what is allowed to a number."""
        concerned = {address, number, *(who for who, wish in self.wishes.items() if number and wish.phone == number)}
        for name in [name for name, booking in self.bookings.items() if concerned & booking.people.keys()]:
            self.plan(name)

    def plan_person(self, name: str, person: str, *, imported: bool = False) -> None:
        booking = self.bookings[name]
        stays = booking.status == "confirmed" and not booking.people[person].removed
        begun = booking.starts_at <= self.clock
        wanted = self.wanted(name, person) if stays and not begun else {}
        for key, row in self.rows.items():
            if key[:2] != (name, person) or row.status != "planned" or key in wanted:
                continue
            if not stays or key.starts_at != booking.starts_at:
                self.skip(key, "superseded")
            elif not begun:  # else the claim will say so
                self.skip(key, "opted_out")
        judged = {key: self.judge(key, recipient, imported) for key, recipient in wanted.items()}
        self.rows |= judged
        for key in self.merged(judged):
            self.skip(key, "merged")

    def wanted(self, name: str, person: str) -> dict[Key, str]:
        """Every reminder that could be, and whom it goes to."""
        wishes, starts_at = self.wishes[person], self.bookings[name].starts_at
        if "@" not in person:
            return {Key(name, person, "sms", 60, starts_at): person}
        found = {Key(name, person, "email", lead, starts_at): person for lead in wishes.reminder_leads}
        if wishes.phone:
            found[Key(name, person, "sms", wishes.sms_lead, starts_at)] = wishes.phone
        return found

    def judge(self, key: Key, recipient: str, imported: bool) -> Row:
        """What becomes of one reminder, before it is looked at beside the others of its person and channel."""
        row = self.rows.get(key)
        if row and (row.stopped or row.status not in ("planned", "skipped")):
            return row
        if row and row.reason == "merged" and row.due_at <= self.clock:
            return row  # the one that it was merged with has left
        nominal = key.starts_at - key.lead * MINUTE
        # What was given up because it was no more is wanted anew.
        since = self.clock if row is None or row.reason in ("superseded", "imported") else row.since
        due_at = self.moved_by_quiet_hours(key, nominal)
        silence = self.silence(key, recipient, imported or (row is not None and row.reason == "imported"))
        reason = silence or ("inside_window" if nominal <= since else "quiet_hours" if due_at is None else None)
        due_at = due_at or nominal
        if row and row.status == "planned" and min(due_at, row.due_at) <= self.clock:
            return replace(row, status="skipped", reason=silence) if silence else row
        if row and row.status == "skipped" and row.reason != "superseded" and due_at <= self.clock:
            return row
        try_at = row.try_at if row and row.status == "planned" and row.due_at == due_at else due_at
        return Row("skipped" if reason else "planned", reason, due_at, try_at, recipient, since)

    def silence(self, key: Key, recipient: str, imported: bool) -> str | None:
        person, wishes = self.bookings[key.booking].people[key.person], self.wishes[key.person]
        agreed, opted_out = True, not wishes.email_reminders
        if not person.has_address:
            agreed, opted_out = any(number == recipient for _, number in self.consents), False
        elif key.channel == "sms":
            agreed, opted_out = wishes.verified and (person.name, recipient) in self.consents, not wishes.sms_reminders
        reasons = {  # the first that holds counts
            "staff": person.staff,
            "not_wanted_by_team": not self.wanted_by_team,
            "imported": imported,
            "opted_out": opted_out,
            "no_consent": not agreed,
            "suppressed": (key.channel, recipient) in self.suppressions,
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

    @staticmethod
    def merged(judged: dict[Key, Row]) -> list[Key]:
        """All but the shortest lead of those that one person gets by one channel at one instant."""
        planned = [key for key, row in judged.items() if row.status == "planned"]
        planned.sort(key=lambda key: (key.channel, judged[key].due_at, key.lead))
        groups = groupby(planned, key=lambda key: (key.channel, judged[key].due_at))
        return [key for _, group in groups for key in list(group)[1:]]

    # Quiet hours.

    def moved_by_quiet_hours(self, key: Key, nominal: datetime) -> datetime | None:
        """When it leaves; None: not at all."""
        if key.channel == "email" and not self.wishes[key.person].quiet_email:
            return nominal
        quiet = self.quiet_hours_around(key, nominal)
        if quiet is None:
            return nominal
        start, end = quiet
        if key.starts_at - end >= 30 * MINUTE:
            return end
        if start - MINUTE > self.clock:
            return start - MINUTE
        return nominal if key.channel == "email" else None

    def quiet_hours_around(self, key: Key, instant: datetime) -> tuple[datetime, datetime] | None:
        """The quiet hours that hold at an instant, [start, end)."""
        wishes, zone = self.wishes[key.person], self.zone(key)
        over_midnight = timedelta(days=wishes.quiet_start > wishes.quiet_end)
        for evening in (instant.astimezone(zone).date() - timedelta(days=1), instant.astimezone(zone).date()):
            start = instant_of(datetime.combine(evening, wishes.quiet_start), zone)
            end = instant_of(datetime.combine(evening + over_midnight, wishes.quiet_end), zone)
            if start <= instant < end:
                return start, end
        return None

    def zone(self, key: Key) -> ZoneInfo:
        booking, wish = self.bookings[key.booking], self.wishes[key.person].time_zone
        return ZoneInfo(wish or booking.people[key.person].time_zone or booking.host_zone or "UTC")

    # Sending.

    def skip(self, key: Key, reason: str) -> None:
        self.rows[key] = replace(self.rows[key], status="skipped", reason=reason)

    def claim(self) -> list[Key]:
        """What leaves now; what must not leave any more is skipped or put off."""
        leaving = []
        for key, row in list(self.rows.items()):
            if row.status != "planned" or row.try_at > self.clock:
                continue
            quiet = self.quiet_hours_around(key, self.clock) if key.channel == "sms" and not row.hurried else None
            if key.starts_at <= self.clock:
                self.skip(key, "started")
            elif quiet is None:
                leaving.append(key)
            elif key.starts_at - quiet[1] >= 30 * MINUTE:
                self.rows[key] = replace(row, due_at=quiet[1], try_at=quiet[1])
            else:
                self.skip(key, "quiet_hours")
        return leaving

    def may_be_sent_now(self, key: Key) -> bool:
        """Staff may hurry it along, or overrule why it was skipped, if that is no wish of its recipient's."""
        row = self.rows[key]
        overruled = row.status == "planned" or (row.status == "skipped" and row.reason in STAFF_MAY_OVERRULE)
        return overruled and self.silence(key, row.recipient, imported=False) is None

    def send_now(self, key: Key) -> None:
        row = replace(self.rows[key], status="planned", reason=None, try_at=self.clock)
        self.rows[key] = replace(row, due_at=min(row.due_at, self.clock), stopped=False, hurried=True)


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """When clocks show this: in a fold the first time; a time in a gap moves forward by the gap's length."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)
