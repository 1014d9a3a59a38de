"""What browser tests stand on: `portal.open("/bookings", "client")` on a clean stack.

- `browser` (session): npm's Chromium.
- `house`: the stack as its people use it (tests/functions/acting.py).
- `portal`: pages in the browser, signed in without clicking (portal.py).
- `gallery`: the same for tests that only look: its bookings (every_page.py) are made once for a module.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from local import chromium
from ops.stage import ROOT
from tests.clean_slate import CleanSlate
from tests.conftest import Connection, Stack, wipe
from tests.functions.acting import House
from tests.portal.every_page import furnish
from tests.portal.portal import Portal

expect.set_options(timeout=10_000)


# Once it has begun, no other test of this worker can run an event loop of its own; none does.
@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, chromium.launch(playwright.chromium) as browser:
        yield browser


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


@pytest.fixture
def portal(browser: Browser, house: House) -> Iterator[Portal]:
    portal = Portal(browser, house)
    yield from _watched(portal)
    portal.close()


@pytest.fixture(scope="module")
def _furnished(stack: Stack, db: Connection, _clean_slate: CleanSlate, browser: Browser) -> Iterator[Portal]:
    wipe(stack, _clean_slate)
    portal = Portal(browser, House(stack.env, db))
    portal.ids = furnish(portal.house)
    yield portal
    portal.close()


@pytest.fixture
def gallery(_furnished: Portal) -> Iterator[Portal]:
    yield from _watched(_furnished)


def _watched(portal: Portal) -> Iterator[Portal]:
    try:
        yield portal
        assert portal.unexpected() == []
    finally:
        portal.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure tells what its pages showed, and leaves pictures of them in build/failed."""
    report = yield
    portal = item.funcargs.get("portal") or item.funcargs.get("gallery")
    if report.when == "call" and report.failed and isinstance(portal, Portal):
        for number, page in enumerate(portal.pages):
            picture = ROOT / "build" / "failed" / f"{item.name.replace('/', ' ')}-{number}.png"
            page.screenshot(path=picture)
            report.sections.append((f"{page.url} (build/failed/{picture.name})", page.locator("body").aria_snapshot()))
        report.sections.append(("Complaints", "\n".join(portal.unexpected())))
    return report
