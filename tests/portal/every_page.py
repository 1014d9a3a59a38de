"""Every page of the portal as those see it whom it is for, with something on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.functions.acting import CALL, CONFIRMED, GROUP, PLAIN, SERIES, House, monday
from tests.portal.portal import Portal


@dataclass(frozen=True)
class Sight:
    """A page and who looks at it: a person's name, or None for a visitor. `{plain}` and such are bookings' ids."""

    name: str
    path: str
    who: str | None

    def __str__(self) -> str:
        return self.name


SIGHTS = (
    Sight("sign-in", "/bookings", None),
    Sight("book", "/book", None),
    Sight("book-signed-in", "/book", "client"),
    Sight("upcoming", "/bookings", "client"),
    Sight("past", "/bookings?tab=past", "client"),
    Sight("cancelled", "/bookings?tab=cancelled", "client"),
    Sight("nothing-booked", "/bookings", "other"),
    Sight("booking", "/bookings/{plain}", "client"),
    Sight("booking-cancelled", "/bookings/{cancelled}", "client"),
    Sight("booking-past", "/bookings/{past}", "client"),
    Sight("booking-seat", "/bookings/{seat}", "client"),
    Sight("booking-for-host", "/bookings/{plain}", "host"),
    Sight("preferences", "/preferences", "client"),
    Sight("admin", "/admin?tab=all", "admin"),
    Sight("client", "/admin/clients/client@example.com", "admin"),
    Sight("health", "/admin/health", "admin"),
    Sight("not-for-clients", "/admin", "client"),
    Sight("not-found", "/nothing", None),
)


def furnish(house: House) -> dict[str, str]:
    """Bookings of `client@example.com` in every state, as they come to be in life: name → our id."""
    uids = {
        "plain": house.book(PLAIN, monday(9), bookingFieldsResponses={"notes": "Please bring the contract."})["uid"],
        "pending": house.book(CONFIRMED, monday(13))["uid"],
        "cancelled": house.book(PLAIN, monday(11))["uid"],
        "past": house.book(PLAIN, monday(9) - timedelta(days=42))["uid"],
        "seat": house.book(GROUP, monday(10) + timedelta(days=1))["uid"],
        "call": house.book(CALL, monday(15), attendee=_CALLER)["uid"],
    }
    house.book(SERIES, monday(9) + timedelta(days=2), recurrenceCount=2)
    house.sim(f"bookings/{uids['cancelled']}/cancel", {"by": "client", "reason": "I have to travel that day."})
    house.sim(f"bookings/{uids['plain']}/move", {"start": monday(14).isoformat(), "by": "host", "reason": "A clash."})
    house.flush()
    return {name: house.id_of(uid) for name, uid in uids.items()}


_CALLER = {
    "name": "Clara Client",
    "email": "client@example.com",
    "phoneNumber": "+491701234567",
    "timeZone": "Europe/Berlin",
    "language": "en",
}


def look(portal: Portal, sight: Sight, **settings: object) -> Page:
    """The page, once it shows what there is."""
    if sight.name == "not-found":
        portal.expect("status of 404")
    page = portal.open(sight.path.format(**portal.ids), sight.who, **settings)
    settle(page)
    return page


def settle(page: Page) -> None:
    """The page's own frame stands, and nothing in it is still on its way."""
    expect(page.get_by_role("contentinfo")).to_be_visible()
    expect(page.locator(".skeleton, [aria-busy=true]")).to_have_count(0)
