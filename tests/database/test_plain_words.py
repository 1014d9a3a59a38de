"""What a message says of itself: when it leaves, how it ended, why it was not sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.database.portal import HOST, Portal, person
from tests.database.recorded import Connection

ADMIN = "admin@example.com"
# A reminder of a meeting on Fri 4 Dec 2026 at 9:00 in Paris.
REMINDER = {
    "kind": "reminder",
    "channel": "email",
    "lead_minutes": 1440,
    "starts_at": "2026-12-04T08:00:00Z",
    "due_at": "2026-12-03T08:00:00Z",
    "time_zone": "Europe/Paris",
    "status": "planned",
    "reason": None,
}
CHANGE = REMINDER | {"kind": "confirmation", "lead_minutes": None}
TEXT = REMINDER | {"channel": "sms", "lead_minutes": 60}


@pytest.fixture(scope="module")
def portal(sql: Connection) -> Iterator[Portal]:
    """One booking of Ana's, with her confirmation and reminders."""
    made = Portal(sql)
    made.account("ana@example.com")
    made.account(ADMIN, "admin")
    made.account(HOST, "host")
    made.book(person("ana@example.com"), starts_in=200)
    yield made
    made.empty()


@pytest.fixture(autouse=True)
def as_it_was(portal: Portal) -> Iterator[None]:
    """What a test says of the booking or of her wishes is forgotten after it."""
    with portal.sql.transaction(force_rollback=True):
        # The planner would answer what the test changes around a message.
        portal.sql.execute("set local session_replication_role = replica")
        yield


def says(portal: Portal, words: dict[str, Any], **outbox: Any) -> str:
    """What the message would say if it were so."""
    for name, value in outbox.items():
        portal.sql.execute(f"update private.outbox set {name} = %s".encode(), [value])
    if "try_at" not in outbox:
        portal.sql.execute("update private.outbox set try_at = %s", [words["due_at"]])
    [row] = portal.rows(
        "select private.says(jsonb_populate_record(n, %s)) as says from notifications n"
        " where (n.kind = 'reminder') = %s limit 1",
        Jsonb(words),
        words["kind"] == "reminder",
    )
    return str(row["says"])


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (15, "15 minutes"),
        (60, "1 hour"),
        (61, "1 hour 1 minute"),
        (90, "1 hour 30 minutes"),
        (120, "2 hours"),
        (1440, "1 day"),
        (1500, "1 day 1 hour"),
        (4320, "3 days"),
        (10080, "1 week"),
        (11520, "8 days"),
        (20160, "2 weeks"),
    ],
)
def test_leads_are_natural_words(portal: Portal, minutes: int, words: str) -> None:
    assert portal.rows("select private.in_words(%s) as words", minutes) == [{"words": words}]


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Europe/Paris", "Thu 3 Dec 2026 09:00 (Europe/Paris, UTC+1)"),
        ("Asia/Kathmandu", "Thu 3 Dec 2026 13:45 (Asia/Kathmandu, UTC+5:45)"),
        ("America/St_Johns", "Thu 3 Dec 2026 04:30 (America/St_Johns, UTC-3:30)"),
        ("Pacific/Kiritimati", "Thu 3 Dec 2026 22:00 (Pacific/Kiritimati, UTC+14)"),
        ("UTC", "Thu 3 Dec 2026 08:00 (UTC)"),
        ("Europe/London", "Thu 3 Dec 2026 08:00 (Europe/London, UTC)"),
        ("Mars/Olympus", "Thu 3 Dec 2026 08:00 (UTC)"),  # Cal.com may know more zones than Postgres
    ],
)
def test_times_are_those_of_the_recipient(portal: Portal, zone: str, words: str) -> None:
    assert says(portal, REMINDER | {"time_zone": zone}) == f"Reminder by e-mail 1 day before, {words}"


def test_the_offset_is_that_of_the_day(portal: Portal) -> None:
    summer = REMINDER | {"due_at": "2026-10-24T16:00:00Z", "starts_at": "2026-10-25T16:00:00Z"}
    assert says(portal, summer).endswith("Sat 24 Oct 2026 18:00 (Europe/Paris, UTC+2)")


@pytest.mark.parametrize(
    ("message", "outbox", "words"),
    [
        (CHANGE, {}, "Confirmation by e-mail, leaves at once"),
        (CHANGE | {"kind": "cancelled", "channel": "sms"}, {}, "Cancellation by text, leaves at once"),
        (CHANGE, {"again": True}, "Confirmation by e-mail, asked for by staff, leaves at once"),
        (REMINDER, {"again": True}, "Reminder by e-mail 1 day before, asked for by staff, leaves at once"),
        (
            REMINDER | {"lead_minutes": 90, "due_at": "2026-12-04T06:30:00Z"},
            {},
            "Reminder by e-mail 1 hour 30 minutes before, Fri 4 Dec 2026 07:30 (Europe/Paris, UTC+1)",
        ),
        (
            TEXT | {"starts_at": "2026-12-03T22:30:00Z", "due_at": "2026-12-04T07:00:00Z"},
            {},
            "Reminder by text 1 hour before, moved from Thu 3 Dec 22:30 to Fri 4 Dec 2026 08:00 (Europe/Paris, UTC+1)"
            " because of quiet hours",
        ),
        (
            TEXT | {"starts_at": "2026-12-03T07:45:00Z", "due_at": "2026-12-03T07:00:00Z"},
            {},
            "Reminder by text 1 hour before, moved from 07:45 to Thu 3 Dec 2026 08:00 (Europe/Paris, UTC+1)"
            " because of quiet hours",
        ),
        (
            CHANGE,
            {"tries": 1, "try_at": "2026-12-03T08:00:20Z"},
            "Confirmation by e-mail, tried once, next try Thu 3 Dec 2026 09:00:20 (Europe/Paris, UTC+1)",
        ),
        (
            REMINDER,
            {"tries": 3, "try_at": "2026-12-03T08:05:00Z"},
            "Reminder by e-mail 1 day before, tried 3 times, next try Thu 3 Dec 2026 09:05:00 (Europe/Paris, UTC+1)",
        ),
        (  # Resend had enough of us: that is no try
            CHANGE,
            {"try_at": "2099-12-03T08:00:02Z"},
            "Confirmation by e-mail, next try Thu 3 Dec 2099 09:00:02 (Europe/Paris, UTC+1)",
        ),
    ],
)
def test_what_is_planned_says_when(portal: Portal, message: dict[str, Any], outbox: dict[str, Any], words: str) -> None:
    assert says(portal, message, **outbox) == words


SENT = {"sent_at": "2026-12-03T08:00:12Z"}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"status": "unknown"}, "In doubt: the provider did not answer; not sent again"),
        ({"status": "failed", "attempts": 1, "reason": "422"}, "Failed: the provider did not accept it"),
        ({"status": "failed", "attempts": 8}, "Failed: the provider did not accept it, tried 8 times"),
        (
            {"status": "sent", **SENT},
            "Sent Thu 3 Dec 2026 09:00:12 (Europe/Paris, UTC+1), not confirmed by the provider",
        ),
        ({"status": "delivered", **SENT}, "Delivered Thu 3 Dec 2026 09:00:12 (Europe/Paris, UTC+1)"),
        (
            {"status": "bounced", "reason": "permanent: bounced"},
            "Bounced: the mail server of this address did not take it (permanent)",
        ),
        ({"status": "bounced", "reason": "bounced"}, "Bounced: the mail server of this address did not take it"),
        ({"status": "bounced", "reason": "failed"}, "Not delivered: the provider could not send it"),
        (
            {"status": "bounced", "reason": "permanent: suppressed"},
            "Not delivered: the provider does not write to this address any more (permanent)",
        ),
        (
            {"status": "bounced", "reason": "permanent: undelivered", "channel": "sms"},
            "Not delivered: the phone or its network did not take it (permanent)",
        ),
        ({"status": "complained"}, "Marked as spam by its recipient; no more is sent to this address"),
    ],
)
def test_how_it_ended(portal: Portal, message: dict[str, Any], words: str) -> None:
    assert says(portal, CHANGE | message) == words


def test_what_is_under_way(portal: Portal) -> None:
    sending = CHANGE | {"status": "sending"}
    assert says(portal, sending, lease="00000000-0000-0000-0000-000000000001") == "Being sent"
    assert says(portal, sending, lease=None, try_at="2026-12-03T08:00:20Z") == (
        "No clear answer yet; the same message is posted again Thu 3 Dec 2026 09:00:20 (Europe/Paris, UTC+1)"
    )


def test_it_is_delivered_when_the_provider_says_so(portal: Portal) -> None:
    for event, second in (("sent", 12), ("delivered", 14), ("opened", 20)):
        portal.sql.execute(
            "insert into private.receipts (receipt_id, channel, provider_id, event, occurred_at)"
            " values (%s, 'email', 're_1', %s, %s)",
            (event, event, f"2026-12-03T08:00:{second}Z"),
        )
    delivered = CHANGE | SENT | {"status": "delivered", "provider_id": "re_1"}
    assert says(portal, delivered) == "Delivered Thu 3 Dec 2026 09:00:14 (Europe/Paris, UTC+1)"


# Why it was not sent.

WISHES = (
    "insert into notification_preferences (email, email_reminders, sms_reminders) values ('ana@example.com', %s, %s)"
)
AS_PLANNED = "update bookings set starts_at = '2026-12-04T08:00:00Z', ends_at = '2026-12-04T09:00:00Z'"
SUPPRESS = "insert into suppressions (channel, address, reason) values (%s, %s, %s)"
ANA = {"recipient": "ana@example.com"}
NUMBER = {"recipient": "+4915112345678"}


@pytest.mark.parametrize(
    ("message", "reason", "so", "words"),
    [
        (REMINDER, "opted_out", (WISHES, False, False), "reminders by e-mail are switched off"),
        (TEXT, "opted_out", (WISHES, True, False), "reminders by text are switched off"),
        (REMINDER, "opted_out", (WISHES, True, True), "a reminder 1 day before was not wanted"),
        (TEXT, "opted_out", (WISHES, True, True), "a reminder 1 hour before was not wanted"),
        (TEXT, "no_consent", None, "the number was not confirmed or consent is missing"),
        (
            CHANGE | ANA,
            "suppressed",
            (SUPPRESS, "email", ANA["recipient"], "bounced"),
            "this address bounced (permanent)",
        ),
        (
            REMINDER | ANA,
            "suppressed",
            (SUPPRESS, "email", ANA["recipient"], "complained"),
            "an e-mail to this address was marked as spam",
        ),
        (
            CHANGE | ANA,
            "suppressed",
            (SUPPRESS, "email", ANA["recipient"], "asked"),
            "this address gets no e-mail any more",
        ),
        (CHANGE | ANA, "suppressed", None, "this address gets no e-mail any more"),
        (
            CHANGE | ANA,
            "suppressed",
            (SUPPRESS, "email", ANA["recipient"], "erased"),
            "the data of this person was erased",
        ),
        (
            TEXT | NUMBER,
            "suppressed",
            (SUPPRESS, "sms", NUMBER["recipient"], "bounced"),
            "this number takes no texts (permanent)",
        ),
        (
            TEXT | NUMBER,
            "suppressed",
            (SUPPRESS, "sms", NUMBER["recipient"], "asked"),
            "this number gets no texts any more",
        ),
        (
            TEXT | NUMBER,
            "suppressed",
            (SUPPRESS, "sms", NUMBER["recipient"], "stopped"),
            "this number answered STOP to our texts",
        ),
        (REMINDER, "superseded", ("update bookings set status = 'cancelled'",), "the booking was cancelled"),
        (REMINDER, "superseded", ("update bookings set status = 'rejected'",), "the booking was declined"),
        (REMINDER, "superseded", ("update bookings set status = 'pending'",), "the booking was moved"),
        (
            REMINDER,
            "superseded",
            (f"{AS_PLANNED}, status = 'pending'",),
            "the booking has changed",
        ),
        (
            REMINDER,
            "superseded",
            ("update booking_attendees set removed_at = now()",),
            "this person does not take part any more",
        ),
        (CHANGE, "superseded", ("update bookings set status = 'cancelled'",), "the booking was cancelled"),
        (
            CHANGE | {"kind": "cancelled"},
            "superseded",
            (AS_PLANNED,),
            "there was newer news, or none any more",
        ),
        (
            REMINDER,
            "inside_window",
            ("update bookings set created_at = '2026-12-03T08:00:00Z'",),
            "the booking was made less than 1 day before",
        ),
        (
            REMINDER,
            "inside_window",
            ("update bookings set created_at = '2026-12-03T07:59:59Z'",),
            "it was less than 1 day before when the booking was moved or the reminder was chosen",
        ),
        (TEXT, "quiet_hours", None, "it would come in quiet hours, and no other time before the meeting is left"),
        (REMINDER, "merged", None, "another reminder leaves at the same time"),
        (CHANGE, "imported", None, "the booking was taken over with what was known before; that is no news"),
        (CHANGE, "not_wanted_by_team", None, "the team does not send this kind of message"),
        (REMINDER, "not_wanted_by_team", ("update private.outbox set stopped = true",), "staff skipped it"),
        (CHANGE, "staff", None, "members of the team get no messages about their own bookings"),
        (CHANGE, "started", None, "the meeting had begun"),
    ],
)
def test_why_it_was_not_sent(
    portal: Portal, message: dict[str, Any], reason: str, so: tuple[Any, ...] | None, words: str
) -> None:
    if so:
        portal.sql.execute(so[0].encode(), so[1:])
    assert says(portal, message | {"status": "skipped", "reason": reason}) == f"Not sent: {words}"


def allowed(portal: Portal, constraint: str) -> list[str]:
    """The values that a check lets through."""
    [row] = portal.rows("select pg_get_constraintdef(oid) as said from pg_constraint where conname = %s", constraint)
    return re.findall(r"'(\w+)'::text", row["said"])


def test_nothing_that_can_happen_has_no_words(portal: Portal) -> None:
    states: list[tuple[str, str | None]] = [
        (status, None) for status in allowed(portal, "notifications_status") if status != "skipped"
    ]
    reasons = set(allowed(portal, "notifications_silence_has_a_reason")) - {"skipped"}
    states += [("skipped", reason) for reason in sorted(reasons)]
    kinds = allowed(portal, "notifications_kind")
    assert (len(states), len(kinds)) == (8 + 11, 8)
    of_reminders = ("opted_out", "no_consent", "inside_window", "quiet_hours", "merged")
    for (status, reason), channel, kind in product(states, ("email", "sms"), kinds):
        if reason in of_reminders and kind != "reminder":
            continue
        like = REMINDER if kind == "reminder" else CHANGE
        message = like | SENT | {"status": status, "reason": reason, "channel": channel, "kind": kind}
        said = says(portal, message)
        assert said not in ("None", f"Not sent: {reason}"), message


# Where it is said.


def test_the_timeline_and_a_preview_say_it(portal: Portal) -> None:
    [booking] = [row["id"] for row in portal.rows("select id from bookings")]
    entries = portal.ask("ana@example.com", "select * from public.booking_timeline(%s)", booking)
    assert {entry["says"] for entry in entries if entry["entry"] == "event"} == {None}
    said = {entry["says"] for entry in entries if entry["entry"] == "message"}
    assert "Confirmation by e-mail, leaves at once" in said
    assert {s.split(",")[0] for s in said} >= {"Reminder by e-mail 1 day before", "Reminder by e-mail 1 hour before"}
    plan = portal.answer("ana@example.com", "preview_plan", booking, {})
    assert {message["says"] for message in plan} == said
    plan = portal.answer("ana@example.com", "preview_plan", booking, {"email_reminders": False})
    assert "Not sent: reminders by e-mail are switched off" in {message["says"] for message in plan}
    plan = portal.answer("ana@example.com", "preview_plan", booking, {"time_zone": "Asia/Kathmandu"})
    assert all("(Asia/Kathmandu, UTC+5:45)" in m["says"] for m in plan if m["kind"] == "reminder")


def test_staff_are_told_to_call(portal: Portal) -> None:
    [booking] = [row["id"] for row in portal.rows("select id from bookings")]
    portal.sql.execute("update notifications set status = 'bounced', reason = 'permanent: bounced', sent_at = now()")
    said = {
        who: {
            entry["says"]
            for entry in portal.ask(who, "select * from public.booking_timeline(%s)", booking)
            if entry["entry"] == "message"
        }
        for who in ("ana@example.com", HOST, ADMIN)
    }
    bounced = "Bounced: the mail server of this address did not take it (permanent)"
    assert said == {"ana@example.com": {bounced}, **{who: {f"{bounced} — call instead"} for who in (HOST, ADMIN)}}
