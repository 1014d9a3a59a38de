"""One booking, from click to database, Cal.com and inbox, and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import icalendar
from playwright.sync_api import Page, expect

from tests.database.api import PASSWORD
from tests.functions.acting import CONFIRMED, GROUP, PLAIN, SERIES, House, monday
from tests.functions.test_reschedule import files
from tests.portal import axe, faults, layout
from tests.portal.portal import Portal

CANCEL = re.compile(r"/cancel$")
BERLIN = ZoneInfo("Europe/Berlin")


def opened(portal: Portal, booking_id: str, who: str = "client", **settings: Any) -> Page:
    page = portal.open(f"/bookings/{booking_id}", who, **settings)
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Booking")
    return page


def state(house: House, booking_id: str) -> tuple[Any, ...]:
    row = house.db.execute(
        "select status, starts_at, cancellation_reason from public.bookings where id = %s", [booking_id]
    ).fetchone()
    assert row is not None
    return row


def choose(page: Page, time: str) -> None:
    """A free time of the week that the dialog shows: the first day's at that time."""
    page.get_by_role("dialog").locator(".slot", has_text=time).first.click()


def test_a_client_moves_a_booking_and_cancels_it(portal: Portal, house: House) -> None:
    uid = house.book(PLAIN, monday(9))["uid"]
    booking_id = house.id_of(uid)
    page = portal.open("/bookings", "client")
    page.get_by_role("link", name="Consultation").click()

    page.get_by_role("button", name="Move", exact=True).click()
    dialog = page.get_by_role("dialog", name="Move booking")
    choose(page, "14:00")
    expect(dialog.locator("del")).to_contain_text("10:00")
    expect(dialog.locator(".compare strong")).to_contain_text("14:00")
    dialog.get_by_role("button", name="Move booking").click()
    expect(page.get_by_text("Moved. Mails about it are on their way.")).to_be_visible()
    expect(page.locator(".facts time")).to_contain_text("14:00")
    offer = page.locator(".notice", has_text="Put the new time into your calendar")
    expect(offer.get_by_role("button", name="Add to calendar")).to_be_visible()
    _, starts_at, _ = state(house, booking_id)
    assert starts_at.astimezone(BERLIN) == datetime.combine(monday(), time(14), BERLIN)

    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog", name="Cancel booking?")
    expect(dialog.get_by_role("button", name="Keep booking")).to_be_focused()
    expect(dialog).to_contain_text("Europe/Berlin")
    dialog.get_by_label("Reason").fill("I am <b>ill</b>")
    dialog.get_by_role("button", name="Cancel booking").click()
    expect(page.get_by_text("Cancelled. Mails about it are on their way.")).to_be_visible()
    expect(page.locator(".heading .badge")).to_have_text("Cancelled")
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_hidden()
    expect(page.locator("main")).to_be_focused()  # the button that opened the dialog is gone

    assert state(house, booking_id)[::2] == ("cancelled", "I am <b>ill</b>")
    house.flush()
    house.sweep()
    assert [kind for kind, *_ in house.story(booking_id)] == ["created", "moved", "cancelled"]
    assert house.story(booking_id)[-1][1:] == ("client", "Client", "I am <b>ill</b>")
    assert [method for method, *_ in files(house, "client@example.com")] == ["REQUEST", "REQUEST", "CANCEL"]
    page.reload()
    history = page.locator(".timeline")
    expect(history).to_contain_text("Cancelled")
    expect(history).to_contain_text("“I am <b>ill</b>”")
    expect(history).to_contain_text("Not sent: the booking was cancelled")


def test_a_time_that_somebody_else_takes_meanwhile(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
    page = opened(portal, booking_id)
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_role("button", name="The week after").click()
    choose(page, "15:00")
    next_monday = monday() + timedelta(days=7)
    house.book(PLAIN, datetime.combine(next_monday, time(15), BERLIN).astimezone(UTC), "other@example.com")
    portal.expect("status of 409")
    before = state(house, booking_id)
    page.get_by_role("button", name="Move booking").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("Somebody else has just taken this time.")
    first = dialog.locator(".slots").first
    expect(first).to_contain_text(f"{next_monday.day} ")
    expect(first).to_contain_text("14:00")
    expect(first).not_to_contain_text("15:00")
    expect(dialog.get_by_role("button", name="Choose a time")).to_be_disabled()
    assert state(house, booking_id) == before
    dialog.get_by_role("button", name="The week before").click()
    expect(dialog.get_by_label("10:00 (now)")).to_be_disabled()


def test_what_is_too_late_is_said_and_not_a_dead_button(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, datetime.now(UTC) + timedelta(hours=3))["uid"])
    house.db.execute(
        "insert into public.event_type_settings (event_type_id, min_cancel_notice, contact)"
        " values (null, 1440, '+49 40 1234')"
    )
    page = opened(portal, booking_id)
    expect(page.get_by_text("You could cancel online until")).to_contain_text("Call or write to +49 40 1234.")
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Move", exact=True)).to_be_visible()


def test_one_gives_up_ones_own_seat(portal: Portal, house: House) -> None:
    uids = {house.book(GROUP, monday(), f"{name}@example.com")["uid"] for name in ("client", "other")}
    booking_id = house.id_of(uids.pop())
    page = opened(portal, booking_id)
    expect(page.locator(".people")).not_to_contain_text("Other")
    page.get_by_role("button", name="Give up my seat").click()
    page.get_by_role("dialog").get_by_role("button", name="Give up my seat").click()
    expect(page.locator(".heading .badge")).to_have_text("You are no longer in it")
    assert state(house, booking_id)[0] == "confirmed"
    left = house.db.execute(
        "select email from public.booking_attendees where booking_id = %s and removed_at is null", [booking_id]
    ).fetchall()
    assert left == [("other@example.com",)]


def test_the_team_cancels_one_seat_and_says_why(portal: Portal, house: House) -> None:
    made = [house.book(GROUP, monday(), f"{name}@example.com") for name in ("client", "other")]
    booking_id = house.id_of(made[0]["uid"])
    page = opened(portal, booking_id, "host")
    expect(page.get_by_role("link", name="Open it among all bookings")).to_be_visible()
    expect(page.locator(".people").get_by_role("link", name="Client", exact=True)).to_have_attribute(
        "href", re.compile(r"/admin/clients/client%40example\.com$")
    )
    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog", name="Cancel booking?")
    dialog.get_by_label("Other").check()
    dialog = page.get_by_role("dialog", name="Cancel this seat?")
    dialog.get_by_role("button", name="Cancel the seat").click()  # not without a reason
    expect(dialog.get_by_label("Reason")).to_be_focused()
    dialog.get_by_label("Reason").fill("The table is too small.")
    dialog.get_by_role("button", name="Cancel the seat").click()
    expect(page.locator(".people .gone")).to_contain_text("Other")
    assert state(house, booking_id)[0] == "confirmed"
    house.flush()
    house.sweep()
    assert "The table is too small." in house.mails("other@example.com")[-1]["text"]


def test_the_rest_of_a_series(portal: Portal, house: House) -> None:
    made = house.book(SERIES, monday(), recurrenceCount=3)
    booking_id = house.id_of(made[1]["uid"])
    page = opened(portal, booking_id)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_label("This one and all that follow in its series").check()
    page.get_by_role("dialog").get_by_role("button", name="Cancel booking").click()
    expect(page.locator(".heading .badge")).to_have_text("Cancelled")
    house.flush()
    assert [state(house, house.id_of(one["uid"]))[0] for one in made] == ["confirmed", "cancelled", "cancelled"]


def test_notes_are_shared_or_the_teams(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday())["uid"])
    page = opened(portal, booking_id)
    page.get_by_label("Add a note").fill("Please bring the plans.\n<script>alert(1)</script>")
    page.reload()  # what was typed survives
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".notes")).to_contain_text("<script>alert(1)</script>")
    expect(page.get_by_label("Add a note")).to_have_value("")

    staff = opened(portal, booking_id, "host")
    expect(staff.locator(".notes")).to_contain_text("Please bring the plans.")
    staff.get_by_label("Add a note").fill("Pays late.")
    staff.get_by_label("Only the team").check()
    staff.get_by_role("button", name="Add note").click()
    expect(staff.locator(".notes")).to_contain_text("Pays late.")
    page.reload()
    expect(page.locator(".notes")).to_contain_text("Please bring")
    expect(page.locator("body")).not_to_contain_text("Pays late.")


def test_a_session_that_ends_in_the_middle_of_cancelling(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday())["uid"])
    page = opened(portal, booking_id)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_label("Reason").fill("I have to travel.")
    page.evaluate(
        "() => { const kept = JSON.parse(localStorage['booking-session']);"
        " localStorage['booking-session'] = JSON.stringify({...kept, access_token: kept.access_token + 'x',"
        " refresh_token: 'gone'}); }"
    )
    portal.expect("status of 40[01]")
    page.get_by_role("button", name="Cancel booking").click()
    again = page.get_by_role("dialog", name="Please sign in again")
    again.get_by_text("Use a password instead").click()
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    # Signed in, the same question is asked again, with the same reason.
    expect(page.locator(".heading .badge")).to_have_text("Cancelled")
    assert state(house, booking_id)[::2] == ("cancelled", "I have to travel.")


def test_what_fails_is_said_and_nothing_typed_is_lost(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday())["uid"])
    page = opened(portal, booking_id)
    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("I am ill.")
    portal.expect("status of 503", "ERR_FAILED")
    with faults.failing(page, 503, CANCEL):
        dialog.get_by_role("button", name="Cancel booking").click()
        expect(dialog.get_by_role("alert")).to_contain_text("does not answer right now")
    with faults.unreachable(page, CANCEL):
        dialog.get_by_role("button", name="Cancel booking").click()
        expect(dialog.get_by_role("alert")).to_contain_text("You seem to be offline")
    assert state(house, booking_id)[0] == "confirmed"
    expect(dialog.get_by_label("Reason")).to_have_value("I am ill.")
    page.clock.install()
    with faults.held(page, CANCEL):
        dialog.get_by_role("button", name="Cancel booking").click()
        expect(dialog.get_by_role("button", name="Cancelling …")).to_be_visible()
        page.clock.fast_forward(3500)
        expect(dialog).to_contain_text("This takes longer than usual …")
        page.keyboard.press("Escape")  # not while nobody knows what comes of it
    expect(page.locator(".heading .badge")).to_have_text("Cancelled")


def test_what_nobody_knows_yet_is_not_tried_again(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday())["uid"])
    page = opened(portal, booking_id)
    portal.expect("status of (504|409)")
    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog")
    with faults.failing(page, 504, CANCEL, {"code": "uncertain"}):
        dialog.get_by_role("button", name="Cancel booking").click()
        expect(dialog.get_by_role("alert")).to_contain_text("We could not see whether it worked.")
    expect(dialog.get_by_role("button", name="Cancel booking")).to_be_hidden()
    expect(dialog.get_by_role("button", name="Back to the booking")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()

    own_page = "https://cal.example/reschedule/abc"
    with faults.failing(page, 409, re.compile(r"/reschedule\?"), {"code": "not_possible", "page": own_page}):
        page.get_by_role("button", name="Move", exact=True).click()
        way_out = dialog.get_by_role("link", name="Move it on Cal.com's own page")
        expect(way_out).to_have_attribute("href", own_page)


def test_moved_and_cancelled_by_keyboard_alone(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
    page = opened(portal, booking_id)

    def go_to(what: str) -> None:
        for _ in range(60):
            if page.evaluate("(what) => document.activeElement.matches(what)", what):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{what} is not reached by Tab")

    go_to("button.primary")
    page.keyboard.press("Enter")
    expect(page.locator(".slot").first).to_be_visible()
    go_to("[name=slot]")
    page.keyboard.press("ArrowDown")
    chosen = page.locator(".slot :checked + span").inner_text()
    go_to("dialog button.primary")
    page.keyboard.press("Enter")
    expect(page.locator(".facts time")).to_contain_text(chosen)
    expect(page.get_by_role("button", name="Move", exact=True)).to_be_focused()
    _, starts_at, _ = state(house, booking_id)
    assert f"{starts_at.astimezone(BERLIN):%H:%M}" == chosen

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep booking")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".heading .badge")).to_have_text("Cancelled")
    assert state(house, booking_id)[0] == "cancelled"


def test_dialogs_can_be_used_by_everybody(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(SERIES, monday(), recurrenceCount=2)[0]["uid"])
    page = opened(portal, booking_id, reduced_motion="reduce")
    wrong: dict[str, list[str]] = {}

    def look(name: str) -> None:
        for scheme, width in (("light", 1280), ("dark", 320)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 700})
            wrong[f"{name}, {scheme}"] = axe.violations(page) + layout.too_wide(page)

    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_label("Reason").fill("ill " * 225)
    expect(page.get_by_text("100 characters left")).to_be_visible()
    look("cancel")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Move", exact=True).click()
    page.locator(".slot").nth(1).click()
    look("move")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Add to calendar").click()
    look("menu")
    page.get_by_role("button", name="Subscribe to all my bookings").click()
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("Address of the calendar")).to_be_visible()
    look("feed")
    assert {name: found for name, found in wrong.items() if found} == {}


def test_what_people_write_is_shown_as_they_wrote_it(portal: Portal, house: House) -> None:
    hostile = "<img src=x onerror=alert(1)> \u202egnirts \U0001f600 " + "Donaudampfschifffahrtsgesellschaft" * 140
    attendee = {"name": hostile[:200], "email": "client@example.com", "timeZone": "Europe/Berlin", "language": "en"}
    asked = house.book(CONFIRMED, monday(13), attendee=attendee, bookingFieldsResponses={"notes": hostile})
    booking_id = house.id_of(asked["uid"])
    page = opened(portal, booking_id, width=320)
    expect(page.get_by_text("Your host has not confirmed this booking yet.")).to_be_visible()
    page.get_by_label("Add a note").fill(hostile)
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".notes")).to_contain_text("<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_label("Reason").fill(hostile[:1000])
    assert layout.too_wide(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Cancel booking").click()
    expect(page.locator(".facts")).to_contain_text("Cancelled")
    page.get_by_text("Answers").first.click()
    assert layout.too_wide(page) == []
    assert page.locator("main img").count() == 0


def test_a_guest_looks_on_and_of_two_that_were_one_the_id_that_stayed_is_shown(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday(), guests=["other@example.com"])["uid"])
    alias = "018f2c1e-0000-4000-8000-00000000abcd"
    house.db.execute("insert into private.booking_aliases (id, booking_id) values (%s, %s)", [alias, booking_id])
    page = opened(portal, alias, "other")
    expect(page).to_have_url(re.compile(f"/bookings/{booking_id}$"))
    expect(page.get_by_text("Only who booked can change it.")).to_be_visible()
    for name in ("Move", "Cancel"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_hidden()


def test_into_ones_calendar(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday())["uid"])
    page = opened(portal, booking_id)
    page.get_by_role("button", name="Add to calendar").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download .ics").click()
    calendar = icalendar.Calendar.from_ical(Path(download.value.path()).read_bytes())
    (event,) = calendar.events
    assert event.start == monday()
    expect(page.get_by_role("link", name="Google Calendar")).to_be_hidden()  # the menu has closed
    page.get_by_role("button", name="Add to calendar").click()
    google = page.get_by_role("link", name="Google Calendar").get_attribute("href") or ""
    assert f"{monday():%Y%m%dT%H%M%SZ}" in google

    page.get_by_role("button", name="Subscribe to all my bookings").click()
    dialog = page.get_by_role("dialog", name="Subscribe")
    dialog.get_by_role("button", name="Make a link").click()
    address = dialog.get_by_label("Address of the calendar")
    url = address.input_value()
    assert b"BEGIN:VEVENT" in httpx.get(url).content
    dialog.get_by_role("button", name="Reset link").click()
    expect(address).not_to_have_value(url)
    assert httpx.get(url).status_code == 404
    new = address.input_value()
    dialog.get_by_role("button", name="Stop sharing").click()
    expect(address).to_be_hidden()
    assert httpx.get(new).status_code == 404


def test_a_booking_of_others_is_not_there(portal: Portal, house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday(), "other@example.com")["uid"])
    page = portal.open(f"/bookings/{booking_id}", "client")
    expect(page.get_by_role("alert")).to_contain_text("This is not here.")
    expect(page.locator("body")).not_to_contain_text("Consultation")
