"""What a message says in special situations: moves, who cancelled, seats, series, other clocks."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from local.mails import example
from shared.wording import LANGUAGES, catalogue
from tests.unit.rendered import KINDS, PAGE, attended, mail, visible, written


@pytest.mark.parametrize("kind", ["rescheduled", "requested"])
def test_the_old_time_is_struck_through_beside_the_new_one(kind: str) -> None:
    start = datetime(2026, 10, 20, 8, 0, tzinfo=UTC)  # while Berlin has summer time
    email = written(kind, previous_starts_at=start, previous_ends_at=None)
    assert re.search(r"<s [^>]*>Tuesday, 20 October 2026<br>10:00 – 10:30</s>", email.html)
    assert "Previously: Tuesday, 20 October 2026, 10:00 – 10:30, Central European Time (Europe/Berlin, UTC+02:00)" in (
        email.text
    )
    assert "(Europe/Berlin, UTC+02:00)" in visible(email.html)
    assert "<strong>Tuesday, 1 December 2026<br>15:30 – 16:00</strong>" in email.html
    assert "New time: Tuesday, 1 December 2026, 15:30 – 16:00, Central European Time" in email.text
    assert ("The earlier time no longer stands." in email.text) == (kind == "requested")


def test_no_old_time_where_nothing_moved() -> None:
    start = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
    for previous in (None, start):
        email = written("requested", previous_starts_at=previous)
        assert "<s " not in email.html
        assert "Previously" not in email.text
        assert catalogue("en")["lead"]["requested"] in email.text


def test_what_ended_is_the_time_that_the_person_knew() -> None:
    """Moved and cancelled before anybody was told of the move."""
    email = written("cancelled", previous_starts_at=datetime(2026, 11, 30, 9, 0, tzinfo=UTC))
    assert "Monday, 30 November 2026, 10:00 – 10:30" in email.text.splitlines()[0]
    assert "1 December" not in email.text
    assert re.search(r"<s [^>]*>Monday, 30 November 2026<br>10:00 – 10:30</s>", email.html)


def test_a_request_says_that_it_takes_the_old_time_out_of_the_calendar() -> None:
    held = example("cancelled").calendar
    moved = example("requested", previous_starts_at=datetime(2026, 11, 30, 9, 0, tzinfo=UTC))
    email = mail(moved.model_copy(update={"calendar": held}))
    assert catalogue("en")["calendar"]["CANCEL_EARLIER"] in email.text
    assert [file.filename for file in email.attachments] == ["cancel.ics"]


@pytest.mark.parametrize(
    ("by", "role", "words"),
    [
        ("staff", "booker", "Cancelled by: the host or their team"),
        ("client", "booker", "Cancelled by: you"),
        ("client", "seat", "Cancelled by: you"),
        ("client", "guest", "Cancelled by: an attendee"),
        ("calcom", "booker", None),
        ("system", "booker", None),
        (None, "booker", None),
    ],
)
def test_who_cancelled(by: str | None, role: str, words: str | None) -> None:
    text = mail(attended(example("cancelled", cancelled_by=by), role=role)).text
    assert (words in text) if words else ("Cancelled by" not in text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_seat_that_was_given_up_is_not_a_cancelled_booking(language: str) -> None:
    seat = attended(
        example("cancelled", language, status="confirmed", cancelled_by="client", cancellation_reason="No time"),
        role="seat",
        removed_at=datetime(2026, 11, 23, tzinfo=UTC),
    )
    email, words = mail(seat), catalogue(language)
    assert words["lead"]["left_out"] in visible(email.html)
    assert words["lead"]["cancelled"] not in email.text
    assert words["facts"]["cancelled_by"] not in email.text
    assert "No time" in email.text
    assert PAGE not in email.html + email.text  # no sight of that page any more
    assert 'href="https://booking.example.com/portal/bookings"' in email.html
    assert email.attachments[0].filename == "cancel.ics"


def test_a_second_invitation_is_withdrawn_without_alarm() -> None:
    email = written("cancelled", status="confirmed", cancellation_reason=None)
    assert "the booking itself stands" in email.text
    assert email.subject.startswith("Invitation replaced: ")
    assert "has been cancelled" not in email.text
    assert PAGE in email.text


@pytest.mark.parametrize("kind", KINDS)
def test_series(kind: str) -> None:
    sentence = catalogue("en")["lead"]["series"]
    series = {"series_id": "018f2c1e-0000-4000-8000-00000000000f"}
    assert sentence in written(kind, **series).text
    assert sentence not in written(kind).text


def test_pick_new_time_leads_to_the_portal() -> None:
    email = written("pick_new_time", cancellation_reason="Please reschedule. My train is late.")
    assert re.search(rf'<a class="button primary" href="{PAGE}"[^>]*>Choose a new time</a>', email.html)
    assert f"Choose a new time: {PAGE}" in email.text
    assert "Reason: My train is late." in email.text


def test_join_button_only_where_there_is_a_safe_link() -> None:
    button = r'<a class="button primary" href="https://meet.google.com/abc-defg-hij"[^>]*>Join online</a>'
    assert re.search(button, written("confirmation").html)
    for url in (None, "javascript:alert(1)", "ftp://example.com", "https://", "meet.google.com/abc"):
        assert "Join online" not in written("confirmation", meeting_url=url).html


@pytest.mark.parametrize(
    ("host_zone", "words"),
    [
        ("America/New_York", "For the host: 09:30 – 10:00, Eastern Time (America/New_York, UTC-05:00)"),
        ("Pacific/Auckland", "For the host: Wednesday, 2 December 2026, 03:30 – 04:00, New Zealand Time ("),
        ("Europe/Paris", None),  # the same time on the clock
        ("Europe/Berlin", None),
        ("Nowhere/Land", None),
        (None, None),
    ],
)
def test_the_hosts_time_if_it_differs(host_zone: str | None, words: str | None) -> None:
    email = written("confirmation", host_time_zone=host_zone)
    for part in (email.text, visible(email.html)):
        assert (words in part) if words else ("For the host" not in part)
