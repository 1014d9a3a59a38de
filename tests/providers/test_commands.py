"""The two commands: they start, answer, end when told to, and say in one line why they cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from local.site import ROOT

from .conftest import ACCOUNT, AUTH_TOKEN, KEY, SERVICE, WEBHOOK_SECRET

RESEND = {
    "RESEND_API_KEY": KEY,
    "RESEND_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "RECEIPTS_URL": "http://127.0.0.1:9/receipts",
}
TWILIO = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
    "FUNCTIONS_URL": "http://127.0.0.1:9",
}


def start(name: str, port: int, settings: dict[str, str]) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if name not in {*RESEND, *TWILIO}}
    return subprocess.Popen(
        [sys.executable, "-m", f"local.providers.{name}", "--port", str(port)],
        cwd=ROOT,
        env={**kept, **settings},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@pytest.mark.parametrize(("name", "settings"), [("resend", RESEND), ("twilio", TWILIO)])
def test_it_answers_until_it_is_told_to_end(name: str, settings: dict[str, str]) -> None:
    port = free_port()
    with start(name, port, settings) as process:
        try:
            assert _health(port) == {"status": "ok", "provider": name}
        finally:
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(("name", "missing"), [("resend", "RESEND_API_KEY"), ("twilio", "TWILIO_AUTH_TOKEN")])
def test_a_missing_setting_is_named(name: str, missing: str) -> None:
    settings = {**RESEND, **TWILIO, missing: ""}
    with start(name, free_port(), settings) as process:
        output, _ = process.communicate(timeout=10)
    assert process.returncode != 0
    assert output.splitlines() == [f"{name}: missing settings: {missing}"]


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start("resend", port, RESEND) as process:
            output, _ = process.communicate(timeout=10)
    assert process.returncode != 0
    assert str(port) in output
    assert "Traceback" not in output


def _health(port: int) -> object:
    deadline = time.monotonic() + 20
    while True:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/_sim/health").json()
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
