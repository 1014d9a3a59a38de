"""A process of the stack: what it runs, as whom, and that it never outlives the one who started it."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.site import ROOT

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Child:
    """`ask` is tried until it raises no OSError any more: only then may others count on this process."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    ask: Callable[[], None]
    stop_signal: signal.Signals = signal.SIGTERM
    account: pwd.struct_passwd | None = None
    folder: Path = field(default=ROOT)


def how_to_start(child: Child) -> dict[str, Any]:
    """The keyword arguments with which `subprocess.Popen` starts this child.

    It leads a session of its own, so that Ctrl-C reaches the supervisor alone, which then stops all in order.
    Must be called in the main thread: on Linux the kernel signals the child when the *thread* that started it ends.
    """
    parent = os.getpid()

    def before_start() -> None:
        die_with_parent(child.stop_signal)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    account = child.account
    return {
        "cwd": child.folder,
        "env": dict(child.environment),
        "start_new_session": True,
        "preexec_fn": before_start,
        "user": account.pw_uid if account else None,
        "group": account.pw_gid if account else None,
        "extra_groups": [] if account else None,
    }


def die_with_parent(by: signal.Signals) -> None:
    """Ask the kernel to signal this process when the one that started it ends. Only Linux can."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(by))
