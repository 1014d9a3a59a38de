"""The page of preferences and the mail with a link to it: words, languages, what is shown, and its markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from string import Formatter
from typing import Any

import pytest

from local.pages import examples, preferences
from shared import preferences_page
from shared.preferences_page import language_for, masked, narrow, wide, words_of
from shared.wording import LANGUAGES

PORTAL = "https://booking.example.com/portal"
PAGES = [(name, language) for language in LANGUAGES for name, _ in examples("en")]
_VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """What a page holds; fails where elements do not close in order."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[tuple[str, ...]] = []  # of each element, those around it
        self._open: list[str] = []
        self.feed(page.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        self.inside.append(tuple(self._open))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def shown(name: str, language: str) -> bytes:
    return dict(examples(language))[name]


def test_every_language_has_the_same_words_and_places() -> None:
    def shape(language: str) -> dict[tuple[str, str], set[str | None]]:
        return {
            (section, key): {place for _, place, _, _ in Formatter().parse(text) if place}
            for section, texts in words_of(language).items()
            for key, text in texts.items()
        }

    for language in LANGUAGES:
        assert shape(language) == shape("en")
        assert all(text.strip() for texts in words_of(language).values() for text in texts.values())


def test_no_word_is_left_over() -> None:
    used = "".join(path.read_text() for path in preferences_page._FOLDER.glob("*.html"))
    used += (preferences_page._FOLDER / "mail.txt").read_text()
    used += "".join((preferences_page._FOLDER.parent.parent / f"{name}.py").read_text() for name in _SOURCES)
    for section, texts in words_of("en").items():
        for key in texts:
            assert key.isdigit() or key in _NAMED_BY_SQL or re.search(rf"\b{key}\b", used), (section, key)


_NAMED_BY_SQL = ("stopped", "suppressed")  # why no texts may go to a number
_SOURCES = ("preferences_page", "preferences_by_link", "preferences_form", "phone_verification", "link_mail")


@pytest.mark.parametrize(("name", "language"), PAGES)
def test_a_page_is_whole_and_can_be_used_by_everybody(name: str, language: str) -> None:
    page = Page(shown(name, language))
    assert page.all("html")[0]["lang"] == language
    assert len(page.all("h1")) == 1
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        for reference in ("aria-describedby", "aria-labelledby", "list"):
            assert set((attributes.get(reference) or "").split()) <= set(ids), (tag, attributes)
        assert not [one for one in attributes if one.startswith("on")]
    for (tag, attributes), around in zip(page.elements, page.inside, strict=True):
        if tag in ("input", "select") and attributes.get("type") != "hidden":
            assert "label" in around, attributes
        if tag == "style":
            assert "head" in around
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object", "base"}


def test_a_hostile_person_breaks_no_page() -> None:
    hostile = preferences(
        email='"><script>alert(1)</script>\u202e@<b>evil</b>.example',
        time_zone='"><img src=x onerror=alert(1)>',
        phone_ending="<b",
        locale="de-AT",
    )
    for page in (narrow(hostile, "en"), wide(hostile, "en", PORTAL)):
        Page(page)
        for text in (b"<script", b"<img", b"<b", "\u202e".encode()):
            assert text not in page.split(b"<body>")[1].replace(b"<button", b"")


def test_what_a_link_from_a_mail_shows() -> None:
    page = narrow(preferences(), "en").decode()
    for secret in ("client@example.com", "78", "Berlin", "21:00", "1 day"):
        assert secret not in page.split("</style>")[1]
    assert "Turn off reminders by e-mail" in page
    assert "Turn off reminders by text" in page
    off = narrow(preferences(email_reminders=False, sms_reminders=False), "en").decode()
    assert "Turn off reminders by" not in off
    assert "Reminders by text" not in off


@pytest.mark.parametrize(
    ("changes", "box"),
    [
        ({}, True),
        ({"sms_consent": False}, False),
        ({"sms_reminders": False}, False),
        ({"no_texts": "stopped"}, None),
        ({"no_texts": "suppressed"}, None),
        ({"phone_verified": False}, None),
    ],
    ids=str,
)
def test_texts_show_as_on_only_where_they_would_come(changes: dict[str, Any], box: bool | None) -> None:
    page = Page(wide(preferences(**changes), "en", PORTAL))
    boxes = [one for one in page.all("input") if one.get("name") == "sms_reminders"]
    assert ["checked" in one for one in boxes] == ([] if box is None else [box])
    asked = [one for one in page.all("input") if one.get("name") == "texts"]
    assert bool(asked) == (box is not None)


def test_the_page_offers_useful_leads_half_hours_and_all_zones() -> None:
    page = Page(wide(preferences(reminder_leads=[2880]), "en", PORTAL))
    leads = [one for one in page.all("input") if one.get("name") == "reminder_leads"]
    assert [one["value"] for one in leads] == ["15", "30", "60", "120", "180", "1440", "2880", "10080", "20160"]
    assert [one["value"] for one in leads if "checked" in one] == ["2880"]
    values = {one.get("value") for one in page.all("option")}
    assert {"00:00", "23:30", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "UTC", "en", "fr"} <= values


@pytest.mark.parametrize(
    ("locale", "accepted", "language"),
    [
        ("de-AT", "fr", "de"),
        ("pt", "fr", "en"),
        (None, None, "en"),
        (None, "", "en"),
        (None, "*", "en"),
        (None, "es-419,es;q=0.9", "es"),
        (None, "en;q=0.1, FR;q=0.2", "fr"),
        (None, "de;q=0, pt", "en"),
        (None, "de;q=nan, es;q=0.001", "es"),
        (None, "de," * 10_000, "de"),
    ],
)
def test_which_language(locale: str | None, accepted: str | None, language: str) -> None:
    assert language_for(locale, accepted) == language


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("client@example.com", "c•••@example.com"),
        ("c@example.com", "c•••@example.com"),
        ('"a@b"@example.com', '"•••@example.com'),
        ("\u202ex@example.com", "•••@example.com"),
    ],
)
def test_an_address_is_masked(address: str, shown: str) -> None:
    assert masked(address) == shown


def test_the_policy_allows_the_pages_own_style_and_forms_to_us() -> None:
    policy = preferences_page.security_policy("https://functions.example.com")
    assert "form-action 'self' https://functions.example.com;" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy  # none: default-src


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_mail_says_the_same_in_both_parts(language: str) -> None:
    html, text = preferences_page.mail_parts(
        language,
        link="https://x.example.com/?token=1.a-b.c_d",
        unsubscribe="https://x.example.com/u",
        address="a&b@example.com",
    )
    mail = words_of(language)["mail"]
    assert "https://x.example.com/?token=1.a-b.c_d" in html
    for word in (mail["lead"], mail["button"], mail["holds"], mail["ignore"], "https://x.example.com/u"):
        assert word in text
    assert "a&b@example.com" in text
    assert "a&amp;b@example.com" in html


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_apart(scheme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", preferences_page._style(), re.DOTALL)[scheme]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    texts = [(ink, behind) for ink in ("ink", "soft", "link", "good", "bad") for behind in ("card", "page")]
    for front, behind, least in [*((*pair, 4.5) for pair in texts), ("on", "link", 4.5), ("edge", "card", 3.0)]:
        darker, lighter = sorted((_luminance(colours[front]), _luminance(colours[behind])))
        assert (lighter + 0.05) / (darker + 0.05) >= least, (front, behind)
