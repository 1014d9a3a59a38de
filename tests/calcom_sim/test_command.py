"""The simulator as the process that the stack starts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import httpx

COMMAND = [sys.executable, "-m", "local.calcom_sim", "--port"]
SETTINGS = {"CALCOM_API_KEY": "cal_x", "CALCOM_WEBHOOK_SECRET": "s"}


def test_it_answers_and_ends_on_sigterm() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([*COMMAND, str(port)], env=os.environ | SETTINGS, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert str(port) in process.stdout.readline()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                health = httpx.get(f"http://127.0.0.1:{port}/_sim/health")
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            break
        assert health.json() == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.communicate()


def test_missing_settings_are_one_clear_line() -> None:
    env = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    ended = subprocess.run([*COMMAND, "0"], env=env, capture_output=True, text=True, timeout=20)
    assert ended.returncode != 0
    assert ended.stderr.strip() == "calcom: missing settings: CALCOM_API_KEY, CALCOM_WEBHOOK_SECRET"
