"""Moving from the portal: free times, the move, and what stands against it."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest

from shared import calcom_api
from tests.conftest import Connection, Stack
from tests.functions.acting import CONFIRMED, GROUP, PLAIN, SERIES, House, monday
from tests.functions.in_process import served
from tests.functions.test_cancel import FIRST


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


def slots(house: House, who: Any, booking_id: str, **query: str) -> Any:
    days = {"from": monday(0).isoformat(), "to": (monday(0) + timedelta(days=2)).isoformat()}
    return house.call(who, "GET", "reschedule", booking_id=booking_id, **(days | query))


def files(house: House, to: str) -> list[tuple[str, int, object]]:
    """METHOD, SEQUENCE and DTSTART of each calendar file that this person got, in order."""
    found: list[tuple[str, int, object]] = []
    for mail in house.mails(to):
        for file in mail["attachments"]:
            calendar = icalendar.Calendar.from_ical(base64.b64decode(file["content"]))
            (event,) = calendar.events
            found.append((str(calendar["METHOD"]), int(str(event["SEQUENCE"])), event.start))
    return found


def test_free_times_are_real_and_in_the_viewers_zone(house: House) -> None:
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday(9))
    house.book(PLAIN, monday(10), "other@example.com")
    answer = slots(house, client, house.id_of(made["uid"]), time_zone="Asia/Kathmandu")
    assert answer.status_code == 200, answer.text
    assert answer.json()["time_zone"] == "Asia/Kathmandu"
    free = answer.json()["slots"]
    starts = [start for day in free.values() for start in day]
    assert f"{monday(9):%Y-%m-%dT%H:%M:%SZ}" in starts  # its own time is free for it
    assert f"{monday(10):%Y-%m-%dT%H:%M:%SZ}" not in starts
    kathmandu = ZoneInfo("Asia/Kathmandu")
    for day, of_day in free.items():
        assert {datetime.fromisoformat(start).astimezone(kathmandu).date().isoformat() for start in of_day} == {day}


@pytest.mark.parametrize("first", FIRST)
def test_a_client_moves(house: House, first: str) -> None:
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday(9))
    booking_id = house.id_of(made["uid"])
    house.sweep()
    house.sim("faults", {"webhooks": FIRST[first]})

    answer = house.move(client, booking_id, monday(13), reason="A clash")

    assert answer.status_code == 200, answer.text
    booking = answer.json()["booking"]
    assert (booking["id"], booking["status"], booking["revision"]) == (booking_id, "confirmed", 1)
    assert datetime.fromisoformat(booking["starts_at"]) == monday(13)
    house.flush()
    house.sweep()
    story = house.story(booking_id)
    assert story[1:] == [("moved", "client", "Client", "A clash")]
    assert files(house, "client@example.com") == [("REQUEST", 0, monday(9)), ("REQUEST", 1, monday(13))]
    old = house.calcom(made["uid"])
    assert (old["status"], house.calcom(old["rescheduledToUid"])["status"]) == ("cancelled", "accepted")
    # The old time is free again, the new one is not.
    free = slots(house, client, booking_id).json()["slots"]
    taken = house.book(PLAIN, monday(9), "other@example.com")
    assert taken["status"] == "accepted"
    assert f"{monday(9):%Y-%m-%dT%H:%M:%SZ}" in free[monday().date().isoformat()]
    row = house.db.execute(
        "select description, event_type_title, location from public.bookings where id = %s", [booking_id]
    )
    assert row.fetchall() == [("A first talk about your plans.", "Consultation", "integrations:daily")]


@pytest.mark.parametrize("first", FIRST)
def test_one_seat_of_three(house: House, first: str) -> None:
    people = [f"{name}@example.com" for name in ("ann", "ben", "cid")]
    for person in people:
        uid = house.book(GROUP, monday(9), person)["uid"]
    ben, booking_id = house.person("ben@example.com"), house.id_of(uid)
    house.sweep()
    house.sim("faults", {"webhooks": FIRST[first]})

    answer = house.move(ben, booking_id, monday(13))

    assert answer.status_code == 200, answer.text
    booking = answer.json()["booking"]
    assert datetime.fromisoformat(booking["starts_at"]) == monday(13)
    assert booking["id"] != booking_id
    house.flush()
    house.sweep()
    assert [person["email"] for person in house.calcom(uid)["attendees"]] == ["ann@example.com", "cid@example.com"]
    assert house.story(booking_id)[-1][:3] == ("attendee_removed", "client", "Ben")
    assert house.story(booking["id"])[0][:3] == ("created", "client", "Ben")
    assert len(house.story(booking["id"])) == 1
    assert [len(house.mails(person)) for person in ("ann@example.com", "cid@example.com")] == [1, 1]
    assert [method for method, *_ in files(house, "ben@example.com")].count("CANCEL") == 1


@pytest.mark.parametrize("first", FIRST)
def test_one_occurrence(house: House, first: str) -> None:
    client = house.person("client@example.com")
    made = house.book(SERIES, monday(9), recurrenceCount=3)
    ids = [house.id_of(each["uid"]) for each in made]
    house.sim("faults", {"webhooks": FIRST[first]})
    to = monday(13) + timedelta(days=8)
    answer = house.move(client, ids[1], to)
    assert answer.status_code == 200, answer.text
    house.flush()
    starts = house.db.execute("select starts_at from public.bookings order by starts_at").fetchall()
    assert [start for (start,) in starts] == [monday(9), to, monday(9) + timedelta(days=14)]
    assert house.story(ids[1])[1:] == [("moved", "client", "Client", None)]


@pytest.mark.parametrize("first", FIRST)
def test_what_needs_confirmation_waits_unless_staff_move_it(house: House, first: str) -> None:
    client, host = house.person("client@example.com"), house.person("host@example.com", "host")
    made = house.book(CONFIRMED, monday(9))
    booking_id = house.id_of(made["uid"])
    house.sim("faults", {"webhooks": FIRST[first]})
    answer = house.move(client, booking_id, monday(13))
    assert (answer.status_code, answer.json()["booking"]["status"]) == (200, "pending"), answer.text
    house.flush()
    assert house.story(booking_id)[1:] == [("requested", "client", "Client", None)]
    by_host = house.move(host, booking_id, monday(14), reason="suits us better")
    assert (by_host.status_code, by_host.json()["booking"]["status"]) == (200, "confirmed"), by_host.text


def test_a_slot_that_somebody_took_brings_fresh_ones(house: House) -> None:
    client = house.person("client@example.com")
    booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
    house.book(PLAIN, monday(13), "other@example.com")
    answer = house.move(client, booking_id, monday(13), time_zone="Europe/Berlin")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "slot_taken")
    starts = [start for day in problem["slots"].values() for start in day]
    assert f"{monday(13):%Y-%m-%dT%H:%M:%SZ}" not in starts
    assert f"{monday(14):%Y-%m-%dT%H:%M:%SZ}" in starts
    assert house.move(client, booking_id, monday(14)).status_code == 200


def test_refused_with_the_reason(house: House) -> None:
    client = house.person("client@example.com")
    booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
    assert house.move(client, booking_id, monday(9)).json()["detail"] == "the booking is already at this time"
    assert house.move(client, booking_id, monday(9) - timedelta(days=60)).status_code == 400
    house.db.execute("insert into public.event_type_settings (event_type_id, max_reschedules) values (101, 1)")
    assert house.move(client, booking_id, monday(10)).status_code == 200
    for refused in (house.move(client, booking_id, monday(11)), slots(house, client, booking_id)):
        assert (refused.status_code, refused.json()["code"]) == (409, "too_many_moves")
    assert len(house.calls("reschedule")) == 1

    over = house.id_of(house.book(PLAIN, monday(9) - timedelta(days=60))["uid"])
    late = slots(house, client, over)
    assert (late.status_code, late.json()["code"]) == (409, "too_late")
    gone = house.book(PLAIN, monday(15))
    house.sim(f"bookings/{gone['uid']}/cancel")
    house.flush()
    assert slots(house, client, house.id_of(gone["uid"])).json()["code"] == "already_cancelled"


def test_where_cal_com_says_no_its_own_page_is_a_way_out(house: House) -> None:
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday(9))
    house.sim("faults", {"api": {"fail": [400], "only": "/reschedule"}})
    answer = house.move(client, house.id_of(made["uid"]), monday(13))
    assert (answer.status_code, answer.json()["code"]) == (409, "declined")
    assert answer.json()["page"] == f"{house.env['CALCOM_ORIGIN']}/reschedule/{made['uid']}"


def test_who_was_asked_for_another_time_may_choose_one(house: House) -> None:
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday(9))
    booking_id = house.id_of(made["uid"])
    house.db.execute("insert into public.event_type_settings (event_type_id, max_reschedules) values (101, 0)")
    house.sim(f"bookings/{made['uid']}/request-reschedule", {"reason": "I am away"})
    house.flush()
    assert slots(house, client, booking_id).status_code == 200
    answer = house.move(client, booking_id, monday(13))
    assert (answer.status_code, answer.json()["booking"]["status"]) == (200, "confirmed"), answer.text
    assert answer.json()["booking"]["reschedule_requested"] is False


def test_nobody_elses(house: House) -> None:
    made = house.book(PLAIN, monday(9), guests=["guest@example.com"])
    booking_id = house.id_of(made["uid"])
    stranger, guest = house.person("other@example.com"), house.person("guest@example.com")
    assert [house.move(who, booking_id, monday(13)).status_code for who in (stranger, guest)] == [404, 403]
    assert [slots(house, who, booking_id).status_code for who in (stranger, guest)] == [404, 403]


def test_staff_move_a_whole_group(house: House) -> None:
    for person in ("ann@example.com", "ben@example.com"):
        uid = house.book(GROUP, monday(9), person)["uid"]
    host, booking_id = house.person("host@example.com", "host"), house.id_of(uid)
    house.sweep()
    answer = house.move(host, booking_id, monday(13), reason="The room is taken")
    assert answer.status_code == 200, answer.text
    house.flush()
    house.sweep()
    assert datetime.fromisoformat(house.calcom(uid)["start"]) == monday(13)
    assert house.story(booking_id)[-1] == ("moved", "staff", "host", "The room is taken")
    for person in ("ann@example.com", "ben@example.com"):
        assert files(house, person) == [("REQUEST", 0, monday(9)), ("REQUEST", 1, monday(13))]


def test_looking_at_free_times_cannot_use_up_what_cal_com_allows(house: House) -> None:
    client, other = house.person("client@example.com"), house.person("other@example.com")
    booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
    theirs = house.id_of(house.book(PLAIN, monday(10), "other@example.com")["uid"])
    looks = [slots(house, client, booking_id) for _ in range(21)]
    assert [look.status_code for look in looks] == [200] * 20 + [429]
    assert 1 <= int(looks[-1].headers["Retry-After"]) <= 60
    assert slots(house, other, theirs).status_code == 200


def test_moved_on_before_its_answer_was_looked_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our move was carried out and its answer lost; on Cal.com's page somebody moves it on at once."""
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday(9))
    booking_id = house.id_of(made["uid"])
    house.sim("faults", {"webhooks": {"drop": 1}, "api": {"fail": ["503_after_accept"], "only": "/reschedule"}})
    life = calcom_api.life

    def first_moved_on(uid: str, deadline: float) -> tuple[Any, ...]:
        to = house.calcom(uid)["rescheduledToUid"]
        house.sim(f"bookings/{to}/move", {"start": monday(15).isoformat(), "by": "host"})
        return life(uid, deadline)

    monkeypatch.setattr(calcom_api, "life", first_moved_on)
    with served("reschedule", house.env) as reschedule:
        answer = reschedule.post(
            "/reschedule",
            json={"booking_id": booking_id, "start": monday(13).isoformat()},
            headers={"Authorization": f"Bearer {client.token}"},
        )
    assert answer.status_code == 200, answer.text
    assert datetime.fromisoformat(answer.json["booking"]["starts_at"]) == monday(15)  # type: ignore[index]
    assert house.db.execute("select state, outcome from private.actions").fetchall() == [("done", "moved")]
    assert len(house.calls("reschedule")) == 1
