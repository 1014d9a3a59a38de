"""Every page for everybody: by axe in light and dark, narrow, enlarged, by keyboard alone, without motion."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.portal import axe, faults, layout
from tests.portal.every_page import SIGHTS, Sight, look
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


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_waiting_does_not_move_for_who_wants_no_motion(gallery: Portal, motion: str) -> None:
    page = gallery.window("client", reduced_motion=motion)
    with faults.held(page):
        page.goto(gallery.url + "/bookings")
        expect(page.locator(".skeleton").first).to_be_visible()
        assert (layout.moving(page) == []) == (motion == "reduce")
