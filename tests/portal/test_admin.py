"""The team's list: found among 10,000, filtered, kept as views, changed in bulk, exported; by keyboard; by whom."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.conftest import Connection
from tests.functions import many_bookings
from tests.functions.acting import CONFIRMED, PANEL, PLAIN, House, monday
from tests.portal import axe, faults, layout
from tests.portal.portal import Portal

MANY = 10_000
REASON = "The house is closed"


class TestFinding:
    def test_one_among_ten_thousand(self, portal: Portal, db: Connection) -> None:
        many(db, MANY)
        page = portal.open("/admin", "admin")
        expect(status(page)).to_contain_text("10,000 bookings")
        expect(page.get_by_role("tab", name="Upcoming (10,000)")).to_be_visible()
        page.get_by_role("searchbox").fill("client7342@ex")
        expect(status(page)).to_have_text("1 booking")
        expect(rows(page)).to_have_count(1)
        expect(rows(page)).to_contain_text("Client 7342")
        expect(rows(page)).to_contain_text("Confirmed")
        expect(rows(page)).to_contain_text("Sent")
        assert query(page) == {"q": "client7342@ex"}

    def test_more_by_key(self, portal: Portal, db: Connection) -> None:
        many(db, 120)
        page = portal.open("/admin", "admin")
        for shown in (50, 100, 120):
            expect(rows(page)).to_have_count(shown)
            if shown < 120:
                page.get_by_role("button", name="Show more").click()
        expect(page.get_by_role("button", name="Show more")).to_have_count(0)
        names = [re.findall(r"Client \d+", text)[0] for text in rows(page).all_inner_texts()]
        assert names == [f"Client {n}" for n in range(1, 121)]

    def test_filters_are_in_the_address_and_back_takes_them_off(self, portal: Portal, house: House) -> None:
        house.book(PLAIN, monday(9))
        house.book(CONFIRMED, monday(11), "other@example.com")
        page = portal.open("/admin", "admin")
        expect(rows(page)).to_have_count(2)

        page.get_by_role("button", name="Status").click()
        page.get_by_role("checkbox", name="Awaiting confirmation").check()
        expect(rows(page)).to_have_count(1)
        assert axe.violations(page) == []
        expect(rows(page)).to_contain_text("Other")
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Status: Awaiting confirmation", exact=False).first).to_be_focused()
        assert query(page) == {"status": "pending"}

        page.reload()
        expect(rows(page)).to_have_count(1)
        page.go_back()
        expect(rows(page)).to_have_count(2)
        assert query(page) == {}
        page.go_forward()
        page.get_by_role("button", name="Remove the filter Status: Awaiting confirmation").click()
        expect(rows(page)).to_have_count(2)

        page.get_by_role("tab", name="Unconfirmed").click()
        expect(rows(page)).to_have_count(1)
        page.get_by_role("button", name="Client").click()
        page.get_by_role("textbox", name="Client").fill("client@example.com")
        page.get_by_role("button", name="Show their bookings").click()
        expect(page.get_by_role("heading", name="No bookings match")).to_be_visible()
        page.get_by_role("button", name="Clear search and filters").click()
        expect(rows(page)).to_have_count(1)

    def test_the_past_opens_with_thirty_days_that_can_be_taken_off(self, portal: Portal, house: House) -> None:
        house.book(PLAIN, monday(9) - timedelta(days=28))
        house.book(PLAIN, monday(9) - timedelta(days=91), "other@example.com")
        page = portal.open("/admin?tab=past", "admin", time_zone="Pacific/Auckland")
        expect(rows(page)).to_have_count(1)
        pill = page.locator(".filter", has_text="Booking time: Last 30 days")
        assert re.fullmatch(
            r"Booking time from \w{3}, .*Pacific/Auckland \(UTC\+1[23]\) until before .*, 00:00, Pacific/Auckland .*",
            pill.get_attribute("title") or "",
        )
        page.get_by_role("button", name="Remove the filter Booking time").click()
        expect(rows(page)).to_have_count(2)
        assert query(page) == {"tab": "past", "date": "any"}
        page.get_by_role("button", name="Date").click()
        page.get_by_role("radio", name="Created at").check()
        page.get_by_role("radio", name="Today").check()
        expect(rows(page)).to_have_count(2)
        assert query(page) == {"tab": "past", "by": "created", "date": "today"}

    def test_the_state_of_the_last_message(self, portal: Portal, house: House) -> None:
        house.sim("faults", {})
        house.book(PLAIN, monday(9))
        house.book(PLAIN, monday(11), "other@example.com")
        house.sweep()
        house.db.execute("update public.notifications set status = 'bounced' where recipient = 'other@example.com'")
        page = portal.open("/admin?message=bounced,failed", "admin")
        expect(rows(page)).to_have_count(1)
        expect(rows(page)).to_contain_text("Bounced")


class TestNarrow:
    """At 360 pixels: cards, and filters in a sheet."""

    def test_filters_are_in_a_sheet(self, portal: Portal, house: House) -> None:
        house.book(PLAIN, monday(9))
        house.book(CONFIRMED, monday(11), "other@example.com")
        page = portal.open("/admin", "admin", width=360, height=700)
        cards = page.locator(".list li")
        expect(cards).to_have_count(2)
        page.get_by_role("button", name="Filters").click()
        sheet = page.get_by_role("dialog", name="Filters")
        sheet.locator("summary", has_text="Date").click()
        sheet.locator("summary", has_text="Status").click()
        assert axe.violations(page) == []
        sheet.get_by_role("checkbox", name="Confirmed").check()
        sheet.get_by_role("button", name="Show the bookings").click()
        expect(cards).to_have_count(1)
        expect(page.get_by_role("button", name="Filters (1)")).to_be_focused()
        assert layout.too_wide(page) == []
        page.get_by_role("button", name="Remove the filter Status").click()
        expect(cards).to_have_count(2)


class TestTrouble:
    """The API fails or cannot be reached: what is there stays, and the page says what to do."""

    def test_a_list_that_cannot_be_had(self, portal: Portal, house: House) -> None:
        house.book(PLAIN, monday(9))
        page = portal.open("/admin", "admin")
        expect(rows(page)).to_have_count(1)
        portal.expect("status of 503", "ERR_FAILED")
        with faults.failing(page, 503):
            page.get_by_role("searchbox").fill("client")
            expect(page.get_by_role("alert")).to_contain_text("Our service does not answer right now.")
            expect(page.get_by_role("searchbox")).to_have_value("client")
        page.get_by_role("button", name="Try again").click()
        expect(rows(page)).to_have_count(1)

    def test_a_preview_that_breaks_off_keeps_the_reason(self, portal: Portal, house: House) -> None:
        book(house, 2)
        page = portal.open("/admin", "admin")
        begin(page, 2)
        page.get_by_role("button", name="Keep bookings").click()
        portal.expect("ERR_FAILED")
        with faults.unreachable(page, re.compile(".*/cancel")):
            page.get_by_role("button", name="Cancel bookings").click()
            dialog = page.get_by_role("dialog")
            expect(dialog.get_by_role("alert")).to_contain_text("You seem to be offline.")
            expect(dialog.get_by_label("Reason")).to_have_value(REASON)
            expect(dialog.get_by_role("button", name="Looking …")).to_be_disabled()
        dialog.get_by_role("button", name="Try again").click()
        expect(dialog.get_by_role("button", name="Cancel 2 bookings")).to_be_enabled()


def test_a_view_is_saved_used_renamed_and_deleted(portal: Portal, house: House) -> None:
    house.book(CONFIRMED, monday(11), "other@example.com")
    page = portal.open("/admin?tab=all&status=pending&q=other", "admin")
    page.get_by_role("button", name="Saved views").click()
    page.get_by_role("button", name="Save this view").click()
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.get_by_role("dialog").get_by_role("textbox", name="Name").fill("Morning <b>round</b>")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is saved.")).to_be_visible()
    expect(page.get_by_role("button", name="View: Morning <b>round</b>")).to_be_visible()

    page.goto(f"{portal.url}/admin")
    page.get_by_role("button", name="Saved views").click()
    assert axe.violations(page) == []
    page.get_by_role("button", name="Morning <b>round</b>", exact=True).click()
    expect(rows(page)).to_have_count(1)
    assert query(page) == {"tab": "all", "status": "pending", "q": "other"}
    page.get_by_role("button", name="View: Morning").click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("dialog").get_by_role("textbox", name="Name").fill("Evening")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    page.get_by_role("button", name="View: Evening").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete the view").click()
    expect(page.get_by_role("button", name="Saved views")).to_be_visible()
    assert house.db.execute("select count(*) from public.saved_views").fetchone() == (0,)


class TestBulk:
    """Bookings of as many clients."""

    def test_thirty_are_cancelled_though_two_fail(self, portal: Portal, house: House) -> None:
        uids = book(house, 30)
        page = portal.open("/admin?q=client", "admin")
        page.get_by_role("checkbox", name="Select Consultation").first.check()
        page.get_by_role("button", name="Select all 30 matching").click()
        expect(page.get_by_text("30 selected", exact=True)).to_be_visible()
        page.get_by_role("button", name="Cancel bookings").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Keep bookings")).to_be_focused()
        expect(dialog).to_contain_text("30 bookings will be cancelled. Their people are told by 30 e-mails.")
        assert axe.violations(page) == []
        go = dialog.get_by_role("button", name="Cancel 30 bookings")
        dialog.get_by_label("Reason").fill(REASON)
        expect(go).to_be_disabled()
        dialog.get_by_label("Type 30 to go on").fill("29")
        expect(dialog.get_by_text("That is not 30.")).to_be_visible()
        expect(go).to_be_disabled()
        dialog.get_by_label("Type 30 to go on").fill("30")
        assert house.calls("cancel") == []

        house.sim("faults", {"api": {"fail": ["ok"] * 4 + [400] + ["ok"] * 9 + [400], "only": "/cancel"}})
        go.click()
        expect(dialog.get_by_role("status")).to_have_text("28 bookings cancelled, 2 failed.", timeout=60_000)
        expect(dialog.locator("li.failed")).to_have_count(2)
        assert sorted(house.calcom(uid)["status"] for uid in uids) == ["accepted"] * 2 + ["cancelled"] * 28
        assert axe.violations(page) == []

        failures = downloaded(page, lambda: dialog.get_by_role("button", name="Failures as CSV").click())
        living = {house.id_of(uid) for uid in uids if house.calcom(uid)["status"] == "accepted"}
        assert {row["booking_id"] for row in failures} == living
        dialog.get_by_role("button", name="Close", exact=True).last.click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(rows(page)).to_have_count(2)
        house.flush()
        told = house.db.execute(
            "select distinct actor, reason, batch_id::text from public.booking_events where kind = 'cancelled'"
        ).fetchall()
        assert [row[:2] for row in told] == [("admin", REASON)]

    def test_it_goes_on_after_a_stop_a_cut_and_a_reload(self, portal: Portal, house: House) -> None:
        uids = book(house, 14)
        page = portal.open("/admin", "admin")
        begin(page, 14)
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Cancel 14 bookings").click()
        dialog.get_by_role("button", name="Stop").click()
        expect(dialog).to_contain_text("10 of 14 done; the others wait.", timeout=60_000)
        assert len(house.calls("cancel")) == 10

        sent: list[str] = []

        def cut(route: Route) -> None:
            """What is asked is done, but nobody hears of it."""
            sent.append(batch_of(route.request))
            route.fetch()
            route.abort()

        portal.expect("ERR_FAILED")
        page.route("**/cancel", cut)
        dialog.get_by_role("button", name="Go on with 4").click()
        expect(page.get_by_role("alert")).to_contain_text("offline")
        page.unroute("**/cancel")
        page.reload()
        expect(page.get_by_text("4 of 14 bookings still wait.")).to_be_visible()
        page.get_by_role("button", name="Go on", exact=True).click()
        with page.expect_request("**/cancel") as again:
            dialog.get_by_role("button", name="Go on with 4").click()
        expect(dialog.get_by_role("status")).to_have_text("14 bookings cancelled.", timeout=60_000)
        assert [batch_of(again.value)] == sent
        assert len(house.calls("cancel")) == 14
        assert {house.calcom(uid)["status"] for uid in uids} == {"cancelled"}

    def test_confirmations_go_out_again(self, portal: Portal, house: House) -> None:
        book(house, 2)
        over = house.book(PLAIN, monday(9) - timedelta(days=28))
        house.sweep()
        page = portal.open("/admin?tab=all", "admin")
        page.get_by_role("checkbox", name="Select all rows that are shown").check()
        page.get_by_role("button", name="Resend confirmation").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("2 bookings will be confirmed again")
        expect(dialog.locator("li.failed")).to_have_count(1)
        dialog.get_by_role("button", name="Send 2 again").click()
        expect(dialog.get_by_role("status")).to_have_text("2 bookings confirmed again.")
        house.sweep()
        assert [len(house.mails(f"client{n}@example.com")) for n in range(2)] == [2, 2]
        assert over


class TestOneBooking:
    """In the panel beside the list."""

    def test_by_keyboard_alone(self, portal: Portal, house: House) -> None:
        for n in range(3):
            house.book(PLAIN, monday(9 + n), f"client{n}@example.com")
        page = portal.open("/admin", "admin")
        expect(rows(page)).to_have_count(3)
        key = page.keyboard.press
        links = rows(page).get_by_role("link")

        key("j")
        expect(links.nth(0)).to_be_focused()
        key("j")
        key("j")
        key("j")  # there is no fourth
        expect(links.nth(2)).to_be_focused()
        key("k")
        expect(links.nth(1)).to_be_focused()
        key("Enter")
        panel = page.locator("dialog.panel")
        expect(panel.get_by_role("heading", name="Client1")).to_be_focused()
        expect(panel.get_by_role("button", name="Move")).to_be_visible()
        assert axe.violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert axe.violations(page) == []
        key("j")
        expect(panel.get_by_role("heading", name="Client2")).to_be_visible()
        key("Escape")
        expect(panel).to_have_count(0)
        expect(links.nth(2)).to_be_focused()
        key("Shift+Tab")
        key("Space")
        expect(page.get_by_text("1 selected", exact=True)).to_be_visible()

        key("/")
        search = page.get_by_role("searchbox")
        expect(search).to_be_focused()
        page.keyboard.type("jk?/")
        expect(search).to_have_value("jk?/")
        expect(page.get_by_role("dialog")).to_have_count(0)
        search.fill("")
        key("Tab")
        key("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        key("j")
        key("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("button", name="Date")).to_be_focused()

    def test_is_cancelled_and_its_row_goes(self, portal: Portal, house: House) -> None:
        uid = house.book(PLAIN, monday(9))["uid"]
        house.book(PLAIN, monday(11), "other@example.com")
        page = portal.open("/admin", "admin")
        rows(page).first.click()
        panel = page.locator("dialog.panel")
        panel.get_by_role("button", name="Cancel booking").click()
        dialog = page.get_by_role("dialog", name="Cancel booking?")
        dialog.get_by_label("Reason").fill(REASON)
        dialog.get_by_role("button", name="Cancel booking").click()
        expect(rows(page)).to_have_count(1)
        expect(panel.get_by_text("Cancelled", exact=True)).to_be_visible()
        panel.get_by_role("tab", name="History").click()
        expect(panel.get_by_text(REASON).first).to_be_visible()
        expect(panel.get_by_role("button", name="Move")).to_have_count(0)
        assert house.calcom(uid)["status"] == "cancelled"

    def test_its_messages_are_held_back_or_leave_now(self, portal: Portal, house: House) -> None:
        booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
        house.sweep()
        sent = len(house.mails("client@example.com"))
        page = portal.open(f"/admin?booking={booking_id}", "admin")
        panel = page.locator("dialog.panel")
        panel.get_by_role("tab", name="Messages").click()
        day = panel.get_by_role("listitem").filter(has_text="Reminder, 1 day before")
        day.get_by_role("button", name="Do not send").click()
        expect(day).to_contain_text("Not sent")
        expect(day).to_contain_text("staff skipped it")
        hour = panel.get_by_role("listitem").filter(has_text="Reminder, 1 hour before")
        hour.get_by_role("button", name="Send now").click()
        expect(page.get_by_text("It leaves within a minute.")).to_be_visible()
        house.sweep()
        assert len(house.mails("client@example.com")) == sent + 1
        panel.get_by_role("button", name="Resend confirmation").click()
        expect(page.get_by_text("The confirmation goes out again.")).to_be_visible()
        house.sweep()
        assert len(house.mails("client@example.com")) == sent + 2

    def test_who_cannot_be_reached_is_to_be_called(self, portal: Portal, house: House) -> None:
        attendee = {"name": "Clara <i>Client</i>", "email": "client@example.com", "phoneNumber": "+491701234567"}
        attendee["timeZone"] = "Europe/Berlin"
        booking_id = house.id_of(house.book(PLAIN, monday(9), attendee=attendee)["uid"])
        house.sweep()
        house.db.execute("update public.notifications set status = 'bounced' where kind = 'confirmation'")
        page = portal.open(f"/admin?booking={booking_id}", "admin", width=360)
        panel = page.locator("dialog.panel")
        expect(panel).to_contain_text("Clara <i>Client</i> is unreachable: call +491701234567.")
        assert axe.violations(page) == []


class TestCsv:
    def test_of_the_view_is_what_the_filter_shows(self, portal: Portal, house: House, db: Connection) -> None:
        many(db, 2500)
        house.book(PLAIN, monday(9), "other@example.com")
        page = portal.open("/admin?q=client", "admin", time_zone="Asia/Tehran")
        expect(status(page)).to_have_text("2,500 bookings")
        page.get_by_role("button", name="Export …").click()
        expect(page.get_by_role("dialog")).to_contain_text("2,500 bookings of this view.")
        expect(page.get_by_role("dialog")).to_contain_text("Asia/Tehran (UTC+3:30)")
        found = downloaded(page, lambda: page.get_by_role("dialog").get_by_role("button", name="Export").click())
        expect(page.get_by_text("The file has 2,500 bookings.")).to_be_visible()
        assert [row["booker_name"] for row in found] == [f"Client {n}" for n in range(1, 2501)]
        assert {row["time_zone"] for row in found} == {"Asia/Tehran"}

    def test_of_a_selection(self, portal: Portal, db: Connection) -> None:
        many(db, 5)
        page = portal.open("/admin", "admin")
        for name in ("Client 2,", "Client 4,"):
            page.get_by_role("checkbox", name=re.compile(name)).check()
        page.get_by_role("button", name="Export", exact=True).click()
        found = downloaded(page, lambda: page.get_by_role("dialog").get_by_role("button", name="Export").click())
        assert sorted(row["booker_name"] for row in found) == ["Client 2", "Client 4"]


class TestWho:
    def test_a_host_sees_only_their_own(self, portal: Portal, house: House) -> None:
        house.book(PLAIN, monday(9))
        theirs = house.book(PANEL, monday(11), "other@example.com")
        page = portal.open("/admin?tab=all", "colleague")
        expect(rows(page)).to_have_count(1)
        expect(rows(page)).to_contain_text("Other")
        assert theirs
        other = portal.open(f"/admin?booking={house.id_of(house.book(PLAIN, monday(15))['uid'])}", "colleague")
        expect(other.get_by_role("alert")).to_contain_text("This is not here.")

    def test_a_client_is_refused(self, portal: Portal, house: House) -> None:
        house.book(PLAIN, monday(9))
        page = portal.open("/admin", "client")
        expect(page.get_by_text("This page is for the team.")).to_be_visible()
        expect(page.get_by_text("Consultation")).to_have_count(0)


class TestBanner:
    def test_it_is_there_while_the_sweep_rests(self, portal: Portal, house: House) -> None:
        banner = "Messages are not leaving."
        for path in ("/admin", "/admin/health"):
            expect(portal.open(path, "admin").get_by_text(banner)).to_be_visible()
        house.sweep()
        page = portal.open("/admin", "admin")
        expect(status(page)).to_be_attached()
        expect(page.get_by_text(banner)).to_have_count(0)
        house.db.execute("update public.job_runs set finished_at = now() - interval '11 minutes' where heartbeat")
        page.reload()
        expect(page.get_by_text("last ran 11 minutes ago")).to_be_visible()


def many(db: Connection, count: int) -> None:
    """That many bookings to come, which can be searched for."""
    many_bookings.insert(db, count, after="1 day")
    db.execute("select private.refresh_search_texts(array(select id from public.bookings))")


def book(house: House, count: int) -> list[str]:
    """Bookings of as many clients, an hour apart. → their uids"""

    def one(n: int) -> str:
        attendee = {"name": f"Client{n}", "email": f"client{n}@example.com", "timeZone": "Europe/Berlin"}
        order = {"eventTypeId": PLAIN, "start": (monday(0) + timedelta(hours=n)).isoformat(), "attendee": attendee}
        uid: str = house.sim("bookings", order | {"_sim": {"allow_past": True}})["data"]["uid"]
        return uid

    with ThreadPoolExecutor(4) as threads:
        uids = list(threads.map(one, range(count)))
    house.flush()
    return uids


def begin(page: Page, count: int) -> None:
    """Select all and see the preview of their cancellation, with the reason typed."""
    page.get_by_role("checkbox", name="Select all rows that are shown").check()
    page.get_by_role("button", name="Cancel bookings").click()
    page.get_by_label("Reason").fill(REASON)
    expect(page.get_by_role("dialog")).to_contain_text(f"{count} bookings will be cancelled.")


def batch_of(request: Request) -> str:
    batch_id: str = json.loads(request.post_data or "")["batch_id"]
    return batch_id


def rows(page: Page) -> Locator:
    return page.locator(".list tbody tr")


def status(page: Page) -> Locator:
    return page.locator(".count")


def query(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def downloaded(page: Page, act: Any) -> Sequence[dict[str, str]]:
    """The rows of the CSV that the page gives after `act()`."""
    with page.expect_download() as download:
        act()
    data = Path(download.value.path()).read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
