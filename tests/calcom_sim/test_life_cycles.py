"""Each way that a booking lives at Cal.com: what the API says after, and which webhooks told of it."""

from __future__ import annotations

from datetime import datetime

from tests.calcom_sim.calcom import (
    CALL,
    CONFIRMED,
    HOST_EMAIL,
    PAID,
    PAID_CONFIRMED,
    PANEL,
    PLAIN,
    ROTA,
    VISIT,
    Calcom,
    later,
)
from tests.calcom_sim.receiver import Receiver


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
