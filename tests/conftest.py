"""What tests stand on: a real database with the migrations, or the whole system, in a folder that vanishes after.

- `database` (session): Postgres 17 with the migrations, and nothing else; about three seconds.
- `stack` (session): the whole system on free ports, without demo data and with the scheduler off.
- `db` (session): a superuser's connection to the stack's database, autocommit.
- `clean`: the stack as it was at its start: no bookings, no mails, no users, no faults.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import psycopg
import pytest

from local import database as local_database
from local.site import HOST, Site
from tests import longest_first
from tests.clean_slate import CleanSlate
from tests.throwaway import running, settings_of, throwaway_site

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
        return (self.site.directory / "log").read_text(errors="replace")


def pytest_configure() -> None:
    os.environ["no_proxy"] = HOST  # the tests talk to this machine, whatever proxy it goes out by
    # Each client of httpx, and so each call without one, reads all certificates that there are: as long as many a test.
    pytest.MonkeyPatch().setattr(ssl, "create_default_context", cache(ssl.create_default_context))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        longest_first.sort(items)


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    with throwaway_site() as site, local_database.running(site):
        yield Database(site.postgres_url())


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with throwaway_stack() as running:
        yield running


@contextmanager
def throwaway_stack() -> Iterator[Stack]:
    """The whole system, in a folder and on ports of its own."""
    with throwaway_site() as site, running(site):
        yield Stack(site, settings_of(site))


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
    wipe(stack, _clean_slate)
    return stack


def wipe(stack: Stack, clean_slate: CleanSlate) -> None:
    """Make it so."""
    for url in (stack.env["RESEND_API_URL"], stack.env["TWILIO_API_URL"], stack.env["CALCOM_SIM_URL"]):
        httpx.post(f"{url}/_sim/reset", timeout=10).raise_for_status()
    clean_slate.restore()
