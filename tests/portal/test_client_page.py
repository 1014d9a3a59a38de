"""A client's page: what staff know of a person across the bookings that they hold, and what blocks messages to them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.functions import receiving
from tests.functions.acting import PLAIN, House, monday
from tests.portal.axe import violations
from tests.portal.faults import failing
from tests.portal.portal import Portal

PATH = "/admin/clients/client@example.com"
HOSTILE = '<img src=x onerror="ran=1">\u202egnirts ' + "Donaudampfschifffahrtsgesellschaft" * 120 + " 🎉"


def test_a_host_sees_of_a_client_what_they_hold(portal: Portal, house: House) -> None:
    mine, theirs = (house.id_of(house.book(PLAIN, monday(hour))["uid"]) for hour in (9, 11))
    house.db.execute("update private.booking_hosts set email = 'colleague@example.com' where booking_id = %s", [theirs])
    for booking_id in (mine, theirs):
        note = {"booking_id": booking_id, "visibility": "staff", "body": f"About {booking_id}"}
        portal.person("admin").insert("booking_notes", note)

    seen = {who: portal.open(PATH, who) for who in ("host", "admin")}
    for who, page in seen.items():
        expect(page.get_by_role("heading", level=1)).to_have_text("Client")
        ids = [mine] if who == "host" else [mine, theirs]
        expect(page.get_by_role("list", name="Bookings").get_by_role("listitem")).to_have_count(len(ids))
        expect(page.get_by_role("list", name="Notes").get_by_role("listitem")).to_have_count(len(ids))
        told = page.get_by_role("list", name="Messages").get_by_role("link")
        expect(told).to_have_count(3 * len(ids))  # a confirmation and two reminders each
        assert {link.get_attribute("href") for link in told.all()} == {f"/portal/bookings/{id_}" for id_ in ids}
    expect(seen["admin"].get_by_role("heading", name="Consent to texts")).to_be_visible()
    expect(seen["host"].get_by_role("heading", name="Consent to texts")).to_have_count(0)
    seen["host"].get_by_role("list", name="Bookings").get_by_role("link", name="Consultation").click()
    expect(seen["host"]).to_have_url(re.compile(f"/bookings/{mine}$"))


@pytest.mark.parametrize("path", ["/admin/clients/other@example.com", "/admin/clients/%2B4915112345678"])
def test_whose_bookings_others_hold_is_nobody(portal: Portal, house: House, path: str) -> None:
    portal.expect("status of 404")
    house.book(PLAIN, monday(9))
    expect(portal.open(path, "host").get_by_role("heading", level=1)).to_have_text("No such client")
    expect(portal.open(PATH, "other").get_by_text("This page is for the team.")).to_be_visible()


def test_who_has_only_a_number_is_found_by_it(portal: Portal, house: House) -> None:
    receiving.book(house.env, "+4915112345678")
    page = portal.open("/admin/clients/+4915112345678", "admin")
    expect(page.get_by_role("link", name="+4915112345678")).to_have_attribute("href", "tel:+4915112345678")
    expect(page.get_by_role("list", name="Bookings").get_by_role("listitem")).to_have_count(1)
    expect(page.get_by_role("list", name="Messages")).to_contain_text("Text to +4915112345678")


def test_an_address_that_bounced_is_shown_and_written_to_again_once_that_is_lifted(
    portal: Portal, house: House
) -> None:
    house.book(PLAIN, monday(9))
    house.sweep()
    (mail,) = house.mails("client@example.com")
    assert receiving.order(house.env, "email", id=mail["id"], event="bounced") == 200
    house.book(PLAIN, monday(11))
    house.sweep()
    assert len(house.mails("client@example.com")) == 1, "nothing is sent to an address that bounced"

    page = portal.open(PATH, "admin")
    expect(page.get_by_text("No e-mail to client@example.com")).to_be_visible()
    expect(page.get_by_text("Unreachable", exact=True)).to_be_visible()
    expect(page.get_by_role("list", name="Messages")).to_contain_text("this address bounced (permanent) — call instead")
    lift = page.get_by_role("button", name="Lift … what blocks client@example.com")
    lift.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Allow e-mail to this address again?")
    expect(dialog).to_contain_text("Reminders of bookings to come are planned again")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(lift).to_be_focused()
    assert house.db.execute("select address from public.suppressions").fetchall() == [("client@example.com",)]

    lift.click()
    dialog.get_by_role("button", name="Allow e-mail again").click()
    expect(page.get_by_role("status").filter(has_text="client@example.com may get e-mail again.")).to_be_visible()
    expect(lift).to_have_count(0)
    assert house.db.execute("select * from public.suppressions").fetchall() == []
    planned = "select count(*) from public.notifications where status = 'planned' and kind = 'reminder'"
    assert house.db.execute(planned).fetchone() == (4,), "both of both bookings"


def test_a_part_that_fails_leaves_the_others(portal: Portal, house: House) -> None:
    portal.expect("status of 503")
    house.book(PLAIN, monday(9))
    page = portal.window("admin")
    with failing(page, 503, re.compile("/rpc/client_")):
        page.goto(portal.url + PATH)
        expect(page.get_by_role("alert")).to_have_count(3)  # the client, the notes, the messages
        expect(page.get_by_role("list", name="Bookings").get_by_role("listitem")).to_have_count(1)
    page.get_by_role("region", name="Messages").get_by_role("button", name="Try again").click()
    expect(page.get_by_role("list", name="Messages").get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_role("alert")).to_have_count(2)


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_hostile_words_break_nothing(portal: Portal, house: House, width: int, scheme: str) -> None:
    uid = house.book(PLAIN, monday(9))["uid"]
    house.db.execute("update public.booking_attendees set name = %s, phone = 'javascript:ran=1'", [HOSTILE[:200]])
    admin = portal.person("admin")
    note = {"booking_id": house.id_of(uid), "visibility": "shared", "body": HOSTILE}
    admin.insert("booking_notes", note)
    page = portal.open(PATH, "admin", width=width, scheme=scheme)
    expect(page.get_by_role("list", name="Notes")).to_contain_text("<img src=x")
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("list", name="Notes")).to_contain_text("🎉")
    expect(page.get_by_role("list", name="Messages").get_by_role("listitem")).to_have_count(3)
    assert page.evaluate("globalThis.ran") is None
    assert page.get_by_role("link", name="javascript:").count() == 0
    assert _too_wide(page) == 0
    assert violations(page) == []


def _too_wide(page: Page) -> int:
    """By how many pixels one would have to scroll sideways."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return max(wide, 0)
