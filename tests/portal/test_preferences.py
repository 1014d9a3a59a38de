"""Preferences in the portal: from a click to what is planned in the database, the number, and what fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.functions.acting import PLAIN, House, monday
from tests.portal.axe import violations
from tests.portal.faults import failing, held, unreachable
from tests.portal.portal import Portal

PHONE = "+4915112345678"
EMAIL = "client@example.com"
WRITES = re.compile(r"/rest/v1/notification_preferences")


def section(page: Page, title: str) -> Locator:
    return page.locator("section").filter(has=page.get_by_role("heading", name=title, exact=True))


def switch(page: Page, channel: str) -> Locator:
    return page.get_by_role("switch", name=f"Reminders by {channel}")


def wishes(house: House, *columns: str) -> Sequence[Any]:
    """What the database has of the client; None: no row."""
    row = house.db.execute(
        f"select {', '.join(columns)} from public.notification_preferences where email = %s", [EMAIL]
    ).fetchone()
    return row or (None,) * len(columns)


def planned(house: House) -> list[tuple[str, int]]:
    return house.db.execute(
        "select channel, lead_minutes from public.notifications"
        " where kind = 'reminder' and status = 'planned' order by channel, lead_minutes"
    ).fetchall()


def texted(house: House) -> str:
    """The code of the last text."""
    listed = httpx.get(f"{house.env['TWILIO_API_URL']}/_sim/messages").json()
    return str(re.findall(r"\b\d{6}\b", listed[-1]["text"])[0])


def verified(portal: Portal) -> None:
    portal.person("client")
    portal.house.db.execute(
        "insert into public.notification_preferences (email, phone, phone_verified_at, sms_reminders)"
        " values (%s, %s, now(), true)",
        [EMAIL, PHONE],
    )
    portal.house.db.execute(
        "insert into public.sms_consents (email, phone, text_shown, source)"
        " values (%s, %s, 'I agree to this.', 'portal')",
        [EMAIL, PHONE],
    )


def test_what_is_chosen_is_planned_and_shown_beforehand(portal: Portal, house: House) -> None:
    house.book(PLAIN, monday(9))
    house.sweep()
    page = portal.open("/preferences", "client")
    plan = section(page, "What you will get")
    expect(plan.get_by_role("listitem")).to_have_count(2)
    assert planned(house) == [("email", 60), ("email", 1440)]

    with held(page, WRITES):
        page.get_by_label("15 minutes", exact=True).check()
        expect(plan).to_contain_text("Reminder by e-mail 15 minutes before, Mon")  # not saved yet
        assert wishes(house, "reminder_leads") == (None,)
    saved = section(page, "Reminders by e-mail")
    expect(saved.get_by_role("status")).to_have_text("Saved ✓")
    assert planned(house) == [("email", 15), ("email", 60), ("email", 1440)]

    page.get_by_label("1 day", exact=True).uncheck()
    page.get_by_role("button", name="Another time").click()
    page.get_by_label("Time before").fill("1,5")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_label("1 hour 30 minutes", exact=True)).to_be_checked()
    expect(saved.get_by_role("status")).to_have_text("Saved ✓")
    assert planned(house) == [("email", 15), ("email", 60), ("email", 90)]

    page.get_by_label("From").select_option("06:30")
    page.get_by_label("Until").select_option("09:30")
    page.get_by_label("Also for reminders by e-mail").check()
    page.get_by_label("Time zone of messages").select_option("Europe/Lisbon")
    page.get_by_label("Language of mails").select_option("de")
    expect(section(page, "Time zone and language").get_by_role("status")).to_have_text("Saved ✓")
    assert wishes(house, "quiet_start::text", "quiet_end::text", "quiet_email", "time_zone", "locale") == (
        *("06:30:00", "09:30:00", True, "Europe/Lisbon", "de"),
    )
    expect(section(page, "Quiet hours")).to_contain_text("Times in Europe/Lisbon (UTC")
    expect(plan).to_contain_text("because of quiet hours")
    expect(plan).to_contain_text("(Europe/Lisbon, UTC")

    switch(page, "e-mail").click()
    expect(plan).to_contain_text("Nothing more, unless the booking changes.")
    expect(section(page, "Messages").get_by_role("status")).to_have_text("Saved ✓")
    assert planned(house) == []
    page.reload()
    expect(switch(page, "e-mail")).not_to_be_checked()
    expect(page.get_by_label("1 hour 30 minutes", exact=True)).to_be_checked()


def test_a_number_is_proven_agreed_to_and_removed(portal: Portal, house: House) -> None:
    portal.expect("status of 400")
    house.book(PLAIN, monday(9))
    page = portal.open("/preferences", "client", width=320, scheme="dark")
    page.get_by_role("button", name="Add a number", exact=True).click()
    page.get_by_label("Mobile number").fill("12")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Mobile number")).to_have_accessible_description(re.compile("Not usable: "))
    assert violations(page) == []
    page.get_by_label("Mobile number").fill("+49 151 12345678")
    page.keyboard.press("Enter")

    code = page.get_by_label("Code", exact=True)
    expect(code).to_be_focused()
    page.get_by_role("button", name="Not now").click()
    page.reload()  # to read the text on the same telephone
    page.get_by_role("button", name="Type the code").click()
    expect(page.get_by_role("dialog")).to_contain_text(PHONE)
    right = texted(house)
    code.fill("000000" if right != "000000" else "000001")
    agree = page.get_by_role("dialog").get_by_role("checkbox")
    agree.check()
    page.get_by_role("button", name="Verify").click()
    expect(code).to_have_accessible_description("This is not the code. You can try 4 more times.")
    assert violations(page) == []
    shown = page.locator(".consent").inner_text().strip()
    code.fill(right)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(switch(page, "text")).to_be_checked()
    consents = "select text_shown, withdrawn_at is null from public.sms_consents where phone = %s order by id"
    assert house.db.execute(consents, [PHONE]).fetchall() == [(shown, True)]
    assert wishes(house, "phone", "sms_reminders") == (PHONE, True)
    assert ("sms", 60) in planned(house)
    expect(section(page, "Reminders by text")).to_contain_text(shown)
    expect(section(page, "What you will get")).to_contain_text("Reminder by text 1 hour before")
    page.get_by_label("How long before the booking").select_option("120")
    expect(section(page, "What you will get")).to_contain_text("Reminder by text 2 hours before")

    page.get_by_role("button", name="Remove number").click()
    expect(page.get_by_role("button", name="Keep number")).to_be_focused()
    page.get_by_role("dialog").get_by_role("button", name="Remove number").click()
    expect(page.get_by_role("button", name="Add a number", exact=True)).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "main"  # what had the focus is gone
    assert wishes(house, "phone", "sms_reminders", "sms_lead") == (None, False, 120)
    assert house.db.execute(consents, [PHONE]).fetchall() == [(shown, False)]
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_texts_turned_off_are_agreed_to_anew(portal: Portal, house: House) -> None:
    verified(portal)
    page = portal.open("/preferences", "client")
    expect(section(page, "Reminders by text")).to_contain_text("I agree to this.")
    switch(page, "text").click()
    expect(section(page, "Messages").get_by_role("status")).to_have_text("Saved ✓")
    expect(switch(page, "text")).not_to_be_checked()
    switch(page, "text").click()
    dialog = page.get_by_role("dialog", name="Reminders by text")
    assert violations(page) == []
    words = dialog.get_by_role("blockquote").inner_text()
    dialog.get_by_role("button", name="I agree").click()
    expect(switch(page, "text")).to_be_checked()
    expect(section(page, "Messages").get_by_role("status")).to_have_text("Saved ✓")
    expect(switch(page, "text")).to_be_focused()
    assert wishes(house, "sms_reminders") == (True,)
    consents = "select text_shown, withdrawn_at is null from public.sms_consents order by id"
    assert house.db.execute(consents).fetchall() == [("I agree to this.", False), (words, True)]


def test_a_number_that_texted_stop(portal: Portal, house: House) -> None:
    verified(portal)
    house.db.execute(
        "insert into public.suppressions (channel, address, reason) values ('sms', %s, 'stopped')", [PHONE]
    )
    page = portal.open("/preferences", "client")
    expect(section(page, "Reminders by text")).to_contain_text("Text START from this telephone")
    expect(page.get_by_role("cell", name="Stopped")).to_be_visible()


def test_codes_are_limited_and_that_is_told(portal: Portal, house: House) -> None:
    portal.expect("status of 429")
    portal.person("client")
    house.db.execute(
        "insert into private.phone_codes (id, email, phone, code_hash, made_at)"
        " select gen_random_uuid(), %s, %s, repeat('a', 64), now() - interval '1 hour' from generate_series(1, 3)",
        [EMAIL, PHONE],
    )
    page = portal.open("/preferences", "client")
    page.get_by_role("button", name="Add a number", exact=True).click()
    page.get_by_label("Mobile number").fill(PHONE)
    page.get_by_role("button", name="Text me a code").click()
    expect(page.get_by_role("dialog")).to_contain_text(
        "Three codes a day are the most. The next can be sent in 23 hours."
    )


@pytest.mark.parametrize("how", ["failing", "unreachable"])
def test_what_is_not_saved_is_told_and_tried_again(portal: Portal, house: House, how: str) -> None:
    portal.expect("status of 503", "ERR_FAILED")
    page = portal.open("/preferences", "client")
    expect(switch(page, "e-mail")).to_be_checked()
    switch(page, "e-mail").focus()
    with failing(page, 503, WRITES) if how == "failing" else unreachable(page, WRITES):
        page.keyboard.press("Space")
        alert = section(page, "Messages").get_by_role("alert")
        expect(alert).to_contain_text("does not answer" if how == "failing" else "offline", timeout=20_000)
        expect(switch(page, "e-mail")).to_be_checked()
        expect(switch(page, "e-mail")).to_be_focused()
        expect(section(page, "Messages").get_by_role("status")).to_have_text("")
        assert violations(page) == []
    assert wishes(house, "email_reminders") == (None,)
    alert.get_by_role("button", name="Try again").click()
    expect(section(page, "Messages").get_by_role("status")).to_have_text("Saved ✓")
    expect(switch(page, "e-mail")).not_to_be_checked()
    expect(alert).to_have_count(0)
    assert wishes(house, "email_reminders") == (False,)


def test_quick_changes_do_not_undo_each_other(portal: Portal, house: House) -> None:
    page = portal.open("/preferences", "client")
    with held(page, WRITES):
        for lead in ("15 minutes", "30 minutes", "2 hours", "3 hours"):
            page.get_by_label(lead, exact=True).check()
        expect(page.get_by_label("14 days", exact=True)).to_be_disabled()  # six are the most
        page.get_by_label("30 minutes", exact=True).uncheck()
        page.get_by_label("Language of mails").select_option("fr")
        page.get_by_label("Also for reminders by e-mail").check()
        page.get_by_label("Also for reminders by e-mail").uncheck()
        expect(section(page, "Quiet hours").get_by_role("status")).to_have_text("Saving …")
    expect(section(page, "Quiet hours").get_by_role("status")).to_have_text("Saved ✓")
    assert wishes(house, "reminder_leads", "locale", "quiet_email") == ([1440, 180, 120, 60, 15], "fr", False)
    assert wishes(house, "email_reminders", "sms_lead") == (True, 60)


def test_what_was_typed_survives_failure_and_reload(portal: Portal) -> None:
    portal.expect("status of 503")
    page = portal.open("/preferences", "client")
    page.get_by_role("button", name="Another time").click()
    page.get_by_label("Time before").fill("15")
    page.get_by_label("In", exact=True).select_option("1440")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_label("Time before")).to_have_accessible_description("From 15 minutes to 14 days before.")
    with failing(page, 503, re.compile("/preferences/phone$")):
        page.get_by_role("button", name="Add a number", exact=True).click()
        page.get_by_label("Mobile number").fill(PHONE)
        page.get_by_role("button", name="Text me a code").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("does not answer")
    page.reload()
    expect(page.get_by_label("Time before")).to_have_value("15")
    page.get_by_role("button", name="Add a number", exact=True).click()
    expect(page.get_by_label("Mobile number")).to_have_value(PHONE)


def test_staff_are_told_that_they_get_none(portal: Portal) -> None:
    page = portal.open("/preferences", "host")
    expect(page.get_by_text("Members of the team get no messages")).to_be_visible()
