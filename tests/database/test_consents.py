"""Wishes and consents in SQL: the same on every path, and counted so that nobody gets around it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.conftest import Database
from tests.database.portal import Portal, person
from tests.database.recorded import Connection

ANA_ = "ana@example.com"
ANA = person(ANA_)
PHONE, OTHER_PHONE = "+4915112345678", "+4915112345679"
HASH = "0" * 64


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    yield made
    made.empty()


def verify(portal: Portal, user: Any, phone: str = PHONE, text: str = "Text me") -> Any:
    begun = portal.machine("begin_phone_verification", user, uuid4(), phone, HASH)
    assert "refused" not in begun, begun
    return finish(portal, user, HASH, text)


def finish(portal: Portal, user: Any, code_hash: str, text: str = "Text me") -> Any:
    query = "select public.finish_phone_verification(%s, %s, %s) as answer"
    [row] = portal.rows(query, user, [code_hash], text)
    return row["answer"]


def consents(portal: Portal) -> list[tuple[str, bool]]:
    rows = portal.rows("select phone, withdrawn_at is null as stands from sms_consents order by id")
    return [(row["phone"], row["stands"]) for row in rows]


def test_leads_are_a_set(portal: Portal) -> None:
    portal.account(ANA_)
    portal.ask(ANA_, "insert into notification_preferences (email, reminder_leads) values (%s, '{60,15,60}')", ANA_)
    assert portal.rows("select reminder_leads from notification_preferences") == [{"reminder_leads": [60, 15]}]
    portal.ask(ANA_, "update notification_preferences set reminder_leads = '{}'")
    for wrong in ("{14}", "{20161}", "{15,16,17,18,19,20,21}", "{15,null}"):
        with pytest.raises(psycopg.errors.CheckViolation):
            portal.ask(ANA_, "update notification_preferences set reminder_leads = %s::int[]", wrong)
    portal.ask(ANA_, "update notification_preferences set reminder_leads = '{60,60,60,60,60,60,60}'")
    assert portal.rows("select reminder_leads from notification_preferences") == [{"reminder_leads": [60]}]


@pytest.mark.parametrize("path", ["portal", "unsubscribe link", "fresh link", "number removed"])
def test_turning_texts_off_ends_the_consent_on_every_path(portal: Portal, path: str) -> None:
    user = portal.account(ANA_)
    verify(portal, user)
    match path:
        case "portal":
            portal.ask(ANA_, "update notification_preferences set sms_reminders = false")
        case "number removed":
            portal.answer(ANA_, "remove_phone")
        case _:
            portal.machine("preferences_by_link", ANA_, {"sms_reminders": False}, path == "fresh link")
    assert consents(portal) == [(PHONE, False)]
    portal.ask(ANA_, "update notification_preferences set sms_reminders = true")
    assert consents(portal) == [(PHONE, False)]
    assert portal.answer(ANA_, "my_preferences")["sms_consent"] is False


def test_turning_off_mails_or_saving_the_same_ends_no_consent(portal: Portal) -> None:
    verify(portal, portal.account(ANA_))
    portal.ask(ANA_, "update notification_preferences set email_reminders = false, sms_reminders = true, sms_lead = 15")
    portal.machine("preferences_by_link", ANA_, {"email_reminders": False}, False)
    assert consents(portal) == [(PHONE, True)]


def test_a_transaction_that_began_before_the_consent_may_end_it(portal: Portal, database: Database) -> None:
    user = portal.account(ANA_)
    verify(portal, user)
    with psycopg.connect(database.url) as earlier:
        earlier.execute("select now()")
        verify(portal, user, OTHER_PHONE)
        earlier.execute("select public.preferences_by_link(%s, '{\"sms_reminders\": false}', false)", [ANA_])
        earlier.commit()
    assert consents(portal) == [(PHONE, False), (OTHER_PHONE, False)]


def test_a_link_from_a_mail_is_told_nothing_of_the_number(portal: Portal) -> None:
    verify(portal, portal.account(ANA_))
    narrow = portal.machine("preferences_by_link", ANA_, None, False)
    assert narrow.keys() == {"email", "email_reminders", "sms_reminders", "locale", "may_widen"}
    wide = portal.machine("preferences_by_link", ANA_, None, True)
    assert (wide["phone_ending"], wide["phone_verified"]) == ("78", True)
    assert PHONE not in str(wide)


def test_a_consent_by_link_is_for_a_verified_number_that_was_not_stopped(portal: Portal) -> None:
    assert portal.machine("consent_by_link", ANA_, "Text me") == {"refused": "not_verified"}
    portal.sql.execute("insert into notification_preferences (email, phone) values (%s, %s)", (ANA_, PHONE))
    assert portal.machine("consent_by_link", ANA_, "Text me") == {"refused": "not_verified"}
    portal.sql.execute("update notification_preferences set phone_verified_at = now()")
    portal.sql.execute("insert into suppressions (channel, address, reason) values ('sms', %s, 'stopped')", (PHONE,))
    assert portal.machine("consent_by_link", ANA_, "Text me") == {"refused": "stopped"}
    portal.sql.execute("delete from suppressions")
    for _ in range(2):
        assert portal.machine("consent_by_link", f" {ANA_.upper()} ", "Text me") == {"consented": True}
    assert consents(portal) == [(PHONE, True)]


def test_a_code_is_not_taken_from_a_banned_or_unconfirmed_account(portal: Portal) -> None:
    user = portal.account(ANA_, confirmed=False)
    with pytest.raises(psycopg.Error) as refused:
        portal.machine("begin_phone_verification", user, uuid4(), PHONE, HASH)
    assert refused.value.sqlstate == "PT403"


def test_a_code_tried_by_two_at_once_is_used_once(portal: Portal, database: Database) -> None:
    user = portal.account(ANA_)
    portal.machine("begin_phone_verification", user, uuid4(), PHONE, HASH)
    answers: list[Any] = []

    def attempt() -> None:
        with psycopg.connect(database.url, autocommit=True) as connection:
            query = "select public.finish_phone_verification(%s, %s, 'x')"
            answers.append(connection.execute(query, (user, [HASH])).fetchone())

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted("preferences" in answer for (answer,) in answers) == [False] * 5 + [True]
    assert consents(portal) == [(PHONE, True)]


def test_there_is_an_end_to_texts_for_everybody_together(portal: Portal) -> None:
    user = portal.account(ANA_)
    portal.sql.execute(
        "insert into private.phone_codes (id, email, phone, code_hash, made_at)"
        " select gen_random_uuid(), n || '@example.com', '+4915100' || 10000 + n, %s, now() - interval '23 hours'"
        " from generate_series(1, 1000) n",
        (HASH,),
    )
    refused = portal.machine("begin_phone_verification", user, uuid4(), PHONE, HASH)
    assert refused["refused"] == "rate_limited"
    assert 3500 < refused["retry_after"] <= 3600
    portal.sql.execute("update private.phone_codes set made_at = made_at - interval '2 hours' where phone like '%1'")
    assert "refused" not in portal.machine("begin_phone_verification", user, uuid4(), PHONE, HASH)


def test_requests_for_links_are_counted_and_forgotten(portal: Portal) -> None:
    portal.book(ANA)
    answers = [portal.machine("note_link_request", ANA_, "a" * 64, "b" * 64) for _ in range(2)]
    assert [answer["mail"] for answer in answers] == [True, False]
    assert portal.machine("note_link_request", "eve@example.com", "c" * 64, "b" * 64)["mail"] is False
    for number in range(17):
        assert "refused" not in portal.machine("note_link_request", ANA_, f"{number:064x}", "b" * 64)
    assert portal.machine("note_link_request", ANA_, "d" * 64, "b" * 64) == {"refused": "rate_limited"}
    assert portal.rows("select count(*) from private.link_requests") == [{"count": 20}]
    assert portal.traces("ana@example.com") and "private.link_requests" not in portal.traces("ana@example.com")
    portal.sql.execute("update private.link_requests set asked_at = asked_at - interval '61 minutes'")
    assert portal.machine("note_link_request", ANA_, "a" * 64, "b" * 64)["mail"] is True
    assert portal.rows("select count(*) from private.link_requests") == [{"count": 1}]
