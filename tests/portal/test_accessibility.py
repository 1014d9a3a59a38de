"""Every page for everybody: by axe in light and dark, narrow, enlarged, by keyboard alone, without motion."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.portal import axe, faults, layout
from tests.portal.every_page import SIGHTS, Sight, look, settle
from tests.portal.portal import Portal


@pytest.mark.parametrize("sight", SIGHTS, ids=str)
def test_a_page_can_be_used_by_everybody(gallery: Portal, sight: Sight) -> None:
    page = look(gallery, sight, reduced_motion="reduce")
    wrong = {"moves": layout.moving(page), "light": axe.violations(page), "focus": layout.walk(page)}
    page.emulate_media(color_scheme="dark")
    wrong["dark"] = axe.violations(page)
    page.set_viewport_size({"width": 320, "height": 256})  # 1280 × 1024 at 400 %
    wrong |= {"width": layout.too_wide(page), "narrow": axe.violations(page), "narrow focus": layout.walk(page)}
    assert {name: found for name, found in wrong.items() if found} == {}
    expect(page.locator("h1")).to_have_count(1)
    assert " · " in page.title()


# Where a dialog or a menu opens: the page, and what is clicked.
DIALOGS = [
    ("upcoming", ["Change the time zone"]),
    ("upcoming", ["Subscribe"]),
    ("booking", ["Cancel"]),
    ("booking", ["Move"]),
    ("booking", ["Add to calendar"]),
    ("booking-for-host", ["Cancel"]),
    ("admin", ["Export …"]),
    ("admin", ["Saved views"]),
    ("admin", ["Date"]),
    ("admin", ["Event type"]),
    ("admin", ["Keys"]),
    ("admin", ["Select all", "Cancel bookings"]),
]


@pytest.mark.parametrize(("name", "clicks"), DIALOGS, ids=lambda value: value if isinstance(value, str) else value[-1])
def test_what_opens_can_be_used_by_everybody(gallery: Portal, name: str, clicks: list[str]) -> None:
    """By keyboard: it takes the focus, Escape closes it, and the focus is again where it was."""
    page = look(gallery, next(sight for sight in SIGHTS if sight.name == name), reduced_motion="reduce")
    for click in clicks:
        opener = page.get_by_role("button", name=click).or_(page.get_by_role("checkbox", name=click)).first
        opener.focus()
        page.keyboard.press("Space")
    settle(page)
    opened = page.locator("dialog[open]")
    expect(opened.or_(page.locator("[aria-expanded=true]")).first).to_be_visible()
    wrong = {"light": axe.violations(page)}
    page.emulate_media(color_scheme="dark")
    wrong["dark"] = axe.violations(page)
    dialog = bool(opened.count())
    if dialog:
        assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    expect(opener).to_be_focused()
    if dialog:  # a menu is another thing on a narrow screen
        page.keyboard.press("Space")
        expect(opened).to_be_visible()
        page.set_viewport_size({"width": 320, "height": 500})
        page.wait_for_timeout(200)  # the page takes another shape
        wrong |= {"width": layout.too_wide(page), "narrow": axe.violations(page)}
    assert {what: found for what, found in wrong.items() if found} == {}


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_waiting_does_not_move_for_who_wants_no_motion(gallery: Portal, motion: str) -> None:
    page = gallery.window("client", reduced_motion=motion)
    with faults.held(page):
        page.goto(gallery.url + "/bookings")
        expect(page.locator(".skeleton").first).to_be_visible()
        assert (layout.moving(page) == []) == (motion == "reduce")
