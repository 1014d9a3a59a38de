"""A staged function in an environment that holds only its own requirements."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path


def environment(path: Path, folder: Path, *, compiled: bool = True) -> Path:
    """Make a virtual environment at `path` with what the staged `folder` requires. → its Python

    `compiled`: all packages, as Google's buildpack does it; otherwise what a start imports is, at that start.
    """
    venv.create(path, with_pip=False)
    python = path / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "-r", "requirements.txt"]
    done = subprocess.run(
        [*install, *([] if compiled else ["--no-compile"])], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    subprocess.run([python, "-m", "compileall", "-q", "."], cwd=folder, check=True)
    return python
