"""The plan of messages: a preview that changes nothing, and what staff may do to a single message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.database.portal import HOST, Portal, Row, person
from tests.database.recorded import Connection

ANA, BEN = person("ana@example.com", locale="es", time_zone="Europe/Madrid"), person("ben@example.com")
ADMIN, OTHER_HOST = "admin@example.com", "other.host@example.com"


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


def messages(portal: Portal) -> list[Row]:
    return portal.messages()


def changes(plan: list[Row]) -> list[Row]:
    return [message for message in plan if message["kind"] != "reminder"]


def claim(portal: Portal, booking: UUID | None = None) -> list[Row]:
    return list(portal.machine("claim_notifications", 100, 60, booking))


def send(portal: Portal, *claimed: Row) -> None:
    outcomes = [{"id": m["id"], "lease": m["lease"], "outcome": "sent", "provider_id": m["id"]} for m in claimed]
    portal.machine("settle_notifications", outcomes)


def refused(portal: Portal, who: str, function: str, *arguments: Any) -> str | None:
    with pytest.raises(psycopg.Error) as error:
        portal.answer(who, function, *arguments)
    return error.value.sqlstate


# The preview.


def test_a_preview_shows_what_other_wishes_would_bring_and_changes_nothing(portal: Portal) -> None:
    booking = portal.book(ANA, BEN)
    tables = ("notifications", "notification_preferences", "private.outbox", "private.send_rates", "booking_events")
    before = [portal.rows(f"select * from {table} order by 1") for table in tables]
    wishes = {"locale": "fr", "time_zone": "Asia/Tokyo"}
    [planned] = changes(portal.answer("ana@example.com", "preview_plan", booking, wishes))
    assert (planned["recipient"], planned["kind"], planned["status"]) == ("ana@example.com", "confirmation", "planned")
    assert (planned["locale"], planned["time_zone"]) == ("fr", "Asia/Tokyo")
    assert [portal.rows(f"select * from {table} order by 1") for table in tables] == before


def test_staff_preview_for_an_attendee(portal: Portal) -> None:
    booking = portal.book(ANA, BEN)
    everybody = changes(portal.answer(HOST, "preview_plan", booking, {}))
    assert [m["recipient"] for m in everybody] == ["ana@example.com", "ben@example.com"]
    of_ben = changes(portal.answer(ADMIN, "preview_plan", booking, {"email": "ben@example.com", "locale": "fr"}))[1]
    assert of_ben["locale"] == "fr"
    assert refused(portal, HOST, "preview_plan", booking, {"email": "eve@example.com", "locale": "fr"}) == "PT404"


def test_a_preview_is_only_for_who_sees_the_booking(portal: Portal) -> None:
    booking = portal.book(ANA)
    for who in ("ben@example.com", OTHER_HOST):
        assert refused(portal, who, "preview_plan", booking, {}) == "PT404"
    assert refused(portal, ADMIN, "preview_plan", uuid4(), {}) == "PT404"


@pytest.mark.parametrize("wish", [{"phone": "+4915112345678"}, {"time_zone": "Mars/Olympus"}, {"reminder_leads": [1]}])
def test_wishes_that_cannot_be_are_refused(portal: Portal, wish: dict[str, Any]) -> None:
    state = refused(portal, "ana@example.com", "preview_plan", portal.book(ANA), wish)
    assert state in ("22023", "23514")


# Skip and send.


def test_a_skipped_message_stays_skipped_until_something_changes(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA)
    [message] = messages(portal)
    skipped = {"id": str(message["id"]), "status": "skipped", "reason": "not_wanted_by_team"}
    assert portal.answer(HOST, "skip_notification", message["id"]) == skipped
    portal.say("API", "u1", ANA)
    assert [m["status"] for m in messages(portal)] == ["skipped"]
    assert claim(portal) == []
    portal.say("RESCHEDULED", "u2", ANA, rescheduled_from_uid="u1", starts_in=50)
    assert [m["kind"] for m in claim(portal, booking)] == ["rescheduled"]


def test_a_skipped_message_may_be_sent_after_all(portal: Portal) -> None:
    portal.book(ANA)
    [message] = messages(portal)
    portal.answer(HOST, "skip_notification", message["id"])
    assert portal.answer(ADMIN, "send_notification_now", message["id"])["status"] == "planned"
    assert [(m["id"], m["status"]) for m in claim(portal)] == [(str(message["id"]), "sending")]


def test_what_waits_for_its_next_try_leaves_at_once(portal: Portal) -> None:
    booking = portal.book(ANA)
    [message] = claim(portal)
    later = {"outcome": "retry", "accepted": False, "retry_at": "2099-01-01T00:00:00Z"}
    portal.machine("settle_notifications", [{"id": message["id"], "lease": message["lease"], **later}])
    assert claim(portal, booking) == []
    portal.answer(HOST, "send_notification_now", UUID(message["id"]))
    assert [m["id"] for m in claim(portal, booking)] == [message["id"]]


def test_a_failed_message_may_be_tried_again(portal: Portal) -> None:
    portal.book(ANA)
    [message] = claim(portal)
    portal.machine("settle_notifications", [{"id": message["id"], "lease": message["lease"], "outcome": "failed"}])
    portal.answer(HOST, "send_notification_now", UUID(message["id"]))
    [again] = claim(portal)
    send(portal, again)
    assert [(m["kind"], m["status"]) for m in messages(portal)] == [("confirmation", "sent")]


def test_what_is_sent_or_must_not_be_sent_cannot_be_sent_now(portal: Portal) -> None:
    portal.book(ANA)
    [message] = claim(portal)
    assert refused(portal, HOST, "send_notification_now", UUID(message["id"])) == "PT409"  # it is under way
    send(portal, message)
    assert refused(portal, HOST, "send_notification_now", UUID(message["id"])) == "PT409"
    assert refused(portal, HOST, "skip_notification", UUID(message["id"])) == "PT409"

    portal.ask(
        ADMIN, "insert into suppressions (channel, address, reason) values ('email', 'ben@example.com', 'asked')"
    )
    portal.book(BEN)
    assert messages(portal)[-1]["reason"] == "suppressed"
    assert refused(portal, HOST, "send_notification_now", messages(portal)[-1]["id"]) == "PT409"


# The confirmation once more.


def test_a_confirmation_is_sent_again_to_everybody_and_then_nothing_is_owed(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA, BEN)
    send(portal, *claim(portal))
    answer = portal.answer(HOST, "resend_confirmation", booking)
    assert len(answer["planned"]) == 2
    portal.say("API", "u1", ANA, BEN)  # the planner looks again, and leaves it alone
    again = claim(portal)
    assert {m["id"] for m in again} == set(answer["planned"])
    assert [
        (m["kind"], m["locale"], m["calendar"]["method"]) for m in again if m["recipient"] == "ana@example.com"
    ] == [("confirmation", "es", "REQUEST")]
    send(portal, *again)
    portal.say("CREATED", "u1", ANA, BEN, location="Main Street 1")
    assert {m["kind"] for m in claim(portal)} == {"updated"}


def test_a_repeat_that_is_no_longer_true_does_not_leave(portal: Portal) -> None:
    booking = portal.say("CREATED", "u1", ANA)
    send(portal, *claim(portal))
    portal.answer(HOST, "resend_confirmation", booking)
    portal.say("CANCELLED", "u1", ANA)
    assert [m["kind"] for m in claim(portal) if m["status"] == "sending"] == ["cancelled"]
    assert [(m["kind"], m["status"], m["reason"]) for m in messages(portal)][1] == (
        *("confirmation", "skipped", "superseded"),
    )


def test_what_is_about_to_leave_is_not_planned_twice(portal: Portal) -> None:
    booking = portal.book(ANA)
    assert portal.answer(HOST, "resend_confirmation", booking)["planned"] == []
    assert len(messages(portal)) == 1


def test_an_imported_booking_may_be_confirmed_by_staff(portal: Portal) -> None:
    booking = portal.say("API", "u1", ANA, notify="none")
    assert [m["reason"] for m in messages(portal)] == ["imported"]
    portal.answer(HOST, "resend_confirmation", booking)
    assert [m["kind"] for m in claim(portal)] == ["confirmation"]


def test_only_what_stands_can_be_confirmed_again(portal: Portal) -> None:
    pending, over = portal.say("REQUESTED", "u1", ANA), portal.book(ANA, starts_in=-5)
    for booking in (pending, over):
        assert refused(portal, HOST, "resend_confirmation", booking) == "PT409"


def test_only_staff_who_hold_the_booking_may(portal: Portal) -> None:
    booking = portal.book(ANA)
    [message] = messages(portal)
    for function, subject in (
        ("skip_notification", message["id"]),
        ("send_notification_now", message["id"]),
        ("resend_confirmation", booking),
    ):
        assert refused(portal, "ana@example.com", function, subject) == "PT403"  # one sees it, and may not
        for who in ("ben@example.com", OTHER_HOST):
            assert refused(portal, who, function, subject) == "PT404"
        assert refused(portal, ADMIN, function, uuid4()) == "PT404"
    assert [m["status"] for m in messages(portal)] == ["planned"]
