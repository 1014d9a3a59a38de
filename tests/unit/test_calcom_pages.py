"""Turning the pages of Cal.com's lists: nothing is passed over, nothing is read for ever."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calcom_api import Page
from shared.calcom_pages import pages
from shared.calcom_values import Object

NINE = datetime(2026, 12, 1, 9, tzinfo=UTC)
SIZE = 3
MOST_READS = 100


def row(uid: str, at: datetime | None) -> Object:
    return {"uid": uid, "at": at.isoformat() if at else None}


def rows(*minutes: int) -> list[Object]:
    """Bookings so many minutes after nine, named in their order."""
    return [row(str(number), NINE + timedelta(minutes=minute)) for number, minute in enumerate(minutes)]


class Calcom:
    """A list of Cal.com's. `inclusive`: its lower bound belongs to it; `tells`: it says whether more follow."""

    def __init__(self, listed: Sequence[Object], *, inclusive: bool = True, tells: bool = True) -> None:
        self.listed = list(listed)
        self.inclusive = inclusive
        self.tells = tells
        self.reads: list[tuple[datetime | None, int]] = []
        self.before_read: Callable[[int], None] = lambda number: None

    def read(self, after: datetime | None, skip: int) -> Page:
        assert len(self.reads) < MOST_READS, "it reads for ever"
        self.before_read(len(self.reads))
        self.reads.append((after, skip))
        found = sorted((one for one in self.listed if self._is_within(one, after)), key=lambda one: str(one["at"]))
        page = tuple(found[skip : skip + SIZE])
        return Page(page, bool(page) and (not self.tells or len(found) > skip + SIZE))

    def _is_within(self, one: Object, after: datetime | None) -> bool:
        if after is None or one["at"] is None:
            return True
        at = datetime.fromisoformat(str(one["at"]))
        return at >= after if self.inclusive else at > after


def read(calcom: Calcom, after: datetime | None = None) -> list[str]:
    """The uids that were read, each once, in the order of their first reading."""
    found = [str(one["uid"]) for page, _ in pages(calcom.read, "at", after) for one in page]
    return list(dict.fromkeys(found))


def test_an_empty_list_is_one_page() -> None:
    calcom = Calcom([])
    assert list(pages(calcom.read, "at", NINE)) == [((), None)]
    assert calcom.reads == [(NINE, 0)]


def test_each_page_says_how_far_it_came() -> None:
    calcom = Calcom(rows(0, 1, 2, 3))
    latest = [each for _, each in pages(calcom.read, "at", None)]
    assert latest == [NINE + timedelta(minutes=2), NINE + timedelta(minutes=3)]


@pytest.mark.parametrize("number", range(3 * SIZE + 2))
@pytest.mark.parametrize("inclusive", [True, False], ids=["from the bound on", "after the bound"])
@pytest.mark.parametrize("tells", [True, False], ids=["more is known", "more is unknown"])
@pytest.mark.parametrize("apart", [0, 1], ids=["at one time", "a minute apart"])
def test_pages_at_their_edges(number: int, inclusive: bool, tells: bool, apart: int) -> None:
    calcom = Calcom(rows(*(each * apart for each in range(number))), inclusive=inclusive, tells=tells)
    assert read(calcom) == [str(each) for each in range(number)]


@pytest.mark.parametrize("tells", [True, False])
@given(minutes=st.lists(st.integers(0, 4), max_size=25).map(sorted), inclusive=st.booleans())
@settings(derandomize=True, deadline=None, database=None)
def test_every_list_is_read_whole(minutes: list[int], inclusive: bool, tells: bool) -> None:
    calcom = Calcom(rows(*minutes), inclusive=inclusive, tells=tells)
    assert sorted(read(calcom), key=int) == [str(each) for each in range(len(minutes))]


def test_pages_are_turned_by_time() -> None:
    calcom = Calcom(rows(0, 1, 2, 3, 4, 5, 6))
    read(calcom)
    assert [skip for _, skip in calcom.reads] == [0] * len(calcom.reads)
    starts = [after for after, _ in calcom.reads]
    assert starts[0] is None
    assert all(one < other for one, other in itertools.pairwise(filter(None, starts)))


def test_a_whole_page_of_one_time_is_turned_by_number_and_then_by_time_again() -> None:
    calcom = Calcom(rows(0, *[1] * 7, 2, 3, 4, 5))
    assert read(calcom) == [str(each) for each in range(12)]
    by_number = [skip > 0 for _, skip in calcom.reads]
    assert by_number.index(True) > 0
    assert by_number[-1] is False


def test_what_changes_while_it_is_read_hides_nobody() -> None:
    """Who changes moves to the end of a list by time of change: all others come one place nearer."""
    calcom = Calcom(rows(0, 1, 2, 3, 4, 5, 6, 7))

    def change(number: int) -> None:
        if number in (1, 2):
            calcom.listed[number - 1] = row(str(number - 1), NINE + timedelta(hours=number))

    calcom.before_read = change
    assert set(read(calcom)) == {str(each) for each in range(8)}


def test_bookings_without_a_time_are_read_too() -> None:
    calcom = Calcom([row(str(number), None) for number in range(SIZE * 2 + 1)])
    assert read(calcom) == [str(number) for number in range(SIZE * 2 + 1)]
    mixed = Calcom([*rows(0, 1, 2, 3), row("x", None), row("y", None)])
    assert set(read(mixed)) == {"0", "1", "2", "3", "x", "y"}


def test_it_begins_where_it_is_told_to() -> None:
    calcom = Calcom(rows(0, 1, 2, 3, 4))
    assert read(calcom, NINE + timedelta(minutes=2)) == ["2", "3", "4"]


def test_a_list_that_cannot_be_read_says_so() -> None:
    def refuse(after: datetime | None, skip: int) -> Page:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        next(pages(refuse, "at", None))
