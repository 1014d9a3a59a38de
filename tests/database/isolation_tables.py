"""Who reads and writes what: each exposed table, for each persona. What is not written here must be refused."""

from __future__ import annotations

from tests.database.api import Row
from tests.database.isolation_world import World, address

VERBS = ("insert", "update", "delete")

# Table → persona → the rows they read, by label. A person who is not named reads nothing; `secret` reads everything.
READS: dict[str, dict[str, set[str]]] = {
    "bookings": {
        "client": {"A", "S", "R"},
        "guest": {"A"},
        "mate": {"S"},
        "other": {"O"},
        "host": {"A", "S", "R"},
        "other_host": {"O", "U"},
        "admin": {"A", "S", "R", "O", "U"},
    },
    "booking_attendees": {
        "client": {"A:client", "A:guest", "S:client", "R:client", "R:guest"},
        "guest": {"A:guest", "R:guest"},
        "mate": {"S:mate"},
        "other": {"O:other"},
        "host": {"A:client", "A:guest", "S:client", "S:mate", "R:client", "R:guest"},
        "other_host": {"O:other", "U:unconfirmed"},
        "admin": {"A:client", "A:guest", "S:client", "S:mate", "R:client", "R:guest", "O:other", "U:unconfirmed"},
    },
    "notifications": {
        "client": {"A:client", "S:client", "R:client"},
        "guest": {"A:guest", "R:guest"},
        "mate": {"S:mate"},
        "other": {"O:other"},
        "host": {"A:client", "A:guest", "S:client", "S:mate", "R:client", "R:guest"},
        "other_host": {"O:other", "U:unconfirmed"},
        "admin": {"A:client", "A:guest", "S:client", "S:mate", "R:client", "R:guest", "O:other", "U:unconfirmed"},
    },
    "booking_events": {
        "client": {"A:created", "A:note_added", "S:created", "S:note_added", "R:created"}
        | {"R:attendee_removed for attendee"},
        "guest": {"A:created", "A:note_added"},
        "mate": {"S:created", "S:note_added"},
        "other": {"O:created", "O:note_added"},
        "host": {"A:created", "A:note_added", "A:note_added for staff", "S:created", "S:note_added", "R:created"}
        | {"R:attendee_removed for attendee"},
        "other_host": {"O:created", "O:note_added", "U:created"},
        "admin": {"A:created", "A:note_added", "A:note_added for staff", "S:created", "S:note_added", "R:created"}
        | {"R:attendee_removed for attendee", "O:created", "O:note_added", "U:created"},
    },
    "booking_notes": {
        "client": {"A:shared", "S:shared"},
        "guest": {"A:shared"},
        "mate": {"S:shared"},
        "other": {"O:shared"},
        "host": {"A:shared", "A:staff", "S:shared"},
        "other_host": {"O:shared"},
        "admin": {"A:shared", "A:staff", "S:shared", "O:shared"},
    },
    "notification_preferences": {
        "client": {"client"},
        "mate": {"mate"},
        "other": {"other"},
        "host": {"client", "mate"},
        "other_host": {"other", "unconfirmed"},
        "admin": {"client", "mate", "other", "unconfirmed"},
    },
    "sms_consents": {"client": {"client"}, "other": {"other"}, "admin": {"client", "other", "unconfirmed"}},
    "staff": {"host": {"host"}, "other_host": {"other_host"}, "admin": {"host", "other_host", "admin"}},
    "saved_views": {"host": {"host"}, "admin": {"admin"}},
    "event_type_settings": {who: {"event_type_settings"} for who in ("host", "other_host", "admin")},
    "suppressions": {"admin": {"suppressions"}},
    "webhook_events": {"admin": {"webhook_events"}},
    "doubts": {"admin": {"doubts"}},
    "job_runs": {"admin": {"job_runs"}},
}

# (table, verb) → who may, on the row of `ROWS`. For all that is not here nobody has the right, whoever they are.
WRITES: dict[tuple[str, str], set[str]] = {
    ("booking_notes", "insert"): {"client", "guest", "host", "admin"},
    ("notification_preferences", "insert"): {"guest"},
    ("notification_preferences", "update"): {"client"},
    ("event_type_settings", "insert"): {"admin"},
    ("event_type_settings", "update"): {"admin"},
    ("event_type_settings", "delete"): {"admin"},
    ("suppressions", "insert"): {"admin"},
    ("suppressions", "update"): {"admin"},
    ("suppressions", "delete"): {"admin"},
    ("saved_views", "insert"): {"host", "other_host", "admin"},
    ("saved_views", "update"): {"host"},
    ("saved_views", "delete"): {"host"},
}

_START = {"starts_at": "2090-01-01T10:00:00Z", "ends_at": "2090-01-01T10:30:00Z"}


def rows(world: World, persona: str) -> dict[str, tuple[Row, Row, Row]]:
    """Table → a row to insert, where the row is that one would update or delete, what one would write there."""
    booking, me = world.bookings["A"], world.users.get(persona, world.users["client"])
    attendee, message = world.attendees["A:client"], world.messages["A:client"]
    in_a = {"booking_id": f"eq.{booking}"}
    return {
        "bookings": ({"ical_uid": "x", "status": "confirmed", **_START}, {"id": f"eq.{booking}"}, {"title": "x"}),
        "booking_attendees": (
            {"booking_id": booking, "email": "eve@example.com", "role": "guest"},
            {"id": f"eq.{attendee}"},
            {"email": "eve@example.com"},
        ),
        "booking_events": (
            {"booking_id": booking, "kind": "created", "actor_kind": "client", "source": "action"}
            | {"occurred_at": _START["starts_at"]},
            in_a,
            {"reason": "x"},
        ),
        "booking_notes": (
            {"booking_id": booking, "author_id": me, "visibility": "shared", "body": "x"},
            in_a,
            {"body": "changed"},
        ),
        "notifications": (
            {"booking_id": booking, "attendee_id": attendee, "channel": "email", "kind": "confirmation"}
            | {"recipient": "x", "ical_uid": "x", "starts_at": _START["starts_at"], "revision": 0}
            | {"time_zone": "UTC", "locale": "en"},
            {"id": f"eq.{message}"},
            {"status": "skipped"},
        ),
        "notification_preferences": (
            {"email": address("guest"), "email_reminders": False},
            {"email": f"eq.{address('client')}"},
            {"email_reminders": False},
        ),
        "sms_consents": (
            {"email": address("client"), "phone": "+4915112345678", "text_shown": "x", "source": "x"},
            {"email": f"eq.{address('client')}"},
            {"withdrawn_at": None},
        ),
        "staff": (
            {"user_id": world.users["client"], "role": "admin"},
            {"user_id": f"eq.{world.users['host']}"},
            {"role": "admin"},
        ),
        "saved_views": (
            {"user_id": me, "name": "new", "view": {}},
            {"user_id": f"eq.{world.users['host']}"},
            {"name": "other"},
        ),
        "event_type_settings": (
            {"event_type_id": 78},
            {"event_type_id": "eq.77"},
            {"min_cancel_notice": 0},
        ),
        "suppressions": (
            {"channel": "email", "address": "eve@example.com", "reason": "x"},
            {"address": "eq.nobody@example.com"},
            {"reason": "x"},
        ),
        "webhook_events": ({"outcome": "applied", "sha256": "x"}, in_a, {"body": None}),
        "doubts": ({"kind": "resent"}, in_a, {"detail": "x"}),
        "job_runs": ({"job": "x", "started_at": _START["starts_at"]}, {"job": "eq.reminders"}, {"error": "x"}),
    }
