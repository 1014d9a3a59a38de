"""Whether a stack runs: its supervisor holds a lock for as long as it lives, whatever ends it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.site import SetupError, make_folder


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock, with our pid in it. Raises SetupError if another process holds it."""
    make_folder(path.parent)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError("This stack is already running; `make down` stops it.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def holder(path: Path) -> int | None:
    """The pid of the process that holds the lock, None if nobody does."""
    while True:
        try:
            with path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
        except FileNotFoundError:
            return None
        except BlockingIOError:
            if pid := path.read_text():
                return int(pid)
            time.sleep(0.01)  # taken this very moment, its pid not written yet
