"""The embed as a page meets it: its script, and frames that book and say so."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.calcom_sim.calcom import Calcom
from tests.calcom_sim.receiver import Receiver
from tests.calcom_sim.test_pages import BOOKER, first_slot


def told(page: str) -> Any:
    """What the frame tells the page around it."""
    found = re.search(r'id="embedded">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def book(calcom: Calcom, slug: str, query: str = "embed=ns", owner: str = "host") -> Any:
    """The first free slot, booked in the frame; what it tells."""
    address = f"/{owner}/{slug}/embed?timeZone=Europe/Paris&{query}"
    answer = calcom.public.post(address, data=BOOKER | {"start": first_slot(calcom.public.get(address).text)})
    assert answer.status_code == 200
    return told(answer.text)


def test_the_script_is_where_calcom_has_it(calcom: Calcom) -> None:
    answer = calcom.public.get("/embed/embed.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")


def test_a_booking_is_told_as_calcom_tells_it(calcom: Calcom, subscriber: Receiver) -> None:
    said = book(calcom, "consultation")
    calcom.flush()
    [created] = subscriber.received
    data = said["event"]["data"]
    assert (said["namespace"], said["failed"], said["event"]["type"]) == ("ns", None, "bookingSuccessfulV2")
    assert (data["uid"], data["title"]) == (created.payload["uid"], created.payload["title"])
    assert (data["startTime"][:19], data["endTime"][:19]) == (
        created.payload["startTime"][:19],
        created.payload["endTime"][:19],
    )
    assert (data["status"], data["paymentRequired"], data["isRecurring"]) == ("ACCEPTED", False, False)
    assert "allBookings" not in data


def test_what_is_not_sure_yet_is_told_so(calcom: Calcom) -> None:
    assert book(calcom, "interview")["event"]["data"]["status"] == "PENDING"
    assert book(calcom, "deep-dive")["event"]["data"]["paymentRequired"] is True
    series = book(calcom, "coaching")["event"]["data"]
    assert (series["isRecurring"], len(series["allBookings"])) == (True, 6)
    assert series["allBookings"][0]["startTime"] == series["startTime"]


def test_paid_in_the_frame(calcom: Calcom, subscriber: Receiver) -> None:
    uid = book(calcom, "deep-dive")["event"]["data"]["uid"]
    page = calcom.public.post("/host/deep-dive/embed", data={"paid": uid}).text
    data = told(page)["event"]["data"]
    assert (data["uid"], data["status"], data["paymentRequired"]) == (uid, "ACCEPTED", False)
    calcom.flush()
    assert subscriber.triggers == ["BOOKING_PAYMENT_INITIATED", "BOOKING_PAID", "BOOKING_CREATED"]


def test_the_form_is_filled_in_and_keeps_what_was_typed(calcom: Calcom) -> None:
    query = "name=Ann&email=ann%40example.com&notes=Hi&topic=Plans&guests=a%40example.com&guests=b%40example.com"
    page = calcom.public.get(f"/host/consultation/embed?{query}").text
    for value in ('value="Ann"', 'value="ann@example.com"', ">Hi</textarea>", 'value="Plans"'):
        assert value in page
    assert 'value="a@example.com, b@example.com"' in page
    refused = calcom.public.post(
        f"/host/consultation/embed?{query}", data=BOOKER | {"start": "2020-01-01T09:00:00Z", "name": "Bea"}
    ).text
    assert 'role="alert"' in refused
    assert 'value="Bea"' in refused
    assert told(refused)["event"] is None


def test_a_page_of_several_offers_each_in_the_frame(calcom: Calcom) -> None:
    for owner, slugs in (("host", 8), ("example-house", 2), ("team/example-house", 2)):
        page = calcom.public.get(f"/{owner}/embed?embed=ns&theme=dark&name=Ann").text
        assert 'class="embedded dark"' in page
        links = re.findall(r'<h2><a href="([^"]+)"', page)
        assert len(links) == slugs
        inside = calcom.public.get(links[0].replace("&amp;", "&")).text
        assert (told(inside)["namespace"], 'value="Ann"' in inside) == ("ns", True)


def test_what_is_not_there_says_so_to_the_page(calcom: Calcom) -> None:
    for address in ("/nobody/embed", "/host/nothing/embed", "/host/panel/embed", "/team/nobody/panel/embed"):
        answer = calcom.public.get(f"{address}?embed=ns")
        assert answer.status_code == 404
        assert told(answer.text) == {"namespace": "ns", "failed": "404", "event": None}


def test_what_people_write_stays_text(calcom: Calcom) -> None:
    hostile = "</script><script>alert(1)</script>"
    address = "/host/consultation/embed"
    slot = first_slot(calcom.public.get(address).text)
    page = calcom.public.post(f"{address}?embed={hostile}", data=BOOKER | {"start": slot, "name": hostile}).text
    assert "<script>alert" not in page
    assert hostile in told(page)["event"]["data"]["title"]
