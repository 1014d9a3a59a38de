"""`python3 -m local.setup`: everything this checkout needs, into `.venv` and `node_modules`. Needs Python alone.

Does nothing when both are as pyproject.toml, constraints.txt and package-lock.json say; safe to run twice at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".installed"
_MEGABYTES_NEEDED = 1500


def main() -> None:
    try:
        with (ROOT / "pyproject.toml").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _install_python_packages()
            done = subprocess.run([PYTHON, "-m", "local.node"], cwd=ROOT, check=False)
    except OSError as error:  # a full disk, a folder that may not be written
        sys.exit(f"{error.filename or ROOT}: {error.strerror or error}")
    sys.exit(done.returncode)


def _install_python_packages() -> None:
    inputs = _inputs()
    if STAMP.exists() and STAMP.read_text() == inputs:
        return
    free = shutil.disk_usage(ROOT).free // 2**20
    if free < _MEGABYTES_NEEDED:
        sys.exit(f"Only {free} MB are free in {ROOT}; setting up needs {_MEGABYTES_NEEDED}.")
    print("Installing Python packages (once) …", flush=True)
    if not _has_pip():
        _run(
            [sys.executable, "-m", "venv", "--clear", str(VENV)],
            "Python could not make .venv (on Debian and Ubuntu, install the package python3-venv).",
        )
    # An older pip does not read dependency groups, so they are read here.
    install = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _run([*install, "-c", "constraints.txt", *_requirements()], "pip could not install the packages.")
    STAMP.write_text(inputs)


def _requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups: dict[str, list[str]] = project["dependency-groups"]
    return [*project["project"]["dependencies"], *(name for group in groups.values() for name in group)]


def _inputs() -> str:
    """What decides which packages are installed: what we ask for, and for which Python."""
    python = ".".join(map(str, sys.version_info[:2]))
    wanted = [*_requirements(), (ROOT / "constraints.txt").read_text(), python]
    return hashlib.sha256("\n".join(wanted).encode()).hexdigest()


def _has_pip() -> bool:
    try:
        return subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _run(command: list[str], failure: str) -> None:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        sys.exit(f"{failure} {reason}")


if __name__ == "__main__":
    main()
