"""Whatever happens when, the reminders planned, their times and the reasons for silence are the model's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.database.arrivals import examples
from tests.database.clock import clock_by_hand
from tests.database.model_reminders import MINUTE, Attendee, Key
from tests.database.portal import Portal
from tests.database.recorded import Connection
from tests.database.reminder_world import STAFF, ReminderWorld

YEAR = 2081  # always in the future; and Morocco's clocks are told until 2087
ZONES = (
    *("Europe/Berlin", "Europe/London", "America/New_York", "America/St_Johns", "America/Santiago", "Africa/Cairo"),
    *("Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham"),
    *("Asia/Kathmandu", "Asia/Tokyo", "Pacific/Apia", "UTC"),
)
LEADS = (15, 30, 45, 60, 90, 120, 240, 600, 720, 1440, 2880, 20160)
ANA, BEN, CLEO = "ana@example.com", "ben@example.com", "cleo@example.com"
PHIL = "+4915112345678"  # has no address; the number may also be Ana's
NUMBERS = (PHIL, "+34600111222")


@pytest.fixture(scope="module")
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    with clock_by_hand(sql):
        yield made
    made.empty()


@examples(60)
@given(st.randoms(use_true_random=False))
def test_the_sql_plans_the_reminders_that_the_model_plans(portal: Portal, random: Random) -> None:
    life = Life(portal, random)
    life.world.compare()
    for _ in range(random.randrange(5, 25)):
        life.step()
        life.world.compare()
    life.world.finish()


@pytest.mark.parametrize("zone", ZONES)
def test_both_sides_know_the_same_zones(sql: Connection, zone: str) -> None:
    """Else the tests above would compare two editions of the zone database."""
    found = sql.execute(
        "select t, extract(epoch from (t at time zone %s) - (t at time zone 'UTC'))::integer"
        " from generate_series(%s, %s, interval '3 hours') t",
        [zone, datetime(YEAR, 1, 1, tzinfo=UTC), datetime(YEAR + 1, 1, 1, tzinfo=UTC)],
    ).fetchall()
    assert all(at.astimezone(ZoneInfo(zone)).utcoffset() == timedelta(seconds=offset) for at, offset in found)


class Life:
    """What may happen to one to three bookings around the hour at which clocks are changed somewhere."""

    def __init__(self, portal: Portal, random: Random) -> None:
        self.random = random
        self.zone = random.choice(ZONES)
        edge = random.choice(edges(self.zone))
        self.base = edge + 15 * MINUTE * random.randrange(-8, 150)
        self.world = ReminderWorld(portal, edge - MINUTE * random.randrange(4400))
        if random.random() < 0.05:
            self.world.team_wants(False)
        for _ in range(random.randrange(4)):
            self.wish()
        for _ in range(random.randrange(1, 4)):
            self.book()

    def step(self) -> None:
        happening = self.random.choices(
            (self.pass_time, self.wish, self.allow, self.change, self.book, self.staff, self.team),
            (8, 5, 3, 5, 0.3, 1.5, 0.2),
        )[0]
        happening()

    # Time.

    def pass_time(self) -> None:
        world, random = self.world, self.random
        now = world.model.clock
        moments = [row.due_at for row in world.model.rows.values()]
        moments += [key.starts_at - key.lead * MINUTE for key in world.model.rows]
        moments += [key.starts_at for key in world.model.rows if random.random() < 0.2]
        moments = [at + random.choice((-1, 0, 0, 1)) * random.choice((MINUTE, MINUTE / 60)) for at in moments]
        ahead = sorted(at for at in moments if at > now)
        if ahead and random.random() < 0.8:
            world.step_to(random.choice(ahead[:3]))
        else:
            world.step_to(now + MINUTE * random.choice((1, 10, 60, 300, 1500)))
        if random.random() < 0.7:
            ends: dict[Key, str] = {}

            def outcome(key: Key) -> str:
                return ends.setdefault(key, random.choice(("sent", "sent", "sent", "refused", "failed", "unknown")))

            world.sweep(outcome)

    # People.

    def wish(self) -> None:
        random = self.random
        whole_hours = [time(hour) for hour in (0, 1, 2, 3, 7, 12, 20, 21, 23)]
        odd_times = [time(1, 30), time(2, 15), time(2, 30), time(1, 45), time(22, 10), time(23, 45)]
        some: dict[str, object] = {
            "email_reminders": random.random() < 0.8,
            "reminder_leads": tuple(random.sample(LEADS, random.randrange(5))),
            "sms_reminders": random.random() < 0.85,
            "sms_lead": random.choice(LEADS),
            "phone": random.choice((*NUMBERS, *NUMBERS, None)),
            "verified": random.random() < 0.8,
            "quiet_start": random.choice((*whole_hours, *odd_times)),
            "quiet_end": random.choice((*whole_hours, *odd_times)),
            "quiet_email": random.random() < 0.7,
            "time_zone": random.choice((None, self.zone, self.zone, *ZONES)),
        }
        names = random.sample(sorted(some), random.choice((1, 1, 2, len(some))))
        self.world.wish(random.choice((ANA, ANA, BEN)), **{name: some[name] for name in names})

    def allow(self) -> None:
        """Consents and suppressions, to and fro."""
        world, random = self.world, self.random
        if random.random() < 0.6:
            pair = (random.choice((ANA, ANA, BEN)), random.choice(NUMBERS))
            (world.withdraw if pair in world.model.consents else world.consent)(*pair)
            return
        where = random.choice((("email", ANA), ("email", BEN), ("sms", NUMBERS[0]), ("sms", NUMBERS[1])))
        (world.lift if where in world.model.suppressions else world.suppress)(*where)

    # Bookings.

    def book(self) -> None:
        random, world = self.random, self.world
        names = random.sample((ANA, BEN, CLEO, PHIL, STAFF), random.randrange(1, 4))
        zones = (None, self.zone, self.zone, *ZONES)
        people = [Attendee(name, random.choice(zones), staff=name == STAFF) for name in names]
        words = {}
        if random.random() < 0.15:
            words["trigger"] = "REQUESTED"
        if random.random() < 0.1:
            words["notify"] = "none"
        seated = not words and random.random() < 0.2
        world.book(self.some_start(), *people, host_zone=random.choice(zones), seated=seated, **words)

    def some_start(self) -> datetime:
        start = self.base + 15 * MINUTE * self.random.randrange(-8, 9)
        return max(start, self.world.model.clock + 5 * MINUTE * self.random.randrange(1, 300))

    def change(self) -> None:
        """A booking is confirmed, moved, cancelled, or somebody leaves it or comes back."""
        world, random = self.world, self.random
        name = random.choice(sorted(world.ids))
        booking = world.model.bookings[name]
        there = [p.name for p in booking.people.values() if not p.removed]
        gone = [p.name for p in booking.people.values() if p.removed]
        if booking.status == "pending" and random.random() < 0.5:
            world.confirm(name)
        elif booking.status != "cancelled" and gone and random.random() < 0.4:
            world.add_again(name, random.choice(gone))
        elif booking.status != "cancelled" and len(there) > 1 and random.random() < 0.4:
            world.remove(name, random.choice(there))
        elif name not in world.seated and random.random() < 0.7:
            known = {key.starts_at for key in world.model.rows if key.booking == name}
            back = [at for at in sorted(known) if at > world.model.clock]
            world.move(name, random.choice(back) if back and random.random() < 0.6 else self.some_start())
        elif booking.status != "cancelled" and name not in world.seated:
            world.cancel(name)

    # The team.

    def staff(self) -> None:
        world, random = self.world, self.random
        rows = world.model.rows
        alive = [key for key in rows if self.lives(key) and rows[key].status in ("planned", "skipped")]
        if not alive:
            return
        key = random.choice(sorted(alive))
        if rows[key].status == "planned" and random.random() < 0.5:
            world.staff_skip(key)
        else:
            world.staff_send(key)

    def lives(self, key: Key) -> bool:
        booking = self.world.model.bookings[key.booking]
        stays = booking.status == "confirmed" and not booking.people[key.person].removed
        return stays and booking.starts_at > self.world.model.clock and key in self.world.model.wanted(*key[:2])

    def team(self) -> None:
        self.world.team_wants(not self.world.model.wanted_by_team)


@cache
def edges(zone: str) -> list[datetime]:
    """When the clocks of a zone are changed in that year; where they are not, some day in spring."""
    hours = [datetime(YEAR, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * n) for n in range(366 * 48)]
    offsets = [hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours]
    changed = [hour for hour, before, after in zip(hours[1:], offsets, offsets[1:], strict=False) if before != after]
    return changed or [datetime(YEAR, 4, 7, tzinfo=UTC)]
