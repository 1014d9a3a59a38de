"""The same body many times at once: one inbox row, one timeline entry, one mail."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.conftest import Stack
from tests.functions.posting import OURS, Connection

TIMES = 100


def test_the_same_body_a_hundred_times_at_once(clean: Stack, db: Connection) -> None:
    body = (OURS / "booking_created.json").read_bytes()
    answers = post_at_once(clean, [body] * TIMES)
    assert Counter(answer["outcome"] for answer in answers) == {"applied": 1, "duplicate": TIMES - 1}
    assert len({answer["booking_id"] for answer in answers}) == 1
    sweep(clean)
    assert count(db, "webhook_events") == 1
    assert count(db, "bookings") == 1
    assert count(db, "booking_events") == 1
    mails = mails_of(clean)
    attendees = count(db, "booking_attendees")
    assert attendees >= 1
    assert Counter(mail["to"][0] for mail in mails) == {mail["to"][0]: 1 for mail in mails}
    assert len(mails) == attendees
    assert len({mail["idempotency_key"] for mail in mails}) == len(mails)


def test_different_sendings_of_the_same_news_at_once(clean: Stack, db: Connection) -> None:
    """Cal.com's copies differ in their sending time: each is kept, and only one of them is news."""
    body = (OURS / "booking_created.json").read_bytes()
    copies = [body.replace(b'"createdAt": "', b'"copy": %d, "createdAt": "' % number, 1) for number in range(20)]
    assert len(set(copies)) == 20
    outcomes = Counter(answer["outcome"] for answer in post_at_once(clean, copies))
    assert outcomes == {"applied": 1, "duplicate": 19}
    sweep(clean)
    assert count(db, "webhook_events") == 20
    assert count(db, "booking_events") == 1
    assert len(mails_of(clean)) == count(db, "booking_attendees")


def post_at_once(stack: Stack, bodies: list[bytes]) -> list[dict[str, Any]]:
    """The answers to all of them, each sent over a connection of its own."""
    secret = stack.env["CALCOM_WEBHOOK_SECRET"].split(",")[0].encode()

    def post(body: bytes) -> dict[str, Any]:
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        url, headers = f"{stack.env['FUNCTIONS_URL']}/webhook", {"X-Cal-Signature-256": signature}
        answer: dict[str, Any] = client.post(url, content=body, headers=headers).raise_for_status().json()
        return answer

    one_call_each = httpx.Limits(max_connections=len(bodies), max_keepalive_connections=0)
    with httpx.Client(timeout=60, limits=one_call_each) as client, ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(post, bodies))


def sweep(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.env['SCHEDULER_TOKEN']}"}
    httpx.post(f"{stack.env['FUNCTIONS_URL']}/reminders", headers=headers, timeout=60).raise_for_status()


def mails_of(stack: Stack) -> list[dict[str, list[str]]]:
    found: list[dict[str, list[str]]] = httpx.get(f"{stack.env['RESEND_API_URL']}/_sim/messages").json()
    return found


def count(db: Connection, table: str) -> int:
    found = db.execute(f"select count(*) from public.{table}").fetchone()
    assert found is not None
    return int(found[0])
