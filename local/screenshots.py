"""Pictures of the portal's pages for the README: `make screenshots`, while the stack runs with its demo data."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Page, sync_playwright

from local import chromium
from local.demo import PASSWORD
from local.site import ROOT, SetupError, Site, site_from_environment

FOLDER = ROOT / "docs" / "screenshots"
LARGEST = 150_000  # bytes: a README that loads at once


@dataclass(frozen=True)
class Picture:
    """A page as `who` sees it. `steps`: what is clicked before, by the names of buttons and links."""

    name: str
    path: str
    who: str
    steps: tuple[str, ...] = ()
    width: int = 1120
    height: int = 720
    scheme: Literal["light", "dark"] = "light"


PICTURES = (
    Picture("bookings", "/bookings", "client"),
    Picture("bookings-phone", "/bookings", "client", width=390, height=760),
    Picture("booking", "/bookings", "client", ("Studio visit",)),
    Picture("move", "/bookings", "client", ("Studio visit", "Move")),
    Picture("preferences", "/preferences", "client"),
    Picture("admin", "/admin?tab=all", "admin", width=1360),
    Picture("admin-dark", "/admin?tab=all", "admin", width=1360, scheme="dark"),
    Picture("health", "/admin/health", "admin"),
)


def draw(portal_url: str, folder: Path = FOLDER) -> None:
    """Write all pictures. Raises SetupError for one that is too large."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, chromium.launch(playwright.chromium) as browser:
        for picture in PICTURES:
            file = folder / f"{picture.name}.png"
            _draw(browser, portal_url, picture, file)
            if file.stat().st_size > LARGEST:
                raise SetupError(f"{file.name} has {file.stat().st_size:,} bytes, more than {LARGEST:,}.")


def _draw(browser: Browser, portal_url: str, picture: Picture, file: Path) -> None:
    page = browser.new_page(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="Europe/Berlin",
    )
    page.goto(portal_url + picture.path)
    _sign_in(page, f"{picture.who}@example.com")
    for step in picture.steps:
        page.locator("main").get_by_text(step).and_(page.locator("a, button")).first.click()
        _settle(page)
    page.screenshot(path=file)
    page.close()


def _run_jobs(site: Site) -> None:
    """Once, so that no page shows a stack whose first minute has not passed."""
    for job in ("reminders", "reconcile"):
        headers = {"Authorization": f"Bearer {site.secret('scheduler_token')}"}
        with urlopen(Request(f"{site.functions_url}/{job}", b"", headers), timeout=60):
            pass


def _sign_in(page: Page, email: str) -> None:
    page.get_by_role("button", name="Use a password instead").click()
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Sign out").or_(page.get_by_role("button", name="Menu")).first.wait_for()
    _settle(page)


def _settle(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.locator(".skeleton").first.wait_for(state="detached")


def main(environ: Mapping[str, str] = os.environ) -> None:
    try:
        site = site_from_environment(environ)
        _run_jobs(site)
        draw(f"{site.functions_url}/portal")
    except (SetupError, OSError) as error:
        sys.exit(f"{error} (Does the stack run? `make up` starts it.)")
    print(f"{len(PICTURES)} pictures in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
