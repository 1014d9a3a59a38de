"""The page of preferences, by both kinds of links, over HTTP on the running system."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from shared.tokens import sign_link
from tests.conftest import Connection, Stack
from tests.functions.acting import PLAIN, House, monday
from tests.functions.preferring import PHONE, Preferring

CLIENT = "client@example.com"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
# The page of a fresh link as a browser sends it.
ALL: dict[str, Any] = {
    "save": "all",
    "email_reminders": "on",
    "reminder_leads": ["1440", "60"],
    "sms_lead": "60",
    "quiet_start": "21:00",
    "quiet_end": "08:00",
    "time_zone": "",
    "locale": "",
}


@pytest.fixture
def at(clean: Stack, db: Connection) -> Iterator[Preferring]:
    yield Preferring(House(clean.env, db))


@pytest.fixture
def booked(at: Preferring) -> Preferring:
    at.house.book(PLAIN, monday(), CLIENT)
    return at


# Turning off.


def test_one_click_turns_reminders_off_twice_the_same_and_only_them(booked: Preferring) -> None:
    booked.house.sweep()  # the webhook tries for a second only, and this machine may be slow
    [mail] = [one for one in booked.house.mails(CLIENT) if "List-Unsubscribe" in one["headers"]]
    url = re.fullmatch(r"<(\S+)>", mail["headers"]["List-Unsubscribe"])
    assert url and mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for _ in range(2):
        answer = httpx.post(url[1], data=ONE_CLICK)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert "No more reminders go to this address by e-mail." in answer.text
        assert "Confirmations, changes and cancellations still come." in answer.text
        assert "Mail me a link" in answer.text
        assert booked.row(CLIENT)["email_reminders"] is False
    planned = "select count(*) from notifications where recipient = %s and kind <> 'reminder'"
    assert booked.house.db.execute(planned, [CLIENT]).fetchone() == (1,)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (b"List-Unsubscribe=One-Click", "text/plain"),
        (b"list-unsubscribe=one-click\r\n", "application/x-www-form-urlencoded; charset=utf-8"),
        (
            b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"", "application/x-www-form-urlencoded"),
    ],
    ids=["form", "plain", "lower case", "multipart", "empty"],
)
@pytest.mark.parametrize("origin", ["", "https://mail.example.org"], ids=["no origin", "another origin"])
def test_one_click_in_every_shape(booked: Preferring, body: bytes, content_type: str, origin: str) -> None:
    headers = {"Content-Type": content_type} | ({"Origin": origin} if origin else {})
    assert booked.post(booked.token(CLIENT), body, **headers).status == 200
    assert booked.row(CLIENT)["email_reminders"] is False


@pytest.mark.parametrize("body", [b"x", b"{}", b"a=b&c", b"\xff\xfe=1", b"a=1&" * 100, b"email_reminders=off%00"])
def test_garbage_changes_nothing(booked: Preferring, body: bytes) -> None:
    before = booked.content()
    assert booked.post(booked.token(CLIENT), body).status in (400, 403)
    assert booked.post(booked.fresh(CLIENT), body).status in (400, 403)
    assert booked.content() == before


def test_the_buttons_of_the_page_turn_off_mails_and_texts(booked: Preferring) -> None:
    booked.verified(CLIENT)
    token = booked.token(CLIENT)
    page = booked.get(token)
    assert page.status == 200
    assert "Reminders by text are on." in page.text
    for name, still in (("sms_reminders", "Reminders by text are off."), ("email_reminders", "by e-mail are off.")):
        assert f'name="{name}" value="off"' in page.html
        page = booked.post(token, {name: "off"})
        assert page.status == 200
        assert still in page.text
        assert booked.row(CLIENT)[name] is False
    assert booked.consents(CLIENT) == [(PHONE, "portal", False)]


# What a mail that was passed on can do.


def test_a_link_from_a_mail_widens_nothing_whatever_is_posted(booked: Preferring) -> None:
    booked.verified(CLIENT)
    token = booked.token(CLIENT)
    before = booked.content()
    wishes: dict[str, Any] = {
        "email_reminders": "on",
        "sms_reminders": "on",
        "reminder_leads": "15",
        "sms_lead": "15",
        "phone": "+4915199999999",
        "phone_verified_at": "2020-01-01",
        "quiet_start": "10:00",
        "quiet_end": "11:00",
        "quiet_email": "on",
        "time_zone": "Asia/Tokyo",
        "locale": "fr",
        "email": "eve@example.com",
        "save": "all",
        "texts": "asked",
        "may_widen": "true",
    }
    for name, value in wishes.items():
        assert booked.post(token, {name: value}).status == 403, name
        assert booked.post(token, {name: value, "sms_reminders": "off", "x": "y"}).status == 403, name
    assert booked.post(token, wishes).status == 403
    assert booked.post(token, ALL).status == 403
    assert booked.content() == before


def test_a_link_from_a_mail_shows_neither_number_nor_address(booked: Preferring) -> None:
    booked.verified(CLIENT)
    booked.house.db.execute(
        "update notification_preferences set time_zone = 'Asia/Tokyo', reminder_leads = '{777}' where email = %s",
        [CLIENT],
    )
    token = booked.token(CLIENT)
    pages = [booked.get(token), booked.post(token, ALL), booked.post(token, b"x"), booked.post(token, ONE_CLICK)]
    for page in pages:
        assert "c•••@example.com" in page.text
        for secret in (PHONE, PHONE[3:], "5678", "78", CLIENT, "Client", "Tokyo", "777", "1 hour", token):
            assert secret not in page.text, secret
        assert token not in page.html


def test_whoever_holds_it_can_have_a_link_mailed_to_its_owner_only(booked: Preferring) -> None:
    page = booked.post(booked.token(CLIENT), {"link": "mail"})
    assert page.status == 200
    assert "on its way to c•••@example.com" in page.text
    [fresh] = booked.links(CLIENT)
    assert booked.get(fresh).status == 200
    assert 'name="save"' in booked.get(fresh).html


# Tokens.


def test_get_never_changes_anything(booked: Preferring) -> None:
    booked.verified(CLIENT)
    before = booked.content()
    for token in (booked.token(CLIENT), booked.fresh(CLIENT)):
        query = {
            "token": token,
            "email_reminders": "off",
            "List-Unsubscribe": "One-Click",
            "save": "all",
            "link": "mail",
        }
        for method in ("GET", "HEAD", "OPTIONS"):
            assert httpx.request(method, booked.url, params=query).status_code in (200, 204)
            assert httpx.request(method, f"{booked.url}/", params=query).status_code in (200, 204)
    assert booked.content() == before
    assert len(booked.links(CLIENT)) == 0


def test_tokens_that_are_worth_nothing_get_a_kind_page_and_change_nothing(booked: Preferring) -> None:
    good = booked.token(CLIENT)
    head, _, mac = good.rpartition(".")
    bad = [
        *("x", "..", good[:-2], f"{head}.{mac[::-1]}", good.replace(".", ".AAAA", 1), "\0", "é" * 50, "a" * 5000),
        booked.token(CLIENT, "preferences", -0.01),
        booked.token(CLIENT, "feed"),
        booked.token("+4915112345678"),
        sign_link("unsubscribe", CLIENT, "another secret", None),
    ]
    before = booked.content()
    for token in bad:
        for page in (booked.get(token), booked.post(token, ONE_CLICK), booked.post(token, ALL)):
            assert page.status == 403
            assert "This link does not work any more." in page.text
            assert f'action="{booked.url}/link"' in page.html
    assert booked.content() == before
    assert booked.get("").status == 200
    assert booked.post("", ONE_CLICK).status == 403


def test_an_address_that_we_do_not_know_leaves_no_row(at: Preferring) -> None:
    for address in (
        "stranger@example.com",
        '"><script>alert(1)</script>@example.com',
        "\u202egro.elpmaxe@eve",
        "x" * 900 + "@e",
    ):
        for token in (at.token(address), at.fresh(address)):
            for page in (at.get(token), at.post(token, ONE_CLICK)):
                assert page.status == 200
                assert "<script" not in page.html
                assert "\u202e" not in page.html
    assert at.house.db.execute("select count(*) from notification_preferences").fetchone() == (0,)


# A fresh link.


def test_a_fresh_link_saves_everything_but_the_number(booked: Preferring) -> None:
    token = booked.fresh(CLIENT)
    wishes = ALL | {
        "reminder_leads": ["15", "10080", "60"],
        "sms_lead": "120",
        "quiet_start": "22:30",
        "quiet_end": "07:00",
        "quiet_email": "on",
        "time_zone": "Asia/Kathmandu",
        "locale": "fr",
        "phone": "+4915199999999",
        "phone_verified_at": "2020-01-01",
        "email": "eve@example.com",
    }
    page = booked.post(token, wishes)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<html lang="fr">' in page.html
    assert "Enregistré." in page.text
    assert booked.row(CLIENT) == {
        "email": CLIENT,
        "email_reminders": True,
        "reminder_leads": [10080, 60, 15],
        "sms_reminders": False,
        "sms_lead": 120,
        "phone": None,
        "phone_verified_at": None,
        "quiet_start": "22:30:00",
        "quiet_end": "07:00:00",
        "quiet_email": True,
        "time_zone": "Asia/Kathmandu",
        "locale": "fr",
    }
    assert booked.post(token, ALL).status == 200
    again = booked.row(CLIENT)
    assert (again["time_zone"], again["locale"], again["quiet_email"]) == (None, None, False)
    assert booked.post(token, ONE_CLICK).status == 200
    assert booked.row(CLIENT)["email_reminders"] is False
    # Nothing but this link, and only for a while.
    assert booked.post(booked.token(CLIENT, "preferences", -0.01), ALL).status == 403


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"reminder_leads": ["15", "30", "60", "120", "180", "1440", "2880"]}, "at most 6"),
        ({"reminder_leads": ["14"]}, "cannot be used"),
        ({"reminder_leads": ["20161"]}, "cannot be used"),
        ({"reminder_leads": ["1e3"]}, "cannot be used"),
        ({"time_zone": "Mars/Olympus"}, "no such time zone"),
        ({"time_zone": "FOO3"}, "no such time zone"),
        ({"time_zone": '"><script>alert(1)</script>'}, "no such time zone"),
        ({"quiet_start": "25:00"}, "Nothing was saved"),
        ({"quiet_end": ""}, "Nothing was saved"),
        ({"sms_lead": "-60"}, "Nothing was saved"),
        ({"locale": "'; drop table"}, "Nothing was saved"),
    ],
)
def test_what_cannot_be_saved_is_marked_and_nothing_is_saved(booked: Preferring, wrong: Any, said: str) -> None:
    before = booked.content()
    page = booked.post(booked.fresh(CLIENT), ALL | wrong)
    assert page.status == 400
    assert "Nothing was saved." in page.text
    assert said in page.text
    assert "<script" not in page.html
    assert booked.content() == before


def test_a_lead_that_the_page_does_not_offer_is_kept(booked: Preferring) -> None:
    booked.house.db.execute(
        "insert into notification_preferences (email, reminder_leads, sms_lead, quiet_start)"
        " values (%s, '{777}', 45, '21:15')",
        [CLIENT],
    )
    page = booked.get(booked.fresh(CLIENT))
    assert 'value="777" checked' in page.html
    assert '<option value="45" selected>45 minutes' in page.html
    assert '<option value="21:15" selected>' in page.html


def test_texts_by_a_fresh_link_need_a_verified_number_and_words_that_were_read(booked: Preferring) -> None:
    token = booked.fresh(CLIENT)
    texts = ALL | {"texts": "asked", "sms_reminders": "on"}
    assert "no verified number" in booked.get(token).text
    assert booked.post(token, texts).status == 200
    assert booked.row(CLIENT)["sms_reminders"] is False
    booked.house.db.execute("delete from notification_preferences")

    booked.verified(CLIENT)
    page = booked.get(token)
    assert "Number ending in 78, verified." in page.text
    assert PHONE not in page.html
    assert PHONE[1:] not in page.html
    assert booked.post(token, ALL).status == 200  # a page that did not ask about texts says nothing of them
    assert booked.row(CLIENT)["sms_reminders"] is True
    assert booked.post(token, ALL | {"texts": "asked"}).status == 200
    assert booked.row(CLIENT)["sms_reminders"] is False
    assert booked.consents(CLIENT) == [(PHONE, "portal", False)]
    for _ in range(2):
        assert booked.post(token, texts).status == 200
    assert booked.row(CLIENT)["sms_reminders"] is True
    assert booked.consents(CLIENT) == [(PHONE, "portal", False), (PHONE, "link", True)]
    shown = booked.house.db.execute("select text_shown from sms_consents where source = 'link'").fetchone()
    assert shown is not None
    assert shown[0] in page.text

    booked.house.db.execute("update sms_consents set withdrawn_at = now() where withdrawn_at is null")
    booked.house.db.execute(
        "insert into suppressions (channel, address, reason) values ('sms', %s, 'stopped')", [PHONE]
    )
    assert "Text START from that telephone first." in booked.get(token).text
    assert booked.post(token, texts).status == 200
    assert [stands for _, _, stands in booked.consents(CLIENT)] == [False, False]


# Form.


@pytest.mark.parametrize(
    ("locale", "accepted", "language", "says"),
    [
        ("de-AT", "fr", "de", "Erinnerungen und Nachrichten"),
        (None, "fr-CH, en;q=0.8", "fr", "Rappels et messages"),
        (None, "pt, es;q=0.5, de;q=0", "es", "Recordatorios y mensajes"),
        (None, "pt;q=x,,;", "en", "Reminders and messages"),
        ("pt", "de", "en", "Reminders and messages"),
    ],
)
def test_four_languages(booked: Preferring, locale: str | None, accepted: str, language: str, says: str) -> None:
    booked.house.db.execute("insert into notification_preferences (email, locale) values (%s, %s)", [CLIENT, locale])
    for token in (booked.token(CLIENT), booked.fresh(CLIENT)):
        page = booked.get(token, **{"Accept-Language": accepted})
        assert f'<html lang="{language}">' in page.html
        assert says in page.text


def test_the_page_loads_and_runs_nothing(booked: Preferring) -> None:
    for page in (booked.get(booked.token(CLIENT)), booked.get(booked.fresh(CLIENT)), booked.get("x"), booked.get("")):
        style = re.search(r"<style>(.*?)</style>", page.html, re.DOTALL)
        assert style
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        policy = page.headers["content-security-policy"]
        assert f"style-src 'sha256-{digest}'" in policy
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<script|\son\w+=|\sstyle=|src=|<link", page.html)


def test_other_methods_paths_and_sizes(booked: Preferring) -> None:
    for method, path, status in (
        ("PUT", "", 405),
        ("DELETE", "", 405),
        ("GET", "/link", 405),
        ("GET", "/phone", 405),
        ("DELETE", "/phone/verify", 405),
        ("POST", "/nothing", 404),
    ):
        answer = httpx.request(method, booked.url + path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert booked.post(booked.token(CLIENT), b"x" * 70_000).status == 413
    assert httpx.post(f"{booked.url}/link", content=b"[]").json()["code"] == "invalid"


# A link by mail.


def test_a_link_is_mailed_to_those_we_know_and_all_are_told_the_same(booked: Preferring) -> None:
    booked.house.db.execute("update booking_attendees set locale = 'es'")
    addresses = [CLIENT, " Client@Example.com ", "stranger@example.com", "host@example.com", "", "no address", "é@é"]
    addresses += ["x" * 900, '"><script>@example.com', "a@b\r\nBcc: all@example.com"]
    with ThreadPoolExecutor(len(addresses)) as pool:
        answers = list(pool.map(booked.ask, addresses))
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, '{"accepted": true}')}
    assert {round(answer.elapsed.total_seconds()) for answer in answers} == {2}
    [token] = booked.links(CLIENT)  # asked twice at once: one mail
    [mail] = [one for one in booked.house.mails(CLIENT) if "preferences_link" in str(one["tags"])]
    assert mail["subject"] == "Su enlace a recordatorios y mensajes"
    assert mail["idempotency_key"].startswith("preferences-link-")
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["headers"]["List-Unsubscribe"][1:-1] in mail["text"]
    everything = httpx.get(f"{booked.house.env['RESEND_API_URL']}/_sim/messages").json()
    assert [one["to"] for one in everything if "preferences_link" in str(one["tags"])] == [[CLIENT]]
    assert booked.get(token).status == 200
    expires_at = int(token.split(".")[0])
    assert 14 * 60 < expires_at - time.time() <= 15 * 60


def test_three_an_hour_for_an_address(booked: Preferring) -> None:
    for _ in range(5):
        assert booked.ask(CLIENT, "203.0.113.9").status_code == 202
        booked.house.db.execute("update private.link_requests set asked_at = asked_at - interval '11 seconds'")
    assert len(booked.links(CLIENT)) == 3
    booked.house.db.execute("update private.link_requests set asked_at = asked_at - interval '1 hour'")
    assert booked.ask(CLIENT).status_code == 202
    assert len(booked.links(CLIENT)) == 4


def test_twenty_an_hour_from_a_network_whatever_it_claims(booked: Preferring) -> None:
    people = [f"p{number}@example.com" for number in range(21)]
    for person in people:
        booked.house.db.execute(
            "insert into booking_attendees (booking_id, email, role) select id, %s, 'guest' from bookings", [person]
        )
    with ThreadPoolExecutor(21) as pool:
        came = [f"198.51.100.{number}, 2001:db8::{number:x}" for number in range(21)]
        assert {answer.status_code for answer in pool.map(booked.ask, people, came)} == {202}
    assert sum(len(booked.links(person)) for person in people) == 20
    assert booked.ask(CLIENT, "2001:db8:0:1::1").status_code == 202  # another network
    assert len(booked.links(CLIENT)) == 1


def test_nothing_is_mailed_where_mails_come_back(booked: Preferring) -> None:
    booked.house.db.execute(
        "insert into suppressions (channel, address, reason) values ('email', %s, 'bounced')", [CLIENT]
    )
    assert booked.ask(CLIENT).status_code == 202
    assert booked.links(CLIENT) == []


@pytest.mark.parametrize("fault", [500, 429, "html", "reset"], ids=str)
def test_a_mail_that_fails_is_told_to_nobody(booked: Preferring, fault: Any) -> None:
    httpx.post(f"{booked.house.env['RESEND_API_URL']}/_sim/faults", json={"fail": [fault]}).raise_for_status()
    answer = booked.ask(CLIENT)
    assert (answer.status_code, answer.text) == (202, '{"accepted": true}')
    assert len(booked.links(CLIENT)) == (0 if fault == 429 else 1)  # again under the same key, while there is time


def test_the_form_of_the_page_asks_too(booked: Preferring) -> None:
    answer = httpx.post(f"{booked.url}/link", data={"email": CLIENT}, headers={"Accept-Language": "de"}, timeout=10)
    assert (answer.status_code, answer.headers["content-type"]) == (202, "text/html; charset=utf-8")
    assert "ist ein Link unterwegs" in answer.text
    assert CLIENT not in answer.text
    assert len(booked.links(CLIENT)) == 1


def test_no_token_address_or_number_is_logged(booked: Preferring, stack: Stack) -> None:
    booked.verified(CLIENT, "+4915112349999")
    token, fresh = booked.token(CLIENT), booked.fresh(CLIENT)
    booked.get(token)
    booked.post(fresh, ALL)
    booked.ask(CLIENT)
    [mailed] = booked.links(CLIENT)
    booked.get(mailed)
    for secret in (token, fresh, mailed, "+4915112349999"):
        assert secret not in stack.log


def test_what_is_wished_is_planned_at_once(booked: Preferring) -> None:
    def reminders() -> list[tuple[Any, ...]]:
        return booked.house.db.execute(
            "select channel, lead_minutes, status, reason from notifications"
            " where kind = 'reminder' and recipient in (%s, %s) order by 1, 2",
            [CLIENT, PHONE],
        ).fetchall()

    assert reminders() == [("email", 60, "planned", None), ("email", 1440, "planned", None)]
    booked.verified(CLIENT)
    texts = ALL | {"texts": "asked", "sms_reminders": "on", "reminder_leads": "120", "sms_lead": "30"}
    assert booked.post(booked.fresh(CLIENT), texts).status == 200
    wished = [("email", 120, "planned", None), ("sms", 30, "planned", None)]
    assert [row for row in reminders() if row[2] == "planned"] == wished
    for name, channel in (("email_reminders", "email"), ("sms_reminders", "sms")):
        assert booked.post(booked.token(CLIENT), {name: "off"}).status == 200
        assert {row[2:] for row in reminders() if row[0] == channel} == {("skipped", "opted_out")}


def test_wishes_from_everywhere_at_once_wait_for_each_other(booked: Preferring, stack: Stack) -> None:
    booked.verified(CLIENT)
    token, fresh, phone = booked.token(CLIENT), booked.fresh(CLIENT), booked.house.env["TWILIO_API_URL"]
    texts = ALL | {"texts": "asked", "sms_reminders": "on"}
    mine = {"email": f"eq.{CLIENT}"}

    def text(word: str) -> int:
        order = {"from": PHONE, "body": word}
        return httpx.post(f"{phone}/_sim/receipts", json=order, timeout=30).status_code

    before = stack.log.count("database refused")
    with closing(booked.house.person(CLIENT)) as person:
        acts: list[Callable[[], int]] = [
            lambda: booked.post(fresh, texts).status,
            lambda: booked.post(fresh, ALL | {"texts": "asked"}).status,
            lambda: booked.post(token, {"sms_reminders": "off"}).status,
            lambda: 200 * isinstance(person.update("notification_preferences", mine, {"sms_reminders": False}), list),
            lambda: text("STOP"),
            lambda: text("START"),
        ]
        with ThreadPoolExecutor(len(acts)) as pool:
            answers = pool.map(lambda act: [act() for _ in range(12)], acts)
        assert [set(statuses) for statuses in answers] == [{200}] * len(acts)
    assert stack.log.count("database refused") == before
