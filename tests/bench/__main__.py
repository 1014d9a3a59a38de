"""`make bench`: a table of ratios, and `.local/bench.json` as `{"name": {"ours", "floor", "ratio", "unit"}}`.

The floor of the webhook is a bare call of the same SQL function through the same client; the floor of a start is a
function that only returns "ok"; that of a CSV is Postgres's COPY; that of reconcile is a full page a call; that of
reminders is the same posts at the provider's rate; that of a list is the same with few bookings, or
without row-level security; that of a page is what it may weigh, and Lighthouse's 100. Ours and the
floor take turns in one run, since a shared machine is noisy. Mail is off.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from postgrest import SyncPostgrestClient

from ops.stage import ROOT, functions, stage
from shared import calcom_webhook
from shared.tokens import sign_link
from tests.bench import csv_table, lighthouse, reminders, search, sweep
from tests.bench.served import THREADS, served
from tests.conftest import Stack, throwaway_stack
from tests.deploy.staged import environment
from tests.functions.acting import PLAIN, House, monday
from tests.functions.receiving import event, svix

ROUNDS = 300
STARTS = 7
FLOORS = {
    "ok": """
import functions_framework


@functions_framework.http
def ok(request):
    return "ok"
""",
    # What anybody pays who asks Supabase one thing: the client, its TLS context, one call.
    "call": """
import os

import functions_framework
import httpx
from postgrest import SyncPostgrestClient

SECRET = os.environ["SUPABASE_SECRET_KEY"]
HEADERS = {"apikey": SECRET, "Authorization": f"Bearer {SECRET}"}


@functions_framework.http
def call(request):
    client = SyncPostgrestClient(os.environ["SUPABASE_URL"] + "/rest/v1", headers=HEADERS, http_client=httpx.Client())
    client.rpc("retry_events", {"p_limit": 1}).execute()
    return "ok"
""",
}

Row = dict[str, Any]
Ways = tuple[tuple[Callable[[Any], None], Iterator[Any]], tuple[Callable[[Any], None], Iterator[Any]]]
_numbers = itertools.count(1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        staged = _staged(Path(folder))
        with throwaway_stack() as stack:
            _mail_off(stack)
            rows = _webhook(stack, *staged["webhook"])
        with throwaway_stack() as stack:  # without bookings that Cal.com does not know
            _mail_off(stack)
            swept = _row(sweep.measure(stack), "", "≥ 0.9")
            rows |= _starts(stack, staged) | {"reconcile, bookings a call": swept}
            seconds, megabytes = csv_table.measure(stack, *staged["export"])
            rows[f"csv of {csv_table.ROWS:,}, beside COPY"] = _row(seconds, "s", "≤ 3")
            rows[f"csv of {csv_table.ROWS:,}, beside idle"] = _row(megabytes, "MB")
        with throwaway_stack() as stack:
            rows |= {name: _row(*measured) for name, measured in reminders.measure(stack).items()}
        with throwaway_stack() as stack:
            rows |= {name: _row(*measured) for name, measured in lighthouse.measure(stack).items()}
        rows |= {name: _row(*measured) for name, measured in search.measure().items()}
    for name, row in rows.items():
        aim = f"  aim {row['aim']}" if "aim" in row else ""
        print(f"{name:54} {row['ours']:9.1f} {row['floor']:9.1f} {row['unit']:4} {row['ratio']:6.2f} ×{aim}")
    target = Path(os.environ.get("LOCAL_DIR", ROOT / ".local")) / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(rows, indent=2) + "\n")


def _row(measured: tuple[float, float], unit: str, aim: str | None = None) -> Row:
    ours, floor = measured
    row: Row = {"ours": round(ours, 3), "floor": round(floor, 3), "ratio": round(ours / floor, 3), "unit": unit}
    return row | ({"aim": aim} if aim else {})


def _staged(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Every function, and those that it is measured beside: name → its Python, its folder."""
    folders = {name: stage(name, folder) for name in functions()}
    for name, source in FLOORS.items():
        folders[name] = folder / name
        folders[name].mkdir()
        (folders[name] / "main.py").write_text(source)
        requirements = "functions-framework\n" + ("httpx\npostgrest\n" if name == "call" else "")
        (folders[name] / "requirements.txt").write_text(f"-c {ROOT / 'constraints.txt'}\n{requirements}")
    return {name: (environment(folder / f"{name}-environment", path), path) for name, path in folders.items()}


def _webhook(stack: Stack, python: Path, folder: Path) -> dict[str, Row]:
    with (
        served(python, folder, "webhook", stack.env, lambda url: _post(httpx, url, _ping(), stack)) as ours,
        httpx.Client(timeout=30, limits=httpx.Limits(max_connections=THREADS)) as client,
    ):
        secret = stack.env["SUPABASE_SECRET_KEY"]
        headers = {"apikey": secret, "Authorization": f"Bearer {secret}"}
        postgrest = SyncPostgrestClient(f"{stack.env['SUPABASE_URL']}/rest/v1", headers=headers, http_client=client)

        def through_webhook(body: bytes) -> None:
            _post(client, ours.url, body, stack).raise_for_status()

        def through_rpc(event: Any) -> None:
            postgrest.rpc("record_event", {"p_event": event}).execute()

        ways: Ways = ((through_webhook, _bodies()), (through_rpc, map(_event, _bodies())))
        p50, rate = _p50(ways), _rate(ways)
    return {
        "webhook p50": _row(p50, "ms", "≤ 1.3"),
        f"webhook throughput at {THREADS}": _row(rate, "/s", "≥ 0.6"),
    }


def _p50(ways: Ways) -> tuple[float, float]:
    """Milliseconds of one call of each way, taking turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(-20, ROUNDS):
        for (call, inputs), kept in zip(ways, times, strict=True):
            value = next(inputs)
            started = time.perf_counter()
            call(value)
            if number >= 0:
                kept.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[0]), statistics.median(times[1])


def _rate(ways: Ways) -> tuple[float, float]:
    """Calls a second with all threads busy: the median of turns."""
    rates: tuple[list[float], list[float]] = ([], [])
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(5):
            for (call, inputs), kept in zip(ways, rates, strict=True):
                batch = list(itertools.islice(inputs, ROUNDS))
                started = time.perf_counter()
                list(pool.map(call, batch))
                kept.append(len(batch) / (time.perf_counter() - started))
    return statistics.median(rates[0]), statistics.median(rates[1])


def _starts(stack: Stack, staged: dict[str, tuple[Path, Path]]) -> dict[str, Row]:
    """Start to first 200, and memory then: each function beside one that only returns "ok", and beside one that makes
    a single call through the same client."""
    token = {"Authorization": f"Bearer {stack.env['SCHEDULER_TOKEN']}"}
    with psycopg.connect(stack.env["POSTGRES_URL"], autocommit=True) as database:
        house = House(stack.env, database)
        person = {"Authorization": f"Bearer {house.person('host@example.com', 'host').token}"}
        admin = {"Authorization": f"Bearer {house.person('admin@example.com', 'admin').token}"}
        booking_id = house.id_of(house.book(PLAIN, monday())["uid"])
    days = {"from": monday().isoformat(), "to": (monday() + timedelta(days=1)).isoformat()}
    batch = {"batch_id": booking_id, "booking_ids": [booking_id], "reason": "A bench", "dry_run": True}
    receipt, secret = event("email.delivered", email_id="re_1"), stack.env["RESEND_WEBHOOK_SECRET"]
    link = sign_link("unsubscribe", "client@example.com", stack.env["LINK_SECRET"].split(",")[0], None)
    nothing = {"since": "2100-01-01T00:00:00Z", "dry_run": True}
    asks: dict[str, Callable[[str], httpx.Response]] = {
        "ok": lambda url: httpx.get(url),
        "call": lambda url: httpx.get(url, timeout=30),
        "webhook": lambda url: _post(httpx, url, _ping(), stack),
        "reminders": lambda url: httpx.post(url, headers=token, timeout=30),
        "reconcile": lambda url: httpx.post(url, json=nothing, headers=token, timeout=30),
        "cancel": lambda url: httpx.post(url, json=batch, headers=person, timeout=30),
        "reschedule": lambda url: httpx.get(url, params={"booking_id": booking_id, **days}, headers=person, timeout=30),
        "export": lambda url: httpx.post(f"{url}/feed", headers=person, timeout=30),
        "receipts": lambda url: httpx.post(
            f"{url}/resend", content=receipt, headers=svix(secret, receipt, "msg_1"), timeout=30
        ),
        "replay": lambda url: httpx.post(url, json=nothing, headers=admin, timeout=30),
        "preferences": lambda url: httpx.get(url, params={"token": link}, timeout=30),
        "portal": lambda url: httpx.get(f"{url}/bookings", timeout=30),
    }
    seconds: dict[str, list[float]] = {name: [] for name in staged}
    megabytes: dict[str, list[float]] = {name: [] for name in staged}
    for _ in range(STARTS):
        for name, (python, path) in staged.items():
            with served(python, path, name, stack.env, asks[name]) as one:
                seconds[name].append(one.seconds * 1000)
                megabytes[name].append(one.megabytes)
    start = {name: statistics.median(values) for name, values in seconds.items()}
    memory = {name: statistics.median(values) for name, values in megabytes.items()}
    rows: dict[str, Row] = {}
    for name in functions():
        rows[f"{name} start, beside ok"] = _row((start[name], start["ok"]), "ms", "≤ 1.5")
        rows[f"{name} start, beside one call"] = _row((start[name], start["call"]), "ms")
        rows[f"{name} memory, beside ok"] = _row((memory[name], memory["ok"]), "MB")
    return rows


def _mail_off(stack: Stack) -> None:
    with psycopg.connect(stack.env["POSTGRES_URL"], autocommit=True) as database:
        database.execute(
            "insert into public.event_type_settings (event_type_id, send_kinds) values (null, '{}')"
            " on conflict (event_type_id) do update set send_kinds = '{}'"
        )


def _bodies() -> Iterator[bytes]:
    """New bookings, each of another person."""
    for number in _numbers:
        person = {"name": f"Client {number}", "timeZone": "Europe/Lisbon", "language": {"locale": "en"}}
        payload = {
            "uid": f"bench{number:017}",
            "bookingId": 1_000_000 + number,
            "iCalUID": f"bench{number:017}@Cal.com",
            "iCalSequence": 0,
            "type": "consultation",
            "title": f"Consultation between Host and Client {number}",
            "startTime": "2027-03-01T09:00:00Z",
            "endTime": "2027-03-01T09:30:00Z",
            "status": "ACCEPTED",
            "organizer": {"name": "Host", "email": "host@example.com", "timeZone": "Europe/Lisbon"},
            "attendees": [{"email": f"client{number}@example.com", **person}],
            "responses": {"email": {"label": "email_address", "value": f"client{number}@example.com"}},
            "location": "integrations:daily",
            "metadata": {"videoCallUrl": f"https://video.example.com/{number}"},
        }
        yield json.dumps(
            {"triggerEvent": "BOOKING_CREATED", "createdAt": "2026-11-01T09:00:00.000Z", "payload": payload}
        ).encode()


def _ping() -> bytes:
    return json.dumps({"triggerEvent": "PING", "createdAt": str(next(_numbers)), "payload": {}}).encode()


def _post(client: Any, url: str, body: bytes, stack: Stack) -> httpx.Response:
    secret = stack.env["CALCOM_WEBHOOK_SECRET"].split(",")[0].encode()
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    answer: httpx.Response = client.post(url, content=body, headers={"X-Cal-Signature-256": signature}, timeout=30)
    return answer


def _event(body: bytes) -> dict[str, Any]:
    """What the webhook hands to `record_event` for this body."""
    now = datetime.now(UTC)
    report = calcom_webhook.parse(body, now)
    return {
        "source": "webhook",
        "notify": "all",
        "trigger": report.trigger,
        "body": report.body,
        "sha256": hashlib.sha256(body).hexdigest(),
        "received_at": now.isoformat(),
        "changes": [
            change.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for change in report.changes
        ],
    }


if __name__ == "__main__":
    main()
