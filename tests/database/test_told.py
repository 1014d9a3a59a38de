"""With sending on: whatever arrives when, in the end everybody was last told what is true, and nothing more is owed."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from shared.booking import BookingChange
from tests.database import recorded
from tests.database.arrivals import deliveries, examples
from tests.database.expectations import answer, tell
from tests.database.life import ANA
from tests.database.model import Booking, World
from tests.database.model_messages import truth
from tests.database.model_people import Attendee
from tests.database.postbox import Letter, Postbox
from tests.database.recorded import Connection


@examples(50)
@given(deliveries(), st.randoms(use_true_random=False))
def test_the_last_thing_that_everybody_was_told_is_the_truth(
    sql: Connection, arrived: list[BookingChange], random: Random
) -> None:
    recorded.empty(sql)
    postbox = Postbox(sql, random)
    for number, change in enumerate(arrived, start=1):
        recorded.record(sql, change)
        if random.random() < 0.4:
            step(postbox, World(arrived[:number]))
            postbox.settle_some()
    refused = sql.execute(r"select error from webhook_events where error ~ '^[0-9A-Z]{5}:'").fetchall()
    assert refused == [], "the SQL could not apply what it should"
    world = World(arrived)
    finish(postbox, world)
    for identifier, booking in postbox.bookings(world).items():
        for name, person in booking.attendees.items():
            if not person.staff:
                last_word(booking, person, postbox.told(identifier, name))
                calendar(booking, person, postbox.told(identifier, name))
            other_entries(postbox.all_told(identifier, name), postbox.ical_uids()[identifier])
    sql.execute("select private.plan(id, 'all') from bookings")
    assert postbox.claim(world) == []


def test_an_invitation_under_a_uid_that_is_no_more_is_taken_out_of_the_calendar(sql: Connection) -> None:
    """Two bookings, each confirmed to Ana in its own right, turn out to be one; who links to either finds it."""
    recorded.empty(sql)
    postbox = Postbox(sql, Random(0))
    first, second = tell("CREATED", "u1", ANA, ical_uid="one"), tell("CREATED", "u2", ANA, ical_uid="two", hour=1)
    recorded.record(sql, first)
    recorded.record(sql, second)
    ids = {number for (number,) in sql.execute("select id from bookings").fetchall()}
    finish(postbox, World([first, second]))
    joint = answer("u1", ANA, status="cancelled", rescheduled_to_uid="u2")
    recorded.record(sql, joint)
    finish(postbox, World([first, second, joint]))
    [(survivor, uid)] = sql.execute("select id, ical_uid from bookings").fetchall()
    assert {postbox.survivor(number) for number in ids} == {survivor}
    told = [(letter.ical_uid, letter.kind, letter.method) for letter in postbox.letters.values()]
    assert uid == "one"
    assert sorted(told) == [
        ("one", "confirmation", "REQUEST"),
        ("one", "rescheduled", "REQUEST"),
        ("two", "cancelled", "CANCEL"),
        ("two", "confirmation", "REQUEST"),
    ]


def test_two_bookings_under_one_uid_become_one_with_all_that_they_sent(sql: Connection) -> None:
    """Occurrences of a series share their UID and here their time, so their reminders would too."""
    recorded.empty(sql)
    for uid in ("u1", "u2"):
        recorded.record(sql, tell("CREATED", uid, ANA, ical_uid="one", recurring=True))
    before = sql.execute("select count(*) from notifications where kind = 'reminder'").fetchall()
    assert before == [(4,)]
    joined = recorded.record(
        sql, tell("RESCHEDULED", "u2", ANA, ical_uid="one", recurring=True, rescheduled_from_uid="u1")
    )
    assert joined["outcome"] == "applied", sql.execute(
        "select error from webhook_events order by received_at"
    ).fetchall()
    assert sql.execute("select count(*) from bookings").fetchall() == [(1,)]
    planned = "select lead_minutes from notifications where kind = 'reminder' and status = 'planned' order by 1"
    assert sql.execute(planned).fetchall() == [(60,), (1440,)]


def test_who_was_reminded_by_one_of_them_is_not_reminded_by_the_other(sql: Connection) -> None:
    recorded.empty(sql)
    for uid in ("u1", "u2"):
        recorded.record(sql, tell("CREATED", uid, ANA, ical_uid="one", recurring=True))
    # Both were reminded a day before, one of them an hour before too.
    left = "update notifications set status = 'sent', sent_at = now() where kind = 'reminder' and lead_minutes = 1440"
    sql.execute(left)
    sql.execute(
        "update notifications set status = 'sent', sent_at = now() where id = ("
        " select n.id from notifications n join bookings b on b.id = n.booking_id"
        " where lead_minutes = 60 order by b.created_at desc limit 1)"
    )
    sql.execute(
        "update private.outbox o set open = n.status = 'planned' from notifications n where n.id = notification_id"
    )
    recorded.record(sql, tell("RESCHEDULED", "u2", ANA, ical_uid="one", recurring=True, rescheduled_from_uid="u1"))
    told = "select lead_minutes, status from notifications where kind = 'reminder' order by 1, 2"
    assert sql.execute(told).fetchall() == [(60, "sent"), (1440, "sent"), (1440, "sent")]


def step(postbox: Postbox, world: World) -> list[Letter]:
    """What leaves now is what the model says is owed.

    A person whose calendar has an entry that is no more is told that first, and of the booking itself a step later;
    and what a fallen worker held is looked at anew before anything else.
    """
    owed = postbox.owed(world)
    fallen = {(postbox.survivor(booking), name) for booking, name in postbox.fallen.values()}
    letters = postbox.claim(world)
    uids = postbox.ical_uids()
    own = [letter for letter in letters if letter.ical_uid == uids[letter.booking]]
    apart = fallen | {*postbox.fallen.values()} | {letter.who for letter in letters if letter not in own}
    left = {(letter.who, letter.kind) for letter in own if letter.who not in apart}
    assert left == {(who, kind) for who, kind in owed if who not in apart}
    alone = [letter.who for letter in letters if letter.who not in fallen]
    assert len(set(alone)) == len(alone)
    return letters


def finish(postbox: Postbox, world: World) -> None:
    postbox.clumsy = False
    postbox.settle_all()
    while postbox.fallen or postbox.unsettled() or step(postbox, world):
        step(postbox, world)
        postbox.settle_all()


def last_word(booking: Booking, person: Attendee, told: list[Letter]) -> None:
    now = truth(booking, person)
    if now is None:
        return
    assert told[-1].state == now.state
    if now.state in ("pending", "confirmed"):
        assert told[-1].starts_at == now.starts_at
    if now.state == "confirmed":
        assert told[-1].place == now.place


def calendar(booking: Booking, person: Attendee, told: list[Letter]) -> None:
    """The calendar of who is told by e-mail holds the time exactly when it is confirmed."""
    methods = [letter.method for letter in told if letter.method]
    now = truth(booking, person)
    if now is not None and person.email:
        assert methods[-1:] == ["REQUEST"] if now.state == "confirmed" else methods[-1:] != ["REQUEST"]


def other_entries(told: list[Letter], uid: str) -> None:
    """Nothing stands in the calendar under a UID that the booking does not have any more."""
    last = {letter.ical_uid: letter.method for letter in told if letter.method}
    assert {method for other, method in last.items() if other != uid} <= {"CANCEL"}
