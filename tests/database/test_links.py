"""What is reached without a session: calendar feeds, with their maker's rights, and a person's own preferences."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.database.portal import HOST, Portal, Row, person
from tests.database.recorded import Connection

ANA, BEN = person("ana@example.com"), person("ben@example.com")
TOKEN = hashlib.sha256(b"a token").hexdigest()


@pytest.fixture
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    yield made
    made.empty()


def subscribe(portal: Portal, user: UUID, **filters: Any) -> None:
    portal.sql.execute(
        "insert into private.feed_tokens (token_hash, user_id, filters) values (%s, %s, %s)",
        (TOKEN, user, Jsonb(filters)),
    )


def feed(portal: Portal) -> list[Row]:
    answer = portal.machine("calendar_feed", TOKEN)
    return list(answer["bookings"])


# Feeds.


def test_a_feed_shows_what_its_maker_sees_now(portal: Portal) -> None:
    subscribe(portal, portal.account("ana@example.com"))
    mine = portal.book(ANA, location="Main Street 1")
    portal.book(BEN)
    [entry] = feed(portal)
    assert (entry["id"], entry["location"], entry["revision"]) == (str(mine), "Main Street 1", 0)
    assert portal.machine("calendar_feed", TOKEN)["owner"] == "ana@example.com"


def test_cancelled_bookings_stay_so_that_calendars_take_them_out(portal: Portal) -> None:
    subscribe(portal, portal.account("ben@example.com"))
    portal.say("CREATED", "u1", BEN)
    portal.say("CANCELLED", "u1", BEN)
    portal.say("CREATED", "u2", ANA, BEN, location="Main Street 1", starts_in=25)
    portal.say("API", "u2", ANA, location="Main Street 1", starts_in=25)
    portal.book(BEN, starts_in=-24 * 40)
    cancelled, removed = feed(portal)
    assert [entry["status"] for entry in (cancelled, removed)] == ["cancelled", "cancelled"]
    assert "location" not in removed


def test_who_was_removed_sees_no_trace_of_later_changes(portal: Portal) -> None:
    subscribe(portal, portal.account("ben@example.com"))
    portal.say("CREATED", "u1", ANA, BEN)
    portal.say("API", "u1", ANA)
    before = feed(portal)
    portal.say("RESCHEDULED", "u2", ANA, rescheduled_from_uid="u1", starts_in=70, title="Something else")
    assert feed(portal) == before


def test_the_feed_of_a_closed_account_is_no_feed(portal: Portal) -> None:
    user = portal.account("admin@example.com", "admin")
    subscribe(portal, user)
    portal.book(ANA)
    assert len(feed(portal)) == 1
    portal.sql.execute("update auth.users set banned_until = now() + interval '1 day' where id = %s", (user,))
    assert portal.machine("calendar_feed", TOKEN) is None
    assert portal.machine("calendar_feed", "0" * 64) is None


def test_staff_filter_their_feeds_and_lose_what_they_no_longer_hold(portal: Portal) -> None:
    host = portal.account(HOST, "host")
    subscribe(portal, host, client="ana@example.com")
    portal.book(ANA)
    portal.book(BEN)
    assert len(feed(portal)) == 1
    portal.sql.execute("delete from staff where user_id = %s", (host,))
    assert feed(portal) == []


# Preferences.


def preferences(portal: Portal, email: str, changes: dict[str, Any] | None = None, *, widen: bool = False) -> Any:
    return portal.machine("preferences_by_link", email, changes, widen)


def test_without_a_row_a_person_has_the_tables_defaults(portal: Portal) -> None:
    portal.book(ANA)
    read = preferences(portal, "ana@example.com")
    assert portal.rows("select * from notification_preferences") == []
    portal.sql.execute("insert into notification_preferences (email) values ('ana@example.com')")
    assert preferences(portal, "ana@example.com") == read
    assert read["may_widen"] is False


def test_a_link_in_a_mail_turns_reminders_off_and_nothing_else(portal: Portal) -> None:
    portal.book(ANA)
    assert preferences(portal, "Ana@example.com", {"email_reminders": False})["email_reminders"] is False
    wider: list[dict[str, Any]] = [{"email_reminders": True}, {"quiet_email": True}, {"locale": "fr"}]
    for changes in wider:
        with pytest.raises(psycopg.Error) as refused:
            preferences(portal, "ana@example.com", changes)
        assert refused.value.sqlstate == "PT403"
    assert portal.rows("select email_reminders from notification_preferences") == [{"email_reminders": False}]


def test_turning_texts_off_withdraws_the_consent(portal: Portal) -> None:
    portal.book(ANA)
    portal.sql.execute(
        "insert into sms_consents (email, phone, text_shown, source)"
        " values ('ana@example.com', '+4915112345678', 'Text me', 'portal')"
    )
    preferences(portal, "ana@example.com", {"sms_reminders": False})
    assert portal.rows("select withdrawn_at is not null as withdrawn from sms_consents") == [{"withdrawn": True}]


def test_who_has_just_proven_the_address_may_widen(portal: Portal) -> None:
    portal.book(ANA)
    changes = {"reminder_leads": [120], "quiet_start": "22:00", "time_zone": "Europe/Madrid"}
    answer = preferences(portal, "ana@example.com", changes, widen=True)
    assert (answer["reminder_leads"], answer["quiet_start"], answer["time_zone"]) == (
        [120],
        "22:00:00",
        "Europe/Madrid",
    )
    for not_theirs in ("phone", "phone_verified_at", "email"):
        with pytest.raises(psycopg.DataError):
            preferences(portal, "ana@example.com", {not_theirs: "x"}, widen=True)


def test_nothing_is_stored_for_an_address_that_we_do_not_know(portal: Portal) -> None:
    assert preferences(portal, "eve@example.com", {"email_reminders": False})["email"] == "eve@example.com"
    assert portal.rows("select * from notification_preferences") == []
