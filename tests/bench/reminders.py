"""The sweep over due reminders: its time, its calls, its memory, and its queue beside one that can be had ready-made.

The provider is a sink that takes any batch and grants 5 calls a second, as Resend does at first, or as many as one
likes. The floor is what nobody can save: the same posts at that rate, and a bare update of the same rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import procrastinate
import psycopg
from psycopg.types.json import Jsonb

from tests.bench import due_reminders
from tests.conftest import Connection, Stack

DUE = 20_000
BATCH = 100
FEW, MANY = 10_000, 100_000
JOBS = 5_000
WORKERS = 4
_UNLIMITED = 10_000

Measured = tuple[float, float]


@dataclass
class Sink:
    """Takes batches, keeps the first body, and grants `rate` calls a second."""

    url: str
    rate: int
    bodies: list[bytes] = field(default_factory=list)
    posts: int = 0


def measure(stack: Stack) -> dict[str, tuple[Measured, str, str | None]]:
    """name → ((ours, floor), unit, aim)."""
    with psycopg.connect(stack.env["POSTGRES_URL"], autocommit=True) as db:
        ours, floor, calls = _beside_posts(stack, db, rate=5)
        quick, quick_floor, fewest = _beside_posts(stack, db, rate=_UNLIMITED)
        few, many = (_peak(stack, db, count) for count in (FEW, MANY))
        queue = _messages_a_second(stack, db), _jobs_a_second(stack)
    return {
        f"{DUE:,} reminders, beside posts": ((ours, floor), "s", "≤ 1.5"),
        f"{DUE:,} reminders, no rate limit": ((quick, quick_floor), "s", None),
        "database calls a batch": ((fewest, 2.0), "", "≤ 1"),
        "database calls a batch, at 5 a second": ((calls, 2.0), "", None),
        f"memory at {MANY:,}, beside {FEW:,}": ((many, few), "MB", "≤ 1.1"),
        "reminders a second, procrastinate": (queue, "/s", "≥ 10"),
    }


def _beside_posts(stack: Stack, db: Connection, rate: int) -> tuple[float, float, float]:
    """→ seconds of the sweep, seconds of the floor, database calls a batch."""
    with _sink(rate) as sink:
        _due(db, DUE, rate)
        swept = _sweep(stack, sink, DUE)
        calls = swept["calls"] / sink.posts
        return swept["seconds"], _floor(db, sink), calls


def _floor(db: Connection, sink: Sink) -> float:
    """The same posts by as many threads at the same rate, and the rows marked as sent."""
    ids = [row[0] for row in db.execute("select id from public.notifications").fetchall()]
    batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    started = time.monotonic()
    body = sink.bodies[0]
    with httpx.Client(timeout=30) as client, ThreadPoolExecutor(WORKERS) as pool:

        def post(place: int) -> None:
            time.sleep(max(0.0, started + place / sink.rate - time.monotonic()))
            client.post(f"{sink.url}/emails/batch", content=body).raise_for_status()

        for batch, _ in zip(batches, pool.map(post, range(len(batches))), strict=True):
            statement = (
                "update public.notifications set status = 'sent', sent_at = now() where id = any(%s) returning id"
            )
            assert len(db.execute(statement, [batch]).fetchall()) == len(batch)
    return time.monotonic() - started


def _peak(stack: Stack, db: Connection, count: int) -> float:
    """The most memory of an instance that sends so many, in megabytes."""
    with _sink(_UNLIMITED) as sink:
        _due(db, count, _UNLIMITED)
        megabytes: float = _sweep(stack, sink, count)["megabytes"]
        return megabytes


def _messages_a_second(stack: Stack, db: Connection) -> float:
    """Claimed and settled by as many connections as the sweep has workers, with nothing in between."""
    _due(db, DUE, _UNLIMITED)
    started = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        settled = sum(pool.map(lambda _: _claim_and_settle(stack), range(WORKERS)))
    assert settled == DUE
    return settled / (time.monotonic() - started)


def _claim_and_settle(stack: Stack) -> int:
    settled = 0
    with psycopg.connect(stack.env["POSTGRES_URL"], autocommit=True) as db:
        while results := [_sent(row) for row in _claim(db)]:
            for start in range(0, len(results), BATCH):
                db.execute("select public.settle_notifications(%s)", [Jsonb(results[start : start + BATCH])])
            settled += len(results)
    return settled


def _claim(db: Connection) -> list[dict[str, Any]]:
    claimed = db.execute("select public.claim_notifications(300, 60, null)").fetchone()
    assert claimed is not None
    rows: list[dict[str, Any]] = claimed[0]
    return rows


def _sent(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["id"], "lease": row["lease"], "outcome": "sent", "provider_id": str(uuid.uuid4())}


def _jobs_a_second(stack: Stack) -> float:
    """Jobs that do nothing, fetched and finished by procrastinate's worker on the same Postgres."""
    return asyncio.run(_work_off(stack.env["POSTGRES_URL"]))


async def _work_off(url: str) -> float:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))

    @app.task(name="nothing")
    async def nothing(number: int) -> None:
        pass

    jobs: list[dict[str, Any]] = [{"number": number} for number in range(JOBS)]
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await nothing.configure().batch_defer_async(*jobs)
        started = time.monotonic()
        await app.run_worker_async(wait=False, concurrency=WORKERS, install_signal_handlers=False, listen_notify=False)
        return JOBS / (time.monotonic() - started)


def _due(db: Connection, count: int, rate: int) -> None:
    """So many are due, nothing else is, and the provider's bucket is full."""
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        db.execute(
            "truncate public.bookings, public.booking_attendees, public.notifications, private.outbox,"
            " private.outbox_batches, private.booking_hosts, private.booking_details, private.delivery_attempts cascade"
        )
    due_reminders.insert(db, count)
    db.execute("update private.send_rates set rate = %s, tokens = %s where channel = 'email'", [rate, rate])


def _sweep(stack: Stack, sink: Sink, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        environment = {"PATH": os.environ["PATH"], **stack.env, "RESEND_API_URL": sink.url}
        command = [sys.executable, "-m", "tests.bench.one_sweep", str(result)]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        swept: dict[str, Any] = json.loads(result.read_text())
    assert swept["sent"] == count, swept
    return swept


@contextlib.contextmanager
def _sink(rate: int) -> Iterator[Sink]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: sink))
    sink = Sink(f"http://127.0.0.1:{server.server_port}", rate)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(sink: Callable[[], Sink]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not sink().bodies:
                sink().bodies.append(body)
            sink().posts += 1
            size = body.count(b'"name":"notification_id"')
            answer = json.dumps({"data": [{"id": str(uuid.uuid4())} for _ in range(size)], "errors": []}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("ratelimit-limit", str(sink().rate))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
