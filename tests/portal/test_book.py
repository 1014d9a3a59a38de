"""Booking in the portal: from the calendar in the page to the mail and the list, and what is there where none comes."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.functions.acting import PLAIN, House, monday
from tests.portal.axe import violations
from tests.portal.portal import Portal

EMBED = re.compile(r"/embed/embed\.js$")


def calendar(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title='Book a call']")


def field(page: Page, name: str) -> Locator:
    return calendar(page).locator(f"form[method=post] [name={name}]")


def book(page: Page, **typed: str) -> None:
    """The first free time in the calendar."""
    frame = calendar(page)
    frame.locator("input[name=start]").first.check()
    for name, text in typed.items():
        field(page, name).fill(text)
    frame.get_by_role("button", name="Book", exact=True).click()


def with_link(page: Page, link: str) -> None:
    """As if the settings named another calendar. (The page is parsed then, and its module has not run.)"""
    page.add_init_script(
        f"""document.addEventListener("readystatechange", () => {{
            const config = document.getElementById("config");
            if (config) config.textContent = config.textContent.replace("host/consultation", {json.dumps(link)});
        }}, {{once: true}});"""
    )


def test_book_mail_my_bookings(portal: Portal, house: House) -> None:
    house.book(PLAIN, monday(9))  # so the name is known
    page = portal.open("/book", "client", locale="en-GB")
    expect(field(page, "email")).to_have_value("client@example.com")
    expect(field(page, "name")).to_have_value("Client")
    book(page)

    card = page.get_by_role("region", name="You have booked")
    expect(card).to_contain_text("Confirmed")
    expect(card).to_contain_text("A mail is on its way")
    expect(card.get_by_role("heading", name="You have booked")).to_be_focused()
    house.flush()
    [(start,)] = house.db.execute(
        "select to_char(min(starts_at) at time zone 'Europe/Berlin', 'FMHH24:MI') from public.bookings"
    ).fetchall()
    expect(card).to_contain_text(start)
    expect(card).to_contain_text("Europe/Berlin (UTC+")
    assert violations(page) == []
    house.sweep()
    invitations = [mail for mail in house.mails("client@example.com") if mail["attachments"]]
    assert len(invitations) == 2
    card.get_by_role("link", name="My bookings").click()
    expect(page.get_by_role("listitem").filter(has_text="Consultation")).to_have_count(2)


def test_a_visitor_books_without_signing_in_and_on_a_phone(portal: Portal, house: House) -> None:
    page = portal.open("/book?name=Ann&notes=Hi&rescheduleUid=x&theme=dark", width=320, scheme="light")
    frame = calendar(page)
    expect(field(page, "notes")).to_have_value("Hi")
    source = page.locator("iframe").get_attribute("src") or ""
    assert "rescheduleUid" not in source
    assert "theme=light" in source
    expect(frame.locator("html")).to_have_class("embedded light")
    page.emulate_media(color_scheme="dark")
    expect(frame.locator("html")).to_have_class("embedded dark")
    book(page, email="ann@example.com")

    card = page.get_by_role("region", name="You have booked")
    expect(card.get_by_role("link", name="Sign in to see")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert violations(page) == []
    house.flush()
    assert len(house.mails("ann@example.com")) == 1
    [(name,)] = house.db.execute("select name from public.booking_attendees").fetchall()
    assert name == "Ann"


def test_staff_book_for_others(portal: Portal) -> None:
    page = portal.open("/book?email=bo@example.com", "host")
    expect(field(page, "email")).to_have_value("bo@example.com")
    expect(field(page, "name")).to_have_value("")


def test_what_is_not_sure_is_not_called_sure(portal: Portal) -> None:
    page = portal.window("client")
    with_link(page, "host")
    page.goto(f"{portal.url}/book?type=interview")
    book(page, name="Ann")
    card = page.get_by_role("region", name="You have asked for a time")
    expect(card).to_contain_text("Awaiting confirmation")

    page.goto(f"{portal.url}/book?type=deep-dive")
    book(page, name="Ann")
    card = page.get_by_role("region", name="One step is left: the payment")
    expect(card).to_contain_text("Awaiting payment")
    expect(card).not_to_contain_text("on its way")
    calendar(page).get_by_role("button", name="Pay").click()
    expect(page.get_by_role("region", name="You have booked")).to_contain_text("Confirmed")

    page.goto(f"{portal.url}/book?type=coaching")
    book(page, name="Ann")
    expect(page.get_by_role("region", name="You have booked")).to_contain_text("and 5 more times")


def test_one_chooses_among_several(portal: Portal) -> None:
    page = portal.window()
    with_link(page, "team/example-house")
    page.goto(f"{portal.url}/book?name=Ann")
    calendar(page).get_by_role("link", name="Panel").click()
    expect(field(page, "name")).to_have_value("Ann")


@pytest.mark.parametrize("what", ["blocked", "no such calendar", "silent"])
def test_where_no_calendar_comes_there_is_a_link(portal: Portal, what: str) -> None:
    portal.expect("ERR_FAILED", "status of 404")
    page = portal.window("client")
    if what == "blocked":
        page.route(EMBED, lambda route: route.abort())
    elif what == "silent":
        page.clock.install()
        page.route(EMBED, lambda route: route.fulfill(body="", content_type="text/javascript"))
    else:
        with_link(page, "host/nothing")
    page.goto(f"{portal.url}/book?notes=Hi")
    if what == "silent":
        expect(page.get_by_role("status", name="Loading")).to_have_count(0)
        expect(page.get_by_role("alert")).to_have_count(0)
        page.clock.fast_forward(10_500)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The calendar does not load here.")
    link = alert.get_by_role("link", name="book on its own page").get_attribute("href") or ""
    assert link.startswith(portal.house.env["CALCOM_ORIGIN"] + "/host/")
    assert "email=client%40example.com" in link
    assert "notes=Hi" in link
    assert violations(page) == []
    if what == "blocked":
        alert.get_by_role("link").click()
        expect(page.locator("form[method=post] [name=email]")).to_have_value("client@example.com")


def test_visitors_can_book_while_our_own_service_is_down(portal: Portal) -> None:
    portal.expect("status of 503")
    page = portal.window("client")
    page.route(re.compile(re.escape(portal.house.env["SUPABASE_URL"])), lambda route: route.fulfill(status=503))
    page.goto(f"{portal.url}/book")
    expect(calendar(page).get_by_role("button", name="Book", exact=True)).to_be_visible()


def test_what_the_calendar_says_is_shown_as_text(portal: Portal) -> None:
    hostile = "<img src=x onerror=document.title='run'>\u202e" + "ä" * 5000
    data = {"title": hostile, "startTime": "nonsense", "endTime": None, "status": "<b>", "allBookings": None}
    page = portal.window(width=360)
    script = f"""for (const [method, words] of Cal.ns.book.q)
        if (method === "on" && words.action === "bookingSuccessfulV2")
            words.callback({{detail: {{data: {json.dumps(data)}}}}})"""
    page.route(EMBED, lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page.goto(f"{portal.url}/book")
    card = page.get_by_role("region", name="Thank you")
    expect(card).to_contain_text("<img src=x")
    expect(card.get_by_text("Confirmed")).to_have_count(0)
    assert page.title() == "Book a time · Bookings"
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_nothing_but_the_calendar_is_let_in(portal: Portal) -> None:
    portal.expect("Content Security Policy")
    origin = portal.house.env["CALCOM_ORIGIN"]
    page = portal.open("/book")
    expect(calendar(page).get_by_role("button", name="Book", exact=True)).to_be_visible()
    tried = page.evaluate(
        """async (origin) => {
            const load = (tag, src) => new Promise((resolve) => {
                const one = Object.assign(document.createElement(tag), {src});
                document.addEventListener("securitypolicyviolation", () => resolve("refused"), {once: true});
                one.onload = () => setTimeout(() => resolve("loaded"), 500);
                document.body.append(one);
            });
            return [
                await load("script", origin + "/static/zone.js"),
                await load("img", origin + "/x.png"),
                await load("iframe", location.origin + "/portal/bookings"),
                await fetch(origin + "/").then(() => "loaded", () => "refused"),
            ];
        }""",
        origin,
    )
    assert tried == ["refused"] * 4
