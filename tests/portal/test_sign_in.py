"""Signing in, by a code from the mail or by password, and what stays of it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.functions.acting import PLAIN, House, monday
from tests.portal.portal import Portal


def test_a_client_signs_in_by_a_mailed_code_and_sees_what_was_booked(portal: Portal, house: House) -> None:
    house.book(PLAIN, monday(9))
    page = portal.open("/bookings")
    page.get_by_label("E-mail address").fill("client@example.com")
    page.get_by_role("button", name="E-mail me a code").click()
    field = page.get_by_label("Code", exact=True)
    expect(field).to_be_focused()
    field.fill(_mailed_code(house, "client@example.com"))
    page.get_by_role("button", name="Sign in").click()

    booking = page.get_by_role("listitem").filter(has_text="Consultation")
    expect(booking).to_contain_text("Confirmed")
    expect(booking).to_contain_text("Europe/Berlin")
    page.reload()
    expect(booking).to_be_visible()


def _mailed_code(house: House, email: str) -> str:
    subjects = [mail["subject"] for mail in house.mails(email)]
    return next(found[0] for one in reversed(subjects) if (found := re.match(r"\d{6}(?= is your code)", one)))
