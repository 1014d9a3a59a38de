"""Why an action is refused, in the words of the API."""

from __future__ import annotations

import pytest

from shared.errors import Invalid, NotAllowed, RateLimited, Refused
from shared.refusals import refusal


def test_too_late_says_until_when_and_whom_to_call() -> None:
    until = "2026-12-01T09:00:00+00:00"
    error = refusal({"refused": "too_late", "until": until, "contact": "+49 30 1"}, "help@example.com")
    assert isinstance(error, Refused)
    assert (error.status, error.code) == (409, "too_late")
    assert error.more == {"until": until, "contact": "+49 30 1"}


def test_the_house_is_called_where_the_event_type_names_nobody() -> None:
    assert refusal({"refused": "too_late", "contact": None}, "help@example.com").more == {"contact": "help@example.com"}
    assert refusal({"refused": "too_late", "contact": None}, "").more == {}


def test_the_sixth_action_says_when_to_come_again() -> None:
    error = refusal({"refused": "rate_limited", "retry_after": 42}, "")
    assert isinstance(error, RateLimited)
    assert error.retry_after == 42


@pytest.mark.parametrize("code", ["reason_required", "no_series", "slot_in_past", "same_time"])
def test_what_was_asked_wrongly_is_invalid(code: str) -> None:
    error = refusal({"refused": code}, "")
    assert isinstance(error, Invalid)
    assert error.detail


def test_a_guest_may_not() -> None:
    assert isinstance(refusal({"refused": "not_allowed", "contact": "x"}, ""), NotAllowed)


def test_a_reason_that_a_newer_database_has_is_passed_on() -> None:
    assert refusal({"refused": "closed_today"}, "").code == "closed_today"
