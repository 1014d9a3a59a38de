"""Cal.com's side of a test: bodies signed and posted to the running function, and what is stored after them."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

Row = dict[str, Any]
Connection = psycopg.Connection[tuple[Any, ...]]

OURS = Path(__file__).parent.parent / "payloads"
HANDBOOK = Path(os.environ.get("HANDBOOK", Path(__file__).parents[3] / "shared")) / "payloads"

# One client for all: making one reads the certificates of the whole world.
# No connection is used twice: one that the server closes just then would look like a fault of ours.
_CLIENT = httpx.Client(timeout=30, limits=httpx.Limits(max_keepalive_connections=0))

# What a database makes up by itself: ids, and when it wrote.
_OWN = {"id", "booking_id", "created_at", "updated_at"}


def post(env: Mapping[str, str], body: bytes) -> Row:
    """The function's answer to a signed body. Fails unless it is a 200."""
    secret = env["CALCOM_WEBHOOK_SECRET"].split(",")[0]
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Cal-Signature-256": signature}
    answer = _CLIENT.post(f"{env['FUNCTIONS_URL']}/webhook", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    outcome: Row = answer.json()
    return outcome


def post_all(env: Mapping[str, str], names: Sequence[str], folder: Path = OURS) -> list[str]:
    """Post these bodies one after another; their outcomes."""
    return [post(env, (folder / f"{name}.json").read_bytes())["outcome"] for name in names]


def bookings(db: Connection) -> list[Row]:
    """Every booking without what is empty, with its people, its story and the last news to each of them."""
    return [
        _said(booking, _OWN)
        | {
            "people": [_said(row, _OWN) for row in _rows(db, "booking_attendees", booking["id"], "email, phone")],
            "story": [row["kind"] for row in _rows(db, "booking_events", booking["id"], "recorded_at, id")],
            "told": {
                row["recipient"]: row["kind"]
                for row in _rows(db, "notifications", booking["id"], "created_at")
                if row["kind"] != "reminder" and row["reason"] not in ("superseded", "staff")
            },
        }
        for booking in db.cursor(row_factory=dict_row).execute(
            "select * from public.bookings order by starts_at, ical_uid"
        )
    ]


def booking(db: Connection) -> Row:
    """The only booking there is."""
    (only,) = bookings(db)
    return only


def _rows(db: Connection, table: LiteralString, booking_id: str, order: LiteralString) -> list[Row]:
    query = SQL("select * from public.{} where booking_id = %s order by {}").format(Identifier(table), SQL(order))
    return db.cursor(row_factory=dict_row).execute(query, [booking_id]).fetchall()


def _said(row: Row, without: set[str]) -> Row:
    return {name: value for name, value in row.items() if value is not None and name not in without}
