"""The processes of the stack live and die together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict

import psycopg
import pytest

from local.site import HOST, ROOT, Site
from tests.stack.processes import alive, below, child_running, in_use, wait_until
from tests.throwaway import environment, running, throwaway_site

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc; and only Linux ends orphans by itself")


def _command(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.stack", *arguments, "--throwaway"]
    return subprocess.run(command, cwd=ROOT, env=environment(site), capture_output=True, text=True, timeout=120)


def _any_in_use(site: Site) -> bool:
    return any(in_use(port) for port in asdict(site.ports).values())


@pytest.mark.parametrize("victim", ["gunicorn", "postgres -D", "supabase.mjs"])
def test_when_one_dies_all_stop_and_it_is_named(victim: str) -> None:
    with throwaway_site() as site, running(site) as supervisor:
        processes = below(supervisor.pid)
        assert len(processes) >= 6
        os.kill(child_running(supervisor.pid, victim), signal.SIGKILL)
        assert supervisor.wait(30) == 1
        assert not alive(processes)
        assert not _any_in_use(site)
        last = (site.directory / "log").read_text().splitlines()[-1]
        assert "stopped with exit code -9" in last
        assert not (site.directory / "env").exists()


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_start_works() -> None:
    with throwaway_site() as site:
        with running(site) as supervisor:
            processes = below(supervisor.pid)
            supervisor.kill()
            supervisor.wait()
            assert wait_until(lambda: not alive(processes)), alive(processes)
        down = _command(site, "down")
        assert (down.returncode, down.stdout.strip()) == (0, "This stack is not running.")
        with running(site) as supervisor:
            assert (site.directory / "env").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_stops_all_and_that_is_no_fault(number: signal.Signals) -> None:
    with throwaway_site() as site, running(site) as supervisor:
        processes = below(supervisor.pid)
        supervisor.send_signal(number)
        assert supervisor.wait(30) == 0
        assert not alive(processes)
        assert not _any_in_use(site)


def test_two_stacks_side_by_side_share_nothing() -> None:
    with throwaway_site("one ") as one, throwaway_site("two ") as two, running(one), running(two):
        for site in (one, two):
            with psycopg.connect(site.postgres_url()) as connection:
                connection.execute(
                    "insert into public.event_type_settings (contact) values (%s)", (site.directory.name,)
                )
        with psycopg.connect(one.postgres_url()) as connection:
            rows = connection.execute("select contact from public.event_type_settings").fetchall()
        assert (two.directory.name,) not in rows
        assert one.secret("supabase_secret_key") != two.secret("supabase_secret_key")


def test_a_taken_port_is_one_clear_line() -> None:
    with throwaway_site() as site, socket.socket() as other:
        other.bind((HOST, site.ports.resend))
        other.listen()
        for command in ("dev", "up"):
            done = _command(site, command)
            assert done.returncode == 1
            lines = done.stderr.strip().splitlines()
            assert lines[0] == f"Port {site.ports.resend} is taken. Free it, or choose another one: RESEND_PORT=…"
            assert "Traceback" not in done.stdout + done.stderr


def test_up_and_down_twice_are_no_fault() -> None:
    with throwaway_site() as site:
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
        assert _command(site, "reset").returncode == 0
        assert not site.directory.exists()
