"""A client at the addresses and calls of another: there is nothing, and nothing is said of it."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import expect

from tests.database.api import Denied
from tests.functions.acting import monday
from tests.portal.every_page import settle
from tests.portal.portal import Portal

# What would show that something of client@example.com came through.
THEIRS = ["client@example.com", "Consultation", "Please bring the contract", "+491701234567", "I have to travel"]


def test_no_address_of_another_client_shows_anything(gallery: Portal) -> None:
    gallery.expect("status of 40[0-9]")
    paths = [f"/bookings/{booking_id}" for booking_id in gallery.ids.values()]
    paths += ["/bookings?tab=past", "/bookings?q=Consult", "/admin?tab=all", "/admin/health", "/preferences"]
    paths += [f"/admin?booking={gallery.ids['plain']}", "/admin/clients/client@example.com"]
    page = gallery.window("other")
    heard: list[str] = []
    page.on("response", lambda response: heard.append(response.url))
    for path in paths:
        page.goto(gallery.url + path)
        settle(page)
        text = page.locator("main").inner_text()
        assert not [word for word in THEIRS if word in text], path
        if path.startswith("/admin"):
            expect(page.get_by_text("This page is for the team")).to_be_visible()
    assert any("/rest/v1/rpc/" in url for url in heard), "the pages did ask"


@pytest.mark.parametrize("name", ["plain", "cancelled", "past", "seat"])
def test_no_call_of_another_client_gets_anything(gallery: Portal, name: str) -> None:
    house, other, booking_id = gallery.house, gallery.person("other"), gallery.ids[name]
    answers: list[httpx.Response] = [
        house.cancel(other, booking_id, reason="not mine"),
        house.move(other, booking_id, monday(16)),
        house.call(other, "GET", "export", booking_id=booking_id, format="ics"),
        house.call(other, "POST", "export", {"format": "csv", "filters": {}}),
        house.call(other, "POST", "export", {"format": "csv", "booking_ids": [booking_id]}),
    ]
    for answer in answers:
        assert answer.status_code in (403, 404) or booking_id not in answer.text
        assert not [word for word in THEIRS if word in answer.text]
    for function in ("my_booking", "booking_timeline", "booking_actions", "booking_reach", "preview_plan"):
        said = other.call(function, {"p_booking_id": booking_id})
        assert isinstance(said, Denied) or not said, function
    for table in ("bookings", "booking_attendees", "booking_events", "booking_notes", "notifications"):
        assert other.select(table) in ([], Denied("42501")), table
