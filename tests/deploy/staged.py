"""A staged function in an environment that holds only its own requirements, compiled as Google's buildpack does it."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path


def environment(path: Path, folder: Path) -> Path:
    """Make a virtual environment at `path` with what the staged `folder` requires. → its Python"""
    venv.create(path, with_pip=False)
    python = path / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "-r", "requirements.txt"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    subprocess.run([python, "-m", "compileall", "-q", "."], cwd=folder, check=True)
    return python
