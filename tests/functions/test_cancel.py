"""Cancelling from the portal: through real HTTP, with Cal.com's webhook before its answer, after it, or lost."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import icalendar
import pytest

from tests.conftest import Connection, Stack
from tests.functions.acting import GROUP, PLAIN, SERIES, House, monday

FIRST = {"webhook": {"before_answer": True}, "answer": {"delay_ms": 60_000}, "answer alone": {"drop": 1}}


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


def cancellations(house: House, to: str) -> list[Any]:
    """The events that mails with METHOD:CANCEL take out of this person's calendar."""
    taken_out = []
    for mail in house.mails(to):
        for file in mail["attachments"]:
            calendar = icalendar.Calendar.from_ical(base64.b64decode(file["content"]))
            if calendar["METHOD"] == "CANCEL":
                taken_out += calendar.events
    return taken_out


@pytest.mark.parametrize("first", FIRST)
def test_a_client_cancels(house: House, first: str) -> None:
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday(), guests=["guest@example.com"])
    booking_id = house.id_of(made["uid"])
    house.sim("faults", {"webhooks": FIRST[first]})

    answer = house.cancel(client, booking_id, reason="I am ill")

    assert answer.status_code == 200, answer.text
    booking = answer.json()["booking"]
    assert (booking["id"], booking["status"], booking["cancellation_reason"]) == (booking_id, "cancelled", "I am ill")
    assert (booking["cancelled_by"], booking["removed"]) == ("client", False)
    assert house.calcom(made["uid"])["status"] == "cancelled"
    house.flush()
    house.sweep()
    assert house.story(booking_id)[1:] == [("cancelled", "client", "Client", "I am ill")]
    for person in ("client@example.com", "guest@example.com"):
        (event,) = cancellations(house, person)
        assert (event["UID"], event["STATUS"], event["SEQUENCE"]) == (booking["ical_uid"], "CANCELLED", 1)
    again = house.cancel(client, booking_id, reason="I am ill")
    assert (again.status_code, again.json()["code"]) == (409, "already_cancelled")
    assert len(house.calls("cancel")) == 1


@pytest.mark.parametrize("first", FIRST)
def test_without_a_reason(house: House, first: str) -> None:
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday())
    house.sim("faults", {"webhooks": FIRST[first]})
    answer = house.cancel(client, house.id_of(made["uid"]))
    assert answer.json()["booking"]["cancellation_reason"] is None
    assert house.calcom(made["uid"])["cancellationReason"] == "No reason given."
    house.flush()
    assert house.story(house.id_of(made["uid"]))[1:] == [("cancelled", "client", "Client", None)]


@pytest.mark.parametrize("first", FIRST)
def test_one_seat_of_three(house: House, first: str) -> None:
    people = [f"{name}@example.com" for name in ("ann", "ben", "cid")]
    uids = {house.book(GROUP, monday(), person)["uid"] for person in people}
    (uid,) = uids
    ben, booking_id = house.person("ben@example.com"), house.id_of(uid)
    house.sim("faults", {"webhooks": FIRST[first]})

    answer = house.cancel(ben, booking_id, reason="a private matter")

    assert answer.status_code == 200, answer.text
    booking = answer.json()["booking"]
    assert (booking["status"], booking["removed"]) == ("cancelled", True)
    assert "cancellation_reason" not in booking
    assert [person["email"] for person in house.calcom(uid)["attendees"]] == ["ann@example.com", "cid@example.com"]
    house.flush()
    house.sweep()
    assert house.story(booking_id)[-1] == ("attendee_removed", "client", "Ben", "a private matter")
    assert [kind for kind, *_ in house.story(booking_id)].count("attendee_removed") == 1
    assert house.db.execute("select status from public.bookings").fetchall() == [("confirmed",)]
    assert [len(cancellations(house, person)) for person in people] == [0, 1, 0]


def test_the_last_seat_ends_the_booking_and_tells_nobody_why(house: House) -> None:
    made = house.book(GROUP, monday(), "ann@example.com")
    ann, booking_id = house.person("ann@example.com"), house.id_of(made["uid"])
    assert house.cancel(ann, booking_id, reason="private").status_code == 200
    house.flush()
    assert house.calcom(made["uid"])["status"] == "cancelled"
    assert ("cancelled", "client", "Ann", None) in house.story(booking_id)
    row = house.db.execute("select status, cancellation_reason, cancelled_by from public.bookings").fetchall()
    assert row == [("cancelled", None, "client")]


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("scope", ["this", "remaining"])
def test_of_a_series(house: House, scope: str, first: str) -> None:
    client = house.person("client@example.com")
    made = house.book(SERIES, monday(), recurrenceCount=4)
    ids = [house.id_of(each["uid"]) for each in made]
    house.sim("faults", {"webhooks": FIRST[first]})

    answer = house.cancel(client, ids[1], scope=scope, reason="A holiday")

    assert answer.status_code == 200, answer.text
    house.flush()
    house.sweep()
    ended = [False, True, scope == "remaining", scope == "remaining"]
    for booking, booking_id, over in zip(made, ids, ended, strict=True):
        assert (house.calcom(booking["uid"])["status"] == "cancelled") == over
        assert house.story(booking_id)[1:] == ([("cancelled", "client", "Client", "A holiday")] if over else [])
    assert len(cancellations(house, "client@example.com")) == sum(ended)
    batches = house.db.execute(
        "select distinct batch_id from public.booking_events where kind = 'cancelled'"
    ).fetchall()
    assert len(batches) == 1
    assert (batches[0][0] is not None) == (scope == "remaining")


def test_the_rest_of_a_series_is_not_over_because_its_first_is(house: House) -> None:
    """The first of them was cancelled alone, and we do not know it: nobody is told that the rest is cancelled too."""
    client = house.person("client@example.com")
    made = house.book(SERIES, monday(), recurrenceCount=4)
    ids = [house.id_of(each["uid"]) for each in made]
    house.sim("faults", {"webhooks": {"drop": 1}, "api": {"fail": ["html_after_accept", 503, 503, 503]}})
    assert house.cancel(client, ids[1]).json()["code"] == "uncertain"
    house.sim("faults", {"webhooks": {"drop": 1}})
    assert house.cancel(client, ids[1], scope="remaining").json()["code"] == "declined"
    assert [house.calcom(each["uid"])["status"] for each in made] == ["accepted", "cancelled", "accepted", "accepted"]
    assert house.cancel(client, ids[2], scope="remaining").json()["booking"]["status"] == "cancelled"
    assert {house.calcom(each["uid"])["status"] for each in made[1:]} == {"cancelled"}


@pytest.mark.parametrize("first", FIRST)
def test_the_rest_from_the_first_on_whose_body_names_no_series(house: House, first: str) -> None:
    client = house.person("client@example.com")
    made = house.book(SERIES, monday(), recurrenceCount=3)
    ids = [house.id_of(each["uid"]) for each in made]
    house.sim("faults", {"webhooks": FIRST[first]})
    answer = house.cancel(client, ids[0], scope="remaining", reason="A holiday")
    assert answer.status_code == 200, answer.text
    house.flush()
    for booking_id in ids:
        assert house.story(booking_id)[1:] == [("cancelled", "client", "Client", "A holiday")]
    house.sim("faults")
    alone = house.id_of(house.book(PLAIN, monday(15))["uid"])
    refused = house.cancel(client, alone, scope="remaining")
    assert (refused.status_code, refused.json()["detail"]) == (400, "this booking is not one of a series")


def test_staff_end_one_seat_or_all(house: House) -> None:
    for person in ("ann@example.com", "ben@example.com", "cid@example.com"):
        uid = house.book(GROUP, monday(), person)["uid"]
    host, booking_id = house.person("host@example.com", "host"), house.id_of(uid)
    seats: dict[str, str] = dict(house.db.execute("select email, id::text from public.booking_attendees").fetchall())

    nameless = house.cancel(host, booking_id, attendee_id=seats["ben@example.com"])
    assert (nameless.status_code, nameless.json()["detail"]) == (400, "a reason is needed")
    assert house.cancel(host, booking_id, attendee_id=seats["ben@example.com"], reason="full").status_code == 200
    assert len(house.calcom(uid)["attendees"]) == 2
    answer = house.cancel(host, booking_id, reason="The room is closed")
    assert (answer.status_code, answer.json()["booking"]["status"]) == (200, "cancelled")
    house.flush()
    house.sweep()
    assert house.calcom(uid)["status"] == "cancelled"
    assert ("cancelled", "staff", "host", "The room is closed") in house.story(booking_id)
    assert [len(cancellations(house, person)) for person in seats] == [1, 1, 1]


def test_nobody_elses(house: House) -> None:
    made = house.book(PLAIN, monday(), guests=["guest@example.com"])
    booking_id = house.id_of(made["uid"])
    stranger, guest = house.person("other@example.com"), house.person("guest@example.com")
    assert (house.cancel(stranger, booking_id).status_code, house.cancel(guest, booking_id).status_code) == (404, 403)
    assert house.cancel(guest, booking_id).json()["code"] == "not_allowed"
    other_host = house.person("else@example.com", "host")
    assert house.cancel(other_host, booking_id, reason="x").status_code == 404
    assert house.calls("cancel") == []


def test_policy_at_the_moment_of_the_action(house: House) -> None:
    client, host = house.person("client@example.com"), house.person("host@example.com", "host")
    made = house.book(PLAIN, monday())
    booking_id = house.id_of(made["uid"])
    house.db.execute(
        "insert into public.event_type_settings (event_type_id, min_cancel_notice, contact)"
        " values (101, %s, '+49 30 1')",
        [60 * 24 * 60],
    )
    late = house.cancel(client, booking_id)
    problem = late.json()
    assert (late.status_code, problem["code"], problem["contact"]) == (409, "too_late", "+49 30 1")
    assert problem["until"].startswith((monday() - timedelta(days=60)).date().isoformat())
    assert house.calls("cancel") == []
    assert house.cancel(host, booking_id, reason="asked by phone").status_code == 200


def test_the_sixth_action_in_ten_minutes(house: House) -> None:
    client = house.person("client@example.com")
    ids = [house.id_of(house.book(PLAIN, monday() + timedelta(hours=n))["uid"]) for n in range(6)]
    answers = [house.cancel(client, booking_id) for booking_id in ids]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 600
    house.db.execute("update private.actions set started_at = started_at - interval '10 minutes'")
    assert house.cancel(client, ids[-1]).status_code == 200
