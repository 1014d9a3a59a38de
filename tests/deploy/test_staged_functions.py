"""Each staged function starts in an environment that holds only its own requirements, and answers."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from ops.stage import ROOT, functions, stage
from tests.conftest import Connection, Stack
from tests.deploy.staged import environment
from tests.functions.acting import PLAIN, House, monday
from tests.functions.receiving import event, svix

PING = json.dumps({"triggerEvent": "PING", "createdAt": "2026-11-23T08:00:00.000Z", "payload": {}}).encode()
EVENT = event("email.delivered", email_id="re_1")


@pytest.mark.parametrize("name", functions())
def test_a_staged_function_starts_alone_and_answers(name: str, tmp_path: Path, clean: Stack, db: Connection) -> None:
    folder = stage(name, tmp_path)
    python = environment(tmp_path / "environment", folder, compiled=False)
    settings = _settings(name, clean)
    request = _request(name, clean, db)
    with _running(python, folder, name, settings) as url:
        answer = _ask(url, request)
        assert answer.status_code == 200, answer.text
        if name == "portal":
            _all_files_of_a_page_are_there(url, answer.text)
            return
    expected = {
        "webhook": {"outcome"},
        "reminders": {"claimed", "sent", "failed", "skipped", "backlog"},
        "reconcile": {
            *("checked", "missing", "stale", "ghost", "healed", "doubts", "differences", "complete", "dry_run"),
        },
        "cancel": {"booking"},
        "reschedule": {"booking"},
        "export": {"url", "webcal"},
        "receipts": {"outcome"},
        "preferences": {"preferences"},
        "replay": {
            *("dry_run", "notify", "counts", "events", "messages", "withdrawn", "not_sent", "remaining", "next"),
        },
    }
    assert set(answer.json()) == expected[name]


def test_a_function_without_a_setting_does_not_start_and_names_it(tmp_path: Path) -> None:
    folder = stage("webhook", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", "import main"],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "CALCOM_WEBHOOK_SECRET" in done.stderr


def _all_files_of_a_page_are_there(url: str, page: str) -> None:
    assert "My bookings" in page
    files = re.findall(r'(?:src|href)="/portal(/assets/[^"]*)"', page)
    assert [file for file in files if "/vendor/" in file]
    for file in files:
        assert httpx.get(url + file, timeout=30).status_code == 200, file


def _settings(name: str, stack: Stack) -> dict[str, str]:
    """Only what its deploy.yaml and ops/env.yaml give it; here the scheduler has a token, tokens a shared secret."""
    flags = YAML(typ="safe").load((ROOT / "functions" / name / "deploy.yaml").read_text())
    given = {
        *YAML(typ="safe").load((ROOT / "ops" / "env.yaml").read_text()),
        *flags.get("--set-secrets", {}),
        *("SCHEDULER_TOKEN", "SUPABASE_JWT_SECRET"),
    }
    return {key: value for key, value in stack.env.items() if key in given}


@contextmanager
def _running(python: Path, folder: Path, name: str, settings: dict[str, str]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(python), "-m", "functions_framework", "--target", name, "--port", str(port), "--host", "127.0.0.1"]
    process = subprocess.Popen(command, cwd=folder, env={"PATH": os.environ["PATH"], **settings})
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _request(name: str, stack: Stack, db: Connection) -> dict[str, Any]:
    """Something that the function does for who calls it."""
    if name == "webhook":
        secret = stack.env["CALCOM_WEBHOOK_SECRET"].split(",")[0].encode()
        signature = hmac.new(secret, PING, hashlib.sha256).hexdigest()
        return {"headers": {"X-Cal-Signature-256": signature}, "content": PING}
    if name == "receipts":
        return {
            "path": "/resend",
            "content": EVENT,
            "headers": svix(stack.env["RESEND_WEBHOOK_SECRET"], EVENT, "msg_1"),
        }
    if name == "portal":
        return {"path": "/bookings", "method": "GET"}
    if name in ("reminders", "reconcile"):
        return {"headers": {"Authorization": f"Bearer {stack.env['SCHEDULER_TOKEN']}"}}
    house = House(stack.env, db)
    if name == "replay":
        admin = {"Authorization": f"Bearer {house.person('admin@example.com', 'admin').token}"}
        return {"headers": admin, "json": {"since": "2026-01-01T00:00:00Z", "dry_run": True}}
    client = {"headers": {"Authorization": f"Bearer {house.person('client@example.com').token}"}}
    if name == "export":
        return client | {"path": "/feed"}
    if name == "preferences":
        return client | {"path": "/phone", "method": "DELETE"}
    booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
    move = {"start": monday(13).isoformat()} if name == "reschedule" else {}
    return client | {"json": {"booking_id": booking_id, **move}}


def _ask(url: str, request: dict[str, Any]) -> httpx.Response:
    url, method = url + request.pop("path", ""), request.pop("method", "POST")
    deadline = time.monotonic() + 30
    while True:
        try:
            return httpx.request(method, url, timeout=30, **request)
        except httpx.ConnectError:
            assert time.monotonic() < deadline, "the function does not answer"
            time.sleep(0.1)  # it is starting
