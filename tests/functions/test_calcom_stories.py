"""Whole lives of bookings: people act in Cal.com's simulator, and its webhooks reach the running function."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.conftest import Stack
from tests.functions.posting import Connection, Row, booking, bookings

CONSULTATION, INTERVIEW, WORKSHOP, COACHING, DEEP_DIVE, CALL, PANEL, OPEN_DESK = 101, 102, 103, 104, 105, 106, 108, 109
OMAR = {"name": "Omar Haddad", "email": "omar@client.example", "timeZone": "Europe/Paris", "language": "fr"}
NORA = {"name": "Nora Lind", "email": "nora@client.example", "timeZone": "Europe/Stockholm", "language": "en"}
HOST = "host@example.com"


def a_tuesday(days: int) -> datetime:
    """Ten o'clock UTC on the first Tuesday from then on: every host works."""
    day = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return day + timedelta(days=(1 - day.weekday()) % 7)


NEXT_MONTH = a_tuesday(30)
LATER = NEXT_MONTH + timedelta(days=2)


class Calcom:
    """The simulator, as visitors and its API's users reach it. Every call waits until its webhooks are answered."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._pages = httpx.Client(base_url=f"{env['CALCOM_SIM_URL']}/_sim", timeout=30)
        key = {"Authorization": f"Bearer {env['CALCOM_API_KEY']}", "cal-api-version": "2026-02-25"}
        self._api = httpx.Client(base_url=env["CALCOM_API_URL"], headers=key, timeout=30)

    def book(self, event_type: int, visitor: Mapping[str, str], start: datetime = NEXT_MONTH, **more: Any) -> Any:
        """A visitor books; any time will do. The answer: one booking, or the list of a series."""
        order = {
            "eventTypeId": event_type,
            "start": start.isoformat(),
            "attendee": visitor,
            "_sim": {"allow_past": True},
        }
        return self.visit("bookings", order | more)

    def visit(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call(self._pages, path, body)

    def api(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call(self._api, path, body)

    def _call(self, client: httpx.Client, path: str, body: Mapping[str, Any]) -> Any:
        answer = client.post(path, json=body)
        assert answer.is_success, answer.text
        assert self._pages.post("flush").is_success
        sent = self._pages.get("webhooks").json()
        assert [(each["trigger"], each["status"]) for each in sent if each["status"] != 200] == []
        return answer.json().get("data")


@pytest.fixture
def calcom(clean: Stack) -> Calcom:
    return Calcom(clean.env)


def seat_of(taken: Row) -> str:
    """The seat uid in the answer to who took one."""
    return str(taken["seatUid"] if "seatUid" in taken else taken["attendees"][0]["seatUid"])


def doubts(db: Connection) -> list[str]:
    return [kind for (kind,) in db.execute("select kind from public.doubts where resolved_at is null order by id")]


def test_a_booking_moves_three_times_and_ends(calcom: Calcom, db: Connection) -> None:
    uid = calcom.book(CONSULTATION, OMAR)["uid"]
    made = booking(db)
    for day in (1, 2, 3):
        uid = calcom.api(f"bookings/{uid}/reschedule", {"start": (NEXT_MONTH + timedelta(days=day)).isoformat()})["uid"]
        moved = booking(db)
        assert moved["starts_at"] == NEXT_MONTH + timedelta(days=day) and moved["ical_uid"] == made["ical_uid"]
    calcom.visit(f"bookings/{uid}/cancel", {"by": "client", "reason": "No longer needed"})
    ended = booking(db)
    assert (ended["status"], ended["cancelled_by"], ended["cancellation_reason"]) == (
        "cancelled",
        "client",
        "No longer needed",
    )
    assert ended["story"] == ["created", "moved", "moved", "moved", "cancelled"]
    assert ended["told"] == {"omar@client.example": "cancelled"}


def test_a_series_and_its_cancellation(calcom: Calcom, db: Connection) -> None:
    series = calcom.book(COACHING, OMAR, recurrenceCount=4)
    assert [row["status"] for row in bookings(db)] == ["confirmed"] * 4
    # Only from the second on do Cal.com's bodies name the series.
    assert len({row.get("series_id") for row in bookings(db)}) == 2
    reason = {"cancellationReason": "I found another coach", "cancelSubsequentBookings": True}
    calcom.api(f"bookings/{series[1]['uid']}/cancel", reason)
    ended = bookings(db)
    # The body that ends the rest names no series: its own booking ends, and the others are looked up.
    assert [row["status"] for row in ended] == ["confirmed", "cancelled", "confirmed", "confirmed"]
    assert ended[1]["cancellation_reason"] == "I found another coach"
    assert ended[1]["told"] == {"omar@client.example": "cancelled"}
    assert doubts(db) == ["series_without_id"]


def test_a_group_to_its_end(calcom: Calcom, db: Connection) -> None:
    first = calcom.book(WORKSHOP, OMAR)
    second = calcom.book(WORKSHOP, NORA)
    full = booking(db)
    assert (full["status"], full["title"], full["seats"]) == ("confirmed", "Workshop", 4)
    assert [(person["email"], person["role"]) for person in full["people"]] == [
        ("nora@client.example", "seat"),
        ("omar@client.example", "seat"),
    ]
    calcom.api(f"bookings/{second['uid']}/cancel", {"seatUid": seat_of(second), "cancellationReason": "Ill"})
    rest = booking(db)
    assert rest["status"] == "confirmed" and "cancellation_reason" not in rest
    assert [person["email"] for person in rest["people"] if "removed_at" not in person] == ["omar@client.example"]
    assert rest["told"] == {"omar@client.example": "confirmation", "nora@client.example": "cancelled"}
    calcom.api(f"bookings/{first['uid']}/cancel", {"seatUid": seat_of(first), "cancellationReason": "Ill, too"})
    ended = booking(db)
    assert ended["status"] == "cancelled"
    assert ended["told"] == {"omar@client.example": "cancelled", "nora@client.example": "cancelled"}


def test_a_seat_moves_to_another_group(calcom: Calcom, db: Connection) -> None:
    calcom.book(WORKSHOP, OMAR)
    seat = calcom.book(WORKSHOP, NORA)
    calcom.visit(
        f"bookings/{seat['uid']}/move",
        {
            "start": LATER.isoformat(),
            "by": "nora@client.example",
            "seatUid": seat_of(seat),
            "_sim": {"allow_past": True},
        },
    )
    old, new = bookings(db)
    assert (old["starts_at"], old["status"], new["starts_at"], new["status"]) == (
        NEXT_MONTH,
        "confirmed",
        LATER,
        "confirmed",
    )
    assert [person["email"] for person in old["people"] if "removed_at" not in person] == ["omar@client.example"]
    assert [person["email"] for person in new["people"]] == ["nora@client.example"]


def test_a_request_is_accepted(calcom: Calcom, db: Connection) -> None:
    uid = calcom.book(INTERVIEW, OMAR)["uid"]
    assert booking(db)["status"] == "pending" and booking(db)["told"] == {"omar@client.example": "requested"}
    calcom.api(f"bookings/{uid}/confirm", {})
    assert booking(db)["status"] == "confirmed" and booking(db)["story"] == ["requested", "confirmed"]
    assert booking(db)["told"] == {"omar@client.example": "confirmation"}


def test_a_request_is_declined(calcom: Calcom, db: Connection) -> None:
    uid = calcom.book(INTERVIEW, OMAR)["uid"]
    calcom.api(f"bookings/{uid}/decline", {"reason": "We are closed that day."})
    declined = booking(db)
    assert (declined["status"], declined["cancellation_reason"]) == ("rejected", "We are closed that day.")
    assert declined["told"] == {"omar@client.example": "rejected"}


def moved_and_waiting(calcom: Calcom, db: Connection) -> tuple[str, Row]:
    """A confirmed interview whose booker asked for another time."""
    uid = calcom.book(INTERVIEW, OMAR)["uid"]
    calcom.api(f"bookings/{uid}/confirm", {})
    ical_uid = booking(db)["ical_uid"]
    move = {"start": LATER.isoformat(), "by": "client", "reason": "A trip", "_sim": {"allow_past": True}}
    uid = calcom.visit(f"bookings/{uid}/move", move)["uid"]
    waiting = booking(db)
    assert (waiting["status"], waiting["starts_at"], waiting["ical_uid"]) == ("pending", LATER, ical_uid)
    assert waiting["told"] == {"omar@client.example": "requested"}
    return uid, waiting


def test_a_move_waits_and_is_accepted(calcom: Calcom, db: Connection) -> None:
    uid, waiting = moved_and_waiting(calcom, db)
    calcom.api(f"bookings/{uid}/confirm", {})
    held = booking(db)
    assert (held["status"], held["starts_at"], held["ical_uid"]) == ("confirmed", LATER, waiting["ical_uid"])
    assert held["revision"] > waiting["revision"]
    assert held["told"] == {"omar@client.example": "confirmation"}
    assert doubts(db) == []


def test_a_move_waits_and_is_declined(calcom: Calcom, db: Connection) -> None:
    uid, _ = moved_and_waiting(calcom, db)
    calcom.api(f"bookings/{uid}/decline", {"reason": "Then we are away"})
    declined = booking(db)
    assert (declined["status"], declined["cancellation_reason"]) == ("rejected", "Then we are away")
    assert declined["told"] == {"omar@client.example": "rejected"}
    assert doubts(db) == ["move_rejected"]


def test_the_host_asks_for_another_time(calcom: Calcom, db: Connection) -> None:
    uid = calcom.book(CONSULTATION, OMAR)["uid"]
    calcom.visit(f"bookings/{uid}/request-reschedule", {"reason": "The room is taken"})
    asked = booking(db)
    assert (asked["status"], asked["reschedule_requested"], asked["cancelled_by"]) == ("cancelled", True, "staff")
    assert asked["told"] == {"omar@client.example": "pick_new_time"}
    calcom.visit(f"bookings/{uid}/move", {"start": LATER.isoformat(), "by": "client", "_sim": {"allow_past": True}})
    moved = booking(db)
    assert (moved["status"], moved["starts_at"], moved["reschedule_requested"]) == ("confirmed", LATER, False)
    assert moved["told"] == {"omar@client.example": "rescheduled"}


def test_a_booking_is_paid(calcom: Calcom, db: Connection) -> None:
    uid = calcom.book(DEEP_DIVE, OMAR)["uid"]
    assert booking(db)["status"] == "awaiting_payment" and booking(db)["told"] == {}
    calcom.visit(f"pay/{uid}", {})
    paid = booking(db)
    assert paid["status"] == "confirmed" and paid["story"][:2] == ["awaiting_payment", "paid"]
    assert (paid["event_type_slug"], paid["event_type_title"]) == ("deep-dive", "Deep dive")
    # The link to join comes with the second of the two bodies: a word of its own where the first was already out.
    assert paid["meeting_url"].endswith(f"/video/{uid}")
    assert paid["told"]["omar@client.example"] in ("confirmation", "updated")


def test_someone_with_only_a_number(calcom: Calcom, db: Connection) -> None:
    visitor = {"name": "Paul Petit", "phoneNumber": "+33199001235", "timeZone": "Europe/Paris", "language": "fr"}
    calcom.book(CALL, visitor)
    called = booking(db)
    assert called["location"] == "+33199001235" and called["told"] == {"+33199001235": "confirmation"}
    (person,) = called["people"]
    assert person["phone"] == "+33199001235" and "email" not in person


def test_co_hosts_are_no_attendees(calcom: Calcom, db: Connection) -> None:
    uid = calcom.book(PANEL, OMAR, guests=["guest@client.example"])["uid"]
    before = booking(db)
    assert [(person["email"], person["role"]) for person in before["people"]] == [
        ("guest@client.example", "guest"),
        ("omar@client.example", "booker"),
    ]
    # The flat body lists the co-host among the attendees, as Cal.com's database does.
    calcom.visit(f"meeting/{uid}/started", {})
    calcom.visit(f"meeting/{uid}/ended", {})
    assert booking(db) == before | {"story": ["created", "started", "ended"]}
    hosts = db.execute("select email from private.booking_hosts order by email").fetchall()
    assert hosts == [("colleague@example.com",), (HOST,)]


def test_another_host_and_another_place(calcom: Calcom, db: Connection) -> None:
    uid = calcom.book(OPEN_DESK, OMAR)["uid"]
    before = booking(db)
    calcom.api(f"bookings/{uid}/reassign", {})
    after = booking(db)
    assert after["host_email"] != before["host_email"] and "host_changed" in after["story"]
    assert after["told"] == {"omar@client.example": "updated"}
