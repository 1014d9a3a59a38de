"""The sweep: who may start it, what it answers, and what it leaves behind."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.conftest import Stack
from tests.functions.in_process import served
from tests.functions.posting import OURS, Connection, post

ANSWER = {"claimed", "sent", "failed", "skipped", "backlog"}


def url(stack: Stack) -> str:
    return f"{stack.env['FUNCTIONS_URL']}/reminders"


def token(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.env['SCHEDULER_TOKEN']}"}


def sweep(stack: Stack) -> dict[str, Any]:
    answer = httpx.post(url(stack), headers=token(stack), timeout=60)
    assert answer.status_code == 200, answer.text
    counts: dict[str, Any] = answer.json()
    assert set(counts) == ANSWER
    return counts


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}])
def test_only_the_scheduler_may_start_it(clean: Stack, db: Connection, header: dict[str, str]) -> None:
    answer = httpx.post(url(clean), headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert db.execute("select 1 from public.job_runs").fetchall() == []


def test_the_machinerys_key_is_not_the_schedulers(clean: Stack) -> None:
    for name in ("SUPABASE_SECRET_KEY", "SUPABASE_PUBLISHABLE_KEY", "RESEND_API_KEY"):
        assert httpx.post(url(clean), headers={"Authorization": f"Bearer {clean.env[name]}"}).status_code == 401


def test_it_is_started_by_post_alone(clean: Stack) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert httpx.request(method, url(clean), headers=token(clean)).status_code == 405


def test_with_nothing_to_do_it_leaves_a_heartbeat(clean: Stack, db: Connection) -> None:
    assert sweep(clean) == dict.fromkeys(ANSWER, 0)
    assert sweep(clean) == dict.fromkeys(ANSWER, 0)
    runs = db.execute("select job, heartbeat, error, finished_at >= started_at from public.job_runs").fetchall()
    assert runs == [("reminders", True, None, True)]


def test_it_sends_what_the_webhook_could_not(clean: Stack, db: Connection) -> None:
    httpx.post(f"{clean.env['RESEND_API_URL']}/_sim/faults", json={"fail": [500] * 20}).raise_for_status()
    post(clean.env, (OURS / "booking_created.json").read_bytes())
    httpx.post(f"{clean.env['RESEND_API_URL']}/_sim/faults", json={}).raise_for_status()
    db.execute("update private.outbox set try_at = now() where open")
    counts = sweep(clean)
    mails = httpx.get(f"{clean.env['RESEND_API_URL']}/_sim/messages").json()
    assert counts["claimed"] == counts["sent"] == len(mails) >= 1
    assert (counts["failed"], counts["backlog"]) == (0, 0)
    kept = db.execute("select result from public.job_runs where not heartbeat").fetchall()
    assert [run[0]["sent"] for run in kept] == [counts["sent"]]


def test_it_applies_what_had_to_wait(clean: Stack, db: Connection) -> None:
    """A meeting that started before its booking was heard of."""
    started = (OURS / "meeting_started_flat.json").read_bytes()
    assert post(clean.env, started)["outcome"] == "quarantined"
    created = started_booking(started)
    assert post(clean.env, created)["outcome"] == "applied"
    db.execute("update private.pending_events set try_at = now()")
    sweep(clean)
    outcomes = db.execute("select distinct outcome from public.webhook_events").fetchall()
    assert outcomes == [("applied",)]


def started_booking(started: bytes) -> bytes:
    """A body that tells of the booking which `started` speaks of."""
    said = json.loads(started)
    payload = {name: said[name] for name in ("uid", "title", "startTime", "endTime")} | {
        "bookingId": said["id"],
        "status": "ACCEPTED",
        "organizer": {"name": "Host", "email": "host@example.com", "timeZone": "UTC"},
        "attendees": [{"name": "Client", "email": "client@example.com", "timeZone": "UTC"}],
    }
    return json.dumps({"triggerEvent": "BOOKING_CREATED", "createdAt": said["createdAt"], "payload": payload}).encode()


def test_a_run_that_fails_says_so(clean: Stack) -> None:
    with served("reminders", {**clean.env, "SUPABASE_SECRET_KEY": "another"}) as reminders:
        answer = reminders.post("/", headers=token(clean))
    assert (answer.status_code, answer.json["code"]) == (503, "upstream_unavailable")  # type: ignore[index]


def test_googles_account_may_start_it_where_it_is_set(clean: Stack) -> None:
    """Without a shared token nothing but a verified account is believed."""
    values = {**clean.env, "SCHEDULER_TOKEN": "", "SCHEDULER_SERVICE_ACCOUNT": "jobs@example.com"}
    with served("reminders", values) as reminders:
        for given in ({"Authorization": "Bearer "}, {"Authorization": "Bearer a.b.SIGNATURE_REMOVED_BY_GOOGLE"}, {}):
            assert reminders.post("/", headers=given).status_code == 401
