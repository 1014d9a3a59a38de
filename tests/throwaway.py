"""Stacks for tests: a folder that vanishes after, free ports, and the commands that run in it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from local import postgres
from local.child import Child, how_to_start
from local.site import HOST, Ports, Site


@contextmanager
def throwaway_site(prefix: str = "booking-calendar-") -> Iterator[Site]:
    """A place for a stack. Nothing of it is left when the block ends."""
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    # Passable, so that the account Postgres runs under, when we are root, finds its data there.
    directory.chmod(0o711)
    site = Site(directory, _free_ports(), scheduler_seconds=0, throwaway=True)
    try:
        yield site
    finally:
        postgres.delete(postgres.cluster_of(site))
        shutil.rmtree(directory, ignore_errors=True)
        assert not directory.exists()


def environment(site: Site) -> dict[str, str]:
    """What a command of the stack needs to mean this one."""
    ports = {f"{name.upper()}_PORT": str(port) for name, port in asdict(site.ports).items()}
    return without_make() | ports | {"LOCAL_DIR": str(site.directory), "SCHEDULER_SECONDS": str(site.scheduler_seconds)}


def without_make() -> dict[str, str]:
    """Our environment; a `make` that may have started these tests is none of a command's business."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


@contextmanager
def running(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """The whole system, from when all of it answers to the end of the block; the process is its supervisor."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "local.stack", "dev", "--throwaway", "--ready-fd", str(writing)]
    child = Child("stack", command, environment(site), ask=lambda: None)
    log = site.directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, pass_fds=(writing,), **how_to_start(child))
    os.close(writing)
    try:
        with os.fdopen(reading) as answer:
            if not answer.readline():
                pytest.exit(f"The stack did not start:\n{log.read_text()}", returncode=1)
        yield process
    finally:
        process.terminate()
        process.wait()


def settings_of(site: Site) -> dict[str, str]:
    """What the running stack wrote to its `env` file."""
    return dict(line.split("=", 1) for line in (site.directory / "env").read_text().splitlines())


def _free_ports() -> Ports:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in fields(Ports)]
        for each in sockets:
            each.bind((HOST, 0))
        return Ports(*(each.getsockname()[1] for each in sockets))
