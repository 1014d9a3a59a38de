"""STOP, START and HELP: what each does to a number, once, and what it never does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from shared.booking import Person
from tests.database.portal import Portal, Row, person
from tests.database.recorded import Connection

NUMBER, OTHER = "+4915112345678", "+4915199999999"
TOM = Person(phone=NUMBER, name="Tom", locale="de")
_numbers = count(1)


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    yield made
    made.empty()


def say(portal: Portal, word: str | None, number: str = NUMBER, sid: str | None = None) -> Any:
    return portal.machine("record_inbound_text", {"sid": sid or f"SM{next(_numbers)}", "number": number, "word": word})


def consent(portal: Portal, email: str, number: str = NUMBER) -> None:
    portal.sql.execute(
        "insert into sms_consents (email, phone, text_shown, source, given_at)"
        " values (%s, %s, 'Yes', 'portal', now() - interval '1 hour')",
        [email, number],
    )


def suppressed(portal: Portal) -> list[Row]:
    return portal.rows("select channel, address, reason from suppressions order by address")


def open_consents(portal: Portal) -> list[Row]:
    return portal.rows("select email, phone from sms_consents where withdrawn_at is null order by id")


STOPPED = {"channel": "sms", "address": NUMBER, "reason": "stopped"}


def test_stop_ends_texts_and_withdraws_every_consent_for_the_number(portal: Portal) -> None:
    for email, number in (("ana@example.com", NUMBER), ("ben@example.com", NUMBER), ("ana@example.com", OTHER)):
        consent(portal, email, number)
    assert say(portal, "stop") == {"outcome": "applied", "locale": None}
    assert suppressed(portal) == [STOPPED]
    assert open_consents(portal) == [{"email": "ana@example.com", "phone": OTHER}]


def test_start_lifts_the_stop_and_gives_no_consent(portal: Portal) -> None:
    consent(portal, "ana@example.com")
    say(portal, "stop")
    assert say(portal, "start")["outcome"] == "applied"
    assert (suppressed(portal), open_consents(portal)) == ([], [])
    consent(portal, "ana@example.com")
    say(portal, "start")
    assert len(open_consents(portal)) == 1


@pytest.mark.parametrize("reason", ["bounced", "complained", "asked by phone"])
def test_start_lifts_nothing_else_not_even_after_a_stop(portal: Portal, reason: str) -> None:
    portal.sql.execute("insert into suppressions (channel, address, reason) values ('sms', %s, %s)", [NUMBER, reason])
    say(portal, "stop", OTHER)
    for word in ("start", "stop", "start"):
        say(portal, word)
    assert [row["reason"] for row in suppressed(portal)] == [reason, "stopped"]


def test_a_text_counts_once(portal: Portal) -> None:
    assert say(portal, "stop", sid="SM_once")["outcome"] == "applied"
    say(portal, "start")
    assert say(portal, "stop", sid="SM_once")["outcome"] == "duplicate"
    assert suppressed(portal) == []
    consent(portal, "ana@example.com")
    say(portal, "stop", sid="SM_once")
    assert len(open_consents(portal)) == 1


@pytest.mark.parametrize(("word", "outcome"), [("help", "applied"), (None, "ignored")])
def test_all_else_changes_nothing_and_is_kept_without_its_words(portal: Portal, word: str | None, outcome: str) -> None:
    consent(portal, "ana@example.com")
    assert say(portal, word)["outcome"] == outcome
    assert (suppressed(portal), len(open_consents(portal))) == ([], 1)
    assert portal.rows("select number, word from private.inbound_texts") == [{"number": NUMBER, "word": word}]


def test_no_text_touches_a_booking(portal: Portal) -> None:
    portal.book(TOM)
    before = portal.rows("select to_jsonb(b) from bookings b")
    for word in ("stop", "start", "help", None):
        say(portal, word)
    assert portal.rows("select to_jsonb(b) from bookings b") == before
    assert portal.rows("select status from bookings") == [{"status": "confirmed"}]


def test_what_is_planned_follows(portal: Portal) -> None:
    """A person without an address is told of changes by text, until they say STOP, and again after START."""
    portal.say("CREATED", "uid_stop", TOM)
    [message] = portal.machine("claim_notifications", 10, 60, None)
    portal.machine("settle_notifications", [{"id": message["id"], "lease": message["lease"], "outcome": "sent"}])
    say(portal, "stop")
    portal.say("RESCHEDULED", "uid_stop", TOM, starts_in=48)
    assert portal.rows("select status, reason from notifications where kind = 'rescheduled'") == [
        {"status": "skipped", "reason": "suppressed"}
    ]
    say(portal, "start")
    portal.say("RESCHEDULED", "uid_stop", TOM, starts_in=72)
    waiting = portal.rows("select status, reason from notifications where kind = 'rescheduled' and status = 'planned'")
    assert len(waiting) == 1


def test_the_language_is_the_persons(portal: Portal) -> None:
    assert say(portal, "help")["locale"] is None
    portal.book(TOM)
    assert say(portal, "help")["locale"] == "de"
    portal.sql.execute(
        "insert into notification_preferences (email, phone, locale, phone_verified_at) values (%s, %s, 'fr', now())",
        ["ana@example.com", NUMBER],
    )
    assert say(portal, "help")["locale"] == "fr"
    assert say(portal, "help", OTHER)["locale"] is None


@pytest.mark.parametrize("who", ["ana@example.com", NUMBER])
def test_who_is_erased_leaves_no_text(portal: Portal, who: str) -> None:
    portal.book(person("ana@example.com", phone=NUMBER) if "@" in who else TOM)
    for word in ("help", None):
        say(portal, word)
    say(portal, "stop", OTHER, sid=f"SM{uuid4().hex}")
    portal.erase(who)
    assert portal.traces(NUMBER) == []
    assert portal.rows("select number from private.inbound_texts") == [{"number": OTHER}]


def wants_texts(portal: Portal, email: str, number: str = NUMBER) -> None:
    portal.sql.execute(
        "insert into notification_preferences (email, phone, phone_verified_at, sms_reminders, quiet_start, quiet_end)"
        " values (%s, %s, now(), true, '00:00', '00:00')",
        [email, number],
    )
    consent(portal, email, number)


def text_reminders(portal: Portal) -> list[tuple[str, str | None]]:
    rows = portal.rows("select status, reason from notifications where channel = 'sms' and kind = 'reminder'")
    return [(row["status"], row["reason"]) for row in rows]


def test_reminders_of_who_is_known_by_an_address_follow_too(portal: Portal) -> None:
    wants_texts(portal, "ana@example.com")
    portal.book(person("ana@example.com"))
    assert text_reminders(portal) == [("planned", None)]
    say(portal, "stop")
    assert text_reminders(portal) == [("skipped", "no_consent")]
    say(portal, "start")
    assert text_reminders(portal) == [("skipped", "no_consent")]
    consent(portal, "ana@example.com")
    assert text_reminders(portal) == [("planned", None)]


def test_a_number_that_is_given_up_is_seen_in_the_plan_at_once(portal: Portal) -> None:
    wants_texts(portal, "ana@example.com")
    portal.book(person("ana@example.com"))
    portal.sql.execute("insert into suppressions (channel, address, reason) values ('sms', %s, 'bounced')", [NUMBER])
    assert text_reminders(portal) == [("skipped", "suppressed")]
    portal.sql.execute("delete from suppressions")
    assert text_reminders(portal) == [("planned", None)]
