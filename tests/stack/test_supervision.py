"""The processes of the stack live and die together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import psycopg
import pytest

from local.site import HOST, ROOT, Site
from tests.stack.processes import alive, below, child_running, in_use
from tests.throwaway import environment, running, throwaway_site

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc; and only Linux ends orphans by itself")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One place for all of these tests: its database is made once, so each start is a second one, and quick."""
    with throwaway_site("booking calendar ") as site:
        yield site


def _command(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.stack", *arguments, "--throwaway"]
    return subprocess.run(command, cwd=ROOT, env=environment(site), capture_output=True, text=True, timeout=120)


def _any_in_use(site: Site) -> bool:
    return any(in_use(port) for port in asdict(site.ports).values())


@pytest.mark.parametrize("victim", ["gunicorn", "postgres -D", "supabase.mjs"])
def test_when_one_dies_all_stop_and_it_is_named(site: Site, victim: str) -> None:
    with running(site) as supervisor:
        processes = below(supervisor.pid)
        assert len(processes) >= 6
        os.kill(child_running(supervisor.pid, victim), signal.SIGKILL)
        assert supervisor.wait(30) == 1
        assert not alive(processes)
        assert not _any_in_use(site)
        last = (site.directory / "log").read_text().splitlines()[-1]
        assert "stopped with exit code -9" in last
        assert not (site.directory / "env").exists()


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_start_works(site: Site) -> None:
    with running(site) as supervisor:
        processes = below(supervisor.pid)
        supervisor.kill()
        supervisor.wait()
        with running(site):  # at once, while the old processes are still ending
            assert not alive(processes)
    down = _command(site, "down")
    assert (down.returncode, down.stdout.strip()) == (0, "This stack is not running.")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_stops_all_and_that_is_no_fault(site: Site, number: signal.Signals) -> None:
    with running(site) as supervisor:
        processes = below(supervisor.pid)
        supervisor.send_signal(number)
        assert supervisor.wait(30) == 0
        assert not alive(processes)
        assert not _any_in_use(site)


def test_two_stacks_side_by_side_share_nothing(site: Site) -> None:
    with throwaway_site() as other, running(site), running(other):
        with psycopg.connect(other.postgres_url()) as connection:
            connection.execute("insert into public.suppressions values ('email', 'one@example.com', 'bounced')")
        for place, rows in ((site, 0), (other, 1)):
            with psycopg.connect(place.postgres_url()) as connection:
                assert connection.execute("select count(*) from public.suppressions").fetchone() == (rows,)
        assert site.secret("supabase_secret_key") != other.secret("supabase_secret_key")


def test_a_taken_port_is_one_clear_line(site: Site) -> None:
    with socket.socket() as other:
        # Connections of an earlier test's stack may linger in TIME_WAIT.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((HOST, site.ports.resend))
        other.listen()
        for command in ("dev", "up"):
            done = _command(site, command)
            assert done.returncode == 1
            lines = done.stderr.strip().splitlines()
            assert lines[0] == f"Port {site.ports.resend} is taken. Free it, or choose another one: RESEND_PORT=…"
            assert "Traceback" not in done.stdout + done.stderr


def test_up_and_down_twice_are_no_fault(site: Site) -> None:
    assert _command(site, "up").returncode == 0
    again = _command(site, "up")
    assert again.returncode == 0
    assert "already up" in again.stdout
    in_front = _command(site, "dev")
    assert in_front.returncode == 1
    assert in_front.stderr.strip() == "This stack is already running; `make down` stops it."
    assert _command(site, "down").returncode == 0
    assert not _any_in_use(site)
    assert _command(site, "down").returncode == 0


def test_two_ups_at_once_are_one_stack(site: Site) -> None:
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: _command(site, "up"), range(2)))
    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    assert _command(site, "down").returncode == 0
    assert not _any_in_use(site)


def test_data_from_other_migrations_is_one_clear_line(site: Site) -> None:
    with running(site), psycopg.connect(site.postgres_url()) as connection:
        connection.execute("insert into supabase_migrations.schema_migrations (version) values ('20990101000000')")
    done = _command(site, "up")
    assert done.returncode == 1
    message = "This stack's data was made by other migrations (20990101000000); `make reset` deletes it."
    assert done.stderr.splitlines()[0] == message
    assert _command(site, "reset").returncode == 0
    assert not site.directory.exists()
