"""Each way that a booking lives at Cal.com: what the API says after, and which webhooks told of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.calcom_sim.calcom import (
    CALL,
    CONFIRMED,
    GROUP,
    HOST_EMAIL,
    PAID,
    PAID_CONFIRMED,
    PANEL,
    PLAIN,
    ROTA,
    SERIES,
    VISIT,
    Calcom,
)
from tests.calcom_sim.receiver import Receiver


def later(start: datetime, **by: float) -> str:
    return (start + timedelta(**by)).isoformat()


class TestPlain:
    def test_booked_moved_twice_and_cancelled(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        first = calcom.book(PLAIN, later(monday), guests=["guest@example.com"])
        second = calcom.do(first["uid"], "reschedule", start=later(monday, hours=1), reschedulingReason="a train")
        third = calcom.do(second["uid"], "reschedule", start=later(monday, hours=2))
        calcom.do(third["uid"], "cancel", cancellationReason="ill")
        calcom.flush()

        assert subscriber.triggers == [
            "BOOKING_CREATED",
            "BOOKING_RESCHEDULED",
            "BOOKING_RESCHEDULED",
            "BOOKING_CANCELLED",
        ]
        assert len({first["uid"], second["uid"], third["uid"]}) == len({first["id"], second["id"], third["id"]}) == 3
        assert first["icsUid"] == second["icsUid"] == third["icsUid"]
        assert [each.payload["iCalSequence"] for each in subscriber.received] == [0, 1, 2, 3]
        moved = subscriber.received[1].payload
        assert (moved["rescheduleUid"], moved["rescheduleId"]) == (first["uid"], first["id"])
        assert moved["uid"] == second["uid"]
        assert moved["responses"]["rescheduleReason"]["value"] == "a train"

        old = calcom.read(first["uid"])
        assert (old["status"], old["rescheduledToUid"]) == ("cancelled", second["uid"])
        assert second["rescheduledFromUid"] == first["uid"]
        gone = calcom.read(third["uid"])
        assert (gone["status"], gone["cancellationReason"]) == ("cancelled", "ill")
        assert "cancelledBy" not in subscriber.received[3].payload  # over the API nobody is named

    def test_a_visitor_cancels_on_the_page_and_is_named(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        booking = calcom.book(PLAIN, later(monday))
        calcom.sim(f"bookings/{booking['uid']}/cancel", reason="no time")
        calcom.flush()
        assert subscriber.last("BOOKING_CANCELLED").payload["cancelledBy"] == "ann@example.com"

    def test_a_taken_slot_is_refused_and_free_again_after_the_end(self, calcom: Calcom, monday: datetime) -> None:
        booking = calcom.book(PLAIN, later(monday))
        body = {
            "eventTypeId": PLAIN,
            "start": later(monday),
            "attendee": {"name": "Bo", "email": "bo@example.com", "timeZone": "UTC"},
        }
        assert "not available" in calcom.refused(calcom.public.post("/_sim/bookings", json=body), 400)
        calcom.do(booking["uid"], "cancel", cancellationReason="ill")
        calcom.ok(calcom.public.post("/_sim/bookings", json=body))

    def test_the_host_asks_for_another_time(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        booking = calcom.book(PLAIN, later(monday))
        answer = calcom.api.post(
            f"/v2/bookings/{booking['uid']}/request-reschedule", json={"rescheduleReason": "sorry"}
        )
        assert answer.json() == {"status": "success"}
        moved = calcom.do(booking["uid"], "reschedule", start=later(monday, days=1))
        calcom.flush()
        assert subscriber.triggers == ["BOOKING_CREATED", "BOOKING_CANCELLED", "BOOKING_RESCHEDULED"]
        asked = subscriber.received[1].payload
        assert asked["requestReschedule"] is True
        assert asked["cancellationReason"] == "Please reschedule. sorry"
        assert "id" not in asked["organizer"]
        assert subscriber.received[2].payload["rescheduleUid"] == booking["uid"]
        assert moved["status"] == "accepted"

    def test_only_a_phone_number(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        attendee = {"name": "Pat Phone", "phoneNumber": "+49 30 1234567", "timeZone": "Europe/Berlin"}
        booking = calcom.book(CALL, later(monday), attendee=attendee)
        calcom.flush()
        assert booking["attendees"][0]["email"] == "49301234567@sms.cal.com"
        payload = subscriber.last("BOOKING_CREATED").payload
        assert payload["attendees"][0]["phoneNumber"] == "+49 30 1234567"
        assert payload["location"] == "+49 30 1234567"
        assert payload["responses"]["location"]["value"] == {"value": "phone", "optionValue": "+49 30 1234567"}

    def test_in_person_with_a_hidden_address_of_the_host(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        booking = calcom.book(VISIT, later(monday))
        calcom.flush()
        payload = subscriber.last("BOOKING_CREATED").payload
        assert payload["hideOrganizerEmail"] is True
        assert "Hamburg" in payload["location"] == booking["location"]
        assert "videoCallUrl" not in payload["metadata"]


class TestConfirmation:
    def test_confirmed(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        booking = calcom.book(CONFIRMED, later(monday))
        assert booking["status"] == "pending"
        assert calcom.do(booking["uid"], "confirm")["status"] == "accepted"
        calcom.flush()
        assert subscriber.triggers == ["BOOKING_REQUESTED", "BOOKING_CREATED"]
        assert subscriber.received[0].payload["oneTimePassword"]
        assert calcom.refused(calcom.api.post(f"/v2/bookings/{booking['uid']}/confirm"), 400)

    def test_declined(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        booking = calcom.book(CONFIRMED, later(monday))
        assert calcom.do(booking["uid"], "decline", reason="not now")["status"] == "rejected"
        calcom.flush()
        assert subscriber.triggers == ["BOOKING_REQUESTED", "BOOKING_REJECTED"]
        assert subscriber.received[1].payload["rejectionReason"] == "not now"

    def test_a_move_awaits_the_word_again(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        booking = calcom.book(CONFIRMED, later(monday))
        calcom.do(booking["uid"], "confirm")
        moved = calcom.do(booking["uid"], "reschedule", start=later(monday, hours=3))
        assert (moved["status"], moved["rescheduledFromUid"]) == ("pending", booking["uid"])
        assert calcom.read(booking["uid"])["status"] == "cancelled"
        calcom.do(moved["uid"], "confirm")
        calcom.flush()
        assert subscriber.triggers == ["BOOKING_REQUESTED", "BOOKING_CREATED", "BOOKING_REQUESTED", "BOOKING_CREATED"]
        assert subscriber.received[2].payload["rescheduleUid"] == booking["uid"]
        assert "rescheduleUid" not in subscriber.received[3].payload

    def test_a_move_by_the_host_holds_at_once(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        booking = calcom.book(CONFIRMED, later(monday))
        calcom.do(booking["uid"], "confirm")
        moved = calcom.do(booking["uid"], "reschedule", start=later(monday, hours=3), rescheduledBy=HOST_EMAIL)
        calcom.flush()
        assert moved["status"] == "accepted"
        assert subscriber.last("BOOKING_RESCHEDULED").payload["rescheduledBy"] == HOST_EMAIL

    def test_asking_again_changes_nothing(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        first, second = (calcom.book(CONFIRMED, later(monday)) for _ in range(2))
        calcom.flush()
        assert first["uid"] == second["uid"]
        assert subscriber.triggers == ["BOOKING_REQUESTED"]


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


class TestPayment:
    def test_held_once_paid(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        booking = calcom.book(PAID, later(monday))
        assert booking["status"] == "pending"
        assert calcom.sim(f"pay/{booking['uid']}")["data"]["status"] == "accepted"
        calcom.flush()
        assert subscriber.triggers == ["BOOKING_PAYMENT_INITIATED", "BOOKING_PAID", "BOOKING_CREATED"]
        assert [each.payload["status"] for each in subscriber.received] == ["ACCEPTED"] * 3
        assert subscriber.received[1].payload["metadata"]["bookerEmail"] == "ann@example.com"

    def test_paid_and_then_confirmed(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        booking = calcom.book(PAID_CONFIRMED, later(monday))
        assert calcom.refused(calcom.api.post(f"/v2/bookings/{booking['uid']}/confirm"), 400)
        assert calcom.sim(f"pay/{booking['uid']}")["data"]["status"] == "pending"
        calcom.do(booking["uid"], "confirm")
        calcom.flush()
        assert subscriber.triggers == [
            "BOOKING_PAYMENT_INITIATED",
            "BOOKING_PAID",
            "BOOKING_REQUESTED",
            "BOOKING_CREATED",
        ]


class TestHosting:
    def test_another_place(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        booking = calcom.book(PLAIN, later(monday))
        place = {"location": {"type": "address", "address": "12 Harbour Street"}}
        calcom.ok(calcom.api.patch(f"/v2/bookings/{booking['uid']}/location", json=place))
        calcom.flush()
        payload = subscriber.last("BOOKING_LOCATION_UPDATED").payload
        assert (payload["previousLocation"], payload["location"]) == ("integrations:daily", "12 Harbour Street")
        assert calcom.read(booking["uid"])["location"] == "12 Harbour Street"

    def test_another_host(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        booking = calcom.book(ROTA, later(monday))
        answer = calcom.do(booking["uid"], "reassign")
        calcom.flush()
        assert answer["reassignedTo"]["email"] != booking["hosts"][0]["email"]
        payload = subscriber.last("BOOKING_REASSIGNED").payload
        assert payload["organizer"]["email"] == answer["reassignedTo"]["email"]
        assert payload["removedHostUserIds"] == [booking["hosts"][0]["id"]]
        assert calcom.read(booking["uid"])["hosts"][0]["id"] == answer["reassignedTo"]["id"]

    def test_co_hosts_are_a_team_in_webhooks_and_attendees_in_the_api(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        booking = calcom.book(PANEL, later(monday))
        calcom.flush()
        payload = subscriber.last("BOOKING_CREATED").payload
        assert [person["email"] for person in payload["attendees"]] == ["ann@example.com"]
        assert [member["email"] for member in payload["team"]["members"]] == ["colleague@example.com"]
        assert [person["email"] for person in booking["attendees"]] == ["ann@example.com", "colleague@example.com"]

    def test_absence_and_meetings(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        past = calcom.book(PLAIN, later(monday, days=-28), _sim={"allow_past": True})
        coming = calcom.book(PLAIN, later(monday))
        absent = {"attendees": [{"email": "ann@example.com", "absent": True}]}
        assert calcom.refused(calcom.api.post(f"/v2/bookings/{coming['uid']}/mark-absent", json=absent), 400)
        assert calcom.do(past["uid"], "mark-absent", **absent)["attendees"][0]["absent"] is True
        calcom.sim(f"meeting/{coming['uid']}/started")
        calcom.sim(f"meeting/{coming['uid']}/ended")
        calcom.flush()
        assert subscriber.triggers[2:] == ["BOOKING_NO_SHOW_UPDATED", "MEETING_STARTED", "MEETING_ENDED"]
        assert subscriber.received[2].payload["attendees"] == [{"email": "ann@example.com", "noShow": True}]
        flat = subscriber.received[3].json
        assert "payload" not in flat
        assert (flat["uid"], flat["createdAt"]) == (coming["uid"], coming["createdAt"])
