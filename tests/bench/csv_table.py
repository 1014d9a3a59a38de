"""All bookings as CSV: through the function as an admin, beside Postgres's own COPY of the same columns for them.

The floor's query is that of `export_page` without its pages, under the same row-level security.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import LiteralString

import httpx
import psycopg

from tests.bench.served import Served, resident, served
from tests.conftest import Connection, Stack
from tests.functions import many_bookings
from tests.functions.acting import House

ROWS = 200_000
TURNS = 3
_ADMIN = "admin@example.com"
_UTC: LiteralString = """'YYYY-MM-DD"T"HH24:MI:SS"Z"'"""
_LOCAL: LiteralString = "'YYYY-MM-DD HH24:MI'"
_COPY: LiteralString = f"""
    copy (
        select c.id, c.status, c.title, b.event_type_title,
            to_char(c.starts_at at time zone 'UTC', {_UTC}), to_char(c.ends_at at time zone 'UTC', {_UTC}),
            to_char(c.starts_at at time zone z.name, {_LOCAL}), to_char(c.ends_at at time zone z.name, {_LOCAL}),
            z.name, b.host_name, b.host_email, p.booker ->> 0, p.booker ->> 1, p.booker ->> 2, p.everybody,
            b.location, b.meeting_url, b.series_id, b.cancellation_reason, b.cancelled_by, m.last,
            to_char(b.created_at at time zone 'UTC', {_UTC}), to_char(b.updated_at at time zone 'UTC', {_UTC})
        from private.export_candidates('{{}}', null, null, 1000000) c
        left join public.bookings b on b.id = c.id and not c.removed
        cross join lateral (select coalesce(b.host_time_zone, 'UTC') as name) z
        left join lateral (
            select (array_agg(json_build_array(a.name, a.email, a.phone) order by a.role, a.id)
                    filter (where a.role <> 'guest'))[1] as booker,
                string_agg(concat_ws(' ', a.name, '<' || coalesce(a.email, a.phone) || '>'), '; '
                    order by a.role, a.id) as everybody
            from public.booking_attendees a where a.booking_id = b.id and a.removed_at is null) p on true
        left join lateral (
            select concat_ws(' ', n.channel, n.kind, n.status) as last
            from public.notifications n where n.booking_id = b.id and (n.kind <> 'reminder' or n.sent_at is not null)
            order by case n.kind when 'reminder' then n.sent_at else n.created_at end desc, n.id limit 1) m on true
    ) to stdout csv
"""


def measure(stack: Stack, python: Path, folder: Path) -> tuple[tuple[float, float], tuple[float, float]]:
    """→ seconds (ours, COPY); megabytes of the function (while it streams, before)."""
    with psycopg.connect(stack.env["POSTGRES_URL"], autocommit=True) as db:
        token = House(stack.env, db).person(_ADMIN, "admin").token
        (there,) = db.execute("select count(*) from public.bookings").fetchone() or (0,)
        many_bookings.insert(db, ROWS - there)
        headers = {"Authorization": f"Bearer {token}"}
        with served(python, folder, "export", stack.env, lambda url: httpx.post(f"{url}/feed", headers=headers)) as one:
            seconds: tuple[list[float], list[float]] = ([], [])
            for _ in range(TURNS):
                started = time.perf_counter()
                _through_the_function(one, headers)
                between = time.perf_counter()
                _through_copy(db)
                seconds[0].append(between - started)
                seconds[1].append(time.perf_counter() - between)
            peak = _through_the_function(one, headers, look_every=20)
    return (statistics.median(seconds[0]), statistics.median(seconds[1])), (peak, one.megabytes)


def _through_the_function(one: Served, headers: dict[str, str], look_every: int = 0) -> float:
    """Read the whole file. → the most megabytes that were seen, at each so many pieces"""
    lines, most = 0, 0.0
    with httpx.stream("POST", one.url, json={"format": "csv"}, headers=headers, timeout=120) as answer:
        for number, piece in enumerate(answer.iter_bytes()):
            lines += piece.count(b"\n")
            if look_every and number % look_every == 0:
                most = max(most, resident(one.pid))
    assert lines == ROWS + 1
    return most


def _through_copy(db: Connection) -> None:
    lines = 0
    with db.transaction():
        db.execute(
            "select set_config('request.jwt.claim.sub', u.id::text, true) from auth.users u where u.email = %s",
            [_ADMIN],
        )
        db.execute("set local role authenticated")
        with db.cursor().copy(_COPY) as copy:
            for piece in copy:
                lines += bytes(piece).count(b"\n")
    assert lines == ROWS
