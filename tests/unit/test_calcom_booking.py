"""A booking as Cal.com's API shows it → what it says, in every shape that it comes in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.booking import BookingChange, Host, Person, dumped
from shared.calcom_booking import as_answered, as_read, seat_given_up, seat_moved, seat_uid_of, unlisted

READ_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
UPDATED_AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
NINE = datetime(2026, 12, 3, 9, tzinfo=UTC)
SEAT_1, SEAT_2 = "7d1f3a52-0001-4abc-9def-000000000001", "7d1f3a52-0002-4abc-9def-000000000002"
INES: dict[str, Any] = {
    "id": 11,
    "name": "Ines Brandt",
    "email": "Ines@lindenhof.example",
    "displayEmail": "ines@lindenhof.example",
    "username": "ines",
    "timeZone": "Europe/Berlin",
}
JONAS = {"name": "Jonas", "email": "jonas@lindenhof.example", "timeZone": "Europe/Berlin", "language": "de"}
OMAR: dict[str, Any] = {
    "name": "Omar Haddad",
    "email": "omar@client.example",
    "displayEmail": "omar@client.example",
    "timeZone": "Europe/Paris",
    "language": "fr",
    "absent": False,
    "phoneNumber": "+33199001234",
}
GUEST = {"name": "", "email": "guest@client.example", "timeZone": "Europe/Paris", "language": "en", "absent": False}
VISIT: dict[str, Any] = {
    "id": 5001,
    "uid": "vst7Qm2pLxYbR4kWnZ8aHc",
    "title": "First visit between Ines Brandt and Omar Haddad",
    "description": "My knee hurts.",
    "hosts": [INES],
    "status": "accepted",
    "start": "2026-12-03T09:00:00.000Z",
    "end": "2026-12-03T09:45:00.000Z",
    "duration": 45,
    "eventTypeId": 3100,
    "eventType": {"id": 3100, "slug": "first-visit"},
    "meetingUrl": "https://book.lindenhof.example/video/1",
    "location": "https://book.lindenhof.example/video/1",
    "absentHost": False,
    "createdAt": "2026-11-19T08:00:00.000Z",
    "updatedAt": "2026-11-20T08:30:00.000Z",
    "metadata": {"videoCallUrl": "https://book.lindenhof.example/video/1"},
    "rating": None,
    "icsUid": "vst7Qm2pLxYbR4kWnZ8aHc@Cal.com",
    "attendees": [OMAR, GUEST],
    "guests": ["guest@client.example"],
    "bookingFieldsResponses": {
        "name": "Omar Haddad",
        "email": "omar@client.example",
        "displayEmail": "omar@client.example",
        "guests": ["guest@client.example"],
        "displayGuests": ["guest@client.example"],
        "location": {"value": "integrations:daily", "optionValue": ""},
        "pain": ["knee", "hip"],
        "notes": "My knee hurts.",
    },
}


def seat(person: dict[str, Any], uid: str, **responses: Any) -> dict[str, Any]:
    return person | {"seatUid": uid, "bookingFieldsResponses": {"email": person["email"]} | responses, "metadata": {}}


NORA = OMAR | {"name": "Nora Lind", "email": "nora@client.example", "language": "sv", "phoneNumber": None}
GROUP = {key: value for key, value in VISIT.items() if key not in ("guests", "bookingFieldsResponses")} | {
    "attendees": [seat(OMAR, SEAT_1, notes="Omar's"), seat(NORA, SEAT_2, notes="Nora's")]
}


def said(**more: Any) -> BookingChange:
    """What the visit says with these fields instead."""
    (change,) = as_read(VISIT | more, READ_AT)
    return change


def test_a_whole_booking() -> None:
    assert said() == BookingChange(
        trigger="API",
        at=READ_AT - timedelta(seconds=15),
        uid="vst7Qm2pLxYbR4kWnZ8aHc",
        calcom_id=5001,
        ical_uid="vst7Qm2pLxYbR4kWnZ8aHc@Cal.com",
        status="accepted",
        starts_at=NINE,
        ends_at=NINE + timedelta(minutes=45),
        title="First visit between Ines Brandt and Omar Haddad",
        event_type_id=3100,
        event_type_slug="first-visit",
        location="https://book.lindenhof.example/video/1",
        meeting_url="https://book.lindenhof.example/video/1",
        host=Host(name="Ines Brandt", email="ines@lindenhof.example", time_zone="Europe/Berlin"),
        booker="omar@client.example",
        people=(
            Person(
                email="omar@client.example",
                name="Omar Haddad",
                phone="+33199001234",
                time_zone="Europe/Paris",
                locale="fr",
                absent=False,
                responses={"location": "integrations:daily", "pain": ["knee", "hip"], "notes": "My knee hurts."},
            ),
            Person(email="guest@client.example", time_zone="Europe/Paris", locale="en", absent=False),
        ),
        updated_at=UPDATED_AT,
    )


@pytest.mark.parametrize(
    ("updated_at", "at"),
    [
        ("2026-11-20T08:30:00.000Z", READ_AT - timedelta(seconds=15)),
        ("2026-11-23T11:59:44.999Z", READ_AT - timedelta(seconds=15)),
        ("2026-11-23T11:59:50.000Z", READ_AT - timedelta(seconds=10)),
        ("2026-11-23T12:59:50.000+01:00", READ_AT - timedelta(seconds=10)),
        ("2026-11-23T12:00:00.000Z", READ_AT),
        ("2026-11-24T12:00:00.000Z", READ_AT),  # a clock ahead of ours
        (None, READ_AT - timedelta(seconds=15)),
        ("yesterday", READ_AT - timedelta(seconds=15)),
    ],
)
def test_of_which_time_a_reading_speaks(updated_at: str | None, at: datetime) -> None:
    assert said(updatedAt=updated_at).at == at
    (answered,) = as_answered(VISIT | {"updatedAt": updated_at}, READ_AT)
    assert answered.at == READ_AT


@pytest.mark.parametrize("status", ["accepted", "pending", "cancelled", "rejected"])
def test_every_status(status: str) -> None:
    assert said(status=status).status == status


@pytest.mark.parametrize("status", [None, "ACCEPTED", "awaiting_host", "", 5, ["accepted"]])
def test_a_status_of_tomorrow_is_none(status: Any) -> None:
    assert said(status=status).status is None


def test_a_cancelled_one_with_its_reason() -> None:
    change = said(status="cancelled", cancellationReason=" I am ill.\r\nSorry ", cancelledByEmail="Omar@client.example")
    assert (change.status, change.reason, change.by) == ("cancelled", "I am ill.\nSorry", "client")


def test_a_rejected_one_with_its_reason() -> None:
    change = said(status="rejected", cancellationReason="too far", cancelledByEmail="ines@lindenhof.example")
    assert (change.status, change.reason, change.by) == ("rejected", "too far", None)


@pytest.mark.parametrize("status", ["cancelled", "rejected"])
@pytest.mark.parametrize("reason", ["", "  ", "No reason given.", None, 5])
def test_where_nobody_said_why_there_is_no_reason(status: str, reason: Any) -> None:
    assert said(status=status, cancellationReason=reason, reschedulingReason="of a move").reason is None


@pytest.mark.parametrize("reason", ["", "No reason given.", None])
def test_where_nobody_said_why_it_was_moved_there_is_no_reason(reason: str | None) -> None:
    assert said(rescheduledFromUid="old", reschedulingReason=reason, cancellationReason="x").reason is None


@pytest.mark.parametrize(
    ("who", "side"),
    [
        ("INES@lindenhof.example", "staff"),
        ("guest@client.example", "client"),
        ("someone@else.example", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_who_cancelled(who: Any, side: str | None) -> None:
    assert said(status="cancelled", cancelledByEmail=who).by == side


def test_a_co_host_who_cancels_is_not_taken_for_a_client() -> None:
    panel = {"attendees": [OMAR, GUEST, JONAS], "status": "cancelled"}
    assert said(**panel, cancelledByEmail="jonas@lindenhof.example").by is None
    assert said(**panel, cancelledByEmail="omar@client.example").by == "client"


@pytest.mark.parametrize("status", ["accepted", "cancelled"])
def test_a_moved_one_names_its_successor_whatever_its_status(status: str) -> None:
    change = said(status=status, rescheduledToUid="next", rescheduledByEmail=None)
    assert (change.status, change.rescheduled_to_uid, change.rescheduled_from_uid) == (status, "next", None)


def test_the_successor_names_where_it_came_from_and_why() -> None:
    change = said(rescheduledFromUid="before", reschedulingReason="a train", rescheduledByEmail="omar@client.example")
    assert (change.rescheduled_from_uid, change.reason, change.by) == ("before", "a train", None)


def test_one_of_a_series() -> None:
    change = said(recurringBookingUid="series-1")
    assert (change.recurring, change.series) == (True, "series-1")
    assert (said().recurring, said().series) == (False, None)


def test_a_group_with_its_seats() -> None:
    (change,) = as_read(GROUP, READ_AT)
    assert change.seated and change.booker is None and change.people is not None
    assert [(each.email, each.seat, each.responses) for each in change.people] == [
        ("omar@client.example", SEAT_1, {"notes": "Omar's"}),
        ("nora@client.example", SEAT_2, {"notes": "Nora's"}),
    ]
    # There it names who came first, and why one seat was left is not for the others.
    assert change.title is None and change.description is None
    (ended,) = as_read(GROUP | {"status": "cancelled", "cancellationReason": "private"}, READ_AT)
    assert (ended.status, ended.reason) == ("cancelled", None)


def test_a_cancelled_group_may_list_nobody() -> None:
    (change,) = as_read(GROUP | {"status": "cancelled", "attendees": []}, READ_AT)
    assert (change.people, change.seated, change.status) == (None, False, "cancelled")


@pytest.mark.parametrize("email", ["unknown", None, ""])
def test_a_host_who_was_deleted_is_none(email: str | None) -> None:
    deleted = {"id": "unknown", "name": "unknown", "email": email, "displayEmail": email, "timeZone": "unknown"}
    assert said(hosts=[deleted]).host is None
    assert said(hosts=[]).host is None
    assert said(hosts=None).host is None


def test_the_host_is_not_an_attendee_unless_he_booked() -> None:
    himself = OMAR | {"email": "ines@lindenhof.example"}
    people = said(attendees=[OMAR, himself]).people
    assert [each.email for each in people or ()] == ["omar@client.example"]
    booked = said(attendees=[himself], bookingFieldsResponses={"email": "ines@lindenhof.example"})
    assert [each.email for each in booked.people or ()] == ["ines@lindenhof.example"]


def test_who_gave_only_a_number_is_known_by_it() -> None:
    pat = {"name": "Pat", "email": "49301234567@sms.cal.com", "timeZone": "Europe/Berlin", "language": "de"}
    given = {"name": "Pat", "email": "49301234567@sms.cal.com", "attendeePhoneNumber": "+49301234567", "topic": "x"}
    change = said(attendees=[pat], bookingFieldsResponses=given, guests=[], status="cancelled")
    assert change.booker == "+49301234567"
    (person,) = change.people or ()
    assert (person.email, person.phone, person.name) == (None, "+49301234567", "Pat")
    assert (person.responses or {}).get("topic") == "x"
    by = said(attendees=[pat], bookingFieldsResponses=given, status="cancelled", cancelledByEmail=pat["email"]).by
    assert by == "client"


def test_absence_is_told_of_each() -> None:
    people = said(attendees=[OMAR | {"absent": True}, GUEST, JONAS | {"absent": None}]).people or ()
    assert [person.absent for person in people] == [True, False, None]


def test_another_place_than_a_link() -> None:
    change = said(location="12 Harbour Street", meetingUrl="12 Harbour Street")
    assert (change.location, change.meeting_url) == ("12 Harbour Street", None)
    assert said(location=None).meeting_url == "https://book.lindenhof.example/video/1"


def test_a_host_who_asks_for_another_time_says_two_things() -> None:
    moved = {
        "status": "cancelled",
        "cancellationReason": "Please reschedule. I am away",
        "cancelledByEmail": INES["email"],
    }
    ended, asked = as_read(VISIT | moved, READ_AT)
    assert (ended.trigger, ended.status, ended.reschedule_requested) == ("API", "cancelled", None)
    assert (asked.trigger, asked.reschedule_requested, asked.people, asked.updated_at) == (
        "CANCELLED",
        True,
        None,
        ended.updated_at,  # as old as what it tells: old news is told to nobody
    )
    assert (asked.recurring, asked.series) == (False, None)
    assert (asked.uid, asked.at, asked.reason, asked.by) == (
        ended.uid,
        ended.at,
        "Please reschedule. I am away",
        "staff",
    )
    assert len(as_read(VISIT | moved | {"status": "accepted"}, READ_AT)) == 1
    assert len(as_read(VISIT | moved | {"cancellationReason": "He said: Please reschedule."}, READ_AT)) == 1


def test_an_answer_that_names_no_booking_says_nothing() -> None:
    assert as_read({}, READ_AT) == ()
    assert as_read(VISIT | {"uid": None, "id": "x"}, READ_AT) == ()
    (by_number,) = as_read({"id": 5001}, READ_AT)
    assert (by_number.uid, by_number.calcom_id) == (None, 5001)


def test_nothing_secret_is_kept_of_what_was_answered() -> None:
    given = {"email": "omar@client.example", "gate-password": "hush", "api_token": "hush", "topic": "x\x00y"}
    (person, _) = said(bookingFieldsResponses=given | {"n\x00": 1, "s": "\ud800"}).people or ()
    assert person.responses == {"topic": "x�y", "n�": 1, "s": "�"}
    grouped = as_read(GROUP | {"attendees": [seat(OMAR, SEAT_1, password="hush")]}, READ_AT)
    assert "hush" not in json.dumps(dumped(grouped))


def test_a_seat_that_was_given_up_speaks_for_itself_alone() -> None:
    omar = Person(email="omar@client.example", seat=SEAT_1)
    rest = GROUP | {"attendees": [seat(NORA, SEAT_2)]}
    (left,) = seat_given_up(rest, omar, "private", READ_AT)
    assert left == BookingChange(
        trigger="CANCELLED",
        at=READ_AT,
        uid="vst7Qm2pLxYbR4kWnZ8aHc",
        calcom_id=5001,
        seated=True,
        reason="private",
        people=(omar,),
    )
    last, ended = seat_given_up(GROUP | {"status": "cancelled", "attendees": []}, omar, "private", READ_AT)
    assert last == left
    assert (ended.trigger, ended.status, ended.people, ended.reason) == ("API", "cancelled", None, None)
    assert seat_given_up({}, omar, None, READ_AT) == ()


def test_a_seat_that_was_moved() -> None:
    omar = Person(email="omar@client.example", seat=SEAT_1)
    moved = seat_moved(GROUP, omar, "before", "a train", READ_AT)
    assert moved is not None
    assert (moved.trigger, moved.rescheduled_from_uid, moved.reason) == ("RESCHEDULED", "before", "a train")
    assert (moved.people, moved.seated, moved.starts_at) == ((omar,), True, NINE)
    assert seat_moved({}, omar, "before", None, READ_AT) is None


def test_whose_seat_it_is() -> None:
    assert seat_uid_of(GROUP, Person(email="nora@client.example")) == SEAT_2
    assert seat_uid_of(GROUP, Person(email="guest@client.example")) is None
    assert seat_uid_of(VISIT, Person(email="omar@client.example")) is None
    by_phone = GROUP | {"attendees": [seat({"email": "49301234567@sms.cal.com"}, SEAT_1)]}
    assert seat_uid_of(by_phone, Person(phone="+49301234567")) == SEAT_1
    assert seat_uid_of({"attendees": [None, {}, {"email": None}]}, Person(email="omar@client.example")) is None


def test_co_hosts_are_those_whom_the_form_does_not_name() -> None:
    panel = VISIT | {"attendees": [OMAR, GUEST, JONAS, {"email": None}, {"email": "x"}]}
    assert unlisted(panel) == ("jonas@lindenhof.example",)
    assert unlisted(VISIT) == ()
    assert unlisted(panel | {"guests": None}) == ()  # then it cannot be told
    assert unlisted(panel | {"bookingFieldsResponses": None}) == ()
    assert unlisted(GROUP | {"guests": []}) == ()


_TEXT = st.one_of(
    st.text(max_size=20),
    st.text(st.sampled_from("\x00\ud800a"), min_size=1, max_size=5),
    st.sampled_from(
        ["cancelled", "Please reschedule.", "a@b.example", "2026-12-03T09:00:00Z", "9" * 10, "https://x.y"]
    ),
)
_FIELDS = sorted({*VISIT, *GROUP, *OMAR, *INES, "seatUid", "slug", "value", "optionValue", "recurringBookingUid"})
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_FIELDS) | _TEXT, inner, max_size=4),
    max_leaves=12,
)
_OPTIONAL = ["cancellationReason", "cancelledByEmail", "reschedulingReason", "rescheduledFromUid", "rescheduledToUid"]
_ALL = sorted({*VISIT, *_OPTIONAL, "recurringBookingUid"})


def some(*fields: str) -> st.SearchStrategy[dict[str, Any]]:
    """Anything in one or two of these fields."""
    return st.dictionaries(st.sampled_from(fields), _JSON | _TEXT, max_size=2)


@settings(max_examples=300)
@given(
    st.sampled_from([VISIT, GROUP, {"uid": "u"}]),
    some(*_ALL),
    some(*OMAR, "seatUid", "bookingFieldsResponses"),
    some(*INES),
    st.dictionaries(_TEXT, _JSON, max_size=2),
)
def test_whatever_stands_in_a_field_it_can_be_read_and_stored(
    whole: dict[str, Any], odd: dict[str, Any], person: dict[str, Any], host: dict[str, Any], own: dict[str, Any]
) -> None:
    inside = {"attendees": [OMAR | person, seat(OMAR, SEAT_1, **own) | person], "hosts": [INES | host]}
    answer = whole | inside | {"bookingFieldsResponses": {"email": OMAR["email"]} | own} | odd
    changes = as_read(answer, READ_AT)
    assert len(changes) <= 2
    for change in changes:
        assert READ_AT - timedelta(seconds=15) <= change.at <= READ_AT
    json.dumps(dumped(changes), allow_nan=False, ensure_ascii=False).encode()  # which knows no lone surrogate
    assert not [text for text in texts(dumped(changes)) if "\x00" in text]
    unlisted(answer)
    seat_uid_of(answer, Person(email="omar@client.example"))
    seat_given_up(answer, Person(email="omar@client.example"), None, READ_AT)
    seat_moved(answer, Person(email="omar@client.example"), "before", None, READ_AT)


def texts(value: Any) -> list[str]:
    """Every text in a JSON value, names too."""
    if isinstance(value, dict):
        return [*value, *texts(list(value.values()))]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", _ALL)
@pytest.mark.parametrize("whole", [VISIT, GROUP])
def test_every_field_may_be_absent_or_null(name: str, whole: dict[str, Any]) -> None:
    without = {key: value for key, value in whole.items() if key != name}
    (absent,) = as_read(without, READ_AT)
    (null,) = as_read(without | {name: None}, READ_AT)
    assert absent == null


@pytest.mark.parametrize("name", [*OMAR, "seatUid", "bookingFieldsResponses"])
def test_every_field_of_an_attendee_may_be_absent_or_null(name: str) -> None:
    for each in (OMAR, seat(OMAR, SEAT_1, notes="x")):
        without = {key: value for key, value in each.items() if key != name}
        assert said(attendees=[without]) == said(attendees=[without | {name: None}])
