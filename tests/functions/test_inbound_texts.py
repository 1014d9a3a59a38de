"""Texts to us from end to end: what people write from their phones, and what they are answered."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import Connection, Stack
from tests.functions.receiving import NUMBER, accepted, book, order, states, stored, suppressed, twilio


def write(stack: Stack, body: str, sid: str = "SM1", **more: str) -> str | None:
    """A text from the number, as Twilio passes it on. → what it is told to answer"""
    answer = twilio(
        stack.env, "inbound", {"MessageSid": sid, "From": NUMBER, "To": "+15005550006", "Body": body, **more}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/xml")
    root = ElementTree.fromstring(answer.content)
    assert root.tag == "Response"
    return root.findtext("Message")


def bookings(db: Connection) -> list[tuple[Any, ...]]:
    return db.execute("select status, cancelled_by from public.bookings").fetchall()


@pytest.mark.parametrize("word", ["STOP", "stop.", "Cancel", "UNSUBSCRIBE", "Stopp", "arrêt"])
def test_stop_belongs_to_the_number_and_cancels_nothing(clean: Stack, db: Connection, word: str) -> None:
    uid = book(clean.env, NUMBER)
    assert write(clean, word) is None
    assert suppressed(db) == [("sms", NUMBER, "stopped")]
    assert bookings(db) == [("confirmed", None)]
    book(clean.env, NUMBER, uid, 3, "BOOKING_RESCHEDULED")
    assert states(db)[1:] == [("skipped", "suppressed")]


def test_start_opens_it_again_but_gives_no_consent(clean: Stack, db: Connection) -> None:
    db.execute(
        "insert into public.sms_consents (email, phone, text_shown, source)"
        " values ('ana@example.com', %s, 'Yes', 'portal')",
        [NUMBER],
    )
    write(clean, "STOP", "SM1")
    write(clean, "START", "SM2")
    assert suppressed(db) == []
    assert db.execute("select withdrawn_at is null from public.sms_consents").fetchall() == [(False,)]


def test_the_same_text_counts_once(clean: Stack, db: Connection) -> None:
    write(clean, "STOP", "SM1")
    write(clean, "START", "SM2")
    write(clean, "STOP", "SM1")
    assert (suppressed(db), stored(db)) == ([], 2)


def test_help_is_answered_in_the_persons_language(clean: Stack) -> None:
    said = write(clean, "HELP", "SM1")
    assert said is not None and said.startswith("Texts about") and "STOP" in said
    assert clean.env["SUPPORT_CONTACT"] in said
    book(clean.env, NUMBER)
    said = write(clean, "Hilfe?", "SM2")
    assert said is not None and said.startswith("SMS zu") and clean.env["SUPPORT_CONTACT"] in said
    assert write(clean, "Hilfe?", "SM2") == said, "Twilio did not hear the first answer"


@pytest.mark.parametrize(("kind", "left"), [("STOP", [("sms", NUMBER, "stopped")]), ("START", []), ("HELP", [])])
def test_what_twilio_has_answered_itself_is_not_answered_twice(
    clean: Stack, db: Connection, kind: str, left: list[tuple[str, ...]]
) -> None:
    assert write(clean, "Basta", OptOutType=kind) is None
    assert suppressed(db) == left


def test_all_else_is_ignored_and_its_words_are_not_kept(clean: Stack, db: Connection) -> None:
    book(clean.env, NUMBER)
    assert write(clean, "Please cancel my booking, I am ill") is None
    assert (suppressed(db), bookings(db)) == ([], [("confirmed", None)])
    assert db.execute("select number, word from private.inbound_texts").fetchall() == [(NUMBER, None)]


@pytest.mark.parametrize(
    "change", [{"From": "12345"}, {"From": ""}, {"MessageSid": ""}, {"From": "whatsapp:+4915112345678"}]
)
def test_a_text_of_no_number_is_no_error(clean: Stack, db: Connection, change: dict[str, str]) -> None:
    answer = twilio(clean.env, "inbound", {"MessageSid": "SM1", "From": NUMBER, "Body": "STOP", **change})
    assert (answer.status_code, stored(db), suppressed(db)) == (200, 0, [])


def test_from_the_inbox_of_the_stand_in(clean: Stack, db: Connection) -> None:
    """Twilio itself refuses a number that said STOP, until START."""
    uid = book(clean.env, NUMBER)
    assert order(clean.env, "sms", **{"from": NUMBER, "body": "STOP"}) == 200
    assert suppressed(db) == [("sms", NUMBER, "stopped")]
    db.execute("delete from public.suppressions")  # an admin lifts it, and Twilio does not know
    db.execute("update private.send_rates set tokens = 1, rate = 100")
    book(clean.env, NUMBER, uid, 3, "BOOKING_RESCHEDULED")
    assert ("failed", "400 21610") in states(db)
    assert suppressed(db) == [("sms", NUMBER, "stopped")]
    assert order(clean.env, "sms", **{"from": NUMBER, "body": "START"}) == 200
    assert suppressed(db) == []
    book(clean.env, NUMBER, uid, 4, "BOOKING_RESCHEDULED")
    assert len(accepted(clean.env, "sms")) == 2
