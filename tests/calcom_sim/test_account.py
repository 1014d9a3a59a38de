"""The API around bookings: free slots and webhooks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.calcom_sim.calcom import GROUP, PANEL, PLAIN, Calcom
from tests.calcom_sim.receiver import Receiver

SLOTS = {"cal-api-version": "2024-09-04"}


class TestSlots:
    def free(self, calcom: Calcom, event_type: int, day: datetime, **query: str) -> dict[str, list[dict[str, Any]]]:
        date = day.date().isoformat()
        asked = {"eventTypeId": str(event_type), "start": date, "end": date} | query
        slots: dict[str, list[dict[str, Any]]] = calcom.ok(calcom.public.get("/v2/slots", params=asked, headers=SLOTS))
        return slots

    def test_working_hours_in_the_zone_asked_for(self, calcom: Calcom, monday: datetime) -> None:
        berlin = self.free(calcom, PLAIN, monday, timeZone="Europe/Berlin")
        (day,) = berlin
        assert day == monday.date().isoformat()
        starts = [slot["start"] for slot in berlin[day]]
        offset = monday.astimezone(ZoneInfo("Europe/Berlin")).isoformat()[-6:]
        assert starts[0] == f"{day}T09:00:00.000{offset}"
        assert starts[-1] == f"{day}T16:30:00.000{offset}"
        tokyo = self.free(calcom, PLAIN, monday, timeZone="Asia/Tokyo")
        assert [slot["start"][-6:] for slots in tokyo.values() for slot in slots] == ["+09:00"] * len(starts)
        assert self.free(calcom, PLAIN, monday + timedelta(days=5)) == {}  # Saturday

    def test_what_is_taken_is_absent_and_back_for_its_own_move(self, calcom: Calcom, monday: datetime) -> None:
        before = self.free(calcom, PLAIN, monday)[monday.date().isoformat()]
        booking = calcom.book(PLAIN, monday.isoformat())
        after = self.free(calcom, PLAIN, monday)[monday.date().isoformat()]
        assert [slot for slot in before if slot not in after] == [{"start": booking["start"]}]
        own = self.free(calcom, PLAIN, monday, bookingUidToReschedule=booking["uid"])
        assert own[monday.date().isoformat()] == before
        # The panel needs both people, and one of them is busy now.
        panel = [slot["start"] for slot in self.free(calcom, PANEL, monday)[monday.date().isoformat()]]
        assert booking["start"] not in panel

    def test_ranges_and_seats(self, calcom: Calcom, monday: datetime) -> None:
        group = calcom.book(GROUP, monday.isoformat())
        slots = self.free(calcom, GROUP, monday, format="range")[monday.date().isoformat()]
        (taken,) = [slot for slot in slots if slot["start"] == group["start"]]
        assert taken == {
            "start": group["start"],
            "end": group["end"],
            "seatsBooked": 1,
            "seatsRemaining": 3,
            "seatsTotal": 4,
            "bookingUid": group["uid"],
        }

    def test_refusals(self, calcom: Calcom) -> None:
        good = {"eventTypeId": "101", "start": "2026-12-01", "end": "2026-12-02"}
        for change, status in (
            ({"start": ""}, 400),
            ({"timeZone": "Mars/Base"}, 400),
            ({"format": "x"}, 400),
            ({"eventTypeId": "9"}, 404),
            ({"duration": "60"}, 400),
            ({"duration": "long"}, 400),
            ({"duration": "-30"}, 400),
            ({"duration": ""}, 400),
        ):
            calcom.refused(calcom.public.get("/v2/slots", params=good | change, headers=SLOTS), status)

    def test_the_duration_may_be_named_where_it_is_the_only_one(self, calcom: Calcom, monday: datetime) -> None:
        assert self.free(calcom, PLAIN, monday, duration="30") == self.free(calcom, PLAIN, monday) != {}

    def test_by_slug(self, calcom: Calcom) -> None:
        query = {"eventTypeSlug": "consultation", "username": "host", "start": "2026-12-01", "end": "2026-12-02"}
        calcom.ok(calcom.public.get("/v2/slots", params=query, headers=SLOTS))


class TestWebhooks:
    def test_made_changed_and_removed(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        (own,) = calcom.ok(calcom.api.get("/v2/webhooks"))
        assert own["subscriberUrl"] == subscriber.url
        assert own["secret"]
        again = {"active": True, "subscriberUrl": subscriber.url, "triggers": ["BOOKING_CREATED"]}
        calcom.refused(calcom.api.post("/v2/webhooks", json=again), 409)
        changed = calcom.ok(calcom.api.patch(f"/v2/webhooks/{own['id']}", json={"triggers": ["BOOKING_CANCELLED"]}))
        assert changed["triggers"] == ["BOOKING_CANCELLED"]
        booking = calcom.book(PLAIN, monday.isoformat())
        calcom.do(booking["uid"], "cancel", cancellationReason="ill")
        calcom.ok(calcom.api.delete(f"/v2/webhooks/{own['id']}"))
        calcom.book(PLAIN, monday.isoformat())
        calcom.flush()
        assert subscriber.triggers == ["BOOKING_CANCELLED"]
        calcom.refused(calcom.api.get(f"/v2/webhooks/{own['id']}"), 404)

    def test_bad_ones(self, calcom: Calcom) -> None:
        good = {"active": True, "subscriberUrl": "https://a.example.com/hook", "triggers": ["BOOKING_CREATED"]}
        for change in (
            {"active": "yes"},
            {"subscriberUrl": "ftp://a"},
            {"triggers": ["BOOKING_CONFIRMED"]},
            {"version": "2020-01-01"},
            {"triggers": ["DELEGATION_CREDENTIAL_ERROR"]},
        ):
            calcom.refused(calcom.api.post("/v2/webhooks", json=good | change), 400)
        assert len(calcom.ok(calcom.api.get("/v2/webhooks"))) == 1

    def test_the_hosts_own_webhook_hears_of_no_team_event(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        calcom.ok(calcom.api.delete(f"/v2/event-types/{PANEL}/webhooks"))
        calcom.book(PANEL, monday.isoformat())
        calcom.flush()
        assert subscriber.triggers == []
        types = calcom.ok(calcom.api.get("/v2/event-types", headers={"cal-api-version": "2024-06-14"}))
        assert PANEL not in [each["id"] for each in types]
