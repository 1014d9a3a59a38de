"""What Cal.com's API says after its webhooks is no news: whatever people do, reading the booking changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from shared import calcom_api, calcom_booking, http_client, settings
from shared.booking import dumped
from shared.calcom_values import Object
from tests.conftest import Connection, Stack
from tests.functions.acting import CALL, CONFIRMED, GROUP, PAID, PANEL, PLAIN, ROTA, SERIES, VISIT, House, monday

PAID_CONFIRMED = 110
GUESTS = ["guest@example.com", "friend@example.com"]
COLLEAGUE = "colleague@example.com"
OTHER = {"name": "Other", "email": "other@example.com", "timeZone": "Europe/Berlin"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# As the SQL functions record what was read: the bookings of one life together, each made to fit what is known.
_RECORD = """
select private.record_event(jsonb_build_object('source', 'reconcile', 'notify', 'reminders', 'received_at', now(),
    'changes', (select jsonb_agg(private.fit_answer(c.change, null, null) order by c.n)
                from jsonb_array_elements(%s) with ordinality c (change, n)))) ->> 'outcome'
"""

Cell = tuple[str, str, str]  # table, id of the row, column

# What the bodies of some bookings do not tell, and the API does.
LEFT_OUT = {
    SERIES: {"series_id"},  # of the first occurrence
    PAID: {"event_type_slug", "responses"},  # before the payment
    PAID_CONFIRMED: {"event_type_slug", "responses"},
}


class Watched:
    """People act at Cal.com; after each act everything that its API says of it is recorded, twice."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.uids: list[str] = []

    def book(self, event_type: int, start: datetime, email: str = "client@example.com", **more: Any) -> Any:
        made = self.house.book(event_type, start, email, **more)
        self._watch(made if isinstance(made, list) else [made], LEFT_OUT.get(event_type))
        return made

    def visit(self, path: str, body: dict[str, Any], left_out: set[str] | None = None) -> Any:
        """On Cal.com's pages, or what has no page. `left_out`: columns of which its body tells nothing."""
        done = self.house.sim(path, body)["data"]
        self.house.flush()
        self._watch([done], left_out)
        return done

    def move(self, uid: str, start: datetime, left_out: set[str] | None = None, **body: Any) -> str:
        body |= {"start": start.isoformat(), "_sim": {"allow_past": True}}
        return str(self.visit(f"bookings/{uid}/move", body, left_out)["uid"])

    def cancel(self, uid: str, **body: Any) -> None:
        self.visit(f"bookings/{uid}/cancel", body)

    def host(self, uid: str, action: str, **body: Any) -> None:
        """The host acts by the API, from elsewhere."""
        env = self.house.env
        key = {"Authorization": f"Bearer {env['CALCOM_API_KEY']}", "cal-api-version": "2024-08-13"}
        method = "PATCH" if action == "location" else "POST"
        answer = httpx.request(method, f"{env['CALCOM_API_URL']}/bookings/{uid}/{action}", json=body, headers=key)
        assert answer.is_success, answer.text
        self.house.flush()
        self._check()

    def _watch(self, bookings: list[Any], left_out: set[str] | None) -> None:
        self.uids += [one["uid"] for one in bookings if one["uid"] not in self.uids]
        if left_out:
            assert self._learn() == left_out
        self._check()

    def _check(self) -> None:
        for uid in self.uids:
            seen = calcom_api.life(uid, time.monotonic() + 10)
            read_at = datetime.now(UTC)
            with self.house.db.transaction(force_rollback=True):  # the last word, which no later body could change
                self.record(seen, read_at + HOUR)
            self.record(seen, read_at)

    def _learn(self) -> set[str]:
        """Read what was just booked. → the columns of bookings and people that this filled in."""
        before = self._everything()
        for uid in self.uids:
            assert self._outcome(calcom_api.life(uid, time.monotonic() + 10), datetime.now(UTC)) != "quarantined"
        learnt = {(table, column) for table, _, column in _differences(before, self._everything())}
        return {column for table, column in learnt if table in ("bookings", "booking_attendees")}

    def record(self, seen: tuple[Object, ...], read_at: datetime) -> None:
        before = self._everything()
        outcome = self._outcome(seen, read_at)
        assert _differences(before, self._everything()) == {}
        assert outcome == "duplicate"

    def _outcome(self, seen: tuple[Object, ...], read_at: datetime) -> str:
        changes = dumped([change for one in seen for change in calcom_booking.as_read(one, read_at)])
        assert changes
        row = self.house.db.execute(_RECORD, [Jsonb(changes)]).fetchone()
        return str(row and row[0])

    def _everything(self) -> dict[Cell, Any]:
        cursor = self.house.db.cursor(row_factory=dict_row)
        return {
            (table, str(row["id"]), column): value
            for table in ("bookings", "booking_attendees", "booking_events", "notifications")
            for row in cursor.execute(SQL("select * from public.{}").format(Identifier(table))).fetchall()
            for column, value in row.items()
            if column != "updated_at"
        }


def _differences(before: dict[Cell, Any], after: dict[Cell, Any]) -> dict[Cell, tuple[Any, Any]]:
    cells = before.keys() | after.keys()
    return {cell: (before.get(cell), after.get(cell)) for cell in cells if before.get(cell) != after.get(cell)}


@pytest.fixture
def calcom(clean: Stack, db: Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    for name in ("CALCOM_API_URL", "CALCOM_API_KEY"):
        monkeypatch.setenv(name, clean.env[name])
    settings.load.cache_clear()
    yield Watched(House(clean.env, db))
    settings.load.cache_clear()
    http_client.close()


def plain(calcom: Watched) -> None:
    answers = {"topic": "A new house", "notes": "We are two.\nAnd a dog."}
    uid = calcom.book(PLAIN, monday(9), guests=GUESTS, bookingFieldsResponses=answers)["uid"]
    uid = calcom.move(uid, monday(10), by="client", reason="a train")
    uid = calcom.move(uid, monday(11), by="host")
    calcom.cancel(uid, by="client", reason="ill")


def cancelled_by_the_host(calcom: Watched) -> None:
    uid = calcom.book(PLAIN, monday(9))["uid"]
    calcom.cancel(uid, by="host", reason="closed")
    without = calcom.book(PLAIN, monday(10), guests=GUESTS)["uid"]
    calcom.cancel(without, by="guest@example.com")
    by_api = calcom.book(PLAIN, monday(11))["uid"]
    calcom.host(by_api, "cancel", cancellationReason="No reason given.")


def at_another_place(calcom: Watched) -> None:
    uid = calcom.book(PLAIN, monday(9))["uid"]
    calcom.host(uid, "location", location={"type": "address", "address": "12 Harbour Street"})
    calcom.host(uid, "location", location={"type": "link", "link": "https://meet.example.com/x"})
    calcom.move(uid, monday(10))


def asked_for_another_time(calcom: Watched) -> None:
    uid = calcom.book(PLAIN, monday(9))["uid"]
    calcom.visit(f"bookings/{uid}/request-reschedule", {"reason": "I am away"})
    calcom.move(uid, monday(10), by="client")


def after_the_meeting(calcom: Watched) -> None:
    uid = calcom.book(PLAIN, monday(9) - 60 * DAY, guests=GUESTS)["uid"]
    calcom.host(uid, "mark-absent", attendees=[{"email": "guest@example.com", "absent": True}])
    calcom.host(uid, "mark-absent", host=True, attendees=[{"email": "guest@example.com", "absent": False}])


def confirmed(calcom: Watched) -> None:
    uid = calcom.book(CONFIRMED, monday(9))["uid"]
    calcom.host(uid, "confirm")
    uid = calcom.move(uid, monday(10), by="client", reason="a train")
    calcom.host(uid, "confirm")
    uid = calcom.move(uid, monday(11), by="host")
    calcom.cancel(uid, by="client")


def declined(calcom: Watched) -> None:
    calcom.host(calcom.book(CONFIRMED, monday(9))["uid"], "decline", reason="too far")
    calcom.host(calcom.book(CONFIRMED, monday(10))["uid"], "decline")


def a_declined_move(calcom: Watched) -> None:
    uid = calcom.book(CONFIRMED, monday(9))["uid"]
    calcom.host(uid, "confirm")
    calcom.host(calcom.move(uid, monday(10), by="client"), "decline", reason="no")


def seated(calcom: Watched) -> None:
    people = ["ann@example.com", "ben@example.com", "cid@example.com"]
    seats = [calcom.book(GROUP, monday(9), email, bookingFieldsResponses={"notes": email}) for email in people]
    uid = seats[0]["uid"]
    other = calcom.move(uid, monday(11), by="client", seatUid=seats[0]["seatUid"])
    calcom.book(GROUP, monday(11), "dan@example.com")
    calcom.move(other, monday(12), by="host")
    calcom.cancel(uid, by="ben@example.com", seatUid=seats[1]["seatUid"], reason="a private matter")
    calcom.cancel(uid, by="cid@example.com", seatUid=seats[2]["seatUid"], reason="so have I")
    calcom.cancel(other, by="host", reason="The room is closed")


def the_last_seat_moves_away(calcom: Watched) -> None:
    seat = calcom.book(GROUP, monday(9), "ann@example.com")
    calcom.move(seat["uid"], monday(11), by="client", seatUid=seat["seatUid"])


def recurring(calcom: Watched) -> None:
    made = calcom.book(SERIES, monday(9), recurrenceCount=4)
    calcom.move(made[1]["uid"], monday(10) + 8 * DAY, left_out={"series_id"}, by="client", reason="a train")
    calcom.cancel(made[2]["uid"], by="client", reason="a holiday")
    calcom.cancel(made[3]["uid"], scope="remaining", by="host", reason="no more")


def paid(calcom: Watched) -> None:
    uid = calcom.book(PAID, monday(9))["uid"]
    calcom.visit(f"pay/{uid}", {})
    uid = calcom.move(uid, monday(10), by="client")
    calcom.cancel(uid, by="client", reason="too dear")
    calcom.cancel(calcom.book(PAID, monday(11))["uid"], by="client")


def paid_and_confirmed(calcom: Watched) -> None:
    uid = calcom.book(PAID_CONFIRMED, monday(9))["uid"]
    calcom.visit(f"pay/{uid}", {})
    calcom.host(uid, "confirm")
    calcom.move(uid, monday(10), by="client")


def by_phone(calcom: Watched) -> None:
    pat = {"name": "Pat Phone", "phoneNumber": "+49301234567", "timeZone": "Europe/Berlin", "language": "de"}
    uid = calcom.book(CALL, monday(9), attendee=pat)["uid"]
    uid = calcom.move(uid, monday(10), by="client")
    calcom.cancel(uid, by="client", reason="ill")
    both = calcom.book(CALL, monday(11), attendee=pat | {"email": "pat@example.com"})["uid"]
    calcom.cancel(both, by="host", reason="closed")


def in_person(calcom: Watched) -> None:
    uid = calcom.book(VISIT, monday(9), guests=GUESTS)["uid"]
    calcom.cancel(calcom.move(uid, monday(10), by="client"), by="host", reason="closed")


def by_a_team(calcom: Watched) -> None:
    uid = calcom.book(PANEL, monday(9), guests=GUESTS)["uid"]
    uid = calcom.move(uid, monday(10), by="client")
    calcom.cancel(uid, by=COLLEAGUE, reason="neither of us can")
    calcom.cancel(calcom.book(PANEL, monday(11))["uid"], by="client")


def by_whoever_is_free(calcom: Watched) -> None:
    uid = calcom.book(ROTA, monday(9))["uid"]
    calcom.host(uid, "reassign")
    uid = calcom.move(uid, monday(10), by="client")
    calcom.cancel(uid, by="host", reason="closed")


LIVES: list[Callable[[Watched], None]] = [
    *(plain, cancelled_by_the_host, at_another_place, asked_for_another_time, after_the_meeting, confirmed, declined),
    *(a_declined_move, seated, the_last_seat_moves_away, recurring, paid, paid_and_confirmed, by_phone, in_person),
    *(by_a_team, by_whoever_is_free),
]


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_reading_what_webhooks_told_changes_nothing(calcom: Watched, life: Callable[[Watched], None]) -> None:
    life(calcom)
    assert calcom.uids


def test_a_moved_booking_that_is_still_called_accepted_is_no_news(calcom: Watched) -> None:
    uid = calcom.book(PLAIN, monday(9))["uid"]
    calcom.move(uid, monday(10), by="client")
    old, new = calcom_api.life(uid, time.monotonic() + 10)
    # As Cal.com has been seen to answer; and it may leave out more.
    old = {**old, "status": "accepted", "rescheduledByEmail": None, "reschedulingReason": ""}
    del old["meetingUrl"]
    for seen in ((old, new), (old,), (new, old)):
        calcom.record(seen, datetime.now(UTC) + HOUR)


def test_what_is_news_is_told_as_such(calcom: Watched) -> None:
    uid = calcom.book(PLAIN, monday(9))["uid"]
    (seen,) = calcom_api.life(uid, time.monotonic() + 10)
    news: list[dict[str, Any]] = [{"status": "cancelled"}, {"location": "The cellar"}, {"attendees": [OTHER]}]
    for each in news:
        with pytest.raises(AssertionError), calcom.house.db.transaction(force_rollback=True):
            calcom.record(({**seen, **each},), datetime.now(UTC) + HOUR)
