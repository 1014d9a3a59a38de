"""What tests stand on: a real database with the migrations, or the whole system, in a folder that vanishes after.

- `database` (session): Postgres 17 with the migrations, and nothing else; about three seconds.
- `stack` (session): the whole system on free ports, without demo data and with the scheduler off.
- `db` (session): a superuser's connection to the stack's database, autocommit.
- `clean`: the stack as it was at its start: no bookings, no mails, no users, no faults.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from local import database as local_database
from local import postgres
from local.child import Child, how_to_start
from local.site import HOST, Ports, Site
from tests.clean_slate import CleanSlate

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Database:
    """A database with the migrations. `url` is the superuser's."""

    url: str

    def connect(self, *, autocommit: bool = True) -> Connection:
        return psycopg.connect(self.url, autocommit=autocommit)


@dataclass(frozen=True)
class Stack:
    """A running stack. `env`: all settings, as `.local/env` has them, with POSTGRES_URL and CALCOM_SIM_URL."""

    site: Site
    env: dict[str, str]

    @property
    def log(self) -> str:
        """What all its processes have printed so far."""
        return _log_of(self.site).read_text(errors="replace")


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    with _throwaway_site() as site, local_database.running(site):
        yield Database(site.postgres_url())


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with throwaway_stack() as running:
        yield running


@contextmanager
def throwaway_stack() -> Iterator[Stack]:
    """The whole system, in a folder and on ports of its own."""
    with _throwaway_site() as site, _running(site) as env:
        yield Stack(site, env)


@pytest.fixture(scope="session")
def db(stack: Stack) -> Iterator[Connection]:
    with psycopg.connect(stack.env["POSTGRES_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def _clean_slate(stack: Stack, db: Connection) -> CleanSlate:
    return CleanSlate(db)


@pytest.fixture
def clean(stack: Stack, _clean_slate: CleanSlate) -> Stack:
    """Nothing is left of earlier tests: neither rows nor users, nor mails, nor faults, nor bookings in Cal.com."""
    for url in (stack.env["RESEND_API_URL"], stack.env["TWILIO_API_URL"], stack.env["CALCOM_SIM_URL"]):
        httpx.post(f"{url}/_sim/reset", timeout=10).raise_for_status()
    _clean_slate.restore()
    return stack


@contextmanager
def _throwaway_site() -> Iterator[Site]:
    directory = Path(tempfile.mkdtemp(prefix="booking-calendar-"))
    # Passable, so that the account Postgres runs under, when we are root, finds its data there.
    directory.chmod(0o711)
    site = Site(directory, _free_ports(), scheduler_seconds=0, throwaway=True)
    try:
        yield site
    finally:
        postgres.delete(postgres.cluster_of(site))
        shutil.rmtree(directory)


@contextmanager
def _running(site: Site) -> Iterator[dict[str, str]]:
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "local.stack", "dev", "--throwaway", "--ready-fd", str(writing)]
    ports = {f"{name.upper()}_PORT": str(port) for name, port in asdict(site.ports).items()}
    environment = os.environ | ports | {"LOCAL_DIR": str(site.directory), "SCHEDULER_SECONDS": "0"}
    child = Child("stack", command, environment, ask=lambda: None)
    with _log_of(site).open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=(writing,), **how_to_start(child))
    os.close(writing)
    try:
        with os.fdopen(reading) as answer:
            if not answer.readline():
                pytest.exit(f"The stack did not start:\n{_log_of(site).read_text()}", returncode=1)
        lines = (site.directory / "env").read_text().splitlines()
        yield dict(line.split("=", 1) for line in lines)
    finally:
        process.terminate()
        process.wait()


def _log_of(site: Site) -> Path:
    return site.directory / "log"


def _free_ports() -> Ports:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in fields(Ports)]
        for each in sockets:
            each.bind((HOST, 0))
        return Ports(*(each.getsockname()[1] for each in sockets))
