"""The files that pages load: read once at start, compressed once, kept by browsers for ever.

Their address carries a version, which is a hash over all of them: `/assets/<version>/js/pages/bookings.js`. So a module
can import its neighbour by a relative address, and nothing has to be built or rewritten.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shared.web import Answer, Request

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
_PLAIN = {".png"}  # compressed already
_IMPORT = re.compile(r"""^\s*(?:import|export)\b[^"']*["'](\.\.?/[^"']+)["']""", re.MULTILINE)


@dataclass(frozen=True)
class File:
    """Bytes as they are, and compressed (None: would not be smaller)."""

    type: str
    body: bytes
    gzipped: bytes | None
    etag: str


@dataclass(frozen=True)
class Files:
    """All files by their name below the folder (`js/pages/bookings.js`); `version` changes when one of them does."""

    files: Mapping[str, File]
    version: str

    def imported_by(self, name: str) -> list[str]:
        """The modules that a module loads, itself or through others, in the order in which they are met."""
        found: dict[str, None] = {}
        waiting = [name]
        while waiting:
            module = waiting.pop(0)
            for path in _IMPORT.findall(self.files[module].body.decode()):
                other = _resolved(PurePosixPath(module).parent / path)
                if other != name and other not in found:
                    found[other] = None
                    waiting.append(other)
        return list(found)


def read(folder: Path) -> Files:
    """Every file of `folder` that has a type which pages load."""
    files = {
        path.relative_to(folder).as_posix(): _file(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in _TYPES and path.is_file()
    }
    whole = hashlib.sha256("".join(f"{name} {file.etag}\n" for name, file in files.items()).encode())
    return Files(files, whole.hexdigest()[:16])


def serve(files: Files, version: str, name: str, request: Request) -> Answer:
    """The file `name`. Of another version than ours it is better than nothing, but nobody may keep it.

    That happens while a new version is rolled out: page and file may come from different instances.
    """
    file = files.files[name]
    kept = "public, max-age=31536000, immutable" if version == files.version else "no-store"
    return answer(file, kept, request)


def answer(file: File, cache_control: str, request: Request) -> Answer:
    """304 if the browser has it, else its bytes, compressed if the browser reads that (RFC 9110 8.8.3, 12.5.3)."""
    # A compressed body and a plain one are two representations; a weak tag says that they mean the same.
    headers = {"ETag": f'W/"{file.etag}"', "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if file.etag in (request.headers.get("If-None-Match") or ""):
        return Answer(status=304, body=b"", headers=headers)
    headers["Content-Type"] = file.type
    if file.gzipped is not None and re.search(
        r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", request.headers.get("Accept-Encoding") or ""
    ):
        return Answer(body=file.gzipped, headers=headers | {"Content-Encoding": "gzip"})
    return Answer(body=file.body, headers=headers)


def packed(body: bytes, content_type: str, *, compress: bool = True) -> File:
    """`body` as a file to be served."""
    gzipped = gzip.compress(body, 9, mtime=0) if compress else None
    if gzipped is not None and len(gzipped) >= len(body):
        gzipped = None
    return File(content_type, body, gzipped, hashlib.sha256(body).hexdigest()[:32])


def _file(path: Path) -> File:
    return packed(path.read_bytes(), _TYPES[path.suffix], compress=path.suffix not in _PLAIN)


def _resolved(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
