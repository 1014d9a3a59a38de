"""The sweep over Cal.com's API: how many bookings one call shows it, beside the 250 that Cal.com lists at most."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import psycopg

from tests.conftest import Stack
from tests.functions.acting import PLAIN, House, monday

BOOKINGS = 990  # nearly four pages, each of which begins with the last booking of the one before
PAGE = 250


def measure(stack: Stack) -> tuple[float, float]:
    """→ bookings a call (ours, at most)."""
    with psycopg.connect(stack.env["POSTGRES_URL"], autocommit=True) as db:
        house = House(stack.env, db)
        house.sim("faults", {"webhooks": {"drop": 1}})
        for number in range(BOOKINGS):
            attendee = {"name": "Client", "email": f"client{number}@example.com", "timeZone": "Europe/Berlin"}
            start = (monday() + timedelta(minutes=30 * number)).isoformat()
            order = {"eventTypeId": PLAIN, "start": start, "attendee": attendee, "_sim": {"allow_past": True}}
            house.sim("bookings", order)
        house.sim("faults", {})
        while not _run(stack)["complete"]:  # heals what webhooks missed
            pass
        before = _calls(stack)
        report = _run(stack, since="2020-01-01T00:00:00Z")
        assert report["complete"] and report["healed"] == 0 and report["checked"] >= BOOKINGS, report
        return report["checked"] / (_calls(stack) - before), PAGE


def _run(stack: Stack, **wanted: Any) -> Any:
    headers = {"Authorization": f"Bearer {stack.env['SCHEDULER_TOKEN']}"}
    answer = httpx.post(f"{stack.env['FUNCTIONS_URL']}/reconcile", json=wanted, headers=headers, timeout=90)
    return answer.raise_for_status().json()


def _calls(stack: Stack) -> int:
    return len(httpx.get(f"{stack.env['CALCOM_SIM_URL']}/_sim/requests", timeout=30).json())
