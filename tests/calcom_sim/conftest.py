"""A simulator of its own for each module, emptied between tests, and a subscriber."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from local.calcom_sim.app import create_app
from local.calcom_sim.simulator import Settings, Simulator
from tests.calcom_sim.calcom import HOST_EMAIL, KEY, SECRETS, Calcom, connect
from tests.calcom_sim.receiver import Receiver, receiving, served


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Calcom, Receiver]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with receiving() as receiver:
        env = {"CALCOM_API_KEY": KEY, "CALCOM_WEBHOOK_SECRET": SECRETS, "WEBHOOK_URL": receiver.url}
        env["CALCOM_HOST_EMAIL"] = HOST_EMAIL
        sim = Simulator(Settings.from_env(f"http://127.0.0.1:{port}", env))
        with served(create_app(sim), port) as address:
            calcom = connect(address)
            yield calcom, receiver
            calcom.api.close()
            calcom.public.close()


@pytest.fixture
def calcom(running: tuple[Calcom, Receiver]) -> Calcom:
    calcom, receiver = running
    calcom.sim("reset")
    receiver.received.clear()
    receiver.status = 200
    return calcom


@pytest.fixture
def subscriber(running: tuple[Calcom, Receiver]) -> Receiver:
    return running[1]


@pytest.fixture
def monday() -> datetime:
    """09:00 UTC on a Monday one to two weeks ahead: working hours in Berlin and London."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=14 - midnight.weekday(), hours=9)
