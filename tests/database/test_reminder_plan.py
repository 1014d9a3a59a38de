"""Each rule of the plan of reminders once, with times to read (what they all come to: `test_reminders_model.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.database.clock import clock_by_hand
from tests.database.model_reminders import Attendee, Key
from tests.database.portal import Portal
from tests.database.recorded import Connection
from tests.database.reminder_world import STAFF, ReminderWorld

ANA, BEN = "ana@example.com", "ben@example.com"
MOBILE, PHIL = "+34600111222", "+4915112345678"
BERLIN, SYDNEY = "Europe/Berlin", "Australia/Sydney"
Seen = dict[tuple[str, int], str]  # channel and lead → when, on the clocks of that place, or the reason for silence


@pytest.fixture(scope="module")
def portal(sql: Connection) -> Iterator[Portal]:
    made = Portal(sql)
    with clock_by_hand(sql):
        yield made
    made.empty()


@pytest.fixture
def world(portal: Portal) -> ReminderWorld:
    """Monday, 2081-06-02, at noon UTC: 14:00 in Berlin."""
    return ReminderWorld(portal, at("2081-06-02 12:00"))


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def reminders(world: ReminderWorld, person: str = ANA, zone: str = "UTC", starts_at: datetime | None = None) -> Seen:
    """What a person's reminders will come to; where the booking was moved, those of one time."""
    rows = {key: row for key, row in world.in_sql().items() if key.person == person}
    rows = {key: row for key, row in rows.items() if starts_at in (None, key.starts_at)}
    return {(key.channel, key.lead): _read(row, zone) for key, row in rows.items()}


def _read(row: tuple[Any, ...], zone: str) -> str:
    status, reason, due_at, _ = row
    if status == "planned":
        return str(due_at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M"))
    return str(reason or status)


def key(world: ReminderWorld, lead: int, channel: str = "email", person: str = ANA) -> Key:
    [found] = [k for k in world.in_sql() if (k.person, k.channel, k.lead) == (person, channel, lead)]
    return found


def texts(world: ReminderWorld, address: str = ANA, number: str = MOBILE, **wishes: Any) -> None:
    """This person wants texts and agreed to them."""
    world.wish(address, **{"phone": number, "verified": True, "sms_reminders": True, **wishes})
    world.consent(address, number)


# When.


def test_a_day_and_an_hour_before_unless_one_says_otherwise(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 09:00"), Attendee(ANA), Attendee(BEN))
    assert reminders(world) == {("email", 1440): "2081-06-04 09:00", ("email", 60): "2081-06-05 08:00"}
    assert reminders(world, BEN) == reminders(world)


def test_leads_are_as_each_person_wishes(world: ReminderWorld) -> None:
    world.wish(ANA, reminder_leads=(20160, 15))
    world.wish(BEN, reminder_leads=())
    world.book(at("2081-06-20 09:00"), Attendee(ANA), Attendee(BEN))
    assert reminders(world) == {("email", 20160): "2081-06-06 09:00", ("email", 15): "2081-06-20 08:45"}
    assert reminders(world, BEN) == {}


def test_a_lead_already_past_when_the_booking_is_made_is_no_reminder(world: ReminderWorld) -> None:
    world.book(at("2081-06-03 12:00"), Attendee(ANA))
    assert reminders(world) == {("email", 1440): "inside_window", ("email", 60): "2081-06-03 11:00"}


def test_a_lead_that_was_not_past_then_is_one_for_good(world: ReminderWorld) -> None:
    world.book(at("2081-06-03 12:01"), Attendee(ANA))
    world.step_to(at("2081-06-02 14:00"))
    world.wish(ANA, time_zone=BERLIN)  # it is overdue, and planned again for another reason
    assert reminders(world)["email", 1440] == "2081-06-02 12:01"


@pytest.mark.parametrize(
    ("starts_at", "first"),
    [("2081-03-30 09:00", "2081-03-29 08:00"), ("2081-10-26 09:00", "2081-10-25 10:00")],
)
def test_leads_are_real_minutes_also_when_clocks_are_changed(portal: Portal, starts_at: str, first: str) -> None:
    world = ReminderWorld(portal, at("2081-03-01 12:00"))
    world.book(at(starts_at, BERLIN), Attendee(ANA, BERLIN))
    assert reminders(world, zone=BERLIN)["email", 1440] == first


# Texts.


def test_a_text_needs_a_wish_a_verified_number_and_consent(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 12:00"), Attendee(ANA))

    def text() -> str | None:
        return reminders(world).get(("sms", 60))

    assert text() is None
    world.wish(ANA, phone=MOBILE)
    assert text() == "opted_out"
    world.wish(ANA, sms_reminders=True)
    assert text() == "no_consent"
    world.consent(ANA, MOBILE)
    assert text() == "no_consent"
    world.wish(ANA, verified=True)
    assert text() == "2081-06-05 11:00"
    world.wish(ANA, sms_lead=90)
    assert (text(), reminders(world)["sms", 90]) == ("opted_out", "2081-06-05 10:30")
    world.wish(ANA, sms_lead=60)
    assert (text(), reminders(world)["sms", 90]) == ("2081-06-05 11:00", "opted_out")
    world.withdraw(ANA, MOBILE)
    assert text() == "no_consent"
    world.consent(ANA, MOBILE)
    world.wish(ANA, phone=PHIL)
    assert text() == "no_consent"  # it was given for another number


def test_a_number_that_nothing_may_be_sent_to_is_not_texted_whoever_has_it(world: ReminderWorld) -> None:
    texts(world)
    world.book(at("2081-06-05 12:00"), Attendee(ANA))
    world.suppress("sms", MOBILE)
    assert reminders(world)["sms", 60] == "suppressed"
    world.lift("sms", MOBILE)
    assert reminders(world)["sms", 60] == "2081-06-05 11:00"


def test_consent_for_a_number_is_nobody_elses(world: ReminderWorld) -> None:
    texts(world)
    world.wish(BEN, phone=MOBILE, verified=True, sms_reminders=True)
    world.book(at("2081-06-05 12:00"), Attendee(ANA), Attendee(BEN))
    assert reminders(world, ANA)["sms", 60] == "2081-06-05 11:00"
    assert reminders(world, BEN)["sms", 60] == "no_consent"


def test_who_has_no_address_is_texted_an_hour_before_with_consent(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 12:00"), Attendee(PHIL))
    assert reminders(world, PHIL) == {("sms", 60): "no_consent"}
    world.consent(ANA, PHIL)  # whoever gave it: it is the number's
    assert reminders(world, PHIL) == {("sms", 60): "2081-06-05 11:00"}
    world.suppress("sms", PHIL)
    assert reminders(world, PHIL) == {("sms", 60): "suppressed"}


# Quiet hours: 21:00 to 08:00 where the person lives.


def test_a_text_in_the_quiet_hours_waits_for_their_end(world: ReminderWorld) -> None:
    texts(world, sms_lead=240)
    world.book(at("2081-06-05 10:00", BERLIN), Attendee(ANA, BERLIN))
    assert reminders(world, zone=BERLIN)["sms", 240] == "2081-06-05 08:00"


def test_not_if_that_is_less_than_half_an_hour_before_the_meeting(world: ReminderWorld) -> None:
    texts(world)
    world.book(at("2081-06-05 08:30", BERLIN), Attendee(ANA, BERLIN))
    world.book(at("2081-06-06 08:29", BERLIN), Attendee(ANA, BERLIN))
    seen = [reminders(world, zone=BERLIN, starts_at=b.starts_at)["sms", 60] for b in world.model.bookings.values()]
    assert seen == ["2081-06-05 08:00", "2081-06-05 20:59"]


def test_no_text_if_they_have_begun_but_the_mail_keeps_its_time(world: ReminderWorld) -> None:
    world.step_to(at("2081-06-04 22:00", BERLIN))
    texts(world, quiet_email=True)
    world.book(at("2081-06-05 08:15", BERLIN), Attendee(ANA, BERLIN))
    seen = reminders(world, zone=BERLIN)
    assert seen["sms", 60] == "quiet_hours"
    assert seen["email", 60] == "2081-06-05 07:15"


def test_mails_know_no_quiet_hours_unless_one_wishes(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 09:00", BERLIN), Attendee(ANA, BERLIN), Attendee(BEN, BERLIN))
    world.wish(ANA, reminder_leads=(120,))
    world.wish(BEN, reminder_leads=(120,), quiet_email=True)
    assert reminders(world, ANA, BERLIN)["email", 120] == "2081-06-05 07:00"
    assert reminders(world, BEN, BERLIN)["email", 120] == "2081-06-05 08:00"


def test_the_end_of_the_quiet_hours_is_not_quiet_and_their_start_is(world: ReminderWorld) -> None:
    world.wish(ANA, quiet_email=True, reminder_leads=(60,))
    for starts_at in ("2081-06-05 09:00", "2081-06-05 22:00"):
        world.book(at(starts_at, BERLIN), Attendee(ANA, BERLIN))
    seen = [reminders(world, zone=BERLIN, starts_at=b.starts_at)["email", 60] for b in world.model.bookings.values()]
    assert seen == ["2081-06-05 08:00", "2081-06-05 20:59"]


def test_quiet_hours_at_noon_and_none_at_all(world: ReminderWorld) -> None:
    world.wish(ANA, quiet_email=True, reminder_leads=(60,), quiet_start=time(12), quiet_end=time(13))
    world.wish(BEN, quiet_email=True, reminder_leads=(60,), quiet_start=time(8), quiet_end=time(8))
    world.book(at("2081-06-05 13:45", BERLIN), Attendee(ANA, BERLIN), Attendee(BEN, BERLIN))
    assert reminders(world, ANA, BERLIN) == {("email", 60): "2081-06-05 13:00"}
    assert reminders(world, BEN, BERLIN) == {("email", 60): "2081-06-05 12:45"}


@pytest.mark.parametrize(
    ("wish", "attends_in", "host_in", "hour"),
    [
        (SYDNEY, BERLIN, "Asia/Tokyo", SYDNEY),
        (None, BERLIN, "Asia/Tokyo", BERLIN),
        (None, None, "Asia/Tokyo", "Asia/Tokyo"),
    ],
)
def test_whose_clocks_count(
    world: ReminderWorld, wish: str | None, attends_in: str | None, host_in: str, hour: str
) -> None:
    """Those of the person's wish, else of the booking, else the host's: 05:00 becomes 08:00 there."""
    world.wish(ANA, quiet_email=True, reminder_leads=(240,), time_zone=wish)
    world.book(at("2081-06-10 09:00", hour), Attendee(ANA, attends_in), host_zone=host_in)
    assert reminders(world, zone=hour) == {("email", 240): "2081-06-10 08:00"}


def test_without_any_zone_it_is_utc(world: ReminderWorld) -> None:
    world.wish(ANA, quiet_email=True, reminder_leads=(240,))
    world.book(at("2081-06-10 09:00"), Attendee(ANA))
    assert reminders(world) == {("email", 240): "2081-06-10 08:00"}


@pytest.mark.parametrize(
    ("zone", "quiet_end", "starts_at", "due_at"),
    [
        (BERLIN, time(2, 30), "2081-03-30 01:30", "2081-03-30 01:30"),  # a gap: 02:30 is 03:30 in summer
        (BERLIN, time(2, 30), "2081-10-26 00:30", "2081-10-26 00:30"),  # a fold: the earlier of both, in summer
        ("Australia/Lord_Howe", time(2, 15), "2081-10-04 15:45", "2081-10-04 15:45"),  # clocks go 30 minutes forward
        ("Australia/Lord_Howe", time(1, 45), "2081-04-05 14:45", "2081-04-05 14:45"),  # and 30 minutes back
        ("America/New_York", time(1, 30), "2081-11-02 05:30", "2081-11-02 05:30"),
        ("Asia/Kathmandu", time(8), "2081-06-05 02:15", "2081-06-05 02:15"),
        ("America/St_Johns", time(8), "2081-06-05 10:30", "2081-06-05 10:30"),
    ],
)
def test_quiet_hours_that_end_while_clocks_are_changed(
    portal: Portal, zone: str, quiet_end: time, starts_at: str, due_at: str
) -> None:
    """Two hours before the meeting is quiet; `starts_at` and `due_at` in UTC, the meeting an hour after the end."""
    world = ReminderWorld(portal, at("2081-03-01 12:00"))
    world.wish(ANA, quiet_email=True, reminder_leads=(120,), quiet_start=time(20), quiet_end=quiet_end)
    world.book(at(starts_at) + timedelta(hours=1), Attendee(ANA, zone))
    assert reminders(world) == {("email", 120): due_at}


def test_the_hour_that_comes_twice_is_quiet_once(portal: Portal) -> None:
    """Quiet until 02:30, which is at 00:30 UTC. When clocks show 02:15 again, an hour later, it is over."""
    world = ReminderWorld(portal, at("2081-10-01 12:00"))
    world.wish(ANA, quiet_email=True, reminder_leads=(60,), quiet_start=time(20), quiet_end=time(2, 30))
    world.book(at("2081-10-26 01:15"), Attendee(ANA, BERLIN))
    world.book(at("2081-10-26 02:15"), Attendee(ANA, BERLIN))
    seen = [reminders(world, starts_at=b.starts_at)["email", 60] for b in world.model.bookings.values()]
    assert seen == ["2081-10-26 00:30", "2081-10-26 01:15"]


def test_of_those_that_fall_on_one_instant_the_shortest_lead_stays(world: ReminderWorld) -> None:
    world.wish(ANA, quiet_email=True, reminder_leads=(240, 180, 120, 60))
    world.book(at("2081-06-05 09:30", BERLIN), Attendee(ANA, BERLIN))
    assert reminders(world, zone=BERLIN) == {
        ("email", 240): "merged",
        ("email", 180): "merged",
        ("email", 120): "2081-06-05 08:00",
        ("email", 60): "2081-06-05 08:30",
    }
    world.wish(ANA, reminder_leads=(240, 180, 60))
    assert reminders(world, zone=BERLIN)["email", 180] == "2081-06-05 08:00"


def test_what_was_merged_does_not_come_after_all(world: ReminderWorld) -> None:
    """Both left before the quiet hours; looked at again in the night, that is past."""
    world.wish(ANA, quiet_email=True, reminder_leads=(120, 60))
    world.book(at("2081-06-05 08:15", BERLIN), Attendee(ANA, BERLIN))
    planned = {("email", 120): "merged", ("email", 60): "2081-06-04 20:59"}
    assert reminders(world, zone=BERLIN) == planned
    world.step_to(at("2081-06-04 20:59", BERLIN))
    world.sweep()
    world.step_to(at("2081-06-04 23:00", BERLIN))
    world.wish(ANA, sms_lead=90)
    assert reminders(world, zone=BERLIN) == {("email", 120): "merged", ("email", 60): "sent"}


def test_what_is_about_to_leave_is_left_as_it_is(world: ReminderWorld) -> None:
    """It should leave before the quiet hours; planned again a moment too late, it still does."""
    world.wish(ANA, quiet_email=True, reminder_leads=(60,))
    world.book(at("2081-06-05 08:15", BERLIN), Attendee(ANA, BERLIN))
    world.step_to(at("2081-06-04 21:00", BERLIN))
    world.wish(ANA, sms_lead=90)
    assert reminders(world, zone=BERLIN) == {("email", 60): "2081-06-04 20:59"}


def test_what_waits_for_the_end_of_quiet_hours_waits_though_they_are_given_up(world: ReminderWorld) -> None:
    world.wish(ANA, quiet_email=True, reminder_leads=(240,))
    world.book(at("2081-06-05 10:00", BERLIN), Attendee(ANA, BERLIN))
    assert reminders(world, zone=BERLIN)["email", 240] == "2081-06-05 08:00"
    world.step_to(at("2081-06-05 06:30", BERLIN))
    world.wish(ANA, quiet_email=False)
    assert reminders(world, zone=BERLIN)["email", 240] == "2081-06-05 08:00"


# Why not.


def test_one_may_want_none_and_change_ones_mind(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 09:00"), Attendee(ANA))
    before = reminders(world)
    world.wish(ANA, email_reminders=False)
    assert reminders(world) == {("email", 1440): "opted_out", ("email", 60): "opted_out"}
    world.wish(ANA, email_reminders=True)
    assert reminders(world) == before


def test_after_its_time_a_silenced_one_stays_silenced(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 09:00"), Attendee(ANA))
    world.suppress("email", ANA)
    world.step_to(at("2081-06-04 09:00"))
    world.lift("email", ANA)
    assert reminders(world) == {("email", 1440): "suppressed", ("email", 60): "2081-06-05 08:00"}


def test_what_is_about_to_leave_is_held_back(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 09:00"), Attendee(ANA))
    world.step_to(at("2081-06-04 09:01"))
    world.suppress("email", ANA)
    assert reminders(world)["email", 1440] == "suppressed"
    assert world.sweep() == set()


def test_wishes_hold_for_bookings_that_exist(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 09:00"), Attendee(ANA))
    world.wish(ANA, reminder_leads=(30, 60))
    assert reminders(world) == {
        ("email", 1440): "opted_out",
        ("email", 60): "2081-06-05 08:00",
        ("email", 30): "2081-06-05 08:30",
    }
    world.step_to(at("2081-06-04 10:00"))
    world.wish(ANA, reminder_leads=(30, 1440, 2880))
    assert reminders(world) == {
        ("email", 2880): "inside_window",
        ("email", 1440): "opted_out",  # its time is past
        ("email", 60): "opted_out",
        ("email", 30): "2081-06-05 08:30",
    }


def test_staff_and_a_team_that_sends_none(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 09:00"), Attendee(ANA), Attendee(STAFF, staff=True))
    assert set(reminders(world, STAFF).values()) == {"staff"}
    world.team_wants(False)
    assert set(reminders(world).values()) == {"not_wanted_by_team"}
    world.team_wants(True)
    assert reminders(world)["email", 60] == "2081-06-05 08:00"


def test_an_import_reminds_nobody_until_it_is_moved(world: ReminderWorld) -> None:
    booking = world.book(at("2081-06-05 09:00"), Attendee(ANA), notify="none")
    world.wish(ANA, time_zone=BERLIN)
    assert set(reminders(world).values()) == {"imported"}
    world.move(booking, at("2081-06-06 09:00"))
    assert reminders(world, starts_at=at("2081-06-06 09:00"))["email", 60] == "2081-06-06 08:00"


# What becomes of the booking.


def test_only_a_confirmed_booking_reminds(world: ReminderWorld) -> None:
    booking = world.book(at("2081-06-05 09:00"), Attendee(ANA), trigger="REQUESTED")
    assert reminders(world) == {}
    world.confirm(booking)
    assert reminders(world) == {("email", 1440): "2081-06-04 09:00", ("email", 60): "2081-06-05 08:00"}
    world.cancel(booking)
    assert set(reminders(world).values()) == {"superseded"}


def test_a_moved_one_reminds_of_its_new_time_and_back(world: ReminderWorld) -> None:
    old, new = at("2081-06-05 09:00"), at("2081-06-06 09:00")
    booking = world.book(old, Attendee(ANA))
    before = reminders(world)
    world.move(booking, new)
    assert reminders(world, starts_at=new) == {("email", 1440): "2081-06-05 09:00", ("email", 60): "2081-06-06 08:00"}
    assert set(reminders(world, starts_at=old).values()) == {"superseded"}
    world.step_to(at("2081-06-04 09:00"))
    world.move(booking, old)
    assert reminders(world, starts_at=old) == {**before, ("email", 1440): "inside_window"}
    assert set(reminders(world, starts_at=new).values()) == {"superseded"}


def test_who_leaves_is_not_reminded_and_who_comes_back_is(world: ReminderWorld) -> None:
    booking = world.book(at("2081-06-05 09:00"), Attendee(ANA), Attendee(BEN))
    before = reminders(world)
    world.remove(booking, BEN)
    assert (reminders(world), set(reminders(world, BEN).values())) == (before, {"superseded"})
    world.add_again(booking, BEN)
    assert reminders(world, BEN) == before


def test_each_leaves_once_at_its_time_and_none_after_the_start(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 09:00"), Attendee(ANA))
    world.step_to(at("2081-06-04 08:59"))
    assert world.sweep() == set()
    world.step_to(at("2081-06-04 09:00"))
    assert {key.lead for key in world.sweep()} == {1440}
    assert world.sweep() == set()
    world.step_to(at("2081-06-05 09:00"))
    assert world.sweep() == set()
    assert reminders(world) == {("email", 1440): "sent", ("email", 60): "started"}


def test_a_late_text_is_put_off_till_the_morning(world: ReminderWorld) -> None:
    texts(world, sms_lead=600)
    for starts_at in ("2081-06-05 06:55", "2081-06-05 08:20"):
        world.book(at(starts_at, BERLIN), Attendee(ANA, BERLIN))
    world.book(at("2081-06-05 06:30", BERLIN), Attendee(BEN, BERLIN))
    late = at("2081-06-04 22:30", BERLIN)
    assert reminders(world, zone=BERLIN, starts_at=at("2081-06-05 06:55", BERLIN))["sms", 600] == "2081-06-04 20:55"
    world.wish(ANA, quiet_end=time(6))
    world.step_to(late)
    assert not [key for key in world.sweep() if key.channel == "sms"]
    assert reminders(world, zone=BERLIN, starts_at=at("2081-06-05 06:55", BERLIN))["sms", 600] == "2081-06-05 06:00"


# Staff.


def test_staff_skip_one_and_nothing_brings_it_back_but_they(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 09:00"), Attendee(ANA))
    world.staff_skip(key(world, 60))
    world.wish(ANA, time_zone=BERLIN)
    assert reminders(world) == {("email", 1440): "2081-06-04 09:00", ("email", 60): "not_wanted_by_team"}
    world.staff_send(key(world, 60))
    assert {k.lead for k in world.sweep()} == {60}


def test_staff_send_one_now_also_one_that_came_too_late(world: ReminderWorld) -> None:
    world.book(at("2081-06-03 10:00"), Attendee(ANA))
    for lead in (1440, 60):
        world.staff_send(key(world, lead))
    assert {k.lead for k in world.sweep()} == {1440, 60}


def test_staff_may_text_at_night(world: ReminderWorld) -> None:
    texts(world)
    world.book(at("2081-06-05 22:00", BERLIN), Attendee(ANA, BERLIN))
    world.step_to(at("2081-06-04 23:00", BERLIN))
    world.staff_send(key(world, 60, "sms"))
    assert ("sms", 60) in {(k.channel, k.lead) for k in world.sweep()}


def test_staff_do_not_overrule_the_person(world: ReminderWorld) -> None:
    world.book(at("2081-06-05 09:00"), Attendee(ANA))
    world.wish(ANA, email_reminders=False)
    with pytest.raises(psycopg.Error) as refused:
        world.portal.answer(STAFF, "send_notification_now", world.id_of(key(world, 60)))
    assert refused.value.sqlstate == "PT409"
