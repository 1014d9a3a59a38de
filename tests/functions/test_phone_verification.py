"""A number is verified by a texted code, over HTTP on the running system with the stand-in for Twilio."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.conftest import Connection, Stack
from tests.database.api import Caller
from tests.functions.acting import House
from tests.functions.preferring import PHONE, Preferring

CLIENT, OTHER = "client@example.com", "other@example.com"
CONSENT = "I agree to get text reminders."
OTHER_PHONE = "+4915112345679"


@pytest.fixture
def at(clean: Stack, db: Connection) -> Iterator[Preferring]:
    yield Preferring(House(clean.env, db))


@pytest.fixture
def client(at: Preferring) -> Iterator[Caller]:
    with closing(at.house.person(CLIENT)) as caller:
        yield caller


@pytest.fixture
def other(at: Preferring) -> Iterator[Caller]:
    with closing(at.house.person(OTHER)) as caller:
        yield caller


def begin(at: Preferring, who: Caller, phone: str = PHONE, **more: str) -> httpx.Response:
    return at.house.call(who, "POST", "preferences/phone", {"phone": phone, **more})


def verify(at: Preferring, who: Caller, code: str, consent: str = CONSENT) -> httpx.Response:
    return at.house.call(who, "POST", "preferences/phone/verify", {"code": code, "consent_text": consent})


def texts(at: Preferring, phone: str = PHONE) -> list[str]:
    listed = httpx.get(f"{at.house.env['TWILIO_API_URL']}/_sim/messages", params={"to": phone}).json()
    return [message["text"] for message in listed]


def code_of(at: Preferring, phone: str = PHONE) -> str:
    found = re.search(r"\b\d{6}\b", texts(at, phone)[-1])
    assert found
    return found[0]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def later(at: Preferring, interval: str) -> None:
    at.house.db.execute("update private.phone_codes set made_at = made_at - %s::interval", [interval])


def twilio_fails(at: Preferring, *faults: Any) -> None:
    httpx.post(f"{at.house.env['TWILIO_API_URL']}/_sim/faults", json={"fail": list(faults)}).raise_for_status()


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def test_from_a_number_to_texts(at: Preferring, client: Caller) -> None:
    answer = begin(at, client, "+49 (0)151 1234-5678")
    assert (answer.status_code, answer.json()) == (202, {"outcome": "sent", "phone": PHONE, "expires_in": 600})
    [text] = texts(at)
    assert "Example" not in text or len(text) <= 160
    assert at.row(CLIENT) == {}
    answer = verify(at, client, f" {code_of(at)[:3]} {code_of(at)[3:]} ")
    assert answer.status_code == 200
    wishes = answer.json()["preferences"]
    assert (wishes["phone"], wishes["sms_reminders"], wishes["sms_consent"]) == (PHONE, True, True)
    assert wishes["phone_verified_at"]
    shown = at.house.db.execute("select email, phone, text_shown, source, withdrawn_at from sms_consents").fetchall()
    assert shown == [(CLIENT, PHONE, CONSENT, "portal", None)]
    assert code(verify(at, client, code_of(at))) == (400, "expired_code")  # once


def test_a_code_is_tried_five_times(at: Preferring, client: Caller) -> None:
    begin(at, client)
    right = code_of(at)
    left = [verify(at, client, wrong(right)).json()["tries_left"] for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    assert code(verify(at, client, right)) == (400, "expired_code")
    assert at.row(CLIENT) == {}
    begin(at, client)
    assert code(verify(at, client, wrong(code_of(at)))) == (400, "wrong_code")
    assert verify(at, client, code_of(at)).status_code == 200


def test_many_guesses_at_once_are_five(at: Preferring, client: Caller) -> None:
    begin(at, client)
    guesses = [wrong(code_of(at))] * 20
    with ThreadPoolExecutor(10) as pool:
        codes = [code(answer)[1] for answer in pool.map(lambda guess: verify(at, client, guess), guesses)]
    assert codes.count("wrong_code") == 5
    assert codes.count("expired_code") == 15


def test_a_code_is_good_for_ten_minutes(at: Preferring, client: Caller) -> None:
    begin(at, client)
    later(at, "9 minutes 55 seconds")
    assert code(verify(at, client, wrong(code_of(at)))) == (400, "wrong_code")
    later(at, "6 seconds")
    assert code(verify(at, client, code_of(at))) == (400, "expired_code")


def test_a_code_belongs_to_who_asked_and_to_the_newest_number(at: Preferring, client: Caller, other: Caller) -> None:
    begin(at, client)
    assert code(verify(at, other, code_of(at))) == (400, "expired_code")
    begin(at, other, OTHER_PHONE)
    if code_of(at) != code_of(at, OTHER_PHONE):
        assert code(verify(at, other, code_of(at))) == (400, "wrong_code")
    first = code_of(at)
    begin(at, client, "+4915112345670")
    if first != code_of(at, "+4915112345670"):
        assert code(verify(at, client, first)) == (400, "wrong_code")
    assert verify(at, client, code_of(at, "+4915112345670")).json()["preferences"]["phone"] == "+4915112345670"
    assert verify(at, other, code_of(at, OTHER_PHONE)).json()["preferences"]["phone"] == OTHER_PHONE


def test_nobody_verifies_a_number_with_a_code_of_their_own_making(at: Preferring, client: Caller) -> None:
    arguments = {
        "p_user_id": at.house.db.execute("select id::text from auth.users").fetchone()[0],  # type: ignore[index]
        "p_id": "00000000-0000-0000-0000-000000000001",
        "p_phone": PHONE,
        "p_code_hash": "0" * 64,
    }
    assert str(client.call("begin_phone_verification", arguments)) == "Denied(code='42501')"
    assert str(client.update("notification_preferences", {"email": f"eq.{CLIENT}"}, {"phone": PHONE})).startswith(
        "Denied"
    )


def test_three_texts_a_day_for_a_person(at: Preferring, client: Caller) -> None:
    for number in range(3):
        assert begin(at, client, f"+491511234567{number}").status_code == 202
    answer = begin(at, client, "+4915112345673")
    assert code(answer) == (429, "rate_limited")
    assert 86_300 < int(answer.headers["Retry-After"]) <= 86_400
    assert texts(at, "+4915112345673") == []
    later(at, "1 day")
    assert begin(at, client, "+4915112345673").status_code == 202


def test_three_texts_a_day_for_a_number_whoever_asks(at: Preferring, client: Caller, other: Caller) -> None:
    callers = [client, other] * 4
    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda who: begin(at, who), callers)]
    assert sorted(statuses) == [202] * 3 + [429] * 5
    assert len(texts(at)) == 3


@pytest.mark.parametrize(
    "phone",
    [
        *(
            "",
            "x",
            "12",
            "+49 30 123456",
            "+15551234567",
            "+4915112345678 ext 5",
            "tel:+4915112345678",
            "0151 12345678",
        ),
        *("+4915112345678; +4915112345679", "+491511234567800000", "+999123456789", "‮+4915112345678", "a" * 61),
    ],
)
def test_what_is_no_number_for_texts_costs_nothing(at: Preferring, client: Caller, phone: str) -> None:
    answer = begin(at, client, phone)
    assert code(answer) == (400, "invalid")
    assert not phone or phone not in answer.text
    assert httpx.get(f"{at.house.env['TWILIO_API_URL']}/_sim/requests").json() == []
    assert at.house.db.execute("select count(*) from private.phone_codes").fetchone() == (0,)


def test_a_number_without_its_country_is_read_as_one_of_the_persons(at: Preferring, client: Caller) -> None:
    assert begin(at, client, "0151 12345678", country="de").json()["phone"] == PHONE
    at.house.db.execute(
        "insert into notification_preferences (email, time_zone) values (%s, 'Europe/Berlin')", [CLIENT]
    )
    assert begin(at, client, "0151 12345678").json()["phone"] == PHONE
    at.house.db.execute("update notification_preferences set time_zone = null, locale = 'en-US'")
    assert begin(at, client, "(202) 555-0123").json()["phone"] == "+12025550123"


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_the_text_is_in_the_persons_language_and_one_segment(at: Preferring, client: Caller, language: str) -> None:
    at.house.db.execute("insert into notification_preferences (email, locale) values (%s, %s)", [CLIENT, language])
    begin(at, client)
    [text] = texts(at)
    word = {"en": "verify", "de": "bestätigen", "fr": "vérifier", "es": "verificar"}[language]
    assert word in text
    assert len(text) <= 160


@pytest.mark.parametrize("fault", [500, "html", "reset", "timeout_after_accept"], ids=str)
def test_an_answer_in_doubt_says_perhaps_and_is_never_repeated(at: Preferring, client: Caller, fault: Any) -> None:
    twilio_fails(at, fault)
    answer = begin(at, client)
    assert (answer.status_code, answer.json()["outcome"]) == (202, "perhaps_sent")
    assert len(httpx.get(f"{at.house.env['TWILIO_API_URL']}/_sim/requests").json()) == 1
    if fault == "timeout_after_accept":
        assert verify(at, client, code_of(at)).status_code == 200


def test_what_was_certainly_not_texted_counts_for_nothing(at: Preferring, client: Caller) -> None:
    twilio_fails(at, 429, 429, 401, 21614, 21610)
    for expected in ((503, "upstream_unavailable"),) * 3 + ((400, "invalid"), (409, "stopped")):
        assert code(begin(at, client)) == expected
    assert code(verify(at, client, "000000")) == (400, "expired_code")
    for _ in range(3):
        assert begin(at, client).status_code == 202
    at.house.db.execute("update private.phone_codes set texted = false")
    for _ in range(2):
        assert begin(at, client).status_code == 202
    assert code(begin(at, client)) == (429, "rate_limited")  # ten tries an hour, with whatever number


def test_who_stopped_is_told_to_text_start(at: Preferring, client: Caller) -> None:
    begin(at, client)
    at.house.db.execute("insert into suppressions (channel, address, reason) values ('sms', %s, 'stopped')", [PHONE])
    for answer in (verify(at, client, code_of(at)), begin(at, client)):
        assert code(answer) == (409, "stopped")
        assert "START" in answer.json()["detail"]
    assert len(texts(at)) == 1
    assert at.row(CLIENT) == {}
    at.house.db.execute("delete from suppressions")
    assert verify(at, client, code_of(at)).status_code == 200


def test_who_cannot_be_reached_is_told_so(at: Preferring, client: Caller) -> None:
    at.house.db.execute("insert into suppressions (channel, address, reason) values ('sms', %s, 'bounced')", [PHONE])
    assert code(begin(at, client)) == (409, "suppressed")
    assert texts(at) == []


def test_another_number_needs_another_consent(at: Preferring, client: Caller) -> None:
    at.verified(CLIENT)
    begin(at, client, OTHER_PHONE)
    assert at.consents(CLIENT) == [(PHONE, "portal", True)]
    verify(at, client, code_of(at, OTHER_PHONE))
    assert at.consents(CLIENT) == [(PHONE, "portal", False), (OTHER_PHONE, "portal", True)]
    begin(at, client, OTHER_PHONE)  # the same once more, under other words
    verify(at, client, code_of(at, OTHER_PHONE), "Other words")
    assert [stands for _, _, stands in at.consents(CLIENT)] == [False, False, True]


def test_a_number_is_removed(at: Preferring, client: Caller) -> None:
    at.verified(CLIENT)
    begin(at, client, OTHER_PHONE)
    for _ in range(2):
        answer = at.house.call(client, "DELETE", "preferences/phone")
        assert answer.status_code == 200
        assert answer.json()["preferences"]["phone"] is None
    row = at.row(CLIENT)
    assert (row["phone"], row["phone_verified_at"], row["sms_reminders"]) == (None, None, False)
    assert at.consents(CLIENT) == [(PHONE, "portal", False)]
    assert code(verify(at, client, code_of(at, OTHER_PHONE))) == (400, "expired_code")


def test_turning_texts_off_in_the_portal_takes_the_consent_back(at: Preferring, client: Caller) -> None:
    at.verified(CLIENT)
    where = {"email": f"eq.{CLIENT}"}
    client.update("notification_preferences", where, {"sms_lead": 30})
    assert at.consents(CLIENT) == [(PHONE, "portal", True)]
    client.update("notification_preferences", where, {"sms_reminders": False})
    assert at.consents(CLIENT) == [(PHONE, "portal", False)]
    client.update("notification_preferences", where, {"sms_reminders": True})
    assert at.consents(CLIENT) == [(PHONE, "portal", False)]
    for _ in range(2):  # the number is verified: other words are enough
        assert client.call("consent_to_texts", {"p_consent_text": "Text me again"}) == {"consented": True}
    assert at.consents(CLIENT) == [(PHONE, "portal", False), (PHONE, "portal", True)]
    for words in (" ", "x" * 2001):
        assert str(client.call("consent_to_texts", {"p_consent_text": words})) == "Denied(code='PT400')"


@pytest.mark.parametrize(
    "body",
    [
        {"code": "12345", "consent_text": "x"},
        {"code": "12345a", "consent_text": "x"},
        {"code": "١٢٣٤٥٦", "consent_text": "x"},
        {"code": "123456", "consent_text": "  "},
        {"code": "123456", "consent_text": "x\0"},
        {"code": "123456", "consent_text": "x" * 2001},
        {"code": "123456"},
        {"code": 123456, "consent_text": "x"},
        {"code": "123456", "consent_text": "x", "phone": PHONE},
    ],
    ids=str,
)
def test_hostile_bodies(at: Preferring, client: Caller, body: Any) -> None:
    begin(at, client)
    answer = at.house.call(client, "POST", "preferences/phone/verify", body)
    assert code(answer) == (400, "invalid")
    assert at.house.db.execute("select tries from private.phone_codes").fetchone() == (0,)


def test_only_who_is_signed_in_and_confirmed(at: Preferring, client: Caller) -> None:
    for method, path in (("POST", "phone"), ("POST", "phone/verify"), ("DELETE", "phone")):
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {at.fresh(CLIENT)}"}):
            answer = httpx.request(method, f"{at.url}/{path}", headers=headers, content=b"{}")
            assert code(answer) == (401, "not_signed_in")
    at.house.db.execute("update auth.users set email_confirmed_at = null")
    for answer in (
        begin(at, client),
        verify(at, client, "123456"),
        at.house.call(client, "DELETE", "preferences/phone"),
    ):
        assert code(answer) == (403, "not_allowed")
    assert texts(at) == []


def test_browsers_of_the_portal_may_call(at: Preferring) -> None:
    origin = at.house.env["ALLOWED_ORIGINS"].split(",")[0]
    for asking, allowed in ((origin, origin), ("https://evil.example", None)):
        answer = httpx.options(f"{at.url}/phone", headers={"Origin": asking, "Access-Control-Request-Method": "DELETE"})
        assert answer.status_code == 204
        assert answer.headers.get("access-control-allow-origin") == allowed
    assert (
        "DELETE" in httpx.options(f"{at.url}/phone", headers={"Origin": origin}).headers["access-control-allow-methods"]
    )


def test_neither_code_nor_number_is_kept_or_logged(at: Preferring, client: Caller, stack: Stack) -> None:
    phone = "+4915112340000"
    begin(at, client, phone)
    typed = code_of(at, phone)
    kept = at.house.db.execute("select c::text from private.phone_codes c").fetchall()
    assert typed not in str(kept)
    verify(at, client, typed)
    for secret in (phone, phone[1:]):
        assert secret not in stack.log
    later(at, "1 day 1 minute")
    begin(at, client)
    assert at.house.db.execute("select phone from private.phone_codes").fetchall() == [(PHONE,)]


def test_a_verified_number_is_forgotten_with_the_person(at: Preferring, client: Caller) -> None:
    begin(at, client)
    at.house.db.execute("select erase_person(%s)", [CLIENT])
    assert at.house.db.execute("select count(*) from private.phone_codes").fetchone() == (0,)
