"""The portal in a browser: pages as somebody sees them, and what went wrong in them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.database.api import PASSWORD, Caller
from tests.functions.acting import House

ROLES = {"host": "host", "colleague": "host", "admin": "admin"}

SESSION = "booking-session"  # what its local storage calls the session


def session_of(env: Mapping[str, str], email: str) -> str:
    """What a browser keeps of a person who has signed in by password."""
    answer = httpx.post(
        f"{env['SUPABASE_URL']}/auth/v1/token?grant_type=password",
        json={"email": email, "password": PASSWORD},
        headers={"apikey": env["SUPABASE_PUBLISHABLE_KEY"]},
        timeout=30,
    )
    return json.dumps(answer.raise_for_status().json())


@dataclass
class Portal:
    """Who is who: `client`, `other`, `host`, `colleague` (a host too) and `admin` at example.com.

    Each is signed up at the first need.

    Whatever a page complains about (an error in its console, a broken rule of its policy) fails the test, unless it
    was expected.
    """

    browser: Browser
    house: House
    ids: dict[str, str] = field(default_factory=dict)  # of bookings, by a name that the test gave
    pages: list[Page] = field(default_factory=list)
    _people: dict[str, Caller] = field(default_factory=dict)
    _complaints: list[str] = field(default_factory=list)
    _expected: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.house.env["PORTAL_URL"]

    def person(self, name: str) -> Caller:
        """`client`, `other`, `host` or `admin`, as they call the API."""
        if name not in self._people:
            self._people[name] = self.house.person(f"{name}@example.com", ROLES.get(name))
        return self._people[name]

    def open(self, path: str, who: str | None = None, **settings: Any) -> Page:
        """The page at `path` in a browser of its own, signed in as `who`; the settings are those of `window`."""
        page = self.window(who, **settings)
        page.goto(self.url + path)
        return page

    def window(
        self,
        who: str | None = None,
        *,
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
        locale: str = "en-GB",
        time_zone: str = "Europe/Berlin",
        **more: Any,
    ) -> Page:
        """An empty page in a browser that shares nothing with others; `more` are Playwright's own settings of it."""
        context: BrowserContext = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]  # light | dark
            locale=locale,
            timezone_id=time_zone,
            storage_state=self._signed_in(who) if who else None,
            accept_downloads=True,
            **more,
        )
        # Locally everything answers at once; a page that needs longer than this is a page that hangs.
        context.set_default_timeout(10_000)
        context.on("page", self._watch)
        return context.new_page()

    def expect(self, *patterns: str) -> None:
        """Complaints that match one of these are what the test is about: `status of 503`."""
        self._expected += patterns

    def unexpected(self) -> Sequence[str]:
        """What pages have complained about that was not expected."""
        return [
            complaint
            for complaint in self._complaints
            if not any(re.search(pattern, complaint) for pattern in self._expected)
        ]

    def clear(self) -> None:
        """Close every window and forget what they complained about."""
        for context in self.browser.contexts:
            context.close()
        for kept in (self.pages, self._complaints, self._expected):
            kept.clear()

    def close(self) -> None:
        """Nobody calls any more."""
        for caller in self._people.values():
            caller.close()

    def _signed_in(self, who: str) -> Any:
        self.person(who)
        env = self.house.env
        kept = [{"name": SESSION, "value": session_of(env, f"{who}@example.com")}]
        return {"cookies": [], "origins": [{"origin": env["FUNCTIONS_URL"], "localStorage": kept}]}

    def _watch(self, page: Page) -> None:
        self.pages.append(page)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._complaints.append(f"{page.url}: {error}"))
        page.on("dialog", lambda dialog: self._complaints.append(f"{page.url} opened a dialog: {dialog.message}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complaints.append(f"{message.location.get('url')}: {message.text}")
