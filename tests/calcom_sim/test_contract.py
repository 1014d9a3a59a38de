"""Every answer of the API fits Cal.com's published description."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.calcom_sim.calcom import (
    CALL,
    CONFIRMED,
    GROUP,
    KEY,
    PAID,
    PANEL,
    PLAIN,
    ROTA,
    SERIES,
    VISIT,
    Calcom,
)
from tests.calcom_sim.contract import Contract

HANDBOOK = Path(os.environ.get("HANDBOOK", Path(__file__).parents[3] / "shared"))
DESCRIPTION = HANDBOOK / "contracts" / "calcom-openapi.json"

pytestmark = pytest.mark.skipif(not DESCRIPTION.exists(), reason="Cal.com's description (the handbook) is not here")


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(DESCRIPTION)


@pytest.fixture
def checked(calcom: Calcom, contract: Contract) -> Iterator[httpx.Client]:
    """A client with the key whose good answers the contract judges."""

    def judge(response: httpx.Response) -> None:
        response.read()
        if response.is_success and response.request.url.path.startswith("/v2/"):
            contract.check(response.request.method, response.request.url.path, response.status_code, response.json())

    headers = {"Authorization": f"Bearer {KEY}", "cal-api-version": "2024-08-13"}
    with httpx.Client(base_url=calcom.api.base_url, headers=headers, event_hooks={"response": [judge]}) as client:
        yield client


def order(event_type: int, start: datetime, name: str = "Ann Client", **more: Any) -> dict[str, Any]:
    attendee = {"name": name, "email": f"{name.split()[0].lower()}@example.com", "timeZone": "Europe/Paris"}
    return {"eventTypeId": event_type, "start": start.isoformat(), "attendee": attendee} | more


def data(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json()["data"]


def test_bookings_of_every_kind(checked: httpx.Client, monday: datetime) -> None:
    hour = timedelta(hours=1)
    phone: dict[str, Any] = {
        "attendee": {"name": "Pat", "phoneNumber": "+49301234567", "timeZone": "Europe/Berlin", "language": "de"}
    }
    made = [
        data(
            checked.post("/v2/bookings", json=order(PLAIN, monday, guests=["guest@example.com"], metadata={"ref": "1"}))
        ),
        data(checked.post("/v2/bookings", json=order(CONFIRMED, monday + hour))),
        data(checked.post("/v2/bookings", json=order(GROUP, monday + 2 * hour))),
        data(checked.post("/v2/bookings", json=order(GROUP, monday + 2 * hour, "Bea Two"))),
        data(checked.post("/v2/bookings", json=order(PAID, monday + 3 * hour))),
        data(checked.post("/v2/bookings", json=order(CALL, monday + 4 * hour, **phone))),
        data(checked.post("/v2/bookings", json=order(VISIT, monday + 5 * hour))),
        data(checked.post("/v2/bookings", json=order(PANEL, monday + 24 * hour))),
    ]
    series = data(checked.post("/v2/bookings", json=order(SERIES, monday + 48 * hour, recurrenceCount=3)))
    for each in made:
        data(checked.get(f"/v2/bookings/{each['uid']}"))
    data(checked.get(f"/v2/bookings/{series[0]['recurringBookingUid']}"))
    data(checked.get(f"/v2/bookings/by-seat/{made[2]['seatUid']}"))
    assert len(data(checked.get("/v2/bookings", params={"take": 250}))) == 10


def test_what_happens_to_them(checked: httpx.Client, calcom: Calcom, monday: datetime) -> None:
    hour = timedelta(hours=1)
    plain = data(checked.post("/v2/bookings", json=order(PLAIN, monday)))
    body = {"start": (monday + hour).isoformat(), "reschedulingReason": "a train", "rescheduledBy": "ann@example.com"}
    moved = data(checked.post(f"/v2/bookings/{plain['uid']}/reschedule", json=body))
    place = {"location": {"type": "address", "address": "12 Harbour Street"}}
    data(checked.patch(f"/v2/bookings/{moved['uid']}/location", json=place))
    for what in ("attendees", "references", "calendar-links"):
        data(checked.get(f"/v2/bookings/{plain['uid']}/{what}"))
    data(checked.post(f"/v2/bookings/{moved['uid']}/cancel", json={"cancellationReason": "ill"}))
    data(checked.get(f"/v2/bookings/{moved['uid']}"))
    data(checked.get(f"/v2/bookings/{plain['uid']}"))

    confirmed = data(checked.post("/v2/bookings", json=order(CONFIRMED, monday)))
    data(checked.post(f"/v2/bookings/{confirmed['uid']}/confirm"))
    declined = data(checked.post("/v2/bookings", json=order(CONFIRMED, monday + hour)))
    data(checked.post(f"/v2/bookings/{declined['uid']}/decline", json={"reason": "no"}))

    seats = [data(checked.post("/v2/bookings", json=order(GROUP, monday + 2 * hour, name))) for name in ("A", "B", "C")]
    uid = seats[0]["uid"]
    elsewhere = {"start": (monday + 3 * hour).isoformat(), "seatUid": seats[0]["seatUid"]}
    data(checked.post(f"/v2/bookings/{uid}/reschedule", json=elsewhere))
    data(checked.post(f"/v2/bookings/{uid}/cancel", json={"seatUid": seats[1]["seatUid"]}))
    data(checked.post(f"/v2/bookings/{uid}/cancel", json={"cancellationReason": "the roof leaks"}))

    series = data(checked.post("/v2/bookings", json=order(SERIES, monday + 24 * hour, recurrenceCount=3)))
    rest = {"cancellationReason": "enough", "cancelSubsequentBookings": True}
    data(checked.post(f"/v2/bookings/{series[1]['uid']}/cancel", json=rest))

    past = calcom.book(PLAIN, (monday - timedelta(days=28)).isoformat(), _sim={"allow_past": True})
    absent = {"attendees": [{"email": "ann@example.com", "absent": True}]}
    data(checked.post(f"/v2/bookings/{past['uid']}/mark-absent", json=absent))
    rota = data(checked.post("/v2/bookings", json=order(ROTA, monday + 5 * hour)))
    given = data(checked.post(f"/v2/bookings/{rota['uid']}/reassign"))
    back = rota["hosts"][0]["id"]
    assert given["reassignedTo"]["id"] != back
    data(checked.post(f"/v2/bookings/{rota['uid']}/reassign/{back}", json={"reason": "mine again"}))


def test_account_slots_and_webhooks(checked: httpx.Client, monday: datetime) -> None:
    for path in ("/v2/me", "/v2/calendars", "/v2/schedules", "/v2/schedules/default"):
        data(checked.get(path))
    newer = {"cal-api-version": "2024-06-14"}
    types = data(checked.get("/v2/event-types", headers=newer))
    for each in types:
        data(checked.get(f"/v2/event-types/{each['id']}", headers=newer))
    day = {"start": monday.date().isoformat(), "end": monday.date().isoformat(), "timeZone": "Europe/Rome"}
    data(checked.post("/v2/bookings", json=order(GROUP, monday)))
    for event_type in (PLAIN, GROUP):
        for form in ("time", "range"):
            query = day | {"eventTypeId": str(event_type), "format": form}
            assert data(checked.get("/v2/slots", params=query, headers={"cal-api-version": "2024-09-04"}))

    for base in ("/v2/webhooks", f"/v2/event-types/{PANEL}/webhooks"):
        body = {"active": True, "subscriberUrl": "https://new.example.com/hook", "triggers": ["BOOKING_CREATED"]}
        made = data(checked.post(base, json=body | {"secret": "s3"}))
        data(checked.get(base))
        data(checked.get(f"{base}/{made['id']}"))
        data(checked.patch(f"{base}/{made['id']}", json={"active": False}))
        data(checked.delete(f"{base}/{made['id']}"))
    data(checked.delete(f"/v2/event-types/{PANEL}/webhooks"))


def test_the_judge_can_say_no(contract: Contract, calcom: Calcom, monday: datetime) -> None:
    booking = calcom.book(PLAIN, monday.isoformat())
    path = f"/v2/bookings/{booking['uid']}"
    contract.check("GET", path, 200, {"status": "success", "data": booking})
    for wrong in (booking | {"status": "ACCEPTED"}, booking | {"surprise": 1}, booking | {"rescheduledByEmail": None}):
        with pytest.raises(AssertionError):
            contract.check("GET", path, 200, {"status": "success", "data": wrong})
    with pytest.raises(AssertionError, match="never answers 201"):
        contract.check("GET", path, 201, {"status": "success", "data": booking})
