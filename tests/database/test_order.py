"""Order does not matter: the same reports give the same bookings, people, links and messages, as the model has them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.booking import BookingChange
from tests.database import recorded
from tests.database.arrivals import deliveries, examples, stories
from tests.database.life import DAWN
from tests.database.model import World
from tests.database.recorded import Connection, difference, in_model, in_sql

randoms = st.randoms(use_true_random=False)


@examples(150)
@given(deliveries(), randoms)
def test_the_model_does_not_mind_the_order(arrived: list[BookingChange], random: Random) -> None:
    otherwise = random.sample(arrived, len(arrived))
    assert in_model(World(arrived)) == in_model(World(otherwise))


@examples(150)
@given(stories(), randoms)
def test_nothing_that_comes_late_revives_a_cancelled_booking(said: list[BookingChange], random: Random) -> None:
    world = World(said)
    ended = [c for c in said if c.trigger == "CANCELLED" and c.uid and not world.seated(c.uid)]
    assume(ended)
    cancelled = random.choice(ended)
    late = [
        cancelled.model_copy(update={"trigger": trigger, "status": "accepted", "at": at, **_NAMES_NOBODY_ELSE})
        for trigger, at in [(random.choice(_LIVELY), _some_time(random)) for _ in range(3)]
    ]
    before = [booking for booking in world.bookings() if booking.head == cancelled.uid]
    after = [booking for booking in World([*said, *late]).bookings() if booking.head == cancelled.uid]
    assert [booking.status for booking in after] == ["cancelled" for _ in before]


@examples(150)
@given(deliveries())
def test_the_sql_makes_of_any_order_what_the_model_makes(sql: Connection, arrived: list[BookingChange]) -> None:
    recorded.empty(sql)
    for change in arrived:
        recorded.record(sql, change)
    assert not difference(in_sql(sql), in_model(World(arrived)))


@examples(30)
@given(deliveries())
def test_what_is_sent_again_is_a_duplicate(sql: Connection, arrived: list[BookingChange]) -> None:
    recorded.empty(sql)
    for change in arrived:
        recorded.record(sql, change)
    before = _rows(sql)
    assert {recorded.record(sql, change)["outcome"] for change in arrived} <= {"duplicate", "quarantined"}
    assert _rows(sql) == before


@examples(30)
@given(deliveries())
def test_the_sql_makes_the_same_of_what_comes_at_once(
    connections: list[Connection], arrived: list[BookingChange]
) -> None:
    recorded.empty(connections[0])
    heaps = [arrived[start :: len(connections)] for start in range(len(connections))]
    with ThreadPoolExecutor(len(connections)) as pool:
        list(pool.map(_record_all, connections, heaps))
    unheard = connections[0].execute("select error from webhook_events where error <> 'unknown booking'").fetchall()
    assert not unheard
    assert not difference(in_sql(connections[0]), in_model(World(arrived)))


_LIVELY = ("REQUESTED", "CREATED", "PAID", "LOCATION_UPDATED", "REASSIGNED", "API")
_NAMES_NOBODY_ELSE = {"rescheduled_from_uid": None, "rescheduled_from_id": None, "calcom_id": None, "ical_uid": None}


def _some_time(random: Random) -> datetime:
    return DAWN + timedelta(seconds=random.randrange(10_000), milliseconds=1 + random.randrange(998))


def _record_all(connection: Connection, changes: list[BookingChange]) -> None:
    for change in changes:
        recorded.record(connection, change)


def _rows(connection: Connection) -> list[tuple[object, ...]]:
    """What a second look must leave alone, ids and times of writing included."""
    found: list[tuple[object, ...]] = []
    for table in ("bookings", "booking_attendees", "booking_events", "notifications", "private.booking_nodes"):
        found += sorted(connection.execute(f"select t::text from {table} t".encode()).fetchall())
    return found
