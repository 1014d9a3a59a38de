"""How groups and series live at Cal.com: seats one by one, occurrences one by one or all that are left."""

from __future__ import annotations

from datetime import datetime

from tests.calcom_sim.calcom import GROUP, SERIES, Calcom, later
from tests.calcom_sim.receiver import Receiver


class TestGroup:
    def test_seats_come_and_go_one_by_one(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        seats = [calcom.book(GROUP, later(monday), name) for name in ("Ann One", "Bea Two", "Cy Three")]
        uid = seats[0]["uid"]
        assert {seat["uid"] for seat in seats} == {uid}
        assert len({seat["seatUid"] for seat in seats}) == 3
        # Others in a group are nobody's business.
        assert [person["name"] for person in seats[2]["attendees"]] == ["Cy Three"]

        after = calcom.do(uid, "cancel", seatUid=seats[1]["seatUid"], cancellationReason="ill")
        assert after["status"] == "accepted"
        assert [person["name"] for person in after["attendees"]] == ["Ann One", "Cy Three"]
        calcom.do(uid, "cancel", seatUid=seats[0]["seatUid"])
        assert calcom.do(uid, "cancel", seatUid=seats[2]["seatUid"])["status"] == "cancelled"
        calcom.flush()

        assert subscriber.triggers == ["BOOKING_CREATED"] * 3 + ["BOOKING_CANCELLED"] * 3
        created = [each.payload for each in subscriber.received[:3]]
        assert [[person["name"] for person in payload["attendees"]] for payload in created] == [
            ["Ann One"],
            ["Bea Two"],
            ["Cy Three"],
        ]
        assert [payload["attendeeSeatId"] for payload in created] == [seat["seatUid"] for seat in seats]
        assert {payload["bookingId"] for payload in created} == {seats[0]["id"]}
        gone = subscriber.received[3].payload
        assert [person["email"] for person in gone["attendees"]] == ["bea@example.com"]
        assert (gone["status"], gone["uid"]) == ("CANCELLED", uid)
        assert gone.keys().isdisjoint({"attendeeSeatId", "cancelledBy"})

    def test_the_host_cancels_all(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        for name in ("Ann One", "Bea Two"):
            booking = calcom.book(GROUP, later(monday), name)
        assert calcom.refused(calcom.public.post(f"/v2/bookings/{booking['uid']}/cancel", json={}), 400)
        calcom.do(booking["uid"], "cancel", cancellationReason="the roof leaks")
        calcom.flush()
        payload = subscriber.last("BOOKING_CANCELLED").payload
        assert [person["email"] for person in payload["attendees"]] == ["ann@example.com", "bea@example.com"]

    def test_a_seat_moves_to_a_new_group_and_to_one_that_is_there(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        ann, bea = (calcom.book(GROUP, later(monday), name) for name in ("Ann One", "Bea Two"))
        other = calcom.do(ann["uid"], "reschedule", start=later(monday, hours=1), seatUid=bea["seatUid"])
        assert other["uid"] != ann["uid"]
        assert other["seatUid"] == bea["seatUid"]
        joined = calcom.do(ann["uid"], "reschedule", start=later(monday, hours=1), seatUid=ann["seatUid"])
        assert joined["uid"] == other["uid"]
        assert calcom.read(ann["uid"])["status"] == "cancelled"
        calcom.flush()
        moved = [each.payload for each in subscriber.received if each.trigger == "BOOKING_RESCHEDULED"]
        assert [payload["uid"] for payload in moved] == [other["uid"]] * 2
        assert [payload["rescheduleUid"] for payload in moved] == [bea["seatUid"], ann["seatUid"]]
        assert [payload["attendees"][0]["name"] for payload in moved] == ["Bea Two", "Ann One"]

    def test_the_host_moves_the_whole_group_in_place(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        ann, _ = (calcom.book(GROUP, later(monday), name) for name in ("Ann One", "Bea Two"))
        moved = calcom.sim(f"bookings/{ann['uid']}/move", start=later(monday, hours=2), by="host")["data"]
        calcom.flush()
        assert moved["uid"] == ann["uid"]
        payload = subscriber.last("BOOKING_RESCHEDULED").payload
        assert len(payload["attendees"]) == 2
        assert payload["rescheduleStartTime"] != payload["startTime"]

    def test_full(self, calcom: Calcom, monday: datetime) -> None:
        for name in ("Ann One", "Bea Two", "Cy Three", "Di Four"):
            calcom.book(GROUP, later(monday), name)
        body = {
            "eventTypeId": GROUP,
            "start": later(monday),
            "attendee": {"name": "Ed Five", "email": "ed@example.com", "timeZone": "UTC"},
        }
        assert calcom.refused(calcom.public.post("/_sim/bookings", json=body), 400)


class TestSeries:
    def test_one_webhook_each_and_one_for_the_whole_rest(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        series = calcom.book(SERIES, later(monday), recurrenceCount=5)
        parent = series[0]["recurringBookingUid"]
        assert [each["recurringBookingUid"] for each in series] == [parent] * 5
        assert [each["uid"] for each in calcom.read(parent)] == [each["uid"] for each in series]
        single = calcom.do(series[1]["uid"], "cancel", cancellationReason="a holiday")
        assert single["status"] == "cancelled"
        rest = calcom.do(series[2]["uid"], "cancel", cancellationReason="enough", cancelSubsequentBookings=True)
        assert [each["uid"] for each in rest] == [each["uid"] for each in series[2:]]
        calcom.flush()

        assert subscriber.triggers == ["BOOKING_CREATED"] * 5 + ["BOOKING_CANCELLED"] * 2
        created = [each.payload for each in subscriber.received[:5]]
        assert all(payload["recurringEvent"] == {"freq": 2, "count": 6, "interval": 1} for payload in created)
        # Cal.com makes the series with its first occurrence, so only the later ones can name it.
        assert [payload.get("existingRecurringEvent") for payload in created] == [
            None,
            *[{"recurringEventId": parent}] * 4,
        ]
        one, all_later = (each.payload for each in subscriber.received[5:])
        assert "recurringEvent" not in one
        assert (all_later["uid"], all_later["recurringEvent"]["freq"]) == (series[2]["uid"], 2)
        statuses = [each["status"] for each in calcom.read(parent)]
        assert statuses == ["accepted", "cancelled", "cancelled", "cancelled", "cancelled"]

    def test_the_series_uid_cancels_what_is_left(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        series = calcom.book(SERIES, later(monday))
        calcom.do(series[0]["recurringBookingUid"], "cancel", cancellationReason="enough")
        calcom.flush()
        assert subscriber.triggers == ["BOOKING_CREATED"] * 6 + ["BOOKING_CANCELLED"]
