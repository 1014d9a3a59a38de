"""What a person at the machine does: book, look, move, cancel; and the host's page."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from local.calcom_sim import hosting
from local.calcom_sim.app import create_app
from local.calcom_sim.booking import Order, book
from local.calcom_sim.simulator import Settings, Simulator
from tests.calcom_sim.calcom import KEY, PLAIN, Calcom
from tests.calcom_sim.receiver import Receiver

BOOKER = {"name": "Ann Client", "email": "ann@example.com", "timeZone": "Europe/Paris", "language": "fr"}


def first_slot(page: str) -> str:
    found = re.search(r'name="start" value="([^"]+)"', page)
    assert found, "no free slot on the page"
    return str(found[1])


def later_slot(page: str) -> str:
    return str(re.findall(r'name="start" value="([^"]+)"', page)[3])


def book_on_page(calcom: Calcom, slug: str, **form: str) -> str:
    """Book the first free slot through the form; the address of the booking's page."""
    page = calcom.public.get(f"/host/{slug}?timeZone=Europe/Paris").text
    answer = calcom.public.post(f"/host/{slug}", data=BOOKER | {"start": first_slot(page)} | form)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_every_event_type_can_be_reached_and_has_free_slots(calcom: Calcom) -> None:
    links = re.findall(r'<h2><a href="([^"]+)"', calcom.public.get("/").text)
    assert len(links) == 10
    for link in links:
        first_slot(calcom.public.get(link).text)


def test_book_move_and_cancel(calcom: Calcom, subscriber: Receiver) -> None:
    query = {"guests": "bo@example.com, cy@example.com", "notes": "Hello", "topic": "Plans", "metadata[ref]": "r1"}
    place = book_on_page(calcom, "consultation", **query)
    page = calcom.public.get(place).text
    assert "accepted" in page
    uid = place.split("/")[2]
    answer = calcom.public.post(
        f"/reschedule/{uid}",
        data={"start": later_slot(calcom.public.get(f"/reschedule/{uid}").text), "reason": "train"},
    )
    assert answer.status_code == 303
    moved = answer.headers["Location"]
    assert "moved" in calcom.public.get(place).text
    assert calcom.public.post(moved, data={"reason": "ill"}).status_code == 303
    assert "cancelled" in calcom.public.get(moved).text
    calcom.flush()
    created, _, cancelled = subscriber.received
    assert created.payload["attendees"][0]["language"] == {"locale": "fr"}
    assert len(created.payload["attendees"]) == 3
    assert created.payload["metadata"]["ref"] == "r1"
    assert created.payload["userFieldsResponses"]["topic"]["value"] == "Plans"
    assert cancelled.payload["cancelledBy"] == "ann@example.com"


def test_a_seat_has_its_own_link(calcom: Calcom, subscriber: Receiver) -> None:
    place = book_on_page(calcom, "workshop")
    uid, _, seat = place.removeprefix("/booking/").partition("?seatReferenceUid=")
    assert "own seat" in calcom.public.post(f"/booking/{uid}").text
    page = calcom.public.get(f"/reschedule/{seat}").text
    moved = calcom.public.post(f"/reschedule/{seat}", data={"start": later_slot(page)}).headers["Location"]
    assert moved.endswith(seat)
    assert calcom.public.post(moved, data={"seatReferenceUid": seat}).status_code == 303
    calcom.flush()
    assert subscriber.triggers == ["BOOKING_CREATED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED"]


def test_the_rest_of_a_series(calcom: Calcom) -> None:
    place = book_on_page(calcom, "coaching")
    calcom.public.post(place, data={"scope": "remaining"})
    assert {each["status"] for each in calcom.ok(calcom.api.get("/v2/bookings"))} == {"cancelled"}


def test_a_refusal_is_told_on_the_page_and_keeps_what_was_written(calcom: Calcom) -> None:
    page = calcom.public.post("/host/consultation", data=BOOKER | {"start": "2020-01-01T09:00:00Z"}).text
    assert 'role="alert"' in page
    assert 'value="Ann Client"' in page


def test_what_people_write_stays_text(calcom: Calcom) -> None:
    place = book_on_page(calcom, "consultation", name="<script>alert(1)</script>")
    for path in (place, "/host"):
        assert "<script>alert" not in calcom.public.get(path).text


@pytest.mark.parametrize(
    ("slug", "steps", "triggers"),
    [
        ("interview", ["confirm"], ["BOOKING_REQUESTED", "BOOKING_CREATED"]),
        ("interview", ["decline"], ["BOOKING_REQUESTED", "BOOKING_REJECTED"]),
        ("deep-dive", ["pay"], ["BOOKING_PAYMENT_INITIATED", "BOOKING_PAID", "BOOKING_CREATED"]),
        ("consultation", ["request-reschedule"], ["BOOKING_CREATED", "BOOKING_CANCELLED"]),
        ("consultation", ["cancel", "cancel"], ["BOOKING_CREATED", "BOOKING_CANCELLED"]),
    ],
)
def test_the_host_answers(
    calcom: Calcom, subscriber: Receiver, slug: str, steps: list[str], triggers: list[str]
) -> None:
    uid = book_on_page(calcom, slug).split("/")[2]
    for step in steps:
        answer = calcom.public.post(f"/host/{uid}/{step}", data={"reason": "so it is"})
    calcom.flush()
    assert subscriber.triggers == triggers
    assert ("refused" in answer.headers["Location"]) is (steps == ["cancel", "cancel"])
    assert calcom.public.get(answer.headers["Location"]).status_code == 200


def test_pages_need_nothing_from_elsewhere(calcom: Calcom) -> None:
    place = book_on_page(calcom, "consultation")
    for path in ("/", "/host", "/host/consultation", place, place.replace("booking", "reschedule")):
        page = calcom.public.get(path).text
        assert re.findall(r'(?:src|href|action)="(?!/|")', page) == []
        assert '<html lang="en">' in page
    for file in ("page.css", "zone.js"):
        assert calcom.public.get(f"/static/{file}").status_code == 200


def test_the_clock_tells_once_that_a_meeting_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = Simulator(Settings.from_env("http://127.0.0.1", {"CALCOM_API_KEY": KEY, "CALCOM_WEBHOOK_SECRET": "s"}))
    create_app(sim)
    told: list[str] = []
    monkeypatch.setattr(sim.delivery, "publish", lambda emissions, _: told.extend(each.trigger for each in emissions))
    start = datetime.now(UTC)
    with sim.action() as world:
        order = Order(world.event_types[PLAIN], start, "Ann", "ann@example.com", "UTC", anytime=True)
        (booking,) = book(world, order).bookings
        booking.created_at = start.replace(year=start.year - 1)
    for _ in range(2):
        with sim.action() as world:
            hosting.meetings_due(world)
    assert told == ["BOOKING_CREATED", "MEETING_STARTED"]
