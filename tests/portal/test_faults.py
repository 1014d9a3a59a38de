"""Every page while what it asks fails, is slow, or does not come at all: it says so and what to do, and mends."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.portal import axe, faults
from tests.portal.every_page import SIGHTS, Sight, settle
from tests.portal.portal import Portal

# Each page once, as somebody who sees most of it.
ASKING = [
    sight for sight in SIGHTS if sight.name in ("upcoming", "booking", "preferences", "admin", "client", "health")
]
BLOCKED = ("status of 5", "ERR_FAILED", "ERR_INTERNET_DISCONNECTED")


@pytest.mark.parametrize("sight", ASKING, ids=str)
def test_what_fails_is_told_and_tried_again(gallery: Portal, sight: Sight) -> None:
    gallery.expect(*BLOCKED)
    page = gallery.window(sight.who)
    with faults.failing(page, 503):
        page.goto(gallery.url + sight.path.format(**gallery.ids))
        settle(page)
        alert = page.get_by_role("alert").first
        expect(alert).to_contain_text("does not answer right now")
        expect(alert).to_contain_text("again")
        assert axe.violations(page) == []
    with faults.unreachable(page):
        _try_again(page)
        expect(alert).to_contain_text("offline")
    _mends(page)


@pytest.mark.parametrize("sight", ASKING, ids=str)
def test_what_is_slow_is_told_and_comes(gallery: Portal, sight: Sight) -> None:
    _waits(gallery, sight, _PAGES_OWN)


def test_who_that_is_may_take_its_time(gallery: Portal) -> None:
    _waits(gallery, ASKING[0], faults.ALL)


# What a page asks for itself, once it knows who that is.
_PAGES_OWN = re.compile(r"^https?://[^/]+/(?!portal(/|$|\?)|rest/v1/staff)")


def _waits(gallery: Portal, sight: Sight, url: re.Pattern[str]) -> None:
    page = gallery.window(sight.who)
    page.clock.install()
    with faults.held(page, url):
        page.goto(gallery.url + sight.path.format(**gallery.ids))
        expect(page.locator(".skeleton").first).to_be_visible()
        page.wait_for_timeout(300)
        page.clock.fast_forward(3500)
        expect(page.get_by_text("longer than usual").first).to_be_visible()
    page.clock.resume()
    settle(page)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_old_rows_stay_while_one_is_offline(gallery: Portal) -> None:
    gallery.expect(*BLOCKED)
    page = gallery.open("/bookings", "client")
    rows = page.locator("li.booking")
    expect(rows.first).to_be_visible()
    count = rows.count()
    page.context.set_offline(True)
    page.get_by_role("tab", name="Past").click()
    expect(page.get_by_role("alert")).to_contain_text("offline")
    page.get_by_role("tab", name="Upcoming").click()
    expect(page.get_by_role("alert")).to_contain_text("offline")
    page.context.set_offline(False)  # and it comes back by itself
    expect(rows).to_have_count(count)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_an_address_that_was_typed_survives(gallery: Portal) -> None:
    gallery.expect(*BLOCKED)
    page = gallery.open("/bookings")
    field = page.get_by_label("E-mail address")
    field.fill("new@example.com")
    with faults.failing(page, 503):
        page.get_by_role("button", name="E-mail me a code").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(field).to_have_value("new@example.com")
    page.reload()
    expect(field).to_have_value("new@example.com")


def _try_again(page: Page) -> None:
    page.get_by_role("button", name="Try again").first.click()


def _mends(page: Page) -> None:
    """By its buttons; a page of several parts has several."""
    again = page.get_by_role("button", name="Try again")
    for _ in range(6):
        if not again.count():
            break
        _try_again(page)
        settle(page)
        page.wait_for_timeout(100)
    expect(page.get_by_role("alert")).to_have_count(0)
    settle(page)
