"""A booking and what can go wrong with it, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.words import call

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)


def booking(**changes: Any) -> dict[str, Any]:
    usual = {
        "status": "confirmed",
        "starts_at": (NOW + timedelta(minutes=10)).isoformat(),
        "ends_at": (NOW + timedelta(minutes=40)).isoformat(),
        "meeting_url": None,
        "location": None,
    }
    return usual | changes


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Confirmed"),
        ({"status": "pending"}, "Awaiting confirmation"),
        ({"status": "awaiting_payment"}, "Awaiting payment"),
        ({"status": "cancelled"}, "Cancelled"),
        ({"status": "rejected"}, "Declined"),
        ({"ends_at": "2026-12-01T09:59:00Z"}, "Took place"),
        ({"ends_at": "2026-12-01T09:59:00Z", "status": "cancelled"}, "Cancelled"),
        ({"reschedule_requested": True, "status": "cancelled"}, "Waiting for a new time"),
        ({"removed": True}, "You are no longer in it"),
        ({"status": "something_new"}, "something_new"),
    ],
)
def test_a_status_in_words(changes: dict[str, Any], text: str) -> None:
    assert call("booking", "statusOf", booking(**changes), NOW)["text"] == text


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"location": None}, None),
        ({"location": "  "}, None),
        ({"location": "Main Street 1"}, {"text": "Main Street 1"}),
        ({"location": "+49 30 901820"}, {"href": "tel:+4930901820", "text": "+49 30 901820"}),
        ({"meeting_url": "https://meet.example.com/a"}, {"href": "https://meet.example.com/a"}),
        ({"location": "HTTPS://meet.example.com/a"}, {"href": "HTTPS://meet.example.com/a"}),
        ({"location": "integrations:daily"}, {"text": "Online (daily)"}),
    ],
)
def test_a_place_is_a_link_where_there_is_something_to_open(changes: dict[str, Any], place: Any) -> None:
    found = call("booking", "placeOf", booking(**changes))
    assert found is None if place is None else place.items() <= found.items()


@pytest.mark.parametrize(
    "location",
    [
        *("javascript:alert(1)", "JavaScript:alert(1)//https://a.example", " javascript:alert(1)", "vbscript:x"),
        *("data:text/html,<script>alert(1)</script>", "java\nscript:alert(1)", "https:javascript", "//evil.example"),
        *("https://", "http://[", "tel:+4912345", "file:///etc/passwd", "<a href=https://x>"),
    ],
)
def test_what_is_no_address_of_the_web_is_text(location: str) -> None:
    for where in ("location", "meeting_url"):
        place = call("booking", "placeOf", booking(**{where: location}))
        href = (place or {}).get("href")
        assert href is None or href.startswith(("https://", "http://")), href


def test_one_joins_from_a_quarter_before_until_the_end() -> None:
    online = booking(meeting_url="https://meet.example.com/a")
    start = datetime.fromisoformat(online["starts_at"])
    may = [
        call("booking", "canJoin", online, start + timedelta(minutes=minutes)) for minutes in (-16, -15, 0, 29, 30, 31)
    ]
    assert may == [False, True, True, True, False, False]
    assert not call("booking", "canJoin", online | {"status": "cancelled"}, start)
    assert not call("booking", "canJoin", booking(location="+49 30 901820"), start)


CODES = [
    "offline",
    "timeout",
    "unavailable",
    "upstream_unavailable",
    "internal",
    "not_found",
    "not_allowed",
    "conflict",
]
CODES += ["too_late", "too_many_moves", "already_cancelled", "slot_taken", "in_progress", "uncertain", "rate_limited"]


@pytest.mark.parametrize("code", [*CODES, "wrong_code", "wrong_password", "invalid", "unheard_of"])
def test_a_problem_is_said_in_sentences(code: str) -> None:
    words = call("problems", "inWords", {"code": code, "detail": "", "title": "", "more": {}, "retryAfter": None})
    for sentence in filter(None, words.values()):
        assert sentence[0].isupper() and sentence[-1] in ".!?"
        assert "_" not in sentence and "undefined" not in sentence


def test_a_problem_tells_how_long_to_wait_and_whom_to_ask() -> None:
    wait = call("problems", "inWords", {"code": "rate_limited", "retryAfter": 90, "more": {}})
    assert wait["advice"].endswith("Please try again in 2 min.")
    late = call("problems", "inWords", {"code": "too_late", "more": {"contact": "+49 30 901820"}})
    assert "+49 30 901820" in late["advice"]
