"""Text that strangers typed changes nothing but itself."""

from __future__ import annotations

import unicodedata
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.mails import example
from shared.messages import Email
from shared.untrusted import mail_address, one_line, paragraphs, shorten
from tests.unit.rendered import KINDS, attended, mail, visible, written

TYPED = ("title", "host_name", "description", "location", "cancellation_reason", "contact", "meeting_url")
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></tr></table><h1>Win</h1>",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}{label}{0}%s",
    "<!--[if mso]><b>mso</b><![endif]-->",
    "]]></style><style>*{display:none}",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200fy",
    "Clara\r\nBcc: all@example.com\r\n\r\nHello",
    "a\u2028b\u2029c\x0bd\x0ce\x85f\x1cg\x00h\x7fi",
    "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪" * 200,
    "Z̸̧̢̛͓̲͉̈́̓" * 500,
    "x" * 5000,
    "שלום עולם مرحبا",
    "javascript:alert(document.cookie)",
]


class Skeleton(HTMLParser):
    """The elements of a mail and the names of their attributes, without any text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.bones: list[tuple[str, ...]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            self.bones.append((tag, *(name for name, _ in attrs)))

    def handle_comment(self, data: str) -> None:
        self.bones.append(("comment", data))


def hostile(kind: str, typed: str) -> Email:
    fields: dict[str, Any] = dict.fromkeys(TYPED, typed)
    return mail(attended(example(kind, **fields), name=typed))


def assert_header_safe(email: Email) -> None:
    assert email.subject.isprintable() or not any(
        unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Cs") for letter in email.subject
    )
    assert "\n" not in email.subject
    assert len(email.subject) < 200
    message = EmailMessage(policy=SMTP)
    message["Subject"] = email.subject
    message["Reply-To"] = email.reply_to or ""
    for name, value in email.headers.items():
        message[name] = value
    head = message.as_bytes().split(b"\r\n\r\n")[0]
    assert b"\nbcc:" not in head.lower()


@pytest.mark.parametrize("typed", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_is_only_text(kind: str, typed: str) -> None:
    email, tame = hostile(kind, typed), hostile(kind, "harmless")
    assert Skeleton(email.html).bones == Skeleton(tame.html).bones
    assert_header_safe(email)
    for character in "\u202e\u202c\u2066\u2069\u200f\u2028\u2029\x00\x0b\x7f":
        assert character not in email.html + email.text + email.subject
    assert len(email.text.encode()) < 60_000


@given(st.sampled_from(KINDS), st.text(max_size=200))
def test_any_text(kind: str, typed: str) -> None:
    email = hostile(kind, typed)
    assert_header_safe(email)
    told = "harmless" if one_line(typed, 9) else ""
    # What looks like a telephone number becomes a link, and may.
    bones, tame = (
        [bone for bone in Skeleton(each.html).bones if bone[0] != "a"] for each in (email, hostile(kind, told))
    )
    assert bones == tame
    email.html.encode()
    email.text.encode()


def test_names_are_shown_as_they_are() -> None:
    email = written("confirmation", host_name="Zoë O'Brien & Söhne <GmbH>", title="Grüße 🎉 a\nb")
    assert "Zoë O'Brien & Söhne <GmbH>" in visible(email.html)
    assert "With: Zoë O'Brien & Söhne <GmbH>" in email.text
    assert email.subject == "Confirmed: Grüße 🎉 a b, Tue, 1 Dec 2026, 15:30"


def test_a_booking_without_any_words() -> None:
    email = written("confirmation", **dict.fromkeys(TYPED, "  "), event_type_title=None)
    assert email.subject == "Confirmed: Booking, Tue, 1 Dec 2026, 15:30"
    assert "None" not in email.html + email.text


@given(st.text(), st.integers(1, 50))
def test_one_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line == " ".join(line.split())
    assert line.splitlines() in ([line], [])


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=500))
def test_paragraphs(text: str) -> None:
    lines = paragraphs(text, 300)
    assert all(line.splitlines() in ([line], []) for line in lines)
    assert sum(map(len, lines)) <= 300
    assert ("", "") not in pairwise(lines)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("ab 👩‍👩‍👧", 6, "ab…"),
        ("ae\u0301x", 3, "a…"),
        ("ab👍🏽x", 4, "ab…"),
        ("ab🇩🇪x", 4, "ab…"),
    ],
)
def test_what_is_cut_is_cut_between_characters(text: str, limit: int, expected: str) -> None:
    assert shorten(text, limit) == expected


@pytest.mark.parametrize("text", ["a@b@c", "a b@c", "<a@b>", "a@b,c@d", "", None, "a@b\nc", "@b", 'a"@b', "a@b\u202e"])
def test_no_plain_address(text: str | None) -> None:
    assert mail_address(text) == ""
