"""The health page: what came in and went out, what stands still, and replaying what could not be applied."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.functions.acting import PLAIN, House, monday
from tests.functions.posting import post
from tests.portal.axe import violations
from tests.portal.faults import failing
from tests.portal.portal import Portal

PATH = "/admin/health"
HOSTILE = '</pre><img src=x onerror="ran=1"><script>ran=1</script>\u202e' + "x" * 6000 + "🎉"


def quarantine(house: House, **payload: Any) -> None:
    """A body that could not be applied when it came, though nothing is wrong with it."""
    start = monday(9)
    whole: dict[str, Any] = {
        "uid": "kept",
        "bookingId": 4711,
        "title": "Talk",
        "status": "ACCEPTED",
        "startTime": start.isoformat(),
        "endTime": (start + timedelta(minutes=30)).isoformat(),
        "organizer": {"name": "Host", "email": "host@example.com", "timeZone": "Europe/Berlin"},
        "attendees": [{"name": "Client", "email": "client@example.com", "timeZone": "Europe/Berlin"}],
    }
    said: dict[str, Any] = {
        "triggerEvent": "BOOKING_CREATED",
        "createdAt": datetime.now(UTC).isoformat(),
        "payload": whole | payload,
    }
    house.db.execute(
        "insert into public.webhook_events (trigger, outcome, error, body, sha256)"
        " values ('BOOKING_CREATED', 'quarantined', 'XX000: made up', %s, %s)",
        [json.dumps(said), said["payload"]["uid"]],
    )


def webhooks(page: Page) -> Locator:
    return page.get_by_role("list", name="Webhooks").get_by_role("listitem")


@pytest.mark.parametrize("notify", ["all", "none"])
def test_what_is_in_quarantine_is_replayed(portal: Portal, house: House, notify: str) -> None:
    quarantine(house)
    page = portal.open(PATH, "admin")
    expect(page.get_by_text("1 in quarantine:")).to_be_visible()
    expect(webhooks(page)).to_contain_text("XX000: made up")
    replay = webhooks(page).get_by_role("button", name="Replay …")
    replay.focus()
    page.keyboard.press("Enter")

    dialog = page.get_by_role("dialog", name="Replay this event?")
    expect(dialog.get_by_text("A new booking: Talk")).to_be_visible()
    expect(dialog).to_contain_text("+ Client, client@example.com is in it")
    expect(dialog.get_by_role("button", name="Replay and plan 3 messages")).to_be_enabled()
    assert house.db.execute("select count(*) from public.bookings").fetchone() == (0,), "it was only looked at"
    page.keyboard.press("Escape")
    expect(replay).to_be_focused()

    replay.click()
    dialog.get_by_label("Messages that follow").select_option(notify)
    dialog.get_by_role("button", name="Replay and plan 3 messages" if notify == "all" else "Replay", exact=True).click()
    done = page.get_by_role("dialog", name="Replayed")
    expect(done).to_contain_text("Confirmation by e-mail, leaves at once" if notify == "all" else "Nothing is sent.")
    expect(done.get_by_role("link", name="Talk")).to_have_attribute(
        "href", re.compile("/portal/bookings/[0-9a-f-]{36}$")
    )
    assert violations(page) == []
    done.get_by_role("button", name="Close", exact=True).last.click()
    expect(page.get_by_role("heading", name="Webhooks", exact=True)).to_be_focused()
    expect(page.get_by_text("Every webhook could be applied.")).to_be_visible()
    expect(page.get_by_text("Nothing is in quarantine.")).to_be_visible()

    assert house.db.execute("select title, status from public.bookings").fetchall() == [("Talk", "confirmed")]
    assert house.db.execute("select distinct source from public.booking_events").fetchall() == [("replay",)]
    house.sweep()
    assert len(house.mails("client@example.com")) == (1 if notify == "all" else 0)


def test_nothing_is_done_that_was_not_shown(portal: Portal, house: House) -> None:
    """The API fails in the middle: the choice stays, nothing was changed, and it can be tried again."""
    portal.expect("status of 503")
    quarantine(house)
    quarantine(house, uid="kept too", bookingId=4712, title="Another talk")
    page = portal.open(PATH, "admin")
    expect(webhooks(page)).to_have_count(2)
    for box in webhooks(page).get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Replay 2 chosen …").click()
    dialog = page.get_by_role("dialog", name="Replay 2 events?")
    go = dialog.get_by_role("button", name="Replay and plan 6 messages")
    expect(go).to_be_enabled()
    with failing(page, 503, re.compile("/replay$")):
        dialog.get_by_label("Messages that follow").select_option("none")
        expect(dialog.get_by_role("alert")).to_contain_text("Our service does not answer right now.")
        expect(dialog.get_by_role("button", name="Looking …")).to_be_disabled()
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog.get_by_label("Messages that follow")).to_have_value("none")
    expect(dialog.get_by_role("button", name="Replay", exact=True)).to_be_enabled()
    assert house.db.execute("select count(*) from public.bookings").fetchone() == (0,)


def test_a_part_that_fails_leaves_the_others(portal: Portal, house: House) -> None:
    portal.expect("status of 503")
    post(house.env, b'{"triggerEvent": "BOOKING_CREATED", "payload": {}}')
    page = portal.window("admin")
    with failing(page, 503, re.compile("/rpc/health$")):
        page.goto(portal.url + PATH)
        expect(page.get_by_role("alert")).to_have_count(1)
        expect(webhooks(page)).to_contain_text("names no booking")
        expect(page.get_by_text("There has been no doubt yet.")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("figure")).to_have_count(4)
    with failing(page, 503, re.compile("/webhook_events")):
        page.get_by_role("tab", name="All that came").click()
        expect(page.get_by_role("alert")).to_have_count(1)
        expect(page.get_by_role("figure")).to_have_count(4)


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1440, "light")])
def test_hostile_bodies_are_only_text(portal: Portal, house: House, width: int, scheme: str) -> None:
    post(house.env, json.dumps({"triggerEvent": "BOOKING_CREATED", "payload": {"title": HOSTILE}}).encode())
    post(house.env, b"</pre><script>ran=1</script>")
    page = portal.open(PATH, "admin", width=width, scheme=scheme)
    expect(webhooks(page)).to_have_count(2)
    for summary in webhooks(page).locator("summary").all():
        summary.click()
    bodies = page.locator("pre")
    expect(bodies).to_have_count(2)
    expect(bodies.nth(1)).to_contain_text("<script>ran=1</script>\\u202exxx")
    assert "\u202e" not in bodies.nth(1).inner_text()
    assert page.evaluate("globalThis.ran") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for summary in page.locator("figure summary").all():
        summary.click()
    assert violations(page) == []


def test_days_are_those_of_the_viewer(portal: Portal, house: House) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
    house.book(PLAIN, monday(9))
    house.db.execute("update public.bookings set created_at = %s", [noon])
    for zone in ("Pacific/Auckland", "Europe/Lisbon"):
        page = portal.open(f"{PATH}?days=7", "admin", time_zone=zone)
        figure = page.get_by_role("figure", name="Bookings per day")
        expect(figure).to_contain_text("1 booking made, 0 moved, 0 cancelled.")
        figure.locator("summary").click()
        day = noon.astimezone(ZoneInfo(zone))
        expect(figure.get_by_role("row")).to_have_count(2)
        expect(figure.get_by_role("rowheader")).to_have_text(re.compile(rf"^{day:%a},? {day.day} {day:%b}"))
        page.get_by_role("button", name="90 days").click()
        expect(page).to_have_url(re.compile(r"\?days=90$"))
        expect(page.get_by_role("heading", name="The last 90 days")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="The last 7 days")).to_be_visible()


def test_pictures_follow_the_scheme_and_the_width(portal: Portal, house: House) -> None:
    house.book(PLAIN, monday(9))
    page = portal.open(PATH, "admin")
    picture = page.get_by_role("figure", name="Bookings per day").get_by_role("img")
    expect(picture).to_have_accessible_name(re.compile("^1 booking made, 0 moved, 0 cancelled"))
    bar = picture.locator("> path").first
    colors = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colors.append(bar.evaluate("bar => getComputedStyle(bar).fill"))
    assert colors[0] != colors[1]
    page.set_viewport_size({"width": 320, "height": 800})
    expect(picture).to_have_attribute("width", re.compile(r"^2\d\d$"))
    box = picture.bounding_box()
    assert box
    legend = page.get_by_role("figure", name="Bookings per day").locator(".legend")
    expect(legend).to_contain_text("Made 1")
    picture.hover(position={"x": box["width"] / 2, "y": 50})
    expect(legend).to_contain_text("Made 0")


def test_what_cal_com_had_otherwise_is_reported(portal: Portal, house: House) -> None:
    house.sim("faults", {"webhooks": {"drop": 1}})
    made = house.book(PLAIN, monday(9))
    house.sim("faults")
    scheduler = {"Authorization": f"Bearer {house.env['SCHEDULER_TOKEN']}"}
    httpx.post(f"{house.env['FUNCTIONS_URL']}/reconcile", headers=scheduler, timeout=60).raise_for_status()

    page = portal.open(PATH, "admin")
    drift = page.get_by_role("region", name="Drift")
    expect(drift).to_contain_text("1 difference,")
    expect(drift).to_contain_text("We did not have it")
    expect(drift).to_contain_text("Because its webhook never came.")
    link = drift.get_by_role("link", name="Booking")
    expect(link).to_have_attribute("href", f"/portal/bookings/{house.id_of(made['uid'])}")


def test_a_sweep_that_stands_still_is_told_on_every_page_of_the_team(portal: Portal, house: House) -> None:
    house.sweep()
    page = portal.open(PATH, "admin")
    expect(page.get_by_role("heading", name="Sweep: messages and second tries")).to_be_visible()
    banner = page.get_by_text("Messages are not leaving.")
    expect(banner).to_have_count(0)
    house.db.execute("update public.job_runs set finished_at = finished_at - interval '11 minutes'")
    page.reload()
    expect(banner).to_be_visible()
    expect(page.get_by_role("region", name="Jobs")).to_contain_text("Stands still")
    assert violations(page) == []
    house.book(PLAIN, monday(9))
    page.goto(f"{portal.url}/admin/clients/client@example.com")
    expect(page.get_by_text("Messages are not leaving.")).to_be_visible()


def test_hosts_and_clients_have_no_health_page(portal: Portal) -> None:
    for who in ("host", "client"):
        expect(portal.open(PATH, who).get_by_text("This page is for the team.")).to_be_visible()
