"""The pages: for visitors, clients and staff. Who sees what is decided where the data are, not here."""

from __future__ import annotations

from pathlib import Path

from shared import portal_pages, settings, static_files, web

settings.require(settings.PublicApi, settings.Addresses, settings.BookingPage, settings.Browsers)

_FILES = static_files.read(Path(__file__).parent / "static")
_PAGES = portal_pages.Pages(
    portal_pages.Config(
        supabase_url=settings.load(settings.PublicApi).url,
        supabase_publishable_key=settings.load(settings.PublicApi).publishable_key,
        functions_url=settings.load(settings.Addresses).functions_url,
        portal_url=settings.load(settings.Addresses).portal_url,
        calcom_origin=settings.load(settings.BookingPage).origin,
        calcom_link=settings.load(settings.BookingPage).link,
        support_contact=settings.load(settings.Browsers).support_contact,
    ),
    _FILES,
)


@web.endpoint("GET", paths=None)
def portal(request: web.Request) -> web.Answer:
    """`GET /bookings` and the other pages, `/config.json`, `/assets/<version>/<file>`."""
    if request.path.startswith(portal_pages.ASSETS):
        version, _, name = request.path.removeprefix(portal_pages.ASSETS).partition("/")
        if name in _FILES.files:
            return static_files.serve(_FILES, version, name, request)
    return _PAGES.answer(request)
