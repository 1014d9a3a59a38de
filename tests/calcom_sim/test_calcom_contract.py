"""Every call that we make of Cal.com's API fits its published description, and so does every answer to it.

Prism stands in between and judges both. It gets the description with its known faults corrected (`CORRECTIONS` says
why) and its objects closed: as published, what cancels or moves a seat fits two alternatives where exactly one is asked
for, and answers about slots, event types, calendars and webhooks are described as they never are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import JsonValue

from shared import calcom_api, http_client, settings
from shared.calcom_http import Declined, Unreached, call
from tests.calcom_sim.calcom import CALL, CONFIRMED, GROUP, HOST_EMAIL, KEY, PAID, PANEL, PLAIN, SERIES, VISIT, Calcom
from tests.calcom_sim.contract import CORRECTIONS, SLOTS
from tests.calcom_sim.receiver import Receiver
from tests.providers.test_contracts import CONTRACTS, PRISM, behind_prism

DESCRIPTION = CONTRACTS / "calcom-openapi.json"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

pytestmark = [
    pytest.mark.skipif(not DESCRIPTION.is_file(), reason="Cal.com's description (the handbook) is not here"),
    pytest.mark.skipif(not PRISM.is_file(), reason="the npm packages are not installed"),
]


def corrected() -> dict[str, Any]:
    """Cal.com's description as Prism needs it."""
    document: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    schemas = document["components"]["schemas"]
    for name, properties in CORRECTIONS.items():
        schemas[name]["properties"] |= properties
    answer = document["paths"]["/v2/slots"]["get"]["responses"]["200"]
    answer["content"]["application/json"]["schema"] = SLOTS
    closed: dict[str, Any] = _closed(document)
    return closed


def _closed(part: Any) -> Any:
    """Objects with fields are closed; `const` and several types are not words of OpenAPI 3.0."""
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {key: _closed(value) for key, value in part.items()}
    if made.get("type") == "object" and isinstance(made.get("properties"), dict) and made["properties"]:
        made.setdefault("additionalProperties", False)
    if isinstance(made.get("type"), list):
        (kind,) = (each for each in made["type"] if each != "null")
        made |= {"type": kind, "nullable": True}
    if "const" in made:
        made["enum"] = [made.pop("const")]
    return made


@pytest.fixture(scope="module")
def judged(running: tuple[Calcom, Receiver], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The simulator's API behind Prism."""
    folder = tmp_path_factory.mktemp("prism")
    description = folder / "calcom.json"
    description.write_text(json.dumps(corrected()))
    with behind_prism(str(description), str(running[0].public.base_url), folder / "log") as url:
        yield f"{url}/v2"


@pytest.fixture
def through(judged: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Our own calls go through Prism."""
    monkeypatch.setenv("CALCOM_API_URL", judged)
    monkeypatch.setenv("CALCOM_API_KEY", KEY)
    settings.load.cache_clear()
    http_client.close()
    yield monkeypatch
    settings.load.cache_clear()
    http_client.close()


@pytest.fixture
def strict(through: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever Prism has against a call or its answer fails the test, in its words."""

    def listen(response: httpx.Response) -> None:
        response.read()
        assert "problem+json" not in response.headers.get("Content-Type", ""), response.text

    with httpx.Client(event_hooks={"response": [listen]}) as client:
        through.setattr(http_client, "_client", client)
        yield


def soon() -> float:
    return time.monotonic() + 25


@pytest.mark.usefixtures("strict")
def test_reading_bookings_of_every_kind(calcom: Calcom, monday: datetime) -> None:
    kinds = (PLAIN, CONFIRMED, PAID, VISIT, PANEL, GROUP)
    made = [calcom.book(kind, (monday + n * DAY).isoformat()) for n, kind in enumerate(kinds[:5])]
    made.append(calcom.book(GROUP, (monday + 3 * HOUR).isoformat()))
    phone = {"name": "Pat", "phoneNumber": "+49301234567", "timeZone": "Europe/Berlin"}
    made.append(calcom.book(CALL, (monday + 5 * HOUR).isoformat(), attendee=phone))
    series = calcom.book(SERIES, (monday + 6 * HOUR).isoformat(), recurrenceCount=3)
    for each in made:
        (read,) = calcom_api.booking(each["uid"], soon())
        assert read["uid"] == each["uid"]
    assert len(calcom_api.booking(series[0]["recurringBookingUid"], soon())) == 3
    assert calcom_api.booking_of_seat(made[5]["seatUid"], soon())["uid"] == made[5]["uid"]

    page = calcom_api.bookings(soon())
    assert (len(page.bookings), page.more) == (10, False)
    newest = page.bookings[-1]
    assert newest["uid"] == series[2]["uid"]
    updated_at = datetime.fromisoformat(str(newest["updatedAt"]))
    assert calcom_api.bookings(soon(), updated_after=updated_at).bookings == (newest,)
    assert len(calcom_api.bookings(soon(), starts_after=monday + 7 * DAY).bookings) == 2
    assert calcom_api.bookings(soon(), starts_after=monday, skip=10) == calcom_api.Page((), False)
    with pytest.raises(Declined):
        calcom_api.booking("nobody's", soon())


@pytest.mark.usefixtures("strict")
def test_moving(calcom: Calcom, monday: datetime) -> None:
    uid = calcom.book(PLAIN, monday.isoformat())["uid"]
    first = calcom_api.reschedule(uid, monday + HOUR, soon(), by="ann@example.com", reason="a train")
    second = calcom_api.reschedule(str(first["uid"]), monday + 2 * HOUR, soon(), by=None, reason=None)
    assert [each["uid"] for each in calcom_api.life(uid, soon())] == [uid, first["uid"], second["uid"]]
    with pytest.raises(Declined):
        calcom_api.reschedule(uid, monday + 3 * HOUR, soon(), by=None, reason=None)

    pending = calcom.book(CONFIRMED, (monday + DAY).isoformat())["uid"]
    moved = calcom_api.reschedule(pending, monday + DAY + HOUR, soon(), by=HOST_EMAIL, reason=None)
    assert moved["status"] == "accepted"

    seats = [calcom.book(GROUP, (monday + 2 * DAY).isoformat(), name) for name in ("Ann", "Ben")]
    into = calcom_api.reschedule(
        seats[0]["uid"], monday + 2 * DAY + HOUR, soon(), by="ann@example.com", reason="x", seat_uid=seats[0]["seatUid"]
    )
    assert calcom_api.booking_of_seat(seats[0]["seatUid"], soon())["uid"] == into["uid"] != seats[1]["uid"]


@pytest.mark.usefixtures("strict")
def test_cancelling(calcom: Calcom, monday: datetime) -> None:
    (plain,) = calcom_api.cancel(calcom.book(PLAIN, monday.isoformat())["uid"], soon(), reason="ill")
    assert (plain["status"], plain["cancellationReason"]) == ("cancelled", "ill")
    with pytest.raises(Declined):
        calcom_api.cancel(str(plain["uid"]), soon(), reason="ill")

    seats = [calcom.book(GROUP, (monday + DAY).isoformat(), name) for name in ("Ann", "Ben", "Cid")]
    uid = seats[0]["uid"]
    (group,) = calcom_api.cancel(uid, soon(), reason=None, seat_uid=seats[0]["seatUid"])
    assert group["status"] == "accepted"
    (group,) = calcom_api.cancel(uid, soon(), reason="The room is closed")
    assert group["status"] == "cancelled"

    series = calcom.book(SERIES, (monday + 2 * DAY).isoformat(), recurrenceCount=4)
    assert len(calcom_api.cancel(series[0]["uid"], soon(), reason=None)) == 1
    assert len(calcom_api.cancel(series[2]["uid"], soon(), reason=None, remaining=True)) == 2


@pytest.mark.usefixtures("strict")
def test_agreeing_and_declining(calcom: Calcom, monday: datetime) -> None:
    uids = [calcom.book(CONFIRMED, (monday + n * HOUR).isoformat())["uid"] for n in range(3)]
    assert calcom_api.confirm(uids[0], soon())["status"] == "accepted"
    assert calcom_api.decline(uids[1], soon(), reason="full")["status"] == "rejected"
    assert calcom_api.decline(uids[2], soon(), reason=None)["status"] == "rejected"


@pytest.mark.usefixtures("strict")
def test_free_times(calcom: Calcom, monday: datetime) -> None:
    uid = calcom.book(PLAIN, monday.isoformat())["uid"]
    calcom.book(GROUP, (monday + 2 * HOUR).isoformat())
    taken = calcom_api.slots(PLAIN, monday, monday + 4 * HOUR, "Asia/Kathmandu", soon())
    free = calcom_api.slots(PLAIN, monday, monday + 4 * HOUR, "UTC", soon(), moving=uid, minutes=30)
    day = monday.date().isoformat()
    assert monday in free[day] and monday not in taken[day]
    assert calcom_api.slots(GROUP, monday, monday + 4 * HOUR, "UTC", soon())[day]
    assert calcom_api.slots(PLAIN, monday - 2 * DAY, monday - DAY, "UTC", soon()) == {}


@pytest.mark.usefixtures("strict")
def test_the_account_and_its_event_types(calcom: Calcom) -> None:
    assert calcom_api.me(soon())["email"] == HOST_EMAIL
    assert calcom_api.calendars(soon()) == ()
    for number in range(PLAIN, PLAIN + 10):
        assert calcom_api.event_type(number, soon())["id"] == number


@pytest.mark.usefixtures("strict")
def test_webhooks(calcom: Calcom) -> None:
    assert len(calcom_api.webhooks(soon())) == 1
    hook: dict[str, JsonValue] = {"active": True, "subscriberUrl": "https://new.example.com/hook", "secret": "s"}
    hook["triggers"] = ["BOOKING_CREATED"]
    made = calcom_api.create_webhook(hook, soon())
    with pytest.raises(Declined) as caught:
        calcom_api.create_webhook(hook, soon())
    assert caught.value.status == 409
    changed = calcom_api.update_webhook(str(made["id"]), {"triggers": ["BOOKING_CANCELLED"], "active": False}, soon())
    assert (changed["triggers"], changed["active"]) == (["BOOKING_CANCELLED"], False)
    calcom_api.delete_webhook(str(made["id"]), soon())
    assert len(calcom_api.webhooks(soon())) == 1


@pytest.mark.usefixtures("through")
def test_the_judge_can_say_no(calcom: Calcom, monday: datetime) -> None:
    uid = calcom.book(PLAIN, monday.isoformat())["uid"]
    path, start = f"/bookings/{uid}/reschedule", (monday + HOUR).isoformat()
    for wrong in ({"begin": start}, {"start": start, "reason": "x"}, {"start": 5}):
        with pytest.raises(Declined) as caught:
            call("POST", path, "2024-08-13", soon(), body=wrong)
        assert caught.value.status == 422
    with pytest.raises(Declined) as caught:
        call("GET", f"/bookings/{uid}", None, soon())  # without the version
    assert caught.value.status == 422
    assert [request["path"] for request in _requests(calcom)] == []  # nothing of it arrived
    with pytest.raises(Unreached):
        call("GET", f"/bookings/{uid}", "2024-04-15", soon())  # answered, and the answer is of another world
    assert [request["status"] for request in _requests(calcom)] == [200, 200, 200]


def _requests(calcom: Calcom) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = calcom.public.get("/_sim/requests").json()
    return listed
