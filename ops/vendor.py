"""The libraries that pages load, copied from npm's packages to where the portal serves them: `python -m ops.vendor`.

They are not in the repository: package-lock.json says which they are, and `make setup` and staging copy them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "functions" / "portal" / "static" / "vendor"
# Ours → npm's. Each is one file without imports.
LIBRARIES = {
    "supabase.js": "@supabase/supabase-js/dist/umd/supabase.js",
    "preact.js": "htm/preact/standalone.module.js",
}


def copy(target: Path = VENDOR) -> None:
    """Write every library into `target`. Raises SystemExit where npm's packages are not installed."""
    target.mkdir(parents=True, exist_ok=True)
    for name, source in LIBRARIES.items():
        path = ROOT / "node_modules" / source
        if not path.exists():
            raise SystemExit(f"{path.relative_to(ROOT)} is missing: run `make setup` first")
        if not (target / name).exists() or (target / name).read_bytes() != path.read_bytes():
            shutil.copyfile(path, target / name)


if __name__ == "__main__":
    copy()
