"""The faults that can be asked for, and the limits."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta

import httpx
import pytest

from local.calcom_sim.app import create_app
from local.calcom_sim.simulator import Settings, Simulator
from tests.calcom_sim.calcom import KEY, PLAIN, Calcom, connect
from tests.calcom_sim.receiver import Receiver, served


def book_many(calcom: Calcom, start: datetime, count: int) -> list[str]:
    """Bookings half an hour apart, a working day after the other."""
    starts = [start + timedelta(days=n // 12, minutes=30 * (n % 12)) for n in range(count)]
    return [calcom.book(PLAIN, each.isoformat(), _sim={"allow_past": True})["uid"] for each in starts]


class TestWebhooks:
    def test_dropped_ones_are_listed_and_never_sent(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        calcom.sim("faults", webhooks={"drop": 0.5}, seed=1)
        book_many(calcom, monday, 40)
        calcom.flush()
        states = Counter(each["state"] for each in calcom.public.get("/_sim/webhooks").json())
        assert states["sent"] + states["dropped"] == 40
        assert 5 < states["dropped"] < 35
        assert len(subscriber.received) == states["sent"]

    def test_duplicates_differ_in_nothing_but_their_time(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        calcom.sim("faults", webhooks={"duplicate": 1})
        book_many(calcom, monday, 1)
        calcom.flush()
        first, second = (each.json for each in subscriber.received)
        assert first["payload"] == second["payload"]
        assert first["createdAt"] < second["createdAt"]

    def test_in_order_unless_reordering_is_asked_for(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        uids = book_many(calcom, monday, 20)
        calcom.flush()
        assert [each.payload["uid"] for each in subscriber.received] == uids
        calcom.sim("reset")
        subscriber.received.clear()
        calcom.sim("faults", webhooks={"reorder": True}, seed=3)
        uids = book_many(calcom, monday, 20)
        calcom.flush()
        came = [each.payload["uid"] for each in subscriber.received]
        assert came != uids
        assert sorted(came) == sorted(uids)

    def test_delay_and_flush(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        calcom.sim("faults", webhooks={"delay_ms": 60_000})
        book_many(calcom, monday, 1)
        time.sleep(0.1)
        assert subscriber.received == []
        calcom.flush()
        assert len(subscriber.received) == 1

    def test_a_webhook_may_come_before_the_answer(self, calcom: Calcom, subscriber: Receiver, monday: datetime) -> None:
        calcom.sim("faults", webhooks={"before_answer": True})
        for n, _ in enumerate(book_many(calcom, monday, 3)):
            assert len(subscriber.received) >= n + 1

    def test_a_seed_repeats_a_run(self, calcom: Calcom, monday: datetime) -> None:
        runs = []
        for _ in range(2):
            calcom.sim("reset")
            calcom.sim("faults", webhooks={"drop": 0.3, "duplicate": 0.3}, seed=7)
            book_many(calcom, monday, 20)
            runs.append([each["state"] == "dropped" for each in calcom.public.get("/_sim/webhooks").json()])
        assert runs[0] == runs[1]

    def test_a_subscriber_that_is_away_costs_only_its_webhook(
        self, calcom: Calcom, subscriber: Receiver, monday: datetime
    ) -> None:
        for webhook in calcom.ok(calcom.api.get("/v2/webhooks")):
            away = {"subscriberUrl": "http://127.0.0.1:9/webhook"}
            calcom.ok(calcom.api.patch(f"/v2/webhooks/{webhook['id']}", json=away))
        book_many(calcom, monday, 1)
        calcom.flush()
        (sending,) = calcom.public.get("/_sim/webhooks").json()
        assert (sending["state"], sending["status"]) == ("failed", None)


class TestApi:
    def test_each_entry_is_used_up_by_one_call(self, calcom: Calcom, monday: datetime) -> None:
        uid = book_many(calcom, monday, 1)[0]
        path, body = f"/v2/bookings/{uid}/cancel", {"cancellationReason": "ill"}
        calcom.sim("faults", api={"fail": [503, 429, "html", "reset"]})
        calcom.refused(calcom.api.post(path, json=body), 503)
        limited = calcom.api.post(path, json=body)
        calcom.refused(limited, 429)
        assert limited.headers["X-RateLimit-Remaining-Default"] == "0"
        page = calcom.api.post(path, json=body)
        assert (page.status_code, page.headers["Content-Type"]) == (502, "text/html")
        with pytest.raises(httpx.TransportError):
            calcom.api.post(path, json=body)
        assert calcom.read(uid)["status"] == "accepted"
        calcom.ok(calcom.api.post(path, json=body))
        calls = calcom.public.get("/_sim/requests").json()
        assert [(call["status"], call["carried_out"]) for call in calls if call["path"] == path] == [
            (503, False),
            (429, False),
            (502, False),
            (None, False),
            (200, True),
        ]

    @pytest.mark.parametrize("failure", ["timeout_after_accept", "reset_after_accept"])
    def test_carried_out_though_nobody_hears_of_it(self, calcom: Calcom, monday: datetime, failure: str) -> None:
        uid = book_many(calcom, monday, 1)[0]
        calcom.sim("faults", api={"fail": [failure]})
        with pytest.raises(httpx.TransportError):
            calcom.api.post(f"/v2/bookings/{uid}/cancel", json={"cancellationReason": "ill"}, timeout=0.3)
        assert calcom.read(uid)["status"] == "cancelled"
        call = calcom.public.get("/_sim/requests").json()[-2]
        assert (call["status"], call["carried_out"]) == (None, True)

    def test_an_error_after_the_deed(self, calcom: Calcom, monday: datetime) -> None:
        uid = book_many(calcom, monday, 1)[0]
        calcom.sim("faults", api={"fail": ["ok", "500_after_accept"], "only": "/cancel"})
        calcom.read(uid)  # another path uses nothing up
        calcom.refused(calcom.api.post("/v2/bookings/nowhere/cancel", json={}), 404)
        calcom.refused(calcom.api.post(f"/v2/bookings/{uid}/cancel", json={"cancellationReason": "ill"}), 500)
        assert calcom.read(uid)["status"] == "cancelled"

    def test_a_share_of_all_calls(self, calcom: Calcom) -> None:
        calcom.sim("faults", api={"fail": [503], "rate": 0.3}, seed=5)
        statuses = Counter(calcom.api.get("/v2/me").status_code for _ in range(60))
        assert 5 < statuses[503] < 35
        calcom.sim("faults")
        assert calcom.api.get("/v2/me").status_code == 200

    @pytest.mark.parametrize(
        "wrong", [{"api": {"fail": ["explode"]}}, {"api": {"fail": [200]}}, {"webhooks": {"drop": 2}}, {"nonsense": 1}]
    )
    def test_what_is_no_fault_is_refused(self, calcom: Calcom, wrong: dict[str, object]) -> None:
        calcom.refused(calcom.public.post("/_sim/faults", json=wrong), 400)
        assert calcom.api.get("/v2/me").status_code == 200


def test_the_rate_limit_counts_down_and_blocks() -> None:
    env = {"CALCOM_API_KEY": KEY, "CALCOM_WEBHOOK_SECRET": "s", "CALCOM_RATE": "3"}
    with served(create_app(Simulator(Settings.from_env("http://127.0.0.1", env)))) as address:
        calcom = connect(address)
        with calcom.api, calcom.public:
            left = [calcom.api.get("/v2/me").headers["X-RateLimit-Remaining-Default"] for _ in range(3)]
            assert left == ["2", "1", "0"]
            blocked = calcom.api.get("/v2/me")
            assert "ThrottlerException" in calcom.refused(blocked, 429)
            assert blocked.headers["X-RateLimit-Limit-Default"] == "3"
            assert 0 < int(blocked.headers["X-RateLimit-Reset-Default"]) <= 60
            assert calcom.public.get("/_sim/health").status_code == 200
