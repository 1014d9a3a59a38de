"""The setup is complete, repeatable, and quick when there is nothing to do."""

from __future__ import annotations

import json
import re
import subprocess
import time
from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local import setup
from local.site import ROOT
from tests.throwaway import without_make


def _pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def _needed() -> set[str]:
    """The packages of pyproject.toml, what those need, and so on."""
    found: set[str] = set()
    todo = [(Requirement(text), "") for text in setup._requirements()]
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        extras = {"", *requirement.extras}
        wanted = {f"{name}[{each}]" if each else name for each in extras}
        if wanted <= found:
            continue
        found |= wanted
        needs = distribution(requirement.name).requires or []
        todo += [(Requirement(text), each) for text in needs for each in extras]
    return {name for name in found if "[" not in name}


def _make(target: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", target], cwd=ROOT, env=without_make(), capture_output=True, text=True, timeout=120, check=True
    )


def test_every_package_that_is_needed_is_pinned_and_no_other() -> None:
    pinned, needed = _pinned(), _needed()
    assert {name: distribution(name).version for name in needed} == {name: pinned.get(name) for name in needed}
    # A pin may serve another platform or Python; nothing else.
    assert set(pinned) - needed <= {"backports-zoneinfo", "colorama", "tzdata"}


def test_no_file_of_the_setup_names_a_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    for name in ("constraints.txt", "pyproject.toml", "package.json", ".npmrc", "Makefile"):
        assert not re.search(r"index-url|registry\s*=|https?://(?!127)", (ROOT / name).read_text()), name


def test_the_lock_file_knows_every_platform_of_the_supabase_cli() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, version in packages["node_modules/supabase"]["optionalDependencies"].items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_a_second_setup_does_nothing_quickly() -> None:
    begun = time.monotonic()
    done = _make("setup")
    assert time.monotonic() - begun < 5
    assert done.stdout == ""


def test_every_command_is_explained() -> None:
    shown = _make("help").stdout
    for command in ("dev", "up", "down", "reset", "test", "check", "bench", "stage"):
        assert re.search(rf"^  make {command} +\w", shown, re.MULTILINE), command


def test_continuous_integration_runs_what_people_run() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o100
    assert script.read_text().rstrip().endswith("make test")
