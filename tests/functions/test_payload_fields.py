"""Our bodies posted one after another, and every field of the bookings that come of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.conftest import Stack
from tests.functions.posting import OURS, Connection, Row, booking, bookings, post, post_all

pytestmark = pytest.mark.usefixtures("clean")

VISIT: Row = {
    "ical_uid": "vst7Qm2pLxYbR4kWnZ8aHc@Cal.com",
    "revision": 0,
    "status": "confirmed",
    "reschedule_requested": False,
    "title": "First visit between Ines Brandt and Omar Haddad",
    "description": "Bring your X-rays.",
    "event_type_id": 3100,
    "event_type_slug": "first-visit",
    "event_type_title": "First visit",
    "starts_at": datetime(2026, 12, 3, 9, tzinfo=UTC),
    "ends_at": datetime(2026, 12, 3, 9, 45, tzinfo=UTC),
    "location": "integrations:daily",
    "meeting_url": "https://book.lindenhof.example/video/vst7Qm2pLxYbR4kWnZ8aHc",
    "host_name": "Ines Brandt",
    "host_email": "ines@lindenhof.example",
    "host_time_zone": "Europe/Berlin",
}
OMAR: Row = {
    "email": "omar@client.example",
    "name": "Omar Haddad",
    "time_zone": "Europe/Paris",
    "locale": "fr",
    "role": "booker",
    "absent": False,
}
NORA: Row = {
    "email": "nora@client.example",
    "name": "Nora Lind",
    "time_zone": "Europe/Stockholm",
    "locale": "sv",
    "role": "seat",
    "absent": False,
}


def without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def test_a_whole_body(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_created"])
    answers = {
        "pain": ["knee", "hip"],
        "insured": True,
        "location": "integrations:daily",
        "attendeePhoneNumber": "+33 1 99 00 12 34",
    }
    mother = {
        "email": "mother@family.example",
        "time_zone": "Europe/Paris",
        "locale": "en",
        "role": "guest",
        "absent": False,
    }
    assert booking(db) == without(VISIT, "host_email") | {  # the host hides his address
        "people": [mother, OMAR | {"phone": "+33199001234", "responses": answers}],
        "story": ["created"],
        "told": {"omar@client.example": "confirmation", "mother@family.example": "confirmation"},
    }
    assert db.execute("select email from private.booking_hosts order by email").fetchall() == [
        ("ines@lindenhof.example",),
        ("jonas@lindenhof.example",),
    ]


def test_two_seats_of_which_one_is_given_up(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_created_seat_first", "booking_created_seat_second", "booking_cancelled_one_seat"])
    left = datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert booking(db) == without(VISIT, "description") | {
        "ical_uid": "y0gaC1assaaaaaaaaaaaaa@Cal.com",
        "revision": 1,
        "title": "Yoga",
        "event_type_id": 3200,
        "event_type_slug": "yoga",
        "event_type_title": "Yoga",
        "starts_at": datetime(2026, 12, 4, 17, tzinfo=UTC),
        "ends_at": datetime(2026, 12, 4, 18, tzinfo=UTC),
        "seats": 8,
        "people": [NORA | {"removed_at": left}, OMAR | {"role": "seat", "responses": {"notes": "My back hurts"}}],
        "story": ["created", "attendee_added", "attendee_removed"],
        "told": {"omar@client.example": "confirmation", "nora@client.example": "cancelled"},
    }


def test_the_host_asks_for_another_time_and_gets_one(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_created", "booking_cancelled_new_time_asked"])
    asked = booking(db)
    assert asked["status"] == "cancelled" and asked["reschedule_requested"] is True
    assert asked["cancellation_reason"] == "Please reschedule. The room is taken" and asked["cancelled_by"] == "staff"
    assert asked["told"]["omar@client.example"] == "pick_new_time"
    assert "reschedule_requested" in asked["story"]
    post_all(stack.env, ["booking_rescheduled"])
    moved = booking(db)
    assert moved["status"] == "confirmed" and moved["reschedule_requested"] is False
    assert "cancellation_reason" not in moved and "cancelled_by" not in moved
    assert moved["starts_at"] == datetime(2026, 12, 9, 9, tzinfo=UTC) and moved["ical_uid"] == VISIT["ical_uid"]
    assert moved["told"]["omar@client.example"] == "rescheduled"


def test_a_request_that_is_accepted(stack: Stack, db: Connection) -> None:
    consultation = without(VISIT, "meeting_url") | {
        "ical_uid": "c0nsu1taaaaaaaaaaaaaaa@Cal.com",
        "title": "Consultation: Ines & Omar",
        "description": "About my knee",
        "event_type_id": 3400,
        "event_type_slug": "consultation",
        "event_type_title": "Consultation",
        "people": [OMAR],
    }
    post_all(stack.env, ["booking_requested"])
    assert booking(db) == consultation | {
        "status": "pending",
        "story": ["requested"],
        "told": {"omar@client.example": "requested"},
    }
    post_all(stack.env, ["booking_created_after_request"])
    assert booking(db) == consultation | {
        "meeting_url": VISIT["meeting_url"],
        "revision": 1,
        "status": "confirmed",
        "story": ["requested", "confirmed"],
        "told": {"omar@client.example": "confirmation"},
    }


def test_a_request_that_is_declined(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_requested", "booking_rejected"])
    declined = booking(db)
    assert (declined["status"], declined["cancellation_reason"]) == ("rejected", "We are closed that day.")
    assert declined["story"] == ["requested", "rejected"] and declined["told"] == {"omar@client.example": "rejected"}


def test_a_payment(stack: Stack, db: Connection) -> None:
    check = without(VISIT, "meeting_url", "event_type_slug") | {
        "ical_uid": "fu11Checkaaaaaaaaaaaaa@Cal.com",
        "title": "Full check: Ines & Omar",
        "event_type_title": "Full check",
        "people": [OMAR],
    }
    post_all(stack.env, ["booking_payment_initiated"])
    assert booking(db) == check | {"status": "awaiting_payment", "story": ["awaiting_payment"], "told": {}}
    post_all(stack.env, ["booking_paid"])
    assert booking(db) == check | {
        "revision": 1,
        "story": ["awaiting_payment", "paid"],
        "told": {"omar@client.example": "confirmation"},
    }


def test_what_happened_at_a_meeting(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_created"])
    before = booking(db)
    assert post_all(stack.env, ["meeting_started_flat", "meeting_ended_nested"]) == ["applied", "applied"]
    assert booking(db) == before | {"story": ["created", "started", "ended"]}
    assert post_all(stack.env, ["meeting_ended_flat"]) == ["duplicate"]
    post_all(stack.env, ["no_show_updated"])
    (omar,) = [person for person in booking(db)["people"] if person["email"] == "omar@client.example"]
    assert omar["absent"] is True
    assert booking(db)["status"] == "confirmed"


def test_a_meeting_that_is_heard_of_before_its_booking(stack: Stack, db: Connection) -> None:
    assert post_all(stack.env, ["meeting_started_flat"]) == ["quarantined"]
    assert bookings(db) == []
    post_all(stack.env, ["booking_created"])
    assert sorted(booking(db)["story"]) == ["created", "started"]


def test_someone_with_only_a_number(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_created_number_only"])
    assert booking(db)["people"] == [
        without(OMAR, "email")
        | {"name": "Paul Petit", "phone": "+33199001235", "responses": {"attendeePhoneNumber": "+33199001235"}}
    ]
    assert db.execute("select channel, recipient, kind, reason from public.notifications order by kind").fetchall() == [
        ("sms", "+33199001235", "confirmation", None),
        ("sms", "+33199001235", "reminder", "no_consent"),
    ]


def test_a_name_in_two_parts(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_created_split_name"])
    assert booking(db)["people"] == [OMAR | {"email": "lea@client.example", "name": "Léa Martin"}]


def test_every_spelling_of_a_time(stack: Stack, db: Connection) -> None:
    body = json.loads((OURS / "booking_created.json").read_bytes())
    spellings = ("09:00:00Z", "09:00:00.000Z", "09:00:00+00:00", "10:00:00+01:00", "04:00:00-05:00")
    for number, spelling in enumerate(spellings):
        payload = body["payload"] | {
            "uid": f"sp3lling{number}",
            "bookingId": 60_000 + number,
            "iCalUID": None,
            "startTime": f"2026-12-03T{spelling}",
        }
        assert post(stack.env, json.dumps(body | {"payload": payload}).encode())["outcome"] == "applied"
    assert [row["starts_at"] for row in bookings(db)] == [VISIT["starts_at"]] * len(spellings)
    post_all(stack.env, ["booking_rescheduled_2022"])
    assert bookings(db)[0]["starts_at"] == datetime(2022, 6, 9, 12, tzinfo=UTC)
    assert bookings(db)[0]["meeting_url"] == "https://rooms.example/knee?pwd=1"


def test_a_move(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_created", "booking_rescheduled"])
    moved = booking(db)
    assert moved["ical_uid"] == VISIT["ical_uid"] and moved["revision"] >= 1
    assert moved["starts_at"] == datetime(2026, 12, 9, 9, tzinfo=UTC)
    assert moved["story"][:2] == ["created", "moved"]
    assert moved["told"] == {"omar@client.example": "rescheduled", "mother@family.example": "cancelled"}
    ((changes, actor, reason),) = db.execute(
        "select changes -> 'starts_at', actor_kind, reason from public.booking_events where kind = 'moved'"
    ).fetchall()
    assert [datetime.fromisoformat(value) for value in changes] == [VISIT["starts_at"], moved["starts_at"]]
    assert (actor, reason) == ("staff", "Staff training")


def test_a_move_that_awaits_confirmation(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_requested", "booking_created_after_request", "booking_requested_move"])
    waiting = booking(db)
    assert (waiting["status"], waiting["starts_at"]) == ("pending", datetime(2026, 12, 8, 9, tzinfo=UTC))
    assert waiting["told"] == {"omar@client.example": "requested"}


def test_a_series_that_ends(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_created_series_1", "booking_created_series_2", "booking_cancelled_series"])
    # What is heard of only after the end is over too.
    post_all(stack.env, ["booking_created_series_3"])
    assert [row["status"] for row in bookings(db)] == ["confirmed", "cancelled", "cancelled"]
    assert [row.get("cancelled_by") for row in bookings(db)] == [None, "client", "client"]


def test_another_place_and_another_host(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_created", "booking_reassigned"])
    assert booking(db)["host_name"] == "Jonas Weil"
    post_all(stack.env, ["booking_location_updated"])
    assert booking(db)["location"] == "Lindenhof 4, 10115 Berlin" and "meeting_url" not in booking(db)
    assert set(booking(db)["story"]) >= {"created", "host_changed", "place_changed"}


def test_a_host_who_books_himself_is_in_it_but_gets_no_mail(stack: Stack, db: Connection) -> None:
    post_all(stack.env, ["booking_created_by_host_at_number"])
    assert [person["email"] for person in booking(db)["people"]] == ["ines@lindenhof.example"]
    assert booking(db)["location"] == "+4930990012345"
    owed = db.execute("select distinct status, reason from public.notifications").fetchall()
    assert owed == [("skipped", "staff")]
