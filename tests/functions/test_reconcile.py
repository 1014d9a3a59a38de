"""The sweep over Cal.com's API: what was missed is found, named, healed, and nobody hears old news."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.conftest import Connection, Stack
from tests.functions.acting import PLAIN, House, monday


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


def reconcile(house: House, **wanted: Any) -> Any:
    headers = {"Authorization": f"Bearer {house.env['SCHEDULER_TOKEN']}"}
    answer = httpx.post(f"{house.env['FUNCTIONS_URL']}/reconcile", json=wanted, headers=headers, timeout=90)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_nothing_to_find(house: House) -> None:
    house.book(PLAIN, monday(9))
    report = reconcile(house, full=True)
    assert (report["missing"], report["stale"], report["ghost"], report["differences"]) == (0, 0, 0, [])
    assert report["complete"] is True
    assert report["checked"] >= 1


def test_what_webhooks_missed(house: House) -> None:
    kept = house.book(PLAIN, monday(9))
    house.sim("faults", {"webhooks": {"drop": 1}})
    made = house.book(PLAIN, monday(10), "other@example.com")
    moved = house.sim(f"bookings/{kept['uid']}/move", {"start": monday(14).isoformat()})["data"]
    gone = house.book(PLAIN, monday(11), "third@example.com")
    house.sim(f"bookings/{gone['uid']}/cancel", {"reason": "ill"})

    looked = reconcile(house, dry_run=True)
    report = reconcile(house)

    assert (report["missing"], report["stale"], report["healed"]) == (2, 1, 3), report
    assert [each | {"done": ""} for each in looked["differences"] if each["kind"] == "stale"] == [
        each | {"done": ""} for each in report["differences"] if each["kind"] == "stale"
    ]
    assert (looked["missing"], looked["stale"], looked["healed"]) == (2, 1, 0)
    assert {each["cause"] for each in report["differences"]} == {"webhook_missing"}
    (stale,) = (each for each in report["differences"] if each["kind"] == "stale")
    assert (stale["what"], stale["booking_id"]) == (["moved"], house.id_of(kept["uid"]))
    assert stale["fields"]["starts_at"] == [
        f"{monday(9):%Y-%m-%dT%H:%M:%S+00:00}",
        f"{monday(14):%Y-%m-%dT%H:%M:%S+00:00}",
    ]
    assert house.id_of(moved["uid"]) == house.id_of(kept["uid"])
    statuses: dict[str, str] = dict(
        house.db.execute(
            "select n.uid, b.status from private.booking_nodes n join public.bookings b on b.id = n.booking_id"
        ).fetchall()
    )
    assert (statuses[made["uid"]], statuses[gone["uid"]]) == ("confirmed", "cancelled")
    again = reconcile(house, full=True)
    assert (again["missing"], again["stale"], again["ghost"], again["healed"]) == (0, 0, 0, 0), again
