"""What tests stand on: a real database with the migrations, or the whole system, in a folder that vanishes after.

- `database` (session): Postgres 17 with the migrations, and nothing else. About three seconds.
- `stack` (session): the whole system on free ports, without demo data and with the scheduler off.
- `db`: a superuser's connection to the stack's database, autocommit.
- `clean`: the stack as it was at its start: no bookings, no mails, no users, no faults.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local import database as local_database
from local import postgres
from local.site import HOST, Ports, Site

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Database:
    """A database with the migrations. `url` is the superuser's."""

    url: str

    def connect(self, *, autocommit: bool = True) -> Connection:
        return psycopg.connect(self.url, autocommit=autocommit)


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    with _throwaway_site() as site, local_database.running(site):
        yield Database(site.postgres_url())


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


def _free_ports() -> Ports:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in fields(Ports)]
        for each in sockets:
            each.bind((HOST, 0))
        return Ports(*(each.getsockname()[1] for each in sockets))
