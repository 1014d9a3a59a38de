"""What a person would expect of a booking, told by hand: of the model and of the SQL alike.

The two are compared with each other elsewhere; these stories keep them from sharing a mistake. Each arrives in the
order of its telling and backwards, and must end the same.
"""

from __future__ import annotations

from typing import Any

import pytest

from shared.booking import BookingChange, Host, Person
from tests.database import recorded
from tests.database.expectations import (
    Seen,
    again,
    answer,
    attending,
    clock,
    gone,
    in_seat,
    letters,
    names,
    tell,
)
from tests.database.life import ANA, BEN, CLEO, COHOST, PHONE
from tests.database.model import World
from tests.database.recorded import Connection, View

ANA_, BEN_, CLEO_ = (str(person.email) for person in (ANA, BEN, CLEO))


@pytest.fixture(params=["model", "sql"])
def seen(request: pytest.FixtureRequest) -> Seen:
    if request.param == "model":
        return lambda *said: recorded.in_model(World(said))
    connection: Connection = request.getfixturevalue("sql")

    def through_sql(*said: BookingChange) -> list[View]:
        views: list[View] = []
        for order in (said, tuple(reversed(said))):
            recorded.empty(connection)
            for change in order:
                recorded.record(connection, change)
            views = recorded.in_sql(connection)
            assert not recorded.difference(views, recorded.in_model(World(said)))
        return views

    return through_sql


# One booking, one story.


def test_a_booking_is_confirmed_to_everybody_in_it(seen: Seen) -> None:
    [booking] = seen(tell("CREATED", "u1", ANA, BEN, booker=ANA.email))
    assert booking["status"] == "confirmed"
    assert attending(booking) == {ANA_: "booker", BEN_: "guest"}
    assert letters(booking) == {ANA_: "confirmation", BEN_: "confirmation"}


def test_a_cancelled_booking_stays_cancelled_whatever_comes_late(seen: Seen) -> None:
    created, moved = tell("CREATED", "u1", ANA), tell("LOCATION_UPDATED", "u1", ANA, location="Main Street 1")
    cancelled = tell("CANCELLED", "u1", ANA, reason="Ill", by="client")
    stale = answer("u1", ANA, status="accepted")
    [booking] = seen(created, moved, cancelled, again(created), stale)
    assert (booking["status"], booking["cancellation_reason"], booking["cancelled_by"]) == (
        "cancelled",
        "Ill",
        "client",
    )
    assert letters(booking) == {ANA_: "cancelled"}


def test_moved_three_times_is_one_booking_at_the_last_time(seen: Seen) -> None:
    [booking] = seen(
        tell("CREATED", "u1", ANA, ical_uid="u1@Cal.com"),
        tell("RESCHEDULED", "u2", ANA, rescheduled_from_uid="u1", hour=1),
        tell("RESCHEDULED", "u3", ANA, rescheduled_from_uid="u2", hour=2),
        tell("RESCHEDULED", "u4", ANA, rescheduled_from_uid="u3", hour=3),
    )
    assert (booking["status"], booking["starts_at"]) == ("confirmed", clock(3))
    assert booking["ical_uid"] == "u1@Cal.com"
    assert letters(booking) == {ANA_: "rescheduled"}


def test_moved_and_then_cancelled_is_cancelled(seen: Seen) -> None:
    [booking] = seen(
        tell("CREATED", "u1", ANA),
        tell("RESCHEDULED", "u2", ANA, rescheduled_from_uid="u1", hour=1),
        tell("CANCELLED", "u2", ANA, hour=1),
    )
    assert (booking["status"], booking["starts_at"]) == ("cancelled", clock(1))


def test_a_lost_move_leaves_two_bookings_until_the_api_tells_of_it(seen: Seen) -> None:
    known = (tell("CREATED", "u1", ANA), tell("RESCHEDULED", "u3", ANA, rescheduled_from_uid="u2", hour=2))
    assert len(seen(*known)) == 2
    missing = answer("u2", ANA, status="cancelled", rescheduled_from_uid="u1", rescheduled_to_uid="u3", hour=1)
    [booking] = seen(*known, missing)
    assert (booking["status"], booking["starts_at"]) == ("confirmed", clock(2))


def test_a_guest_left_out_of_a_move_is_told_that_it_is_cancelled(seen: Seen) -> None:
    [booking] = seen(tell("CREATED", "u1", ANA, BEN), tell("RESCHEDULED", "u2", ANA, rescheduled_from_uid="u1", hour=1))
    assert (names(ANA), names(BEN)) == (set(attending(booking)), gone(booking))
    assert letters(booking) == {ANA_: "rescheduled", BEN_: "cancelled"}


def test_one_of_two_moves_given_up_leaves_the_other(seen: Seen) -> None:
    [booking] = seen(
        tell("CREATED", "u1", ANA, calcom_id=1),
        tell("RESCHEDULED", "u2", ANA, calcom_id=2, rescheduled_from_uid="u1", hour=1),
        tell("RESCHEDULED", "u3", ANA, calcom_id=3, rescheduled_from_uid="u1", hour=2),
        tell("CANCELLED", "u3", ANA, calcom_id=3, hour=2),
    )
    assert (booking["status"], booking["starts_at"]) == ("confirmed", clock(1))


def test_another_place_and_another_host_are_taken_over(seen: Seen) -> None:
    other = Host(name="Otto", email="otto@example.com", hidden=True)
    [booking] = seen(
        tell("CREATED", "u1", ANA, location="https://meet.example/1"),
        tell("LOCATION_UPDATED", "u1", ANA, location="Main Street 1"),
        tell("REASSIGNED", "u1", ANA, host=other),
    )
    assert (booking["location"], booking["meeting_url"]) == ("Main Street 1", None)
    assert (booking["host_name"], booking["host_email"]) == ("Otto", None)
    assert letters(booking) == {ANA_: "confirmation"}


def test_a_report_that_does_not_mention_something_does_not_erase_it(seen: Seen) -> None:
    full = tell("CREATED", "u1", ANA, title="Talk", description="Bring papers", location="Main Street 1")
    [booking] = seen(full, tell("CANCELLED", "u1"))
    assert (booking["title"], booking["description"], booking["location"]) == ("Talk", "Bring papers", "Main Street 1")
    assert set(attending(booking)) == names(ANA)


def test_a_body_without_uid_belongs_to_the_booking_with_its_number(seen: Seen) -> None:
    [booking] = seen(tell("CREATED", "u1", ANA, calcom_id=1), tell("CANCELLED", None, ANA, calcom_id=1))
    assert booking["status"] == "cancelled"


# Waiting for somebody: the host, the money, a new time.


def test_a_request_is_pending_until_the_host_accepts(seen: Seen) -> None:
    requested = tell("REQUESTED", "u1", ANA)
    [booking] = seen(requested)
    assert (booking["status"], letters(booking)) == ("pending", {ANA_: "requested"})
    [booking] = seen(requested, tell("CREATED", "u1", ANA, status="pending"))
    assert (booking["status"], letters(booking)) == ("confirmed", {ANA_: "confirmation"})


def test_a_request_that_the_host_refuses_is_rejected(seen: Seen) -> None:
    [booking] = seen(tell("REQUESTED", "u1", ANA), tell("REJECTED", "u1", ANA, reason="Away", by="staff"))
    assert (booking["status"], booking["cancellation_reason"]) == ("rejected", "Away")
    assert letters(booking) == {ANA_: "rejected"}


def test_a_move_that_the_host_has_to_accept(seen: Seen) -> None:
    created = tell("CREATED", "u1", ANA)
    request = tell("REQUESTED", "u2", ANA, rescheduled_from_uid="u1", hour=1)
    [waiting] = seen(created, request)
    assert (waiting["status"], waiting["starts_at"], letters(waiting)) == ("pending", clock(1), {ANA_: "requested"})
    [accepted] = seen(created, request, tell("CREATED", "u2", ANA, hour=1))
    assert (accepted["status"], letters(accepted)) == ("confirmed", {ANA_: "rescheduled"})
    [refused] = seen(created, request, tell("REJECTED", "u2", ANA, hour=1))
    assert (refused["status"], letters(refused)) == ("rejected", {ANA_: "rejected"})


def test_nobody_is_told_of_a_booking_before_it_is_paid(seen: Seen) -> None:
    unpaid = tell("PAYMENT_INITIATED", "u1", ANA)
    [booking] = seen(unpaid, answer("u1", ANA, status="pending"))
    assert (booking["status"], letters(booking)) == ("awaiting_payment", {})
    [booking] = seen(unpaid, tell("PAID", "u1", ANA))
    assert (booking["status"], letters(booking)) == ("confirmed", {ANA_: "confirmation"})


def test_a_paid_booking_may_still_have_to_be_accepted(seen: Seen) -> None:
    said = [tell(trigger, "u1", ANA, requires_confirmation=True) for trigger in ("PAYMENT_INITIATED", "PAID")]
    [booking] = seen(*said, tell("REQUESTED", "u1", ANA))
    assert (booking["status"], letters(booking)) == ("pending", {ANA_: "requested"})
    [booking] = seen(*said, tell("REQUESTED", "u1", ANA), tell("CREATED", "u1", ANA))
    assert booking["status"] == "confirmed"


def test_the_host_asks_for_a_new_time_and_gets_one(seen: Seen) -> None:
    created, asked = tell("CREATED", "u1", ANA), tell("CANCELLED", "u1", ANA, reschedule_requested=True, by="staff")
    [booking] = seen(created, asked)
    assert (booking["status"], booking["reschedule_requested"]) == ("cancelled", True)
    assert letters(booking) == {ANA_: "pick_new_time"}
    [booking] = seen(created, asked, tell("RESCHEDULED", "u2", ANA, rescheduled_from_uid="u1", hour=5))
    assert (booking["status"], booking["reschedule_requested"], booking["starts_at"]) == ("confirmed", False, clock(5))
    assert letters(booking) == {ANA_: "rescheduled"}


# Who is who.


def test_cohosts_attend_nothing_and_get_no_mail_though_the_api_lists_them(seen: Seen) -> None:
    crew = (Person(email=COHOST), Person(email="host@example.com"))
    [booking] = seen(tell("CREATED", "u1", ANA, team=(COHOST,)), answer("u1", *crew, ANA))
    assert attending(booking) == {ANA_: "booker"}
    assert letters(booking) == {ANA_: "confirmation"}


def test_who_has_only_a_phone_gets_a_text(seen: Seen) -> None:
    [booking] = seen(tell("CREATED", "u1", PHONE))
    assert [(m["channel"], m["recipient"]) for m in booking["messages"]] == [("sms", PHONE.phone)]


def test_the_course_of_the_meeting_says_nothing_of_the_booking_but_who_was_absent(seen: Seen) -> None:
    [booking] = seen(
        tell("CREATED", "u1", ANA, BEN),
        tell("STARTED", "u1", CLEO, status="cancelled"),
        tell("NO_SHOW", "u1", Person(email=ANA.email, absent=True), host=None),
    )
    assert (booking["status"], set(attending(booking))) == ("confirmed", names(ANA, BEN))
    assert {person["email"] for person in booking["people"] if person["absent"]} == names(ANA)


# Seats.


def test_one_leaves_a_seated_booking_and_the_others_stay(seen: Seen) -> None:
    ana, ben = (tell("CREATED", "s1", in_seat(p, f"of-{p.name}"), seated=True) for p in (ANA, BEN))
    left = tell("CANCELLED", "s1", BEN, seated=True, reason="Ill")
    [booking] = seen(ana, ben, left)
    assert (booking["status"], booking["cancellation_reason"]) == ("confirmed", None)
    assert (attending(booking), gone(booking)) == ({ANA_: "seat"}, names(BEN))
    assert letters(booking) == {ANA_: "confirmation", BEN_: "cancelled"}
    [booking] = seen(ana, ben, left, tell("CREATED", "s1", in_seat(BEN, "new"), seated=True))
    assert set(attending(booking)) == names(ANA, BEN)


def test_a_seated_booking_ends_with_its_last_seat(seen: Seen) -> None:
    taken = [tell("CREATED", "s1", in_seat(p, f"of-{p.name}"), seated=True) for p in (ANA, BEN)]
    [booking] = seen(*taken, tell("CANCELLED", "s1", ANA, seated=True), tell("CANCELLED", "s1", BEN, seated=True))
    assert (booking["status"], attending(booking)) == ("cancelled", {})
    [booking] = seen(*taken, tell("CANCELLED", "s1", ANA, BEN, seated=True, by="staff"))
    assert (booking["status"], booking["cancelled_by"]) == ("cancelled", "staff")
    assert letters(booking) == {ANA_: "cancelled", BEN_: "cancelled"}


@pytest.mark.parametrize("origin", ["s1", "of-Ben"])
def test_a_seat_moves_to_another_slot_and_only_its_owner_hears_of_it(seen: Seen, origin: str) -> None:
    ana, ben = (tell("CREATED", "s1", in_seat(p, f"of-{p.name}"), seated=True) for p in (ANA, BEN))
    cleo = tell("CREATED", "s2", in_seat(CLEO, "of-Cleo"), seated=True, hour=1)
    move = tell("RESCHEDULED", "s2", in_seat(BEN, "new"), seated=True, rescheduled_from_uid=origin, hour=1)
    old, new = seen(ana, ben, cleo, move)
    assert (set(attending(old)), set(attending(new))) == (names(ANA), names(BEN, CLEO))
    assert letters(old) == {ANA_: "confirmation", BEN_: "cancelled"}
    assert letters(new) == {BEN_: "rescheduled", CLEO_: "confirmation"}


def test_who_is_missing_from_the_api_has_left_their_seat(seen: Seen) -> None:
    taken = [tell("CREATED", "s1", in_seat(p, f"of-{p.name}"), seated=True) for p in (ANA, BEN)]
    [booking] = seen(*taken, answer("s1", in_seat(ANA, "of-Ana"), seated=True))
    assert (set(attending(booking)), gone(booking)) == (names(ANA), names(BEN))


# Series, and bookings that are one or are not.


def test_a_series_is_cancelled_from_one_date_on(seen: Seen) -> None:
    weeks = [tell("CREATED", f"r{n}", ANA, recurring=True, series="series", hour=n) for n in range(4)]
    end = tell("CANCELLED", "r1", ANA, recurring=True, series="series", hour=1, reason="No more")
    lives = answer("r3", ANA, recurring=True, series="series", hour=3)
    booked = {booking["starts_at"]: booking for booking in seen(*weeks, end, lives)}
    assert [booked[clock(n)]["status"] for n in range(4)] == ["confirmed", "cancelled", "cancelled", "confirmed"]
    assert booked[clock(2)]["cancellation_reason"] == "No more"


def test_a_series_that_is_not_named_keeps_its_other_dates(seen: Seen) -> None:
    weeks = [tell("CREATED", f"r{n}", ANA, recurring=True, series="series", hour=n) for n in range(2)]
    bookings = seen(*weeks, tell("CANCELLED", "r0", ANA, recurring=True))
    assert [booking["status"] for booking in bookings] == ["cancelled", "confirmed"]


def test_one_calendar_uid_makes_one_booking(seen: Seen) -> None:
    [booking] = seen(
        tell("CREATED", "u1", ANA, ical_uid="same", calcom_id=1),
        tell("CREATED", "u2", ANA, ical_uid="same", calcom_id=2, hour=1),
    )
    assert booking["starts_at"] == clock(1)


@pytest.mark.parametrize("kind", ["recurring", "seated"])
def test_dates_of_a_series_and_slots_share_a_calendar_uid_and_are_apart(seen: Seen, kind: str) -> None:
    words: dict[str, Any] = {kind: True, "ical_uid": "same"}
    assert len(seen(tell("CREATED", "u1", ANA, **words), tell("CREATED", "u2", ANA, hour=1, **words))) == 2


def test_two_bookings_known_apart_are_joined_by_what_the_api_says(seen: Seen) -> None:
    first, second = tell("CREATED", "u1", ANA, ical_uid="one"), tell("CREATED", "u2", ANA, ical_uid="two", hour=1)
    [booking] = seen(first, second, answer("u1", ANA, status="cancelled", rescheduled_to_uid="u2"))
    assert (booking["status"], booking["starts_at"], booking["ical_uid"]) == ("confirmed", clock(1), "one")
    assert letters(booking) == {ANA_: "rescheduled"}


def test_what_is_sent_again_changes_nothing(seen: Seen) -> None:
    said = [tell("CREATED", "u1", ANA), tell("RESCHEDULED", "u2", ANA, BEN, rescheduled_from_uid="u1", hour=1)]
    assert not recorded.difference(seen(*said), seen(*said, *said, *(again(change) for change in said)))
