"""Stage functions: `python -m ops.stage webhook` → `build/webhook/`, exactly what is deployed. Without a name: all.

A staged folder holds the function's `main.py`, the modules of `shared` that it imports (found by reading the imports,
also those inside functions), the data beside those modules, and its requirements, pinned by `constraints.txt`. They are
a `requirements.txt` and not a lock file on purpose: on that path Google's buildpack compiles what it installs, and an
uncompiled start takes a second longer.
"""

from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from ops import vendor

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

_IGNORE = "__pycache__/\n*.pyc\n"


def functions() -> list[str]:
    """The names of all functions: the folders that have a `main.py`."""
    return sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))


def stage(name: str, build: Path = BUILD) -> Path:
    """Write `build/<name>` anew and return it. Raises SystemExit for a name that is no function."""
    source = ROOT / "functions" / name
    if name not in functions():
        raise SystemExit(f"no function is called {name!r}; there are: {', '.join(functions())}")
    target = build / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_dir() and path.name != "__pycache__":
            shutil.copytree(path, target / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.suffix == ".py":
            shutil.copy(path, target)
    for module in sorted(shared_modules(source / "main.py")):
        path = _path(module)
        (target / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target / path.relative_to(ROOT))
        for folder in _data_folders(path):
            shutil.copytree(folder, target / folder.relative_to(ROOT), dirs_exist_ok=True)
    if (target / "static").exists():
        vendor.copy(target / "static" / "vendor")
    shutil.copy(ROOT / "constraints.txt", target)
    (target / "requirements.txt").write_text("-c constraints.txt\n" + (source / "requirements.txt").read_text())
    (target / ".gcloudignore").write_text(_IGNORE)
    (target / ".python-version").write_text("3.13\n")
    return target


def shared_modules(path: Path) -> set[str]:
    """Every module of `shared` that the file needs, itself or through another: `{"shared", "shared.web", …}`."""
    found: set[str] = set()
    waiting = [module for module in imports(path) if _is_shared(module)]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += [other for other in imports(_path(module)) if _is_shared(other)]
    return found


def _data_folders(path: Path) -> list[Path]:
    """The folders beside a module that hold no code and that its source names."""
    source = path.read_text()
    return [f for f in path.parent.iterdir() if f.is_dir() and not list(f.glob("*.py")) and f'"{f.name}"' in source]


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it; `from shared import web` gives `shared` and `shared.web`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_shared(module: str) -> bool:
    return module.split(".")[0] == "shared" and _path(module).exists()


def _path(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


if __name__ == "__main__":
    for function in sys.argv[1:] or functions():
        print(stage(function).relative_to(ROOT))
