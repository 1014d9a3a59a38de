"""The bodies: signed as Cal.com signs, with its keys and nulls, and understood by what reads them."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared import calcom_webhook
from tests.calcom_sim.calcom import CONFIRMED, PAID, PLAIN, ROTA, SECRETS, Calcom
from tests.calcom_sim.receiver import Received, Receiver

HANDBOOK = Path(os.environ.get("HANDBOOK", Path(__file__).parents[3] / "shared"))
CURRENT, FORMER = SECRETS.split(",")


def everything(calcom: Calcom, start: datetime) -> None:
    """Make one webhook of each trigger."""

    def at(hours: float) -> str:
        return (start + timedelta(hours=hours)).isoformat()

    guests = ["guest@example.com"]
    notes = {"notes": "By the window, please.", "topic": "Plans"}
    plain = calcom.book(PLAIN, at(0), guests=guests, bookingFieldsResponses=notes)
    moved = calcom.do(plain["uid"], "reschedule", start=at(1), reschedulingReason="a train")
    place = {"location": {"type": "link", "link": "https://meet.example.com/room"}}
    calcom.ok(calcom.api.patch(f"/v2/bookings/{moved['uid']}/location", json=place))
    calcom.sim(f"meeting/{moved['uid']}/started")
    calcom.sim(f"meeting/{moved['uid']}/ended")
    calcom.do(moved["uid"], "cancel", cancellationReason="ill")
    calcom.do(calcom.book(CONFIRMED, at(2), guests=guests, bookingFieldsResponses=notes)["uid"], "decline", reason="no")
    calcom.do(calcom.book(ROTA, at(3), bookingFieldsResponses=notes)["uid"], "reassign")
    calcom.sim(f"pay/{calcom.book(PAID, at(4))['uid']}")
    past = calcom.book(PLAIN, at(-700), _sim={"allow_past": True})
    calcom.do(past["uid"], "mark-absent", attendees=[{"email": "ann@example.com", "absent": True}])
    calcom.flush()


@pytest.fixture
def sent(calcom: Calcom, subscriber: Receiver, monday: datetime) -> dict[str, Received]:
    """The first webhook of each trigger."""
    everything(calcom, monday)
    return {each.trigger: each for each in reversed(subscriber.received)}


def test_each_is_signed_over_its_raw_bytes_with_the_current_secret(sent: dict[str, Received]) -> None:
    for webhook in sent.values():
        signature = webhook.headers["X-Cal-Signature-256"]
        assert signature == hmac.new(CURRENT.encode(), webhook.body, hashlib.sha256).hexdigest()
        assert calcom_webhook.verify(webhook.body, signature, [FORMER, CURRENT])
        assert not calcom_webhook.verify(webhook.body, signature, [FORMER])
        assert webhook.headers["X-Cal-Webhook-Version"] == "2021-10-20"


def test_the_body_is_written_as_javascript_writes_it(sent: dict[str, Received]) -> None:
    body = sent["BOOKING_CREATED"].body.decode()
    assert body == json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))


def test_every_sending_has_its_own_time(calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
    everything(calcom, monday)
    times = [each.json["createdAt"] for each in subscriber.received if "payload" in each.json]
    assert times == sorted(set(times))


def test_each_is_understood(sent: dict[str, Received]) -> None:
    for trigger, webhook in sent.items():
        report = calcom_webhook.parse(webhook.body, datetime.now(UTC))
        assert report.error is None, trigger
        assert len(report.changes) == 1, trigger


def test_secrets_are_in_the_bodies_and_must_be_taken_out(sent: dict[str, Received]) -> None:
    assert sent["BOOKING_REQUESTED"].payload["oneTimePassword"]
    assert sent["BOOKING_CREATED"].payload["videoCallData"]["password"]


def test_times_are_spelled_as_variously_as_cal_com_does(sent: dict[str, Received]) -> None:
    assert sent["BOOKING_CREATED"].payload["startTime"].endswith(":00Z")
    assert sent["BOOKING_PAID"].payload["startTime"].endswith(":00.000Z")
    assert sent["BOOKING_CANCELLED"].payload["startTime"].endswith("+00:00")


def test_labels_are_translation_keys_or_bare_names(sent: dict[str, Received]) -> None:
    assert sent["BOOKING_CREATED"].payload["responses"]["email"]["label"] == "email_address"
    assert sent["BOOKING_CANCELLED"].payload["responses"]["email"]["label"] == "email"
    assert "value" not in sent["BOOKING_REQUESTED"].payload["responses"]["rescheduleReason"]


@pytest.mark.parametrize(
    "trigger",
    [
        "BOOKING_CREATED",
        "BOOKING_RESCHEDULED",
        "BOOKING_CANCELLED",
        "BOOKING_REQUESTED",
        "BOOKING_REJECTED",
        "BOOKING_PAYMENT_INITIATED",
        "BOOKING_PAID",
        "BOOKING_LOCATION_UPDATED",
        "BOOKING_REASSIGNED",
        "BOOKING_NO_SHOW_UPDATED",
        "MEETING_STARTED",
        "MEETING_ENDED",
    ],
)
def test_keys_and_nulls_are_those_of_cal_coms_own_guide(sent: dict[str, Received], trigger: str) -> None:
    sample = HANDBOOK / "payloads" / f"docs2026-09__{trigger}__1.json"
    if not sample.exists():
        pytest.skip(f"the handbook's sample of {trigger} is not here")
    theirs, ours = json.loads(sample.read_text()), sent[trigger].json
    assert ours.keys() == theirs.keys()
    if "payload" in theirs:
        theirs, ours = theirs["payload"], ours["payload"]
        assert ours.keys() == theirs.keys()
    for key in ("organizer", "attendees"):
        if key in theirs:
            assert _keys(ours[key]) == _keys(theirs[key]), key
    kinds = {key: _kind(value) for key, value in theirs.items()}
    differing = {key for key, value in ours.items() if _kind(value) != kinds[key]}
    # Empty lists and objects stand where the sample has one, and one of ours belongs to nobody's organisation.
    assert differing <= {"organizationId", "attendees", "appsStatus", "fromReschedule", "rescheduled"}


def _keys(value: Any) -> set[str]:
    first = value[0] if isinstance(value, list) else value
    return set(first)


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


class TestVersion20260727:
    @pytest.fixture
    def newer(self, calcom: Calcom) -> Calcom:
        for webhook in calcom.ok(calcom.api.get("/v2/webhooks")):
            calcom.ok(calcom.api.patch(f"/v2/webhooks/{webhook['id']}", json={"version": "2026-07-27"}))
        return calcom

    def test_calendar_files_come_along(self, newer: Calcom, subscriber: Receiver, monday: datetime) -> None:
        booking = newer.book(PLAIN, monday.isoformat())
        newer.do(booking["uid"], "cancel", cancellationReason="ill")
        newer.flush()
        created, cancelled = subscriber.received
        assert created.headers["X-Cal-Webhook-Version"] == "2026-07-27"
        assert "METHOD:REQUEST" in created.payload["attendeeIcsContent"]
        assert f"UID:{booking['icsUid']}" in created.payload["organizerIcsContent"]
        assert "METHOD:CANCEL" in cancelled.payload["attendeeIcsContent"]


def test_ping(calcom: Calcom, subscriber: Receiver) -> None:
    calcom.sim("ping")
    calcom.flush()
    assert subscriber.triggers == ["PING"]
    assert "uid" not in subscriber.received[0].payload


def test_a_webhook_without_a_secret_says_so(calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
    (webhook,) = calcom.ok(calcom.api.get("/v2/webhooks"))
    calcom.ok(calcom.api.patch(f"/v2/webhooks/{webhook['id']}", json={"secret": ""}))
    calcom.book(PLAIN, monday.isoformat())
    calcom.flush()
    assert subscriber.received[0].headers["X-Cal-Signature-256"] == "no-secret-provided"


@pytest.mark.parametrize("status", [302, 307, 500, 503])
def test_whatever_the_answer_it_is_sent_once(
    calcom: Calcom, subscriber: Receiver, monday: datetime, status: int
) -> None:
    subscriber.status = status
    calcom.book(PLAIN, monday.isoformat())
    calcom.flush()
    assert subscriber.triggers == ["BOOKING_CREATED"]
    (sending,) = calcom.public.get("/_sim/webhooks").json()
    assert (sending["state"], sending["status"]) == ("sent", status)
