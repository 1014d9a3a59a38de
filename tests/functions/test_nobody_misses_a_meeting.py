"""From the booking to the proof that its reminder arrived: in real time, through Cal.com, our functions, the providers.

The bookings begin in 61 minutes, so their reminders of one hour are due in one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.conftest import Connection, Stack
from tests.database.api import Caller
from tests.functions.acting import PLAIN, House

COMES, CANCELS, MOVES, QUIET, BOUNCES = (f"{name}@example.com" for name in ("ana", "ben", "cleo", "dora", "emil"))
NUMBER, OTHER_NUMBER = "+4915112345678", "+4915187654321"
Row = dict[str, Any]


@pytest.fixture
def house(clean: Stack, db: Connection) -> Iterator[House]:
    yield House(clean.env, db)


def test_a_reminder_reaches_who_comes_and_nobody_else(house: House) -> None:
    staff = house.person("host@example.com", "admin")
    consents(house, COMES, NUMBER)
    starts_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=61)
    ids = {
        who: book(house, who, starts_at + number * timedelta(seconds=1))
        for number, who in enumerate((COMES, CANCELS, MOVES, QUIET, BOUNCES))
    }
    house.db.execute(  # a number in a booking is no consent
        "update public.booking_attendees set phone = %s where email = %s", [OTHER_NUMBER, QUIET]
    )
    assert house.cancel(house.person(CANCELS), ids[CANCELS], reason="Ill").status_code == 200
    moved_to = starts_at + timedelta(seconds=20)
    move(house, ids[MOVES], moved_to)
    bounce(house, BOUNCES)
    assert {planned["reason"] for planned in reminders(house, BOUNCES)} == {"inside_window", "suppressed"}

    time.sleep(max(0.0, (moved_to - timedelta(minutes=60) - datetime.now(UTC)).total_seconds()) + 0.5)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: house.sweep(), range(3)))
    house.sweep()

    assert mailed(house) == sorted([COMES, MOVES, QUIET])
    [text] = texts(house)
    assert text["to"] == [NUMBER]
    [remembered] = [one for one in reminders(house, MOVES) if one["status"] == "sent"]
    assert remembered["starts_at"] == moved_to
    assert sorted(
        (one["reason"], one["lead_minutes"]) for one in reminders(house, MOVES) if one["status"] == "skipped"
    ) == [
        ("inside_window", 1440),
        ("inside_window", 1440),
        ("superseded", 60),
    ]
    assert {one["status"] for one in reminders(house, CANCELS)} == {"skipped"}

    for message in [*house_mails(house, COMES), text]:
        receipt(house, message, "delivered")
    told = timeline(house, staff, ids[COMES])
    assert {
        (one["channel"], one["status"]) for one in told if one["kind"] == "reminder" and one["lead_minutes"] == 60
    } == {
        ("email", "delivered"),
        ("sms", "delivered"),
    }
    assert ("cancelled", "Ill") in {(one["kind"], one["reason"]) for one in timeline(house, staff, ids[CANCELS])}
    seen = {(one["kind"], one["status"], one["reason"]) for one in timeline(house, staff, ids[BOUNCES])}
    assert {("confirmation", "bounced", "permanent: bounced"), ("reminder", "skipped", "suppressed")} <= seen


def consents(house: House, email: str, number: str) -> None:
    """As in the portal: a number, the texted code, the words agreed to; and texts are wanted at any hour."""
    person = house.person(email)
    assert house.call(person, "POST", "preferences/phone", {"phone": number}).status_code == 202
    [text] = all_texts(house)
    code = re.search(r"\d{6}", text["text"])
    assert code
    said = {"code": code[0], "consent_text": "Remind me by text."}
    assert house.call(person, "POST", "preferences/phone/verify", said).status_code == 200
    house.db.execute(
        "update public.notification_preferences set quiet_start = '00:00', quiet_end = '00:00' where email = %s",
        [email],
    )


def book(house: House, who: str, starts_at: datetime) -> str:
    return house.id_of(house.book(PLAIN, starts_at, who)["uid"])


def move(house: House, booking_id: str, starts_at: datetime) -> None:
    """On Cal.com's own page, at a time that our action would not offer."""
    found = house.db.execute(
        "select uid from private.booking_nodes where booking_id = %s and is_head", [booking_id]
    ).fetchone()
    assert found is not None
    house.sim(f"bookings/{found[0]}/move", {"start": starts_at.isoformat(), "_sim": {"allow_past": True}})
    house.flush()


def bounce(house: House, who: str) -> None:
    [confirmation] = house.mails(who)
    receipt(house, confirmation, "bounced")


def receipt(house: House, message: Row, event: str) -> None:
    url = house.env["TWILIO_API_URL" if message["channel"] == "sms" else "RESEND_API_URL"]
    httpx.post(f"{url}/_sim/receipts", json={"id": message["id"], "event": event}).raise_for_status()


def house_mails(house: House, who: str) -> list[Row]:
    return [mail for mail in house.mails(who) if {"name": "kind", "value": "reminder"} in mail["tags"]]


def mailed(house: House) -> list[str]:
    """Who got a reminder, once for each."""
    listed: list[Row] = httpx.get(f"{house.env['RESEND_API_URL']}/_sim/messages").json()
    return sorted(mail["to"][0] for mail in listed if {"name": "kind", "value": "reminder"} in mail["tags"])


def all_texts(house: House) -> list[Row]:
    listed: list[Row] = httpx.get(f"{house.env['TWILIO_API_URL']}/_sim/messages").json()
    return listed


def texts(house: House) -> list[Row]:
    """All but the code that verified the number."""
    return all_texts(house)[1:]


def reminders(house: House, who: str) -> list[Row]:
    rows = house.db.execute(
        "select n.status, n.reason, n.lead_minutes, n.starts_at from public.notifications n"
        " join public.booking_attendees a on a.id = n.attendee_id where a.email = %s and n.kind = 'reminder'",
        [who],
    ).fetchall()
    return [dict(zip(("status", "reason", "lead_minutes", "starts_at"), row, strict=True)) for row in rows]


def timeline(house: House, who: Caller, booking_id: str) -> list[Row]:
    answer = httpx.post(
        f"{house.env['SUPABASE_URL']}/rest/v1/rpc/booking_timeline",
        json={"p_booking_id": booking_id},
        headers={"apikey": house.env["SUPABASE_PUBLISHABLE_KEY"], "Authorization": f"Bearer {who.token}"},
    )
    assert answer.is_success, answer.text
    entries: list[Row] = answer.json()
    return entries
