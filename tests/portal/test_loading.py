"""What a page loads: everything at once, nothing that it was not told of, nothing from others."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Response, expect

from shared import portal_pages
from tests.portal.portal import Portal
from tests.portal.weight import loaded_by

PATHS = {
    "book": "/book",
    "bookings": "/bookings",
    "booking": "/bookings/018f2c1e-0000-4000-8000-000000000001",
    "preferences": "/preferences",
    "admin": "/admin",
    "client": "/admin/clients/client@example.com",
    "health": "/admin/health",
    "not_found": "/nothing",
}


@pytest.mark.parametrize("page", (*portal_pages.PAGES, portal_pages.NOT_FOUND), ids=lambda page: page.module)
def test_a_page_names_beforehand_all_that_it_loads(portal: Portal, page: portal_pages.Page) -> None:
    portal.expect("status of 404")
    loaded: list[Response] = []
    window = portal.window()
    window.on("response", lambda response: loaded.append(response))
    window.goto(portal.url + PATHS[page.module])
    expect(window.get_by_role("navigation", name="Pages")).to_be_visible()
    window.wait_for_load_state("networkidle")

    files = [response for response in loaded if "/portal/assets/" in response.url]
    names = [response.url.split("/assets/")[1].partition("/")[2] for response in files]
    assert len(names) == len(set(names)), "nothing is loaded twice"
    assert set(names) - {"icon.svg"} == loaded_by(page)
    preloaded = re.findall(r'rel="modulepreload" href="[^"]*/assets/[^/]*/([^"]*)"', loaded[0].text())
    modules = {name for name in names if name.startswith("js/") or name == "vendor/preact.js"}
    assert set(preloaded) == modules - {f"js/pages/{page.module}.js"}
