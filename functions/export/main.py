"""Bookings to take away: one as a calendar file, a live feed, many as CSV."""

from __future__ import annotations

from shared import exporting, settings, tokens, web
from shared.errors import MethodNotAllowed, NotFound

settings.require(settings.Database, settings.Sessions, settings.Addresses, settings.Browsers)


@web.endpoint("GET", "POST", "DELETE", paths=None, origins=settings.load(settings.Browsers).allowed_origins)
def export(request: web.Request) -> web.Answer:
    """As a person: `GET ?booking_id&format=ics`, `POST` CSV, `POST` and `DELETE /feed`. By token: `GET /feed/…`."""
    head, _, name = request.path.removeprefix("/").partition("/")
    if head == "feed" and name and request.method in ("GET", "HEAD"):
        return exporting.feed(name, request.headers.get("If-None-Match", ""))
    tokens.person(request)
    token = tokens.bearer(request)
    match request.method, request.path:
        case "GET" | "HEAD", "/":
            return exporting.calendar_file(token, request.read_query(exporting.File))
        case "POST", "/":
            return exporting.csv_file(token, request.read(exporting.Csv))
        case "POST", "/feed":
            return exporting.make_feed(token, request.read(exporting.Feed) if request.body else exporting.Feed())
        case "DELETE", "/feed":
            return exporting.revoke_feed(token, request.read(exporting.Feed) if request.body else exporting.Feed())
        case _, "/" | "/feed":
            raise MethodNotAllowed()
        case _:
            raise NotFound()
