"""The HTML of the pages: one shell for all, which names the page's own module. Their content is made in the browser.

A page's first answer shows its heading and the outline of what comes, so that nobody looks at a blank page. Each has a
Content-Security-Policy without inline scripts and styles; only the page that embeds Cal.com lets in anything of others.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from shared.static_files import File, Files, answer, packed
from shared.web import Answer, Request

ASSETS = "/assets/"
_SHELL = Path(__file__).parent / "templates" / "portal" / "page.html"
_HTML = "text/html; charset=utf-8"
_REVALIDATED = "no-cache"  # may be kept, but is asked about each time


@dataclass(frozen=True)
class Config:
    """What pages need to know of this deployment: nothing in it is secret."""

    supabase_url: str
    supabase_publishable_key: str
    functions_url: str
    portal_url: str
    calcom_origin: str
    calcom_link: str
    support_contact: str


@dataclass(frozen=True)
class Page:
    """A page: its path, its script below `js/pages/`, what its first answer shows as a heading.

    `styles`: below `css/`, beside the common one; `libraries`: classic scripts below `vendor/`; `embeds`: Cal.com is
    let in.
    """

    path: re.Pattern[str]
    module: str
    heading: str
    styles: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ("supabase.js",)
    embeds: bool = False


PAGES = (
    Page(re.compile(r"/book"), "book", "Book a time", ("book.css",), embeds=True),
    Page(re.compile(r"/bookings"), "bookings", "My bookings", ("booking.css",)),
    Page(re.compile(r"/bookings/[0-9a-fA-F-]{36}"), "booking", "Booking", ("booking.css",)),
    Page(re.compile(r"/preferences"), "preferences", "Preferences", ("preferences.css",)),
    Page(re.compile(r"/admin"), "admin", "All bookings", ("booking.css", "admin.css")),
    Page(re.compile(r"/admin/clients/[^/]{1,320}"), "client", "Client", ("booking.css", "client.css")),
    Page(re.compile(r"/admin/health"), "health", "Health", ("health.css",)),
)
_CALCOM = {"https://app.cal.com", "https://cal.com"}
NOT_FOUND = Page(re.compile(r".*"), "not_found", "This page does not exist")


class Pages:
    """All pages of a deployment, each made once."""

    def __init__(self, config: Config, files: Files) -> None:
        self._config = config
        self._files = files
        self._made: dict[str, File] = {}

    def answer(self, request: Request) -> Answer:
        """The page at the request's path, `config.json`, or a page that says there is none."""
        path = request.path
        if path == "/":
            return Answer(status=302, body=b"", headers={"Location": f"{self._base}/bookings"})
        if path == "/config.json":
            return answer(packed(self._json.encode(), "application/json"), _REVALIDATED, request)
        page = next((page for page in PAGES if page.path.fullmatch(path)), NOT_FOUND)
        given = answer(self._page(page), _REVALIDATED, request)
        headers = {**given.headers, "Content-Security-Policy": self._policy(page), **_HEADERS}
        if page is NOT_FOUND:
            return Answer(status=404, body=given.body, headers=headers | {"Cache-Control": "no-store"})
        return Answer(status=given.status, body=given.body, headers=headers)

    @cached_property
    def _base(self) -> str:
        """The path of the portal, `/portal`: where its links begin."""
        return urlsplit(self._config.portal_url).path.rstrip("/")

    @cached_property
    def _json(self) -> str:
        # No `<` in it, so that it may stand in a page as it is.
        return json.dumps({**asdict(self._config), "portal": self._base}).replace("<", "\\u003c")

    def _page(self, page: Page) -> File:
        if page.module not in self._made:
            assets = f"{self._base}{ASSETS}{self._files.version}"
            script = f"js/pages/{page.module}.js"
            styles = [f'<link rel="stylesheet" href="{assets}/css/{name}">' for name in ("portal.css", *page.styles)]
            modules = [f'<link rel="modulepreload" href="{assets}/{name}">' for name in self._files.imported_by(script)]
            libraries = [f'<script src="{assets}/vendor/{name}" defer></script>' for name in page.libraries]
            text = Template(_SHELL.read_text(encoding="utf-8")).substitute(
                api=html.escape(_origin(self._config.supabase_url)),
                assets=assets,
                script=f"{assets}/{script}",
                loads="\n".join([*styles, *modules, *libraries]),
                heading=html.escape(page.heading),
                home=f"{self._base}/bookings",
                without_script=self._without_script(page),
                config=self._json,
            )
            self._made[page.module] = packed(text.encode(), _HTML)
        return self._made[page.module]

    def _without_script(self, page: Page) -> str:
        """What somebody can do whose browser runs none."""
        if not page.embeds:
            return "Every mail about a booking also has its details and a calendar file."
        calendar = html.escape(f"{self._config.calcom_origin}/{self._config.calcom_link.strip('/')}")
        return f'You can <a href="{calendar}">book on the calendar\'s own page</a>.'

    def _policy(self, page: Page) -> str:
        """Its own files, the API and the functions; nothing inline, and of others only Cal.com where it is embedded."""
        calls = {_origin(self._config.supabase_url), _origin(self._config.functions_url)}
        rules = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' data:",
            "connect-src": " ".join(["'self'", *sorted(calls)]),
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        if page.embeds:
            calcom = self._config.calcom_origin
            # Cal.com itself answers at two names, and leads from one to the other.
            frames = {calcom} | (_CALCOM if calcom in _CALCOM else set())
            rules |= {
                # Its script is one file; it puts style sheets into the page, and loads nothing else but its frame.
                "script-src": f"'self' {calcom}/embed/",
                "style-src": "'self' 'unsafe-inline'",
                "frame-src": " ".join(sorted(frames)),
            }
        else:
            # No text becomes markup or code, and nobody may make a policy that lets it.
            rules |= {"require-trusted-types-for": "'script'", "trusted-types": "'none'"}
        return "; ".join(f"{name} {value}" for name, value in rules.items())


_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
