"""A function served as it is deployed: staged, by the framework's own server, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

THREADS = 16


@dataclass(frozen=True)
class Served:
    """A running function. `seconds`: from its start to its first 200; `megabytes`: resident then, all processes."""

    url: str
    pid: int
    seconds: float
    megabytes: float


@contextmanager
def served(
    python: Path, folder: Path, name: str, settings: dict[str, str], ask: Callable[[str], httpx.Response]
) -> Iterator[Served]:
    """Start the staged function with its own Python and wait until `ask(url)` answers 200."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "THREADS": str(THREADS), **settings}
    command = [
        str(python),
        "-m",
        "functions_framework",
        "--target",
        name,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    url = f"http://127.0.0.1:{port}"
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(lambda: ask(url).status_code == 200)
        yield Served(url, process.pid, time.monotonic() - started, resident(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if is_ready():
                return
        except httpx.TransportError:
            pass  # it is starting
        time.sleep(0.01)
    raise TimeoutError("the function does not answer 200")


def resident(pid: int) -> float:
    """Megabytes in memory, of the process and its children; what they share counts once (proportional set size)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) / 1024 for line in rollup if line.startswith("Pss:"))
    return own + sum(resident(int(child)) for child in children)
