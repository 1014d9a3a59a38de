"""Bodies of Cal.com, signed and posted to the running function, and the bookings that come of them.

Our own bodies are always there; those of the handbook are read where it is.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.calcom_webhook import parse
from tests.conftest import Stack
from tests.functions.posting import HANDBOOK, OURS, Connection, Row, booking, post, post_all
from tests.hostile import HOSTILE

# Each stands in at least one of our bodies, as `test_calcom_body` makes sure.
SECRETS = (
    "11f0c0de",
    "22f0c0de",
    "room-password-of-the-host",
    "secret_ofTheProvider",
    "signed-link-of-the",
    "join-token-of-the-host",
)

pytestmark = pytest.mark.usefixtures("clean")

# What a body comes to in an empty system, by the trigger in a handbook file's name and by the name of our own file.
# What speaks of a meeting waits until its booking is known.
OF_TRIGGER = {
    "BOOKING_CREATED": "applied",
    "BOOKING_RESCHEDULED": "applied",
    "BOOKING_REQUESTED": "applied",
    "BOOKING_CANCELLED": "applied",
    "BOOKING_REJECTED": "applied",
    "BOOKING_PAYMENT_INITIATED": "applied",
    "BOOKING_PAID": "applied",
    "BOOKING_LOCATION_UPDATED": "applied",
    "BOOKING_REASSIGNED": "applied",
    "INSTANT_MEETING_ACCEPTED": "applied",
    "MEETING_STARTED": "quarantined",
    "MEETING_ENDED": "quarantined",
    "BOOKING_NO_SHOW_UPDATED": "quarantined",
    "AFTER_GUESTS_CAL_VIDEO_NO_SHOW": "quarantined",
    "AFTER_HOSTS_CAL_VIDEO_NO_SHOW": "quarantined",
    "CUSTOM_TEMPLATE": "quarantined",
    "PING": "ignored",
    "FORM_SUBMITTED": "ignored",
    "FORM_SUBMITTED_NO_EVENT": "ignored",
    "OOO_CREATED": "ignored",
    "RECORDING_READY": "ignored",
    "RECORDING_TRANSCRIPTION_GENERATED": "ignored",
    "INSTANT_MEETING": "ignored",
    "DELEGATION_CREDENTIAL_ERROR": "ignored",
    "DELEGATION_CREDENTIAL_SECRET_ROTATION_FAILED": "ignored",
    "WRONG_ASSIGNMENT_REPORT": "ignored",
    "CALENDAR_ENTRY_REJECTED": "ignored",
    "BOOKING_TELEPORTED": "ignored",
}
OF_OUR_FILE = {
    "booking_created_unnamed": "quarantined",
    "booking_created_without_payload": "quarantined",
    "template": "quarantined",
    "template_false": "quarantined",
}


@pytest.mark.parametrize("path", sorted(OURS.glob("*.json")), ids=lambda path: path.stem)
def test_each_of_our_bodies(stack: Stack, db: Connection, path: Path) -> None:
    body = path.read_bytes()
    expect(stack, db, body, OF_OUR_FILE.get(path.stem) or OF_TRIGGER[json.loads(body)["triggerEvent"]])


def handbook() -> list[Any]:
    paths = [path for path in sorted(HANDBOOK.glob("*__*")) if path.suffix in (".json", ".txt")]
    skip = pytest.mark.skip(reason="no handbook beside the checkout")
    return [pytest.param(path, id=path.stem) for path in paths] or [pytest.param(HANDBOOK, marks=skip)]


@pytest.mark.parametrize("path", handbook())
def test_each_body_of_the_handbook(stack: Stack, db: Connection, path: Path) -> None:
    expect(stack, db, path.read_bytes(), OF_TRIGGER[path.name.split("__")[1]])


def expect(stack: Stack, db: Connection, body: bytes, outcome: str) -> None:
    """The body comes to that; it is kept, but for its secrets; and a booking is made only where it is applied."""
    answer = post(stack.env, body)
    assert answer["outcome"] == outcome
    rows = db.execute("select outcome, body from public.webhook_events").fetchall()
    assert [row[0] for row in rows] == [outcome]
    kept = parse(body, datetime.now(UTC)).body
    assert rows[0][1] == kept
    assert [str(row[0]) for row in db.execute("select id from public.bookings")] == (
        [answer["booking_id"]] if outcome == "applied" else []
    )
    again = "quarantined" if outcome == "quarantined" else "duplicate"
    assert post(stack.env, body)["outcome"] == again
    assert db.execute("select count(*) from public.webhook_events").fetchone() == (1,)


# Bodies of the handbook that speak of one booking → what stands in it after them: fields, and of each person
# name, address and whether they are still in it.
OF_HANDBOOK: dict[str, tuple[list[str], Row, list[tuple[str, str, bool]]]] = {
    "two seats of which one is given up": (
        [
            "composed__BOOKING_CREATED__seat-1",
            "composed__BOOKING_CREATED__seat-2",
            "composed__BOOKING_CANCELLED__one-seat",
        ],
        {"status": "confirmed", "title": "Group class", "seats": 10, "starts_at": datetime(2026, 1, 5, 9, tzinfo=UTC)},
        [("Second Seat", "second@example.com", False), ("Test Testson", "test@example.com", True)],
    ),
    "requested, then created with a name in two parts": (
        ["e2e__BOOKING_REQUESTED__1", "e2e__BOOKING_CREATED__split-name"],
        {"status": "confirmed", "event_type_slug": "opt-in", "host_email": "pro@example.com", "revision": 1},
        [("John Johny", "test@example.com", True)],
    ),
    "requested, then rejected": (
        ["e2e__BOOKING_REQUESTED__1", "e2e__BOOKING_REJECTED__1"],
        {"status": "rejected", "cancelled_by": "calcom"},
        [("Test Testson", "test@example.com", True)],
    ),
    "the host asks for another time": (
        ["e2e__BOOKING_CREATED__split-name", "composed__BOOKING_CANCELLED__request-reschedule"],
        {
            "status": "cancelled",
            "reschedule_requested": True,
            "cancelled_by": "staff",
            "cancellation_reason": "Please reschedule. I have a conflict",
        },
        [("Test Testson", "test@example.com", True)],
    ),
    "paid, and now awaiting confirmation": (
        ["docs2026-09__BOOKING_PAYMENT_INITIATED__1", "docs2026-09__BOOKING_PAID__1"],
        {"status": "pending", "event_type_title": "Consultation Session", "location": "integrations:video-provider"},
        [("Guest User", "guest@example.com", True)],
    ),
    "a meeting that began": (
        ["help2026-07__BOOKING_CREATED__1", "help2026-07__MEETING_STARTED__1"],
        {"status": "confirmed", "story": ["created", "started"], "location": "Calcom HQ", "host_name": "Pro Example"},
        [("John Doe", "john.doe@example.com", True)],
    ),
    "moved and cancelled in 2023": (
        ["activepieces2023-02__BOOKING_RESCHEDULED__1", "activepieces2023-02__BOOKING_CANCELLED__1"],
        {
            "status": "cancelled",
            "cancellation_reason": "Cancellation note",
            "starts_at": datetime(2023, 2, 21, 11, tzinfo=UTC),
            "ends_at": datetime(2023, 2, 21, 11, 30, tzinfo=UTC),
            "event_type_title": "30 Min Meeting",
        },
        [("John Doe", "john@example.com", True)],
    ),
    "another host": (
        ["docs2026-09__BOOKING_CREATED__1", "docs2026-09__BOOKING_REASSIGNED__1"],
        {
            "status": "confirmed",
            "host_name": "New Host",
            "meeting_url": "https://app.example.com/video/unique-booking-id",
        },
        [("Additional Guest", "additional-guest@example.com", False), ("Guest User", "guest@example.com", True)],
    ),
    "a host who booked himself": (
        ["real2024-03__BOOKING_CREATED__1"],
        {
            "status": "confirmed",
            "location": "+15550100003",
            "description": "Bro",
            "ical_uid": "ua2wm7UKatt1mjufZJxoXu@Cal.com",
        },
        [("Host Two", "host.two@example.com", True)],
    ),
}


@pytest.mark.skipif(not HANDBOOK.exists(), reason="no handbook beside the checkout")
@pytest.mark.parametrize("story", OF_HANDBOOK)
def test_a_story_of_the_handbook(stack: Stack, db: Connection, story: str) -> None:
    names, fields, people = OF_HANDBOOK[story]
    assert post_all(stack.env, names, HANDBOOK) == ["applied"] * len(names)
    stored = booking(db)
    assert {name: stored.get(name) for name in fields} == fields
    assert [(who["name"], who["email"], "removed_at" not in who) for who in stored["people"]] == people


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_kept(stack: Stack, db: Connection, body: bytes) -> None:
    outcome = post(stack.env, body)["outcome"]
    assert outcome in ("applied", "quarantined")
    sha256 = hashlib.sha256(body).hexdigest()
    assert db.execute("select outcome, sha256 from public.webhook_events").fetchall() == [(outcome, sha256)]


def test_no_secret_of_a_body_is_in_the_database_or_the_log(stack: Stack, db: Connection) -> None:
    for path in OURS.glob("*.json"):
        post(stack.env, path.read_bytes())
        post(stack.env, path.read_bytes()[:-3])
    tables = db.execute(
        "select format('select coalesce(string_agg(t::text, %L), %L) from %I.%I t', ' ', '', schemaname, tablename)"
        " from pg_tables where schemaname in ('public', 'private')"
    ).fetchall()
    rows = " ".join(text for (query,) in tables for (text,) in db.execute(query))
    everything = rows + stack.log
    assert "Omar Haddad" in everything
    assert [secret for secret in SECRETS if secret in everything] == []
