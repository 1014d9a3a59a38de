"""The text messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.mails import LINKS, example
from shared.messages import Text, render
from shared.text_message import plain, segments
from shared.wording import LANGUAGES, catalogue
from tests.unit.rendered import KINDS, PAGE, attended

PERSON = {"email": None, "phone": "+4915112345678"}


def text(kind: str, language: str = "en", **booking: Any) -> str:
    claimed = attended(example(kind, language, channel="sms", **{"title": "Intro call"} | booking), **PERSON)
    message = render(claimed, LINKS)
    assert isinstance(message, Text)
    assert message.to == "+4915112345678"
    return message.body


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_one_segment_says_what_when_and_zone(kind: str, language: str) -> None:
    body = text(kind, language)
    assert segments(body) == 1
    assert body.isprintable()
    assert "Intro call" in body
    assert "15:30 - 16:00" in body
    assert "(Europe/Berlin, UTC+01:00)" in body
    assert plain(catalogue(language)["sms"][kind].split("{")[0].strip()) in body
    assert ("https://meet.google.com/abc-defg-hij" in body) == (
        kind in ("confirmation", "rescheduled", "updated", "reminder")
    )


def test_the_old_time_the_reason_the_contact() -> None:
    assert "Before: Mon, 30 Nov 2026, 15:30." in text("rescheduled")
    assert text("cancelled").endswith(
        "16:00 (Europe/Berlin, UTC+01:00). Reason: I have fallen ill. With Holly Host. Questions: +49 30 901820"
    )
    assert text("reminder", meeting_url=None, location="Main Street 1", host_name=None, contact=None).endswith(
        "(Europe/Berlin, UTC+01:00). Place: Main Street 1. Reply STOP to opt out."
    )


def test_a_new_time_is_chosen_in_the_portal_or_by_calling() -> None:
    assert "Questions: +49 30 901820" in text("pick_new_time")
    with_address = example("pick_new_time", channel="sms", title="Intro call")
    message = render(with_address, LINKS)
    assert isinstance(message, Text)
    assert f"Choose: {PAGE}" in message.body


def test_the_way_into_the_meeting_is_told_at_any_price_but_not_at_every_length() -> None:
    url = "https://teams.microsoft.com/l/meetup-join/" + "x" * 150
    assert url in text("confirmation", meeting_url=url)
    assert "http" not in text("confirmation", meeting_url="https://example.com/" + "x" * 400)


def test_a_long_title_gives_way_before_a_second_segment_is_paid_for() -> None:
    body = text("confirmation", title="Beratung " * 30, meeting_url="https://meet.google.com/abc-defg-hij")
    assert "…" not in body
    assert "Beratung Beratung" in body
    assert "(Europe/Berlin, UTC+01:00)" in body
    assert segments(text("cancelled", title="Beratung " * 30)) == 1


@pytest.mark.parametrize(
    ("title", "expected", "count"),
    [
        ("Café – „Größe“ ça va…", 'Café - "Größe" ca va...', 1),
        ("Party 🎉👩‍👩‍👧 now", "Party now", 1),
        ("🎉🎉", "Booking", 1),
        ("Łódź, Ñandú, cœur", "Lodz, Ñandu, coeur", 1),
        ("Встреча", "Встреча", 2),
        ("会議", "会議", 2),
    ],
)
def test_alphabet(title: str, expected: str, count: int) -> None:
    body = text("confirmation", title=title, meeting_url=None, location=None, host_name=None)
    assert body.startswith(f"Confirmed: {expected}, Tue, 1 Dec 2026, 15:30 - 16:00 (Europe/Berlin")
    assert segments(body) == count


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("a" * 307, 3),
        ("", 1),
    ],
)
def test_segments(body: str, count: int) -> None:
    assert segments(body) == count


@given(st.text(max_size=300), st.text(max_size=300), st.sampled_from(KINDS), st.sampled_from(LANGUAGES))
def test_any_names(title: str, host: str, kind: str, language: str) -> None:
    body = text(kind, language, title=title, host_name=host, cancellation_reason=title)
    assert "UTC+01:00" in body
    assert "\n" not in body
    assert segments(body) <= 4
