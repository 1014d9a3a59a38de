"""The API's own manners: keys, versions, errors, lists."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.calcom_sim.calcom import CONFIRMED, GROUP, PANEL, PLAIN, SERIES, VERSION, Calcom


class TestKeysAndVersions:
    def test_a_wrong_key_is_refused_everywhere(self, calcom: Calcom) -> None:
        for path in ("/v2/me", "/v2/bookings", "/v2/bookings/x", "/v2/webhooks"):
            answer = calcom.public.get(path, headers={"Authorization": "Bearer cal_other"})
            assert calcom.refused(answer, 401) == "Invalid API Key"

    def test_a_booking_is_readable_without_a_key_and_a_list_is_not(self, calcom: Calcom, monday: datetime) -> None:
        booking = calcom.book(PLAIN, monday.isoformat())
        path = f"/v2/bookings/{booking['uid']}"
        version = {"cal-api-version": "2026-02-25"}
        assert calcom.ok(calcom.public.get(path, headers=version))["uid"] == booking["uid"]
        calcom.refused(calcom.public.get("/v2/bookings", headers=version), 401)
        calcom.refused(calcom.public.post(f"{path}/confirm", headers=version), 401)

    @pytest.mark.parametrize("version", [None, "2099-01-01"])
    def test_without_a_known_version_it_is_another_world(
        self, calcom: Calcom, monday: datetime, version: str | None
    ) -> None:
        booking = calcom.book(PLAIN, monday.isoformat())
        headers = {"cal-api-version": version or ""}
        old = calcom.ok(calcom.api.get(f"/v2/bookings/{booking['uid']}", headers=headers))
        assert (old["status"], "start" in old, "startTime" in old) == ("ACCEPTED", False, True)
        assert "bookings" in calcom.ok(calcom.api.get("/v2/bookings", headers=headers))
        move = calcom.api.post(f"/v2/bookings/{booking['uid']}/reschedule", json={}, headers=headers)
        assert "Cannot POST" in calcom.refused(move, 404)
        calcom.refused(
            calcom.api.get("/v2/slots?eventTypeId=101&start=2026-12-01&end=2026-12-02", headers=headers), 404
        )

    def test_a_cancelled_group_keeps_its_people_in_the_newer_version_only(
        self, calcom: Calcom, monday: datetime
    ) -> None:
        uid = calcom.book(GROUP, monday.isoformat())["uid"]
        calcom.do(uid, "cancel", cancellationReason="the roof leaks")
        assert len(calcom.read(uid)["attendees"]) == 1
        older = calcom.api.get(f"/v2/bookings/{uid}", headers={"cal-api-version": "2024-08-13"})
        assert calcom.ok(older)["attendees"] == []


class TestRefusals:
    def test_the_error_has_cal_coms_shape(self, calcom: Calcom) -> None:
        body = calcom.api.get("/v2/bookings/nowhere?x=1").json()
        assert body["status"] == "error"
        assert body["path"] == "/v2/bookings/nowhere?x=1"
        assert body["error"]["code"] == "NotFoundException"
        assert datetime.fromisoformat(body["timestamp"])

    def test_cancelling(self, calcom: Calcom, monday: datetime) -> None:
        booking = calcom.book(PLAIN, monday.isoformat())
        path = f"/v2/bookings/{booking['uid']}/cancel"
        assert "reason is required" in calcom.refused(calcom.api.post(path, json={}), 400)
        calcom.ok(calcom.api.post(path, json={"cancellationReason": "ill"}))
        assert "cancelled already" in calcom.refused(calcom.api.post(path, json={"cancellationReason": "ill"}), 400)
        past = calcom.book(PLAIN, (monday - timedelta(days=28)).isoformat(), _sim={"allow_past": True})
        ended = calcom.api.post(f"/v2/bookings/{past['uid']}/cancel", json={"cancellationReason": "ill"})
        assert "already ended" in calcom.refused(ended, 400)
        group = calcom.book(GROUP, (monday + timedelta(hours=2)).isoformat())
        strange = calcom.api.post(f"/v2/bookings/{group['uid']}/cancel", json={"seatUid": "nobody"})
        calcom.refused(strange, 404)

    def test_moving(self, calcom: Calcom, monday: datetime) -> None:
        booking, other = (calcom.book(PLAIN, (monday + timedelta(hours=n)).isoformat()) for n in range(2))
        path = f"/v2/bookings/{booking['uid']}/reschedule"
        assert "not available" in calcom.refused(calcom.api.post(path, json={"start": other["start"]}), 400)
        night = (monday + timedelta(hours=14)).isoformat()
        assert "not available" in calcom.refused(calcom.api.post(path, json={"start": night}), 400)
        yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        assert "in the past" in calcom.refused(calcom.api.post(path, json={"start": yesterday}), 400)
        calcom.refused(calcom.api.post(path, json={}), 400)
        moved = calcom.do(booking["uid"], "reschedule", start=(monday + timedelta(hours=3)).isoformat())
        again = calcom.api.post(path, json={"start": (monday + timedelta(hours=4)).isoformat()})
        assert moved["uid"] in calcom.refused(again, 400)
        group = calcom.book(GROUP, (monday + timedelta(hours=5)).isoformat())
        path, to = f"/v2/bookings/{group['uid']}/reschedule", (monday + timedelta(hours=6)).isoformat()
        version = {"cal-api-version": VERSION}
        assert "seatUid" in calcom.refused(calcom.public.post(path, json={"start": to}, headers=version), 400)
        assert calcom.ok(calcom.api.post(path, json={"start": to}))["uid"] == group["uid"]  # its host moves all of it

    def test_a_declined_booking_cannot_be_moved(self, calcom: Calcom, monday: datetime) -> None:
        booking = calcom.book(CONFIRMED, monday.isoformat())
        calcom.do(booking["uid"], "decline")
        answer = calcom.api.post(f"/v2/bookings/{booking['uid']}/reschedule", json={"start": monday.isoformat()})
        assert "rejected" in calcom.refused(answer, 400)

    @pytest.mark.parametrize(
        "change",
        [
            {"start": "soon"},
            {"attendee": {"name": "Ann", "timeZone": "Europe/Paris"}},
            {"attendee": {"name": "Ann", "email": "ann", "timeZone": "Europe/Paris"}},
            {"attendee": {"name": "Ann", "email": "ann@example.com", "timeZone": "Mars/Base"}},
            {"attendee": {"name": "", "email": "ann@example.com", "timeZone": "UTC"}},
            {"eventTypeId": None},
            {"recurrenceCount": 3},
            {"metadata": {"k": "v" * 501}},
            {"guests": "bo@example.com"},
            {"location": {"type": "address"}},
        ],
    )
    def test_bad_orders(self, calcom: Calcom, monday: datetime, change: dict[str, Any]) -> None:
        attendee = {"name": "Ann", "email": "ann@example.com", "timeZone": "Europe/Paris"}
        body = {"eventTypeId": PLAIN, "start": monday.isoformat(), "attendee": attendee} | change
        calcom.refused(calcom.public.post("/_sim/bookings", json=body), 400)
        assert calcom.ok(calcom.api.get("/v2/bookings")) == []


class TestLists:
    def find(self, calcom: Calcom, **query: str | int | list[str]) -> list[str]:
        found = calcom.ok(calcom.api.get("/v2/bookings", params=query, headers={"cal-api-version": "2024-08-13"}))
        return [booking["uid"] for booking in found]

    def test_filters(self, calcom: Calcom, monday: datetime) -> None:
        def at(hours: float) -> str:
            return (monday + timedelta(hours=hours)).isoformat()

        plain = calcom.book(PLAIN, at(0))["uid"]
        pending = calcom.book(CONFIRMED, at(1), "Bea Two")["uid"]
        gone = calcom.book(PLAIN, at(2))["uid"]
        calcom.do(gone, "cancel", cancellationReason="ill")
        past = calcom.book(PLAIN, at(-28 * 24), _sim={"allow_past": True})["uid"]
        series = [each["uid"] for each in calcom.book(SERIES, at(3), recurrenceCount=2)]
        panel = calcom.book(PANEL, at(24))["uid"]

        assert self.find(calcom, status="upcoming") == [plain, pending, series[0], panel, series[1]]
        assert self.find(calcom, status="past,cancelled") == [past, gone]
        assert self.find(calcom, status=["past", "cancelled"]) == [past, gone]
        assert self.find(calcom, status=["past,cancelled", "unconfirmed"]) == [past, pending, gone]
        assert self.find(calcom, status="unconfirmed") == [pending]
        assert self.find(calcom, status="recurring") == series
        assert self.find(calcom, attendeeEmail="BEA@example.com") == [pending]
        assert self.find(calcom, attendeeName="bea") == [pending]
        assert self.find(calcom, bookingUid=gone) == [gone]
        assert self.find(calcom, eventTypeIds=f"{SERIES},{PANEL}") == [series[0], panel, series[1]]
        assert self.find(calcom, teamId=77) == [panel]
        assert self.find(calcom, afterStart=at(3), beforeEnd=at(4)) == [series[0]]
        assert self.find(calcom, sortStart="desc")[0] == series[1]
        for wrong in ("gone", ["past", "gone"]):
            answer = calcom.api.get("/v2/bookings", params={"status": wrong}, headers={"cal-api-version": "2024-08-13"})
            calcom.refused(answer, 400)

    def test_what_changed_since(self, calcom: Calcom, monday: datetime) -> None:
        first, second, third = (calcom.book(PLAIN, (monday + timedelta(hours=n)).isoformat()) for n in range(3))
        changed = calcom.do(first["uid"], "cancel", cancellationReason="ill")
        found = self.find(calcom, afterUpdatedAt=third["updatedAt"], sortUpdatedAt="asc")
        assert found == [third["uid"], first["uid"]]
        assert changed["updatedAt"] > third["updatedAt"] > second["updatedAt"]
        assert self.find(calcom, beforeUpdatedAt=second["updatedAt"]) == [second["uid"]]
        assert self.find(calcom, afterCreatedAt=second["createdAt"], sortCreated="desc") == [
            third["uid"],
            second["uid"],
        ]

    def test_pages_by_number(self, calcom: Calcom, monday: datetime) -> None:
        made = [calcom.book(PLAIN, (monday + timedelta(minutes=30 * n)).isoformat())["uid"] for n in range(5)]
        query = {"take": 2, "skip": 2}
        body = calcom.api.get("/v2/bookings", params=query, headers={"cal-api-version": "2024-08-13"}).json()
        assert [booking["uid"] for booking in body["data"]] == made[2:4]
        assert body["pagination"] == {
            "returnedItems": 2,
            "totalItems": 5,
            "itemsPerPage": 2,
            "remainingItems": 1,
            "hasNextPage": True,
            "hasPreviousPage": True,
            "currentPage": 2,
            "totalPages": 3,
        }
        assert len(self.find(calcom, take=250)) == 5
        for wrong in ({"take": 251}, {"take": 0}, {"skip": -1}):
            answer = calcom.api.get("/v2/bookings", params=wrong, headers={"cal-api-version": "2024-08-13"})
            calcom.refused(answer, 400)

    def test_pages_by_cursor(self, calcom: Calcom, monday: datetime) -> None:
        made = [calcom.book(PLAIN, (monday + timedelta(minutes=30 * n)).isoformat())["uid"] for n in range(5)]
        headers, query, found = {"cal-api-version": "2026-05-01"}, {"limit": "2"}, []
        while True:
            body = calcom.api.get("/v2/bookings", params=query, headers=headers).json()
            found += [booking["uid"] for booking in body["data"]]
            assert body["pagination"]["hasMore"] is (body["pagination"]["nextCursor"] is not None)
            if not body["pagination"]["hasMore"]:
                break
            query["cursor"] = body["pagination"]["nextCursor"]
        assert found == made
        several: list[dict[str, str | list[str]]] = [
            {"limit": "101"},
            {"status": "past,upcoming"},
            {"status": ["past", "upcoming"]},
            {"cursor": "?"},
            {"cursor": base64.b64encode(b"[]").decode()},
        ]
        for wrong in several:
            calcom.refused(calcom.api.get("/v2/bookings", params=wrong, headers=headers), 400)


def test_a_restart_never_gives_a_number_again(calcom: Calcom, monday: datetime) -> None:
    first = calcom.book(PLAIN, monday.isoformat())
    calcom.sim("reset")
    assert calcom.book(PLAIN, monday.isoformat())["id"] > first["id"]
