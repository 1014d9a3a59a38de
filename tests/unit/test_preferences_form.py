"""What is posted to the page of preferences becomes changes, or is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from shared.errors import Invalid, NotAllowed
from shared.preferences_form import Asked, read

ALL: dict[str, Any] = {
    "save": "all",
    "email_reminders": "on",
    "reminder_leads": ["60", "1440", "60"],
    "sms_lead": "15",
    "quiet_start": "21:00",
    "quiet_end": "08:30:00",
    "time_zone": " Europe/Berlin ",
    "locale": "de-AT",
}
TEXTS = (
    "\0",
    "x" * 60_000,
    "<script>",
    "\u202e",
    "é",
    "\ud800",
    "-1",
    "1e9",
    "&save=all",
    "\r\nBcc: a@example.com",
    "''",
    "٣",
)
ONE_CLICK = b"List-Unsubscribe=One-Click"


def form(**fields: Any) -> bytes:
    return urlencode(fields, doseq=True).encode()


def test_the_whole_page() -> None:
    asked = read(form(**ALL), may_widen=True)
    assert asked.changes == {
        "email_reminders": True,
        "reminder_leads": [1440, 60],
        "sms_lead": 15,
        "quiet_start": "21:00",
        "quiet_end": "08:30",
        "quiet_email": False,
        "time_zone": "Europe/Berlin",
        "locale": "de-AT",
    }
    assert (asked.problems, asked.saved_all, asked.mail_link) == ({}, True, False)


def test_no_lead_and_no_zone_are_wishes_too() -> None:
    asked = read(form(**ALL | {"reminder_leads": [], "time_zone": "", "locale": ""}), may_widen=True)
    assert (asked.changes["reminder_leads"], asked.changes["time_zone"], asked.changes["locale"]) == ([], None, None)
    assert not asked.problems


def test_texts_are_changed_only_where_the_page_asked_about_them() -> None:
    assert "sms_reminders" not in read(form(**ALL, sms_reminders="on"), may_widen=True).changes
    assert read(form(**ALL, texts="asked"), may_widen=True).changes["sms_reminders"] is False
    assert read(form(**ALL, texts="asked", sms_reminders="on"), may_widen=True).changes["sms_reminders"] is True


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("reminder_leads", ["15", "30", "60", "120", "180", "1440", "2880"], "email.too_many"),
        ("reminder_leads", ["14"], "form.unusable"),
        ("reminder_leads", ["٦٠"], "form.unusable"),
        ("reminder_leads", ["99999"], "form.unusable"),
        ("sms_lead", "", "form.unusable"),
        ("quiet_start", "24:00", "form.unusable"),
        ("quiet_end", "8:00", "form.unusable"),
        ("time_zone", "Europe/Nowhere", "place.unknown_zone"),
        ("time_zone", "../../etc/passwd", "place.unknown_zone"),
        ("locale", "de_", "form.unusable"),
    ],
)
def test_what_cannot_be_saved_is_named(field: str, value: Any, problem: str) -> None:
    assert read(form(**ALL | {field: value}), may_widen=True).problems == {field: problem}


@pytest.mark.parametrize("may_widen", [False, True])
@pytest.mark.parametrize(
    "body",
    [
        ONE_CLICK,
        b" \r\nlist-UNSUBSCRIBE=one-click\r\n",
        b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--',
        b"--b\r\nContent-Disposition: form-data; name=List-Unsubscribe\r\nContent-Type: x/y\r\n\r\nOne-Click\r\n--b--",
    ],
    ids=["form", "other case", "multipart", "multipart with a type"],
)
def test_one_click(body: bytes, may_widen: bool) -> None:
    assert read(body, may_widen=may_widen) == Asked({"email_reminders": False})


def test_an_empty_body_is_one_click_only_for_a_link_from_a_mail() -> None:
    assert read(b"\r\n", may_widen=False) == Asked({"email_reminders": False})
    with pytest.raises(Invalid):
        read(b"", may_widen=True)


@pytest.mark.parametrize("off", ["off", "false", "0", "no"])
@pytest.mark.parametrize("may_widen", [False, True])
def test_a_button_turns_one_thing_off(off: str, may_widen: bool) -> None:
    assert read(form(sms_reminders=off), may_widen=may_widen) == Asked({"sms_reminders": False})
    assert read(form(email_reminders=off), may_widen=may_widen) == Asked({"email_reminders": False})


@pytest.mark.parametrize(
    "fields",
    [
        ALL,
        {"email_reminders": "on"},
        {"email_reminders": ["off", "on"]},
        {"email_reminders": ""},
        {"email_reminders": "off", "time_zone": "UTC"},
        {"phone": "+4915112345678"},
        {"link": "mail", "locale": "de"},
    ],
    ids=["all", "on", "off and on", "neither", "off and more", "number", "link and more"],
)
def test_a_link_from_a_mail_may_do_nothing_else(fields: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed):
        read(form(**fields), may_widen=False)


@pytest.mark.parametrize(
    "body", [b"x", b"\xff=1", b"a", b"=&=", b"a=%00", b"a=1&" * 61 + b"b=2", b'{"email_reminders":0}']
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    for may_widen in (False, True):
        with pytest.raises((Invalid, NotAllowed)):
            read(body, may_widen=may_widen)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    for field in ALL:
        body = urlencode(ALL | {field: text}, doseq=True, errors="replace").encode()
        try:
            read(body, may_widen=True)
        except Invalid:
            assert "\0" in text
