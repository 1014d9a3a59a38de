"""Bookings by life: what was moved stays with what it was moved to, whatever order a list has."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.calcom_lives import Life, grouped

READ_AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


def booking(uid: str, **more: Any) -> dict[str, Any]:
    about = {"status": "accepted", "start": "2026-12-03T09:00:00.000Z", "end": "2026-12-03T09:30:00.000Z"}
    return {"id": sum(map(ord, uid)), "uid": uid, **about, "updatedAt": "2026-11-20T08:00:00.000Z", **more}


def moved(uid: str, to: str, **more: Any) -> dict[str, Any]:
    return booking(uid, status="cancelled", rescheduledToUid=to, **more)


def seat(email: str) -> dict[str, Any]:
    return {"name": email, "email": email, "timeZone": "Europe/Berlin", "language": "en", "seatUid": f"seat-{email}"}


def change(said: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = said["change"]
    return found


def uids(lives: list[Life]) -> list[list[Any]]:
    return [[change(said)["uid"] for said in life] for life in lives]


def test_bookings_that_know_nothing_of_each_other_are_lives_of_their_own() -> None:
    assert uids(grouped([booking("b"), booking("a"), booking("c")], READ_AT)) == [["b"], ["a"], ["c"]]


@pytest.mark.parametrize("order", list(itertools.permutations("abc")), ids="".join)
@pytest.mark.parametrize("told_by", ["old", "new", "both"])
def test_a_chain_of_moves_is_one_life_in_any_order(order: tuple[str, ...], told_by: str) -> None:
    back = {"b": {"rescheduledFromUid": "a"}, "c": {"rescheduledFromUid": "b"}} if told_by != "old" else {}
    on = {"a": {"rescheduledToUid": "b"}, "b": {"rescheduledToUid": "c"}} if told_by != "new" else {}
    listed = [booking(uid, **back.get(uid, {}), **on.get(uid, {})) for uid in order]
    assert uids(grouped([*listed, booking("x")], READ_AT)) == [list(order), ["x"]]


def test_what_is_not_in_the_reading_joins_nobody() -> None:
    listed = [booking("b", rescheduledFromUid="a"), booking("c", rescheduledFromUid="a"), moved("d", "z")]
    assert uids(grouped(listed, READ_AT)) == [["b"], ["c"], ["d"]]


def test_two_that_were_made_of_one_are_one_life() -> None:
    listed = [booking("b", rescheduledFromUid="a"), booking("c", rescheduledFromUid="a"), moved("a", "c")]
    assert uids(grouped(listed, READ_AT)) == [["b", "c", "a"]]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_loop_is_one_life(length: int) -> None:
    names = "abc"[:length]
    listed = [moved(uid, names[(place + 1) % length]) for place, uid in enumerate(names)]
    assert uids(grouped(listed, READ_AT)) == [list(names)]


def test_a_long_chain_is_one_life() -> None:
    names = [f"u{number}" for number in range(1000)]
    listed = [moved(uid, to) for uid, to in itertools.pairwise(names)] + [booking(names[-1])]
    assert [len(life) for life in grouped(listed, READ_AT)] == [1000]


def test_of_a_booking_that_is_listed_twice_the_last_counts() -> None:
    (life,) = grouped([booking("a"), booking("a", status="cancelled")], READ_AT)
    assert [change(said)["status"] for said in life] == ["cancelled"]


@pytest.mark.parametrize("nothing", [{}, {"uid": None}, {"uid": ""}, {"uid": 5}, {"id": 5}])
def test_what_names_no_booking_is_none(nothing: dict[str, Any]) -> None:
    assert grouped([nothing], READ_AT) == []
    assert uids(grouped([nothing, booking("a")], READ_AT)) == [["a"]]


def test_nothing_is_no_life() -> None:
    assert grouped([], READ_AT) == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_seats_that_moved_do_not_make_one_life_of_several_groups(order: tuple[int, ...]) -> None:
    """The last one to leave a group is named as where it went; others may be there already."""
    people = [seat("ann@x.example"), seat("ben@x.example")]
    groups = [moved("a", "b", attendees=[]), moved("b", "c", attendees=[]), booking("c", attendees=people)]
    lives = grouped([groups[place] for place in order], READ_AT)
    assert sorted(uids(lives)) == [["a"], ["b"], ["c"]]
    assert [change(said)["seated"] for life in lives for said in life] == [True, True, True]


def test_each_says_when_it_was_so_and_whom_its_form_does_not_name() -> None:
    attendees = [{"email": "omar@x.example", "name": "Omar"}, {"email": "jonas@x.example", "name": "Jonas"}]
    form = {"guests": [], "bookingFieldsResponses": {"email": "omar@x.example", "name": "Omar"}}
    ((said,),) = grouped([booking("a", attendees=attendees, **form)], READ_AT)
    assert said["unlisted"] == ["jonas@x.example"]
    assert (change(said)["trigger"], change(said)["at"]) == ("API", "2026-11-25T11:59:45.000Z")
    assert "location" not in change(said), "what is not said is left out"
