"""The Chromium that npm's package brings, so that none has to be installed; where it cannot run, CHROMIUM names one."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, BrowserType

from local import node
from local.site import ROOT, SetupError

# Not the package's own, which are for one page in one process.
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
_UNPACK = "import one from '@sparticuz/chromium'; console.log(await one.executablePath())"


def launch(chromium: BrowserType, *arguments: str) -> Browser:
    """A browser without a window, as `playwright.chromium` starts it. Raises SetupError."""
    return chromium.launch(executable_path=path(), args=[*ARGUMENTS, *arguments])


def path() -> str:
    """Its program, which is unpacked into the folder for temporary files at the first need. Raises SetupError."""
    if named := os.environ.get("CHROMIUM"):
        return named
    # A second process would take what the first has unpacked only in part.
    with (Path(tempfile.gettempdir()) / "chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [str(node.NODE), "--input-type=module", "--eval", _UNPACK]
        done = subprocess.run(command, cwd=ROOT, env=node.environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"Chromium could not be unpacked: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout.strip()
