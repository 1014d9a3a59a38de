"""The list of bookings at a million of 50,000 clients: beside ten thousand, and beside no row-level security.

Both sizes are measured in turns, in databases of their own, call by call as the API makes them: a pooled connection
that becomes one person after another. Nothing may be read but by index.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Literal
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

from local import database
from tests.bench import many_clients
from tests.conftest import Connection
from tests.throwaway import throwaway_site

FEW, MANY = 10_000, 1_000_000
QUESTIONS = 60
REPEATS = 5  # of which the fastest counts: what a busy machine adds to it is no part of the answer
_WARM = 10
_API, _OWNER = _ROLES = ("authenticated", "postgres")

Filters = dict[str, Any]
Measured = tuple[float, float]
Who = Literal["admin", "host", "client"]


@dataclass
class World:
    """A filled database. `names`, `emails`: of some clients; `last`: where its last page begins.

    `by_role`: a connection for each role: one whose role changes plans anew, and the API's does not change.
    """

    db: Connection
    by_role: dict[str, Connection]
    people: dict[str, str]
    names: list[str]
    emails: list[str]
    last: str

    @classmethod
    def of(cls, db: Connection, by_role: dict[str, Connection]) -> World:
        found = db.execute(
            "select name, email from public.booking_attendees where role = 'booker' order by id limit 300"
        ).fetchall()
        (last,) = db.execute(
            "select private.cursor_of(starts_at, id) from public.bookings order by starts_at, id limit 1 offset 20"
        ).fetchone() or ("",)
        people = {"admin@example.com": "admin", many_clients.BIG_HOST: "host"} | {email: "" for _, email in found}
        ids = {email: str(uuid4()) for email in people}
        for email, role in people.items():
            db.execute(
                "insert into auth.users (id, email, email_confirmed_at) values (%s, %s, now())", (ids[email], email)
            )
            if role:
                db.execute("insert into public.staff (user_id, role) values (%s, %s)", (ids[email], role))
        return cls(db, by_role, ids, [name for name, _ in found], [email for _, email in found], last)

    def ask(self, who: Who, role: str, statement: str, arguments: Any, random: Random) -> float:
        """Milliseconds of one call by this person."""
        email = {"admin": "admin@example.com", "host": many_clients.BIG_HOST}.get(who) or random.choice(self.emails)
        db = self.by_role[role]
        with db.transaction():
            db.execute("select set_config('request.jwt.claim.sub', %s, true)", (self.people[email],))
            db.execute(f"set local role {role}".encode())
            started = time.perf_counter()
            db.execute(statement.encode(), arguments).fetchall()
            return (time.perf_counter() - started) * 1000

    def read_row_by_row(self) -> dict[str, int]:
        """Rows that were read by no index, by table."""
        for db in (self.db, *self.by_role.values()):
            db.execute("select pg_stat_force_next_flush()")
        found = self.db.execute(
            "select relname, seq_tup_read from pg_stat_user_tables where relid = any (%s::regclass[])",
            (list(many_clients.TABLES),),
        ).fetchall()
        return dict(found)


@dataclass(frozen=True)
class Call:
    name: str
    who: Who
    function: str
    filters: Callable[[World, Random], Filters]
    aims: bool = True

    def statement(self, world: World, random: Random) -> tuple[str, Any]:
        filters = self.filters(world, random)
        match self.function:
            case "search_bookings":
                named = ", ".join(f"p_{name} => %s" for name in filters)
                return f"select * from public.search_bookings({named})", list(filters.values())
            case "filter_choices":
                return "select public.filter_choices()", []
            case _:
                return f"select * from public.{self.function}(%s)", [Jsonb(filters)]


def _of(**filters: Any) -> Callable[[World, Random], Filters]:
    return lambda world, random: filters


def _span(world: World, random: Random) -> Filters:
    day = random.randrange(-600, 600)
    return {"starts_from": _day(world, day), "starts_to": _day(world, day + 7)}


def _day(world: World, day: int) -> str:
    (at,) = world.db.execute("select (now() + make_interval(days => %s))::text", (day,)).fetchone() or ("",)
    return str(at)


_RARE = ("pending", "rejected", "cancelled")
_LOST = {"message": "failed,bounced"}
_SEARCHES: tuple[tuple[str, tuple[Who, ...], Callable[[World, Random], Filters]], ...] = (
    ("no filter", ("admin", "host", "client"), _of()),
    ("upcoming", ("admin", "host", "client"), _of(period="upcoming")),
    ("past", ("admin", "host"), _of(period="past")),
    ("cancelled", ("admin", "host"), _of(period="cancelled")),
    (
        "status",
        ("admin", "host"),
        lambda world, random: {"status": random.choice(["pending", "rejected", "cancelled"])},
    ),
    ("client", ("admin", "host"), lambda world, random: {"client": random.choice(world.emails)}),
    ("host", ("admin",), lambda world, random: {"host": f"host{random.randrange(40)}@example.com"}),
    ("event type", ("admin", "host"), lambda world, random: {"event_type_id": random.randrange(1, 31)}),
    ("a week", ("admin", "host"), _span),
    ("name", ("admin", "host", "client"), lambda world, random: {"q": random.choice(world.names)}),
    ("first name", ("admin", "host"), lambda world, random: {"q": random.choice(world.names).split()[0]}),
    ("last page", ("admin",), lambda world, random: {"page_cursor": world.last}),
)
_CALLS: tuple[Call, ...] = (
    *(Call(f"{who}, {name}", who, "search_bookings", filters) for name, whose, filters in _SEARCHES for who in whose),
    Call("admin, find, message lost", "admin", "find_bookings", _of(**_LOST)),
    Call("admin, find, lost and to come", "admin", "find_bookings", _of(**_LOST, period="upcoming")),
    Call("host, find, message lost", "host", "find_bookings", _of(**_LOST)),
    Call("client, find, message delivered", "client", "find_bookings", _of(message="delivered")),
    Call("admin, count upcoming", "admin", "count_bookings", _of(period="upcoming"), aims=False),
    Call("host, count upcoming", "host", "count_bookings", _of(period="upcoming"), aims=False),
    Call("client, count upcoming", "client", "count_bookings", _of(period="upcoming")),
    Call("admin, choices", "admin", "filter_choices", _of()),
    Call("host, choices", "host", "filter_choices", _of()),
)


def measure() -> dict[str, tuple[Measured, str, str | None]]:
    """name → ((ours, floor), unit, aim): the 95th percentile of the questions, in milliseconds.

    Raises AssertionError where something is read by no index.
    """
    with _world(FEW) as few, _world(MANY) as many:
        read = many.read_row_by_row()
        times = _times(few, many)
        read_since = many.read_row_by_row()
        assert read_since == read, f"not by index: {read}, then {read_since}"
    rows: dict[str, tuple[Measured, str, str | None]] = {}
    for call in _CALLS:
        ours, small, bare = (statistics.quantiles(values, n=20)[-1] for values in times[call.name])
        rows[f"{call.name}: {MANY:,} beside {FEW:,}"] = ((ours, small), "ms", "≤ 2" if call.aims else None)
        rows[f"{call.name}: beside no RLS"] = ((ours, bare), "ms", "≤ 1.3" if call.aims else None)
    return rows


def _times(few: World, many: World) -> dict[str, tuple[list[float], list[float], list[float]]]:
    """By call: milliseconds with many, with few, and with many as their owner, whom no policy holds."""
    times: dict[str, tuple[list[float], list[float], list[float]]] = {call.name: ([], [], []) for call in _CALLS}
    ways = ((many, _API), (few, _API), (many, _OWNER))
    for turn in range(-_WARM, QUESTIONS):
        for call in _CALLS:
            taken: list[list[float]] = [[], [], []]
            for _ in range(REPEATS):
                for (world, role), kept in zip(ways, taken, strict=True):
                    random = Random(f"{turn} {call.name}")  # the same question to each
                    kept.append(world.ask(call.who, role, *call.statement(world, random), random))
            if turn >= 0:
                for kept, each in zip(times[call.name], taken, strict=True):
                    kept.append(min(each))
    return times


@contextmanager
def _world(count: int) -> Iterator[World]:
    with throwaway_site() as site, database.running(site), ExitStack() as stack:
        db, *others = (stack.enter_context(psycopg.connect(site.postgres_url(), autocommit=True)) for _ in range(3))
        many_clients.insert(db, count)
        yield World.of(db, dict(zip(_ROLES, others, strict=True)))
