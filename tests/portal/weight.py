"""What a page makes a browser load, compressed: all its modules, styles and libraries beside supabase-js."""

from __future__ import annotations

import re
from posixpath import dirname, normpath

from ops.stage import ROOT
from shared import portal_pages, static_files

LIMIT = 60_000  # bytes
FILES = static_files.read(ROOT / "functions" / "portal" / "static")
_LATER = re.compile(r"""\bimport\("(\.[^"]+)"\)""")


def loaded_by(page: portal_pages.Page) -> set[str]:
    """The names of the files, supabase-js among them."""
    script = f"js/pages/{page.module}.js"
    styles = {"css/portal.css", *(f"css/{name}" for name in page.styles)}
    for name in list(styles):
        imported = re.findall(r'@import "\.\./([^"]+)"', FILES.files[name].body.decode())
        styles |= set(imported)
    return {script, *FILES.imported_by(script), *styles, *(f"vendor/{name}" for name in page.libraries)}


def loaded_later(page: portal_pages.Page) -> set[str]:
    """The modules that it loads when somebody wants what they show, and what those load."""
    met = {name for name in loaded_by(page) if name.startswith("js/")}
    waiting = sorted(met)
    while waiting:
        name = waiting.pop()
        late = {normpath(f"{dirname(name)}/{path}") for path in _LATER.findall(FILES.files[name].body.decode())}
        new = (late | {other for one in late for other in FILES.imported_by(one)}) - met
        met |= new
        waiting += new
    return met - loaded_by(page)


def _bytes(names: set[str]) -> int:
    files = [FILES.files[name] for name in names]
    return sum(len(file.body if file.gzipped is None else file.gzipped) for file in files)


_PAGES = (*portal_pages.PAGES, portal_pages.NOT_FOUND)
WEIGHTS = {page.module: _bytes(loaded_by(page) - {"vendor/supabase.js"}) for page in _PAGES}
LATER = {page.module: _bytes(loaded_later(page)) for page in _PAGES}
