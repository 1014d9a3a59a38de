"""Every trigger and every known shape of a body → what it says, or why it says nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.booking import BookingChange
from shared.calcom_webhook import TRIGGERS, Report, parse

PAYLOADS = Path(__file__).parent.parent / "payloads"
RECEIVED = datetime(2026, 11, 23, 12, tzinfo=UTC)

FIRST = "vst7Qm2pLxYbR4kWnZ8aHc"
YOGA = "y0gaC1assaaaaaaaaaaaaa"
SEAT_1 = "7d1f3a52-0001-4abc-9def-000000000001"
SEAT_2 = "7d1f3a52-0002-4abc-9def-000000000002"
OMAR = "omar@client.example"
NORA = "nora@client.example"
INES = "ines@lindenhof.example"
JONAS = "jonas@lindenhof.example"


def read(name: str) -> Report:
    return parse((PAYLOADS / f"{name}.json").read_bytes(), RECEIVED)


def said(name: str) -> BookingChange:
    report = read(name)
    assert report.error is None
    (change,) = report.changes
    return change


# What each body is taken for: the trigger of its report, "ignored", or the reason why it is kept aside.
TAKEN_FOR = {
    "booking_created": "CREATED",
    "booking_created_after_request": "CREATED",
    "booking_created_all_seats": "CREATED",
    "booking_created_by_host_at_number": "CREATED",
    "booking_created_number_only": "CREATED",
    "booking_created_seat_first": "CREATED",
    "booking_created_seat_second": "CREATED",
    "booking_created_series_1": "CREATED",
    "booking_created_series_2": "CREATED",
    "booking_created_series_3": "CREATED",
    "booking_created_split_name": "CREATED",
    "booking_requested": "REQUESTED",
    "booking_requested_move": "REQUESTED",
    "booking_rescheduled": "RESCHEDULED",
    "booking_rescheduled_2022": "RESCHEDULED",
    "booking_rescheduled_seat_without_uid": "RESCHEDULED",
    "booking_payment_initiated": "PAYMENT_INITIATED",
    "booking_paid": "PAID",
    "booking_paid_rejected": "PAID",
    "booking_location_updated": "LOCATION_UPDATED",
    "booking_reassigned": "REASSIGNED",
    "booking_rejected": "REJECTED",
    "booking_cancelled": "CANCELLED",
    "booking_cancelled_new_time_asked": "CANCELLED",
    "booking_cancelled_new_time_asked_2025": "CANCELLED",
    "booking_cancelled_one_seat": "CANCELLED",
    "booking_cancelled_series": "CANCELLED",
    "instant_meeting_accepted": "CREATED",
    "meeting_started_flat": "STARTED",
    "meeting_ended_flat": "ENDED",
    "meeting_ended_nested": "ENDED",
    "no_show_updated": "NO_SHOW",
    "after_guests_no_show": "NO_SHOW",
    "after_hosts_no_show": "NO_SHOW",
    "ping": "ignored",
    "form_submitted": "ignored",
    "form_submitted_no_event": "ignored",
    "out_of_office": "ignored",
    "recording_ready": "ignored",
    "recording_transcription": "ignored",
    "instant_meeting": "ignored",
    "delegation_credential_error": "ignored",
    "wrong_assignment_report": "ignored",
    "calendar_entry_rejected": "ignored",
    "trigger_of_tomorrow": "ignored",
    "template": "no triggerEvent",
    "template_false": "not a JSON object",
    "booking_created_unnamed": "names no booking",
    "booking_created_without_payload": "names no booking",
    "meeting_ended_empty": "names no booking",
}


@pytest.mark.parametrize("name", sorted(path.stem for path in PAYLOADS.glob("*.json")))
def test_every_body_is_taken_for_what_it_is(name: str) -> None:
    report = read(name)
    assert len(report.changes) <= 1
    taken_for = report.error or next((change.trigger for change in report.changes), "ignored")
    assert taken_for == TAKEN_FOR[name]


def test_the_table_knows_every_body() -> None:
    assert sorted(TAKEN_FOR) == sorted(path.stem for path in PAYLOADS.glob("*.json"))
    used = {
        json.loads((PAYLOADS / f"{name}.json").read_bytes())["triggerEvent"] for name in TAKEN_FOR if read(name).changes
    }
    assert used == set(TRIGGERS)


def test_a_whole_body() -> None:
    assert said("booking_created").model_dump(mode="json", exclude_none=True, exclude_defaults=True) == {
        "trigger": "CREATED",
        "at": "2026-11-20T08:15:30.250Z",
        "uid": FIRST,
        "calcom_id": 52001,
        "ical_uid": f"{FIRST}@Cal.com",
        "ical_sequence": 0,
        "status": "accepted",
        "requires_confirmation": False,
        "starts_at": "2026-12-03T09:00:00.000Z",
        "ends_at": "2026-12-03T09:45:00.000Z",
        "title": "First visit between Ines Brandt and Omar Haddad",
        "description": "Bring your X-rays.",
        "event_type_id": 3100,
        "event_type_slug": "first-visit",
        "event_type_title": "First visit",
        "location": "integrations:daily",
        "meeting_url": f"https://book.lindenhof.example/video/{FIRST}",
        "host": {"name": "Ines Brandt", "email": INES, "hidden": True, "time_zone": "Europe/Berlin", "locale": "de"},
        "team": [JONAS],
        "booker": OMAR,
        "people": [
            {
                "email": OMAR,
                "name": "Omar Haddad",
                "phone": "+33199001234",
                "time_zone": "Europe/Paris",
                "locale": "fr",
                "responses": {
                    "pain": ["knee", "hip"],
                    "insured": True,
                    "location": "integrations:daily",
                    "attendeePhoneNumber": "+33 1 99 00 12 34",
                },
            },
            {"email": "mother@family.example", "time_zone": "Europe/Paris", "locale": "en"},
        ],
    }


def people(name: str, *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(getattr(person, field) for field in fields) for person in said(name).people or ()]


def test_people_who_are_named_in_other_ways() -> None:
    assert people("booking_created_split_name", "email", "name") == [("lea@client.example", "Léa Martin")]
    assert people("booking_created_number_only", "email", "phone", "name") == [(None, "+33199001235", "Paul Petit")]
    assert said("booking_created_number_only").booker == "+33199001235"
    # A host who books himself is an attendee, since he is the booker.
    assert people("booking_created_by_host_at_number", "email") == [(INES,)]
    assert said("booking_created_by_host_at_number").location == "+4930990012345"
    assert said("booking_created_by_host_at_number").meeting_url is None


def test_a_co_host_is_no_attendee() -> None:
    body = json.loads((PAYLOADS / "booking_created.json").read_bytes())
    body["payload"]["attendees"].append({"email": "JONAS@lindenhof.example", "name": "Jonas Weil"})
    (change,) = parse(json.dumps(body).encode(), RECEIVED).changes
    assert [person.email for person in change.people or ()] == [OMAR, "mother@family.example"]


def test_seats() -> None:
    first, second = said("booking_created_seat_first"), said("booking_created_seat_second")
    assert (first.uid, first.calcom_id) == (second.uid, second.calcom_id) == (YOGA, 52010)
    assert (first.seated, first.seats, second.booker) == (True, 8, NORA)
    assert people("booking_created_seat_first", "email", "seat") == [(OMAR, SEAT_1)]
    assert people("booking_created_seat_second", "email", "seat") == [(NORA, SEAT_2)]
    assert people("booking_created_all_seats", "email", "seat") == [(OMAR, SEAT_1), (NORA, SEAT_2)]
    # Neither title nor description of a class may carry one participant's name or notes to the others.
    assert (first.title, first.description) == ("Yoga", None)
    assert first.people and first.people[0].responses == {"notes": "My back hurts"}


def test_a_seat_that_is_given_up_is_a_row_of_the_database() -> None:
    change = said("booking_cancelled_one_seat")
    assert (change.seated, change.status, change.reason, change.by) == (True, "cancelled", "Caught a cold", None)
    assert people("booking_cancelled_one_seat", "email", "row", "locale", "absent", "responses") == [
        (NORA, 881, "sv", None, None)
    ]


def test_a_seat_that_moves_without_uid_belongs_to_the_number() -> None:
    change = said("booking_rescheduled_seat_without_uid")
    assert (change.uid, change.calcom_id, change.rescheduled_from_uid) == (None, 52011, SEAT_2)


def test_a_series() -> None:
    assert said("booking_created_series_1").recurring and said("booking_created_series_1").series is None
    assert said("booking_created_series_3").series == "ser1esOfTra1ningaaaaaa"
    end = said("booking_cancelled_series")
    assert (end.recurring, end.series, end.by, end.reason) == (True, "ser1esOfTra1ningaaaaaa", "client", None)


def test_a_move() -> None:
    change = said("booking_rescheduled")
    assert change.rescheduled_from_uid == FIRST and change.rescheduled_from_id == 52001
    assert change.rescheduled_from_starts_at == datetime(2026, 12, 3, 9, tzinfo=UTC)
    assert (change.reason, change.by, change.ical_uid) == ("Staff training", "staff", None)


def test_a_move_that_awaits_confirmation() -> None:
    change = said("booking_requested_move")
    assert (change.trigger, change.status, change.requires_confirmation) == ("REQUESTED", "pending", True)
    assert (change.rescheduled_from_uid, change.reason, change.by) == ("c0nsu1taaaaaaaaaaaaaaa", "A trip", "client")


def test_a_body_of_2022() -> None:
    change = said("booking_rescheduled_2022")
    assert change.starts_at == datetime(2022, 6, 9, 12, tzinfo=UTC)
    assert (change.calcom_id, change.booker, change.ical_uid) == (None, None, None)
    # `type` was the title then, and a title is no slug.
    assert (change.event_type_slug, change.event_type_title) == (None, "First visit")
    assert change.description == "Knee"
    assert change.meeting_url == change.location == "https://rooms.example/knee?pwd=1"


def test_a_request_that_is_answered() -> None:
    assert said("booking_requested").status == "pending"
    assert said("booking_requested").description == "About my knee"
    assert said("booking_created_after_request").requires_confirmation is True
    assert said("booking_rejected").reason == "We are closed that day."


def test_a_payment() -> None:
    assert said("booking_payment_initiated").status == "accepted"  # Cal.com says so, though it is not paid
    assert said("booking_paid").status == "accepted"
    assert said("booking_paid_rejected").status == "rejected"
    assert said("booking_paid").meeting_url is None


def test_place_and_host_may_change() -> None:
    change = said("booking_location_updated")
    # The metadata still names the room of before: a browser can write it, and the place is no longer Cal.com's.
    assert (change.location, change.meeting_url) == ("Lindenhof 4, 10115 Berlin", None)
    host = said("booking_reassigned").host
    assert host and (host.name, host.email) == ("Jonas Weil", JONAS)


def test_a_cancellation() -> None:
    change = said("booking_cancelled")
    assert (change.status, change.reason, change.by) == ("cancelled", "No longer needed", "client")
    assert change.reschedule_requested is None
    asked = said("booking_cancelled_new_time_asked")
    assert (asked.reschedule_requested, asked.by, asked.host and asked.host.email) == (True, "staff", INES)
    assert said("booking_cancelled_new_time_asked_2025").reschedule_requested is True


def test_the_time_of_a_flat_body_is_when_it_came() -> None:
    flat, nested = said("meeting_started_flat"), said("meeting_ended_nested")
    assert (flat.at, flat.uid, flat.calcom_id) == (RECEIVED, FIRST, 52001)
    assert (nested.at, nested.uid, nested.calcom_id) == (datetime(2026, 12, 3, 9, 45, 20, tzinfo=UTC), FIRST, 52001)
    assert flat.people is None and flat.status is None


def test_who_was_not_there() -> None:
    for name in ("no_show_updated", "after_guests_no_show"):
        assert people(name, "email", "absent") == [(OMAR, True)]
        assert said(name).uid == FIRST and said(name).host is None
    host = said("after_hosts_no_show").host
    assert host and host.email == INES
    assert said("after_hosts_no_show").people is None


def test_a_meeting_that_begins_at_once_is_a_booking() -> None:
    change = said("instant_meeting_accepted")
    assert (change.trigger, change.uid, change.calcom_id) == ("CREATED", "n0wMeetaaaaaaaaaaaaaaa", 52060)


def body_with(payload: dict[str, Any], **envelope: Any) -> bytes:
    body = {"triggerEvent": "BOOKING_CREATED", "createdAt": "2026-11-20T08:00:00.000Z", **envelope}
    return json.dumps({**body, "payload": {"uid": "u", **payload}}).encode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("organizer", {"name": {"first": 1}, "email": "no address", "timeZone": "Mars/Olympus", "language": "de"}),
        ("attendees", "omar@client.example"),
        ("attendees", [None, 3, "x", {"email": 5}, {"email": "no address"}, {}]),
        ("responses", ["email"]),
        ("responses", {"email": {"value": {"value": {"value": []}}}, "guests": {"value": 5}}),
        ("team", {"members": {"email": "x"}}),
        ("startTime", "next Tuesday"),
        ("startTime", "2026-12-03T09:00:00"),
        ("startTime", 1796288400),
        ("status", {"is": "ACCEPTED"}),
        ("status", "COMPLETED"),
        ("bookingId", "five"),
        ("seatsPerTimeSlot", -1),
        ("iCalUID", "x" * 2000),
        ("iCalSequence", 2.5),
        ("recurringEvent", []),
        ("existingRecurringEvent", "yes"),
        ("metadata", {"videoCallUrl": "javascript:alert(1)"}),
        ("location", ["here"]),
    ],
)
def test_one_unusable_field_costs_that_field_alone(field: str, value: object) -> None:
    report = parse(body_with({"title": "Kept", field: value}), RECEIVED)
    assert report.error is None
    (change,) = report.changes
    empty = BookingChange(trigger="CREATED", at=change.at, uid="u", title="Kept")
    assert change == empty


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("rescheduledFromUid", "before", {"rescheduled_from_uid": "before"}),
        ("rescheduleUid", "u", {}),  # a booking doesn't come from itself
        ("rescheduledToUid", "after", {"rescheduled_to_uid": "after"}),
        ("recurrence", {"freq": 2}, {"recurring": True}),
        ("attendeeSeatId", "seat", {"seated": True, "title": None}),
        ("eventTypeTitle", "Yoga", {"event_type_title": "Yoga"}),
        ("additionalInformation", {"hangoutLink": "https://meet.example/x"}, {"meeting_url": "https://meet.example/x"}),
        ("videoCallData", {"url": "https://rooms.example/x"}, {"meeting_url": "https://rooms.example/x"}),
    ],
)
def test_one_field_by_itself(field: str, value: object, expected: dict[str, object]) -> None:
    (change,) = parse(body_with({"title": "Kept", field: value}), RECEIVED).changes
    assert change == BookingChange(**{"trigger": "CREATED", "at": change.at, "uid": "u", "title": "Kept", **expected})


def test_the_seat_of_a_body_is_not_that_of_everyone_listed() -> None:
    payload = {
        "attendeeSeatId": "seat of Nora",
        "attendees": [{"email": OMAR}, {"email": NORA}],
        "responses": {"email": {"value": NORA}},
    }
    (change,) = parse(body_with(payload), RECEIVED).changes
    assert [(person.email, person.seat) for person in change.people or ()] == [(OMAR, None), (NORA, "seat of Nora")]


def test_a_body_without_time_was_said_when_it_came() -> None:
    for created_at in (None, "", "yesterday", 5):
        (change,) = parse(body_with({}, createdAt=created_at), RECEIVED).changes
        assert change.at == RECEIVED


def test_a_number_may_be_written_as_text() -> None:
    (change,) = parse(body_with({"bookingId": "77", "eventTypeId": "5"}), RECEIVED).changes
    assert (change.calcom_id, change.event_type_id) == (77, 5)


def test_an_end_before_the_start_is_no_end() -> None:
    times = {"startTime": "2026-12-03T09:00:00Z", "endTime": "2026-12-03T08:00:00Z"}
    (change,) = parse(body_with(times), RECEIVED).changes
    assert change.starts_at and change.ends_at is None


def test_hostile_text_is_cut_and_hostile_lists_end() -> None:
    person = {"name": "n" * 900, "timeZone": "Europe/Paris"}
    payload = {
        "title": "t" * 10_000,
        "eventDescription": "d" * 100_000,
        "cancellationReason": "r" * 100_000,
        "attendees": [{**person, "email": f"guest{i}@client.example"} for i in range(3000)],
        "responses": {f"field {i}": {"label": "x", "value": "v" * 9000} for i in range(300)}
        | {"email": {"value": "guest0@client.example"}},
    }
    (change,) = parse(body_with(payload, triggerEvent="BOOKING_CANCELLED"), RECEIVED).changes
    assert change.title == "t" * 500 and change.description == "d" * 20_000 and change.reason == "r" * 20_000
    assert change.people and len(change.people) == 1000 and change.people[1].name == "n" * 500
    assert change.people[0].responses and len(change.people[0].responses) == 100
    assert len(change.model_dump_json()) < 1_500_000


def test_the_copies_of_two_registrations_differ_only_in_their_time() -> None:
    body = json.loads((PAYLOADS / "booking_created.json").read_bytes())
    later = {**body, "createdAt": "2026-11-20T08:15:31.000Z"}
    (first,) = parse(json.dumps(body).encode(), RECEIVED).changes
    (second,) = parse(json.dumps(later).encode(), RECEIVED + timedelta(seconds=1)).changes
    assert first != second and first == second.model_copy(update={"at": first.at})
