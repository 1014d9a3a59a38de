"""Files as pages load them: which there are, what is told about each, which modules one needs."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest
from werkzeug.datastructures import Headers

from shared import static_files
from shared.web import Answer, Request

LONG = "export const words = 'again and again and again and again and again and again';\n" * 20


def request(headers: Mapping[str, str] | None = None) -> Request:
    return Request("GET", "/", {}, Headers(headers or {}), b"", 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "js/pages/one.js": 'import { a } from "../a.js";\nimport {\n  b,\n} from "../deep/b.js";\n'
        'export * from "./two.js";\n',
        "js/pages/two.js": 'import "../a.js";\n',
        "js/a.js": 'import { b } from "./deep/b.js"; // import "./not_this.js"\n'
        "const text = 'import \"./nor_this.js\"';\n",
        "js/deep/b.js": 'import { a } from "../a.js";\n',
        "css/long.css": LONG,
        "picture.png": "\x89PNG",
        "notes.txt": "not for pages",
        "main.py": "SECRET = 1",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_only_what_pages_load_is_read(folder: Path) -> None:
    assert set(static_files.read(folder).files) == {
        *("js/pages/one.js", "js/pages/two.js", "js/a.js", "js/deep/b.js", "css/long.css", "picture.png")
    }


def test_a_module_needs_what_it_imports_and_what_those_import_each_once(folder: Path) -> None:
    files = static_files.read(folder)
    assert files.imported_by("js/pages/one.js") == ["js/a.js", "js/deep/b.js", "js/pages/two.js"]
    assert files.imported_by("js/a.js") == ["js/deep/b.js"]


def test_the_version_is_that_of_all_contents_and_names(folder: Path) -> None:
    first = static_files.read(folder).version
    assert static_files.read(folder).version == first
    (folder / "js" / "a.js").rename(folder / "js" / "c.js")
    second = static_files.read(folder).version
    (folder / "css" / "long.css").write_text(LONG + " ")
    assert len({first, second, static_files.read(folder).version}) == 3


def test_what_does_not_get_smaller_is_sent_as_it_is(folder: Path) -> None:
    files = static_files.read(folder)
    answer = static_files.serve(files, files.version, "js/pages/two.js", request({"Accept-Encoding": "gzip"}))
    assert "Content-Encoding" not in answer.headers
    picture = static_files.serve(files, files.version, "picture.png", request({"Accept-Encoding": "gzip"}))
    assert (picture.headers["Content-Type"], "Content-Encoding" in picture.headers) == ("image/png", False)


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip", "deflate, gzip;q=0.1", "gzip;q=1.0, *;q=0"])
def test_compressed_for_who_reads_it(accepted: str) -> None:
    answer = ask(LONG, {"Accept-Encoding": accepted})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert isinstance(answer.body, bytes)
    assert gzip.decompress(answer.body) == LONG.encode()


@pytest.mark.parametrize("accepted", ["", "br", "identity", "gzip;q=0", "gzip; q=0.0", "br, gzip;q=0.000, deflate"])
def test_plain_for_who_does_not(accepted: str) -> None:
    assert ask(LONG, {"Accept-Encoding": accepted}).body == LONG.encode()


def test_what_the_browser_has_is_not_sent_again() -> None:
    tag = ask(LONG, {}).headers["ETag"]
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
        answer = ask(LONG, {"If-None-Match": known})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
    assert ask(LONG, {"If-None-Match": '"other"'}).status == 200
    assert ask(LONG + " ", {"If-None-Match": tag}).status == 200


def ask(text: str, headers: Mapping[str, str]) -> Answer:
    return static_files.answer(static_files.packed(text.encode(), "text/plain"), "no-cache", request(headers))
