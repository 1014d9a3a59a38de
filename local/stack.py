"""`python -m local.stack dev|up|down|reset`: what `make` calls to start and stop the stack.

`<LOCAL_DIR>/env` is there while the stack is up, and only then.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from local import database, demo, postgres
from local.child import die_with_parent
from local.lock import held, holder
from local.parts import parts, scheduler
from local.site import HOST, ROOT, SetupError, Site, settings, site_from_environment, write_private
from local.supervisor import AskedToStop, Supervisor

_MEGABYTES_NEEDED = 300
_SECONDS_TO_STOP = 60
_SECONDS_TO_END = 20
_READY = "ready"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.stack")
    parser.add_argument("command", choices=("dev", "up", "down", "reset"))
    parser.add_argument("--throwaway", action="store_true", help="for tests: no demo data, nothing forced to disk")
    parser.add_argument("--ready-fd", type=int, help="where to write a line when all answers")
    arguments = parser.parse_args()
    os.environ["no_proxy"] = HOST  # the stack talks to itself, whatever proxy this machine goes out by
    directory = os.environ.get("LOCAL_DIR", ".local")
    try:
        site = site_from_environment(os.environ, throwaway=arguments.throwaway)
        if arguments.command == "dev":
            _dev(site, arguments.ready_fd)
        else:
            {"up": _up, "down": _down, "reset": _reset}[arguments.command](site)
    except SetupError as error:
        sys.exit(str(error))
    except OSError as error:  # a full disk, a folder that may not be written
        sys.exit(f"{error.filename or directory}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _dev(site: Site, ready_fd: int | None) -> None:
    """Run the stack in the foreground until Ctrl-C, SIGTERM, or until one of its processes ends."""
    if ready_fd is None:
        die_with_parent(signal.SIGTERM)  # `make`, killed, would leave us behind

    def ready() -> None:
        write_private(_env_file(site), _env_text(site))
        if ready_fd is not None:
            os.write(ready_fd, f"{_READY}\n".encode())
            os.close(ready_fd)
        print(_greeting(site), flush=True)

    with held(_lock_file(site)):
        _env_file(site).unlink(missing_ok=True)
        _check_machine(site)
        try:
            asyncio.run(_supervise(site, ready))
        finally:
            _env_file(site).unlink(missing_ok=True)


async def _supervise(site: Site, ready: Callable[[], None]) -> None:
    supervisor = Supervisor()
    try:
        await supervisor.start(database.server(site))
        await supervisor.meanwhile(asyncio.to_thread(database.prepare, site))
        await supervisor.start(*parts(site))
        if not site.throwaway:
            await supervisor.meanwhile(asyncio.to_thread(demo.seed, site))
        await supervisor.start(*scheduler(site))
        ready()
        await supervisor.ended
    except AskedToStop:
        pass
    finally:
        await supervisor.stop()


def _up(site: Site) -> None:
    """Run the stack in the background; return when all answers."""
    if holder(_lock_file(site)):
        _wait_for_other(site)
        return
    log = _log_file(site)
    write_private(log, "")
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "local.stack", "dev", "--ready-fd", str(writing)]
    with log.open("ab") as output:
        background = subprocess.Popen(
            command + (["--throwaway"] if site.throwaway else []),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(writing,),
            start_new_session=True,
        )
    os.close(writing)
    try:
        with os.fdopen(reading) as answer:
            is_ready = answer.readline().strip() == _READY
    except KeyboardInterrupt:
        background.terminate()
        background.wait()
        raise
    if not is_ready and holder(_lock_file(site)):
        _wait_for_other(site)  # it was a moment faster
        return
    if not is_ready:
        raise SetupError(f"{_last_line(log)}\nThe whole log: {log}")
    print(_greeting(site))
    print(f"Log: {log}")


def _wait_for_other(site: Site) -> None:
    """Somebody else started it: up is up, once it answers."""
    while holder(_lock_file(site)):
        if _env_file(site).exists():
            print(f"This stack is already up (its settings: {_env_file(site)}).")
            return
        time.sleep(0.1)
    raise SetupError("This stack was being started elsewhere, and that start failed.")


def _down(site: Site) -> None:
    """Stop the stack, if it runs. Its data stays."""
    pid = holder(_lock_file(site))
    if pid is None:
        print("This stack is not running.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _SECONDS_TO_STOP
    while holder(_lock_file(site)) == pid:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)  # the kernel ends its children
        time.sleep(0.05)
    print("The stack has stopped; its data is kept.")


def _reset(site: Site) -> None:
    """Stop the stack and delete its data: exactly what it made, since LOCAL_DIR may hold other things."""
    _down(site)
    postgres.delete(postgres.cluster_of(site))
    state = site.calcom_sim_state.name
    for name in ("env", "log", "lock", "secrets.json", state, f"{state}.new", f"{state}.unreadable"):
        (site.directory / name).unlink(missing_ok=True)
    if site.directory.exists() and not any(site.directory.iterdir()):
        site.directory.rmdir()
    print("The data of this stack is deleted.")


def _check_machine(site: Site) -> None:
    """Raises SetupError where the stack could not run: what is wrong, and what to do about it."""
    megabytes = shutil.disk_usage(site.directory).free // 2**20
    if megabytes < _MEGABYTES_NEEDED:
        raise SetupError(f"Only {megabytes} MB are free in {site.directory}; the stack needs {_MEGABYTES_NEEDED}.")
    # The processes of a stack that was killed a moment ago may still be ending, its Postgres last.
    ending = (postgres.cluster_of(site).data / "postmaster.pid").exists()
    deadline = time.monotonic() + (_SECONDS_TO_END if ending else 1)
    for name, port in asdict(site.ports).items():
        while _taken(port):
            if time.monotonic() > deadline:
                raise SetupError(f"Port {port} is taken. Free it, or choose another one: {name.upper()}_PORT=…")
            time.sleep(0.1)


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: what is left of closed connections is no reason to refuse.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _env_text(site: Site) -> str:
    values = settings(site, os.environ)
    values |= {"POSTGRES_URL": site.postgres_url(), "CALCOM_SIM_URL": site.calcom_sim_url}
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _greeting(site: Site) -> str:
    return f"""
The booking calendar is up.

  book a meeting     {site.calcom_sim_url}/
  functions          {site.functions_url}/
  inbox of mails     {site.resend_url}/inbox
  inbox of texts     {site.twilio_url}/inbox
  Supabase API       {site.supabase_url}
  settings           {_env_file(site)}

  sign-ins, password {demo.PASSWORD}:
    client@example.com   other@example.com   host@example.com (host)   admin@example.com (admin)
"""


def _env_file(site: Site) -> Path:
    return site.directory / "env"


def _lock_file(site: Site) -> Path:
    return site.directory / "lock"


def _log_file(site: Site) -> Path:
    return site.directory / "log"


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["The stack ended without a word."])[-1]


if __name__ == "__main__":
    main()
