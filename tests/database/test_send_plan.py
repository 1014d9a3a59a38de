"""What staff do to single reminders, and whom messages reach: on the booking's page and on the dashboard alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from shared.booking import Person
from tests.database.portal import HOST, Portal, Row, person
from tests.database.recorded import Connection

ANA, BEN = person("ana@example.com"), person("ben@example.com")
ADMIN, OTHER_HOST = "admin@example.com", "other.host@example.com"
NUMBER = "+4915112345678"
PAUL = Person(name="Paul", phone=NUMBER)


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    for client in (ANA, BEN):
        made.account(str(client.email))
    made.account(ADMIN, "admin")
    made.account(HOST, "host")
    made.account(OTHER_HOST, "host")
    yield made
    made.empty()


def reminders(portal: Portal) -> list[Row]:
    """Earliest first."""
    return portal.rows("select * from notifications where kind = 'reminder' order by lead_minutes desc, channel")


def claim(portal: Portal) -> list[Row]:
    return list(portal.machine("claim_notifications", 100, 60, None))


def send(portal: Portal, *claimed: Row, outcome: str = "sent") -> None:
    results = [{"id": m["id"], "lease": m["lease"], "outcome": outcome, "provider_id": m["id"]} for m in claimed]
    portal.machine("settle_notifications", results)


def receive(portal: Portal, event: str, *messages: Row, permanent: bool = False) -> None:
    for message in messages:
        receipt = {"channel": message["channel"], "notification_id": str(message["id"]), "event": event}
        occurred = {"receipt_id": uuid4().hex, "occurred_at": datetime.now(UTC).isoformat(), "permanent": permanent}
        assert portal.machine("record_receipt", receipt | occurred) == {"outcome": "applied"}


def send_reminder(portal: Portal, number: int = -1) -> Row:
    """A reminder that leaves now, at the wish of staff."""
    portal.answer(HOST, "send_notification_now", reminders(portal)[number]["id"])
    [message] = claim(portal)
    send(portal, message)
    return message


def refused(portal: Portal, who: str, function: str, *arguments: Any) -> str | None:
    with pytest.raises(psycopg.Error) as error:
        portal.answer(who, function, *arguments)
    return error.value.sqlstate


def wants_texts(portal: Portal, email: str = "ana@example.com") -> None:
    portal.sql.execute(
        "insert into notification_preferences (email, sms_reminders, phone, phone_verified_at, quiet_start, quiet_end)"
        " values (%s, true, %s, now(), '00:00', '00:00')",
        (email, NUMBER),
    )
    portal.sql.execute(
        "insert into sms_consents (email, phone, text_shown, source) values (%s, %s, 'Text me', 'portal')",
        (email, NUMBER),
    )


# One reminder.


def test_a_reminder_that_staff_skip_stays_skipped_and_says_so(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA, starts_in=48)
    day, hour = reminders(portal)
    portal.answer(HOST, "skip_notification", day["id"])
    portal.say("API", "u1", ANA, starts_in=48)
    portal.sql.execute("insert into notification_preferences (email, locale) values ('ana@example.com', 'fr')")
    assert [(r["status"], r["reason"]) for r in reminders(portal)] == [
        ("skipped", "not_wanted_by_team"),
        ("planned", None),
    ]
    plan = portal.answer(HOST, "preview_plan", booking, {})
    assert [m["says"] for m in plan if m["status"] == "skipped"] == ["Not sent: staff skipped it"]
    assert hour["status"] == "planned"
    portal.answer(ADMIN, "send_notification_now", day["id"])
    assert {(m["kind"], m["lead_minutes"]) for m in claim(portal)} == {("confirmation", None), ("reminder", 1440)}


def test_a_reminder_leaves_now_once_and_not_again_at_its_time(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA, starts_in=48)
    send(portal, *claim(portal))
    _, hour = reminders(portal)
    portal.answer(HOST, "send_notification_now", hour["id"])
    entries = portal.ask(HOST, "select * from public.booking_timeline(%s)", booking)
    says = {entry["id"]: entry["says"] for entry in entries}
    assert says[str(hour["id"])] == "Reminder by e-mail 1 hour before, asked for by staff, leaves at once"
    [message] = claim(portal)
    assert message["id"] == str(hour["id"])
    send(portal, message)
    portal.say("API", "u1", ANA, starts_in=48)
    assert [(r["lead_minutes"], r["status"]) for r in reminders(portal)] == [(1440, "planned"), (60, "sent")]
    assert refused(portal, HOST, "send_notification_now", hour["id"]) == "PT409"


def test_a_reminder_whose_time_had_passed_may_be_sent_after_all(portal: Portal) -> None:
    portal.book(ANA, starts_in=0.5)
    send(portal, *claim(portal))
    assert {r["reason"] for r in reminders(portal)} == {"inside_window"}
    assert send_reminder(portal)["kind"] == "reminder"


def test_a_text_without_consent_cannot_be_sent_now(portal: Portal) -> None:
    portal.book(PAUL, starts_in=48)
    [reminder] = reminders(portal)
    assert (reminder["channel"], reminder["reason"]) == ("sms", "no_consent")
    assert refused(portal, HOST, "send_notification_now", reminder["id"]) == "PT409"


def test_a_confirmation_once_more_brings_no_more_reminders(portal: Portal) -> None:
    booking = portal.book(ANA, starts_in=48)
    send(portal, *claim(portal))
    assert len(portal.answer(HOST, "resend_confirmation", booking)["planned"]) == 1
    assert [m["kind"] for m in claim(portal)] == ["confirmation"]
    assert [r["status"] for r in reminders(portal)] == ["planned", "planned"]


# Whom messages reach.


def reach(portal: Portal, booking: UUID) -> list[Row]:
    return list(portal.answer(HOST, "booking_reach", booking))


def states(portal: Portal, booking: UUID) -> list[str]:
    return [each["state"] for each in reach(portal, booking)]


def to_be_called(portal: Portal, who: str = HOST) -> list[Row]:
    now = datetime.now(UTC)
    found: list[Row] = portal.answer(who, "dashboard", now - timedelta(days=1), now + timedelta(days=9))["unreachable"]
    return found


def test_a_message_reaches_by_and_by(portal: Portal) -> None:
    booking = portal.book(ANA, BEN, starts_in=48)
    assert states(portal, booking) == ["on_the_way", "on_the_way"]
    of_ana, of_ben = sorted(claim(portal), key=lambda message: str(message["recipient"]))
    send(portal, of_ana)
    send(portal, of_ben, outcome="unknown")
    assert states(portal, booking) == ["on_the_way", "on_the_way"]  # Ben's reminders may still reach him
    receive(portal, "delivered", of_ana)
    [ana, _] = reach(portal, booking)
    assert (ana["name"], ana["state"]) == ("Ana", "reached")
    assert ana["says"].startswith("Delivered ")
    assert to_be_called(portal) == []


@pytest.mark.parametrize("ending", ["bounced", "permanent", "complained", "failed"])
@pytest.mark.parametrize("phone", [None, NUMBER])
def test_who_cannot_be_reached_is_to_be_called(portal: Portal, ending: str, phone: str | None) -> None:
    booking = portal.book(ANA.model_copy(update={"phone": phone}), starts_in=48)
    [message] = claim(portal)
    send(portal, message, outcome="failed" if ending == "failed" else "sent")
    if ending != "failed":
        receive(portal, "complained" if ending == "complained" else "bounced", message, permanent=ending == "permanent")
    [ana] = reach(portal, booking)
    assert (ana["state"], ana["phone"]) == ("unreachable", phone)
    assert ana["says"] == ("Unreachable: call " + phone if phone else "Unreachable: no number known")
    [called] = to_be_called(portal)
    assert (called["booking_id"], called["attendee_id"], called["phone"]) == (str(booking), ana["attendee_id"], phone)
    assert called["status"] == ("bounced" if ending == "permanent" else ending)
    assert to_be_called(portal, OTHER_HOST) == []


def test_the_number_of_their_preferences_will_do(portal: Portal) -> None:
    wants_texts(portal)
    portal.sql.execute("update notification_preferences set sms_reminders = false")
    booking = portal.book(ANA, starts_in=48)
    send(portal, message := claim(portal)[0])
    receive(portal, "bounced", message, permanent=True)
    assert reach(portal, booking)[0]["says"] == f"Unreachable: call {NUMBER}"


def test_the_next_message_to_a_bad_address_is_not_sent_and_staff_see_it(portal: Portal) -> None:
    first = portal.book(ANA, starts_in=48)
    send(portal, message := claim(portal)[0])
    receive(portal, "bounced", message, permanent=True)
    second = portal.book(ANA, starts_in=72)
    assert [m["reason"] for m in portal.messages()][1:] == ["suppressed"]
    assert states(portal, second) == ["unreachable"]
    assert [called["booking_id"] for called in to_be_called(portal)] == [str(first), str(second)]


def test_a_text_may_reach_whom_an_e_mail_does_not(portal: Portal) -> None:
    wants_texts(portal)
    booking = portal.book(ANA, starts_in=48)
    send(portal, *claim(portal))
    [message] = portal.messages()
    receive(portal, "bounced", message, permanent=True)
    [ana] = reach(portal, booking)
    assert (ana["state"], ana["says"].split(",")[0]) == ("on_the_way", "Reminder by text 1 hour before")
    [text] = [r for r in reminders(portal) if r["channel"] == "sms"]
    portal.answer(HOST, "send_notification_now", text["id"])
    send(portal, *claim(portal))
    receive(portal, "delivered", text)
    assert states(portal, booking) == ["reached"]
    assert to_be_called(portal) == []


def test_a_text_tells_nothing_of_what_changed_after_it(portal: Portal) -> None:
    wants_texts(portal)
    booking = portal.say("CREATED", "u1", ANA, starts_in=48)
    send(portal, *claim(portal))
    [text] = [r for r in reminders(portal) if r["channel"] == "sms"]
    portal.answer(HOST, "send_notification_now", text["id"])
    send(portal, *claim(portal))
    receive(portal, "delivered", text)
    portal.say("CREATED", "u1", ANA, starts_in=48, location="Main Street 1")
    send(portal, updated := claim(portal)[0])
    assert (updated["kind"], states(portal, booking)) == ("updated", ["on_the_way"])
    receive(portal, "bounced", updated)
    assert states(portal, booking) == ["unreachable"]


def test_a_reminder_that_comes_back_later_counts(portal: Portal) -> None:
    booking = portal.book(ANA, starts_in=48)
    send(portal, confirmation := claim(portal)[0])
    receive(portal, "delivered", confirmation)
    reminder = send_reminder(portal)
    assert states(portal, booking) == ["reached"]  # nothing is known of the reminder, and it needs not be
    receive(portal, "bounced", reminder)
    assert states(portal, booking) == ["unreachable"]
    assert [called["status"] for called in to_be_called(portal)] == ["bounced"]
    again = send_reminder(portal, 0)
    assert states(portal, booking) == ["unreachable"]
    receive(portal, "delivered", again)
    assert states(portal, booking) == ["reached"]


def test_a_newer_word_that_arrives_ends_it(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA, starts_in=48)
    send(portal, message := claim(portal)[0])
    receive(portal, "bounced", message)
    assert states(portal, booking) == ["unreachable"]
    portal.answer(HOST, "resend_confirmation", booking)
    assert states(portal, booking) == ["on_the_way"]
    send(portal, again := claim(portal)[0])
    receive(portal, "delivered", again)
    assert states(portal, booking) == ["reached"]


def test_who_might_come_to_what_is_off_is_to_be_called(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA, BEN, starts_in=48)
    sent = claim(portal)
    send(portal, *sent)
    receive(portal, "delivered", *sent)
    portal.say("CANCELLED", "u1", ANA, BEN, starts_in=48, by="staff")
    for message in (cancelled := claim(portal)):
        send(portal, message)
    receive(portal, "bounced", *cancelled)
    assert {m["kind"] for m in cancelled} == {"cancelled"}
    assert states(portal, booking) == ["unreachable", "unreachable"]
    assert len(to_be_called(portal)) == 2


def test_who_cancelled_it_knows_and_their_guest_may_not(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA, BEN, starts_in=48)
    send(portal, *claim(portal))
    portal.say("CANCELLED", "u1", ANA, BEN, starts_in=48, by="client")
    for message in (cancelled := claim(portal)):
        send(portal, message)
    receive(portal, "bounced", *cancelled)
    assert {each["name"]: each["state"] for each in reach(portal, booking)} == {
        "Ana": "not_reached",
        "Ben": "unreachable",
    }
    assert [called["name"] for called in to_be_called(portal)] == ["Ben"]


def test_who_was_removed_is_named_while_they_do_not_know(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA, BEN, starts_in=48)
    send(portal, *claim(portal))
    portal.say("API", "u1", ANA, starts_in=48)
    [cancelled] = claim(portal)
    assert [each["name"] for each in reach(portal, booking)] == ["Ana"]
    send(portal, cancelled)
    receive(portal, "bounced", cancelled)
    assert [(each["name"], each["state"]) for each in reach(portal, booking)] == [
        ("Ana", "on_the_way"),
        ("Ben", "unreachable"),
    ]


def test_what_is_not_sent_on_purpose_reaches_nobody(portal: Portal) -> None:
    portal.sql.execute("insert into event_type_settings (event_type_id, send_kinds) values (7, '{}')")
    booking = portal.book(ANA, event_type_id=7, starts_in=48)
    [ana] = reach(portal, booking)
    assert (ana["state"], ana["says"]) == ("not_reached", "Not sent: the team does not send this kind of message")
    unpaid = portal.say("PAYMENT_INITIATED", "u9", BEN, starts_in=48)
    [ben] = reach(portal, unpaid)
    assert (ben["state"], ben["says"]) == ("not_reached", "Nothing was sent")
    assert to_be_called(portal) == []


def test_an_imported_booking_reaches_nobody_until_staff_confirm_it(portal: Portal) -> None:
    booking = portal.say("API", "u1", ANA, notify="none", starts_in=48)
    assert states(portal, booking) == ["not_reached"]
    assert reach(portal, booking)[0]["says"].startswith("Not sent: the booking was taken over")
    portal.answer(HOST, "resend_confirmation", booking)
    assert states(portal, booking) == ["on_the_way"]


def test_nobody_calls_who_was_erased(portal: Portal) -> None:
    booking = portal.book(ANA, BEN, starts_in=48)
    portal.erase("ana@example.com")
    assert sorted(states(portal, booking)) == ["not_reached", "on_the_way"]
    assert to_be_called(portal) == []


def test_nobody_is_called_about_what_is_over(portal: Portal) -> None:
    portal.book(ANA, starts_in=48)
    send(portal, message := claim(portal)[0])
    receive(portal, "bounced", message)
    portal.sql.execute(
        "update bookings set starts_at = now() - interval '2 hours', ends_at = now() - interval '1 hour'"
    )
    assert to_be_called(portal) == []


def test_only_staff_who_hold_the_booking_ask(portal: Portal) -> None:
    booking, alias = portal.book(ANA), uuid4()
    portal.sql.execute("insert into private.booking_aliases (id, booking_id) values (%s, %s)", (alias, booking))
    assert portal.answer(ADMIN, "booking_reach", alias) == reach(portal, booking) != []
    assert refused(portal, "ana@example.com", "booking_reach", booking) == "PT403"
    for who in ("ben@example.com", OTHER_HOST):
        assert refused(portal, who, "booking_reach", booking) == "PT404"
    assert refused(portal, ADMIN, "booking_reach", uuid4()) == "PT404"


# Lists.


def test_the_last_message_is_the_last_that_left_or_the_newest_news(portal: Portal) -> None:
    def last() -> tuple[str, str]:
        [found] = portal.ask(HOST, "select last_message from public.search_bookings()")
        [row] = portal.answer(HOST, "export_page", {})["rows"]
        assert row[20] == " ".join(found["last_message"][name] for name in ("channel", "kind", "status"))
        return found["last_message"]["kind"], found["last_message"]["status"]

    portal.say("CREATED", "u1", ANA, starts_in=48)
    assert last() == ("confirmation", "planned")
    send(portal, *claim(portal))
    assert last() == ("confirmation", "sent")
    send_reminder(portal)
    assert last() == ("reminder", "sent")
    portal.say("CANCELLED", "u1", ANA, starts_in=48)
    assert last() == ("cancelled", "planned")
