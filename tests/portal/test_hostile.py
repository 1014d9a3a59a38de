"""Whatever people write, on whichever page it stands: it does not run, breaks no layout, turns no sentence around."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.portal import layout
from tests.portal.every_page import settle
from tests.portal.hostile import LONGEST, TEXTS, post_hostile
from tests.portal.portal import Portal

LISTS = {
    "upcoming": ("/bookings", "client"),
    "cancelled": ("/bookings?tab=cancelled", "client"),
    "preferences": ("/preferences", "client"),
    "admin": ("/admin?tab=all", "admin"),
    "client": ("/admin/clients/client@example.com", "admin"),
    "health": ("/admin/health", "admin"),
}

# Words that could turn what stands beside them around must stand alone in their line, or in a <bdi>.
_TURNED = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!/\\u202e/.test(node.data) || !node.parentElement.checkVisibility()) continue;
    let element = node.parentElement;
    const isolated = () => /isolate|plaintext/.test(getComputedStyle(element).unicodeBidi);
    while (getComputedStyle(element).display.startsWith("inline") && !isolated()) element = element.parentElement;
    const alone = element.textContent.trim() === node.data.trim();
    if (!isolated() && !alone && element.tagName !== "OPTION")
      found.push(`${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 80)}`);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def _haunted(_furnished: Portal) -> Iterator[Portal]:
    _furnished.ids |= post_hostile(_furnished.house)
    for what, text in TEXTS.items():
        for who, visibility in (("client", "shared"), ("admin", "staff")):
            note = {"booking_id": _furnished.ids[what], "body": text[:LONGEST], "visibility": visibility}
            assert isinstance(_furnished.person(who).insert("booking_notes", note), list)
        view = {"name": text[:80], "view": {"tab": "all", "q": text[:200]}}
        assert isinstance(_furnished.person("admin").insert("saved_views", view), list)
    _furnished.house.sweep()
    yield _furnished


@pytest.fixture
def haunted(_haunted: Portal, gallery: Portal) -> Portal:
    return gallery


@pytest.mark.parametrize("name", LISTS)
def test_a_page_with_what_people_wrote(haunted: Portal, name: str) -> None:
    path, who = LISTS[name]
    _is_unharmed(haunted.open(path, who))


@pytest.mark.parametrize("who", ["client", "admin"])
@pytest.mark.parametrize("what", TEXTS)
def test_a_booking_with_what_people_wrote(haunted: Portal, what: str, who: str) -> None:
    page = haunted.open(f"/bookings/{haunted.ids[what]}", who)
    settle(page)
    # It is all there, as it was written.
    assert re.sub(r"\s+", " ", TEXTS[what][:40]) in re.sub(r"\s+", " ", page.locator("main").inner_text())
    _is_unharmed(page)


def test_an_address_with_markup_in_it(haunted: Portal) -> None:
    haunted.expect("status of 4")
    markup = "%3Cimg%20src%3Dx%20onerror%3DglobalThis.ran%3D1%3E"
    for path, who in (
        (f"/bookings?tab={markup}&q={markup}", "client"),
        (f"/admin?tab={markup}&q={markup}&status={markup}&date={markup}&booking={markup}", "admin"),
        (f"/admin/clients/{markup}", "admin"),
        (f"/book?link={markup}", None),
        (f"/{markup}", None),
    ):
        _is_unharmed(haunted.open(path, who))


def _is_unharmed(page: Page) -> None:
    settle(page)
    for details in page.locator("main summary").all()[:10]:
        details.click()
    assert page.evaluate("globalThis.ran") is None
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert layout.too_wide(page) == [], f"at {width} px"
    assert page.evaluate(_TURNED) == []
    hrefs = page.evaluate("[...document.querySelectorAll('[href]')].map((one) => one.href)")
    assert not [
        href for href in hrefs if not href.startswith(("http:", "https:", "mailto:", "tel:", "webcal:", "blob:"))
    ]
