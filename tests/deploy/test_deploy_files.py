"""What is written about deployment is valid, names every function, and gives each the settings it asks for."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ops.environment import environment
from ops.stage import ROOT, functions, imports, shared_modules
from shared import settings

BUILD = YAML(typ="safe").load(ROOT / "cloudbuild.yaml")
ENV = YAML(typ="safe").load(ROOT / "ops" / "env.yaml")

# The package that brings a module, where its name is another one.
_PACKAGES = {"jwt": "pyjwt[crypto]", "functions_framework": "functions-framework", "flask": "functions-framework"}
_PACKAGES |= {"werkzeug": "functions-framework"}


def test_cloudbuild_is_valid_against_the_published_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.cloudbuild", "cloudbuild.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_function_is_deployed_after_its_migration_and_staging() -> None:
    steps = {step["id"]: step for step in BUILD["steps"]}
    assert {name for name in steps if name.startswith("deploy-")} == {f"deploy-{name}" for name in functions()}
    for name in functions():
        step = steps[f"deploy-{name}"]
        assert step["waitFor"] == ["migrate", "stage"]
        assert step["args"][:4] == ["run", "deploy", name, f"--flags-file=functions/{name}/deploy.yaml"]


def test_smoke_waits_for_every_function() -> None:
    smoke = next(step for step in BUILD["steps"] if step["id"] == "smoke")
    jobs = {"deploy-reminders", "deploy-reconcile"}  # which the scheduler's step waits for
    assert {*smoke["waitFor"], *jobs} == {"scheduler", *(f"deploy-{name}" for name in functions())}


def test_smoke_tries_every_function() -> None:
    smoke = (ROOT / "ops" / "smoke.sh").read_text()
    tried = [line.split()[-1].split("/")[0] for line in smoke.splitlines() if line.startswith("expect '")]
    assert sorted(tried) == functions()


def test_every_substitution_reaches_the_environment() -> None:
    stage = next(step for step in BUILD["steps"] if step["id"] == "stage")
    values = dict(line.split("=", 1) for line in stage["env"])
    assert set(YAML(typ="safe").load(environment(values))) == set(ENV)
    for value in values.values():
        assert value.removeprefix("${").removesuffix("}") in BUILD["substitutions"]


def test_a_setting_without_a_value_stops_the_build() -> None:
    with pytest.raises(SystemExit, match="SUPABASE_URL is not set"):
        environment({})


@pytest.mark.parametrize("name", functions())
def test_a_function_is_given_the_settings_it_asks_for(name: str) -> None:
    flags = _flags(name)
    given = {*ENV, *flags.get("--set-secrets", {})}
    for group in _groups(ROOT / "functions" / name / "main.py"):
        for one in fields(group):
            assert one.metadata["name"] in given or one.default is not MISSING, one.metadata["name"]


@pytest.mark.parametrize("name", functions())
def test_a_secret_is_given_only_as_a_secret_and_by_version(name: str) -> None:
    flags = _flags(name)
    secrets = flags.get("--set-secrets", {})
    assert not set(ENV) & set(secrets)
    assert not [n for n in ENV if n.endswith(("_SECRET", "_TOKEN", "_API_KEY", "SECRET_KEY"))]
    for source in secrets.values():
        assert source.rpartition(":")[2].isdecimal(), "pinned: `latest` would change under a running revision"


@pytest.mark.parametrize("name", functions())
def test_a_function_can_take_as_many_requests_as_it_has_threads(name: str) -> None:
    flags = _flags(name)
    assert flags["--function"] == name
    assert flags["--source"] == f"build/{name}"
    assert int(flags["--concurrency"]) <= int(ENV["THREADS"])


@pytest.mark.parametrize("name", functions())
def test_only_the_jobs_are_not_public(name: str) -> None:
    assert ("--allow-unauthenticated" in _flags(name)) == (name not in ("reminders", "reconcile"))


@pytest.mark.parametrize("name", functions())
def test_requirements_are_what_is_imported_and_no_more(name: str) -> None:
    main = ROOT / "functions" / name / "main.py"
    files = [main, *(_file(module) for module in shared_modules(main))]
    roots = {module.split(".")[0] for file in files for module in imports(file)} - set(sys.stdlib_module_names)
    needed = {_PACKAGES.get(root, root) for root in roots - {"shared", "_typeshed"}}
    # Time zones are data: zoneinfo reads them where the system has none. Only the pages' function knows of no time.
    zones = {"tzdata"} if name != "portal" else set[str]()
    assert set(_requirements(name)) == needed | zones | {"functions-framework"}


@pytest.mark.parametrize("name", functions())
def test_requirements_are_pinned(name: str) -> None:
    pinned = {
        line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    assert {line.split("[")[0] for line in _requirements(name)} <= pinned


def _flags(name: str) -> dict[str, Any]:
    flags: dict[str, Any] = YAML(typ="safe").load(ROOT / "functions" / name / "deploy.yaml")
    return flags


def _requirements(name: str) -> list[str]:
    return (ROOT / "functions" / name / "requirements.txt").read_text().split()


def _file(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _groups(path: Path) -> list[type[Any]]:
    """The groups of settings that a function requires when it is imported."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "settings.require":
            return [getattr(settings, ast.unparse(argument).removeprefix("settings.")) for argument in node.args]
    raise AssertionError(f"{path} asks for no settings")
