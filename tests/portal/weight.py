"""What a page makes a browser load, compressed: all its modules, styles and libraries beside supabase-js."""

from __future__ import annotations

import re

from ops.stage import ROOT
from shared import portal_pages, static_files

LIMIT = 60_000  # bytes
FILES = static_files.read(ROOT / "functions" / "portal" / "static")


def loaded_by(page: portal_pages.Page) -> set[str]:
    """The names of the files, supabase-js among them."""
    script = f"js/pages/{page.module}.js"
    styles = {"css/portal.css", *(f"css/{name}" for name in page.styles)}
    for name in list(styles):
        imported = re.findall(r'@import "\.\./([^"]+)"', FILES.files[name].body.decode())
        styles |= set(imported)
    return {script, *FILES.imported_by(script), *styles, *(f"vendor/{name}" for name in page.libraries)}


def _bytes(name: str) -> int:
    file = FILES.files[name]
    return len(file.body if file.gzipped is None else file.gzipped)


WEIGHTS = {
    page.module: sum(_bytes(name) for name in loaded_by(page) - {"vendor/supabase.js"})
    for page in (*portal_pages.PAGES, portal_pages.NOT_FOUND)
}
