"""What runs on this machine: the processes below another one, and whether a port is in use. Linux only."""

from __future__ import annotations

import socket
from pathlib import Path

from local.site import HOST


def below(pid: int) -> dict[int, str]:
    """All descendants of `pid`, each with its command line."""
    found: dict[int, str] = {}
    parents = {int(stat.parent.name): _parent(stat) for stat in Path("/proc").glob("[0-9]*/stat")}
    added = {pid}
    while added:
        added = {child for child, parent in parents.items() if parent in added}
        found |= {child: _command(child) for child in added}
    return found


def child_running(pid: int, words: str) -> int:
    """The direct child of `pid` whose command line has `words` in it."""
    return next(
        child
        for child, command in below(pid).items()
        if words in command and _parent(Path(f"/proc/{child}/stat")) == pid
    )


def alive(pids: dict[int, str]) -> dict[int, str]:
    """Those that still run as the same program. A zombie, whose parent has not looked yet, does not."""
    return {pid: command for pid, command in pids.items() if command and _command(pid) == command}


def in_use(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def _parent(stat: Path) -> int:
    try:
        # The second field, a name in brackets, may hold blanks.
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
