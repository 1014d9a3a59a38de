"""The pages' pure JavaScript (static/js/words), called from Python."""

from __future__ import annotations

import atexit
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from local import node

Call = tuple[str, Sequence[Any]]


def call_all(module: str, calls: Sequence[Call], language: str = "en-GB") -> list[Any]:
    """The results of these calls of `words/<module>.js` in a browser of that language. Instants are aware datetimes."""
    process = _node(language)
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps({"module": module, "calls": calls}, default=_instant) + "\n")
    process.stdin.flush()
    results = json.loads(process.stdout.readline())
    assert isinstance(results, list), results["error"]
    return [datetime.fromisoformat(one["at"]) if isinstance(one, dict) and "at" in one else one for one in results]


def call(module: str, function: str, *arguments: Any, language: str = "en-GB") -> Any:
    return call_all(module, [(function, arguments)], language)[0]


@cache
def _node(language: str) -> Popen[str]:
    """Runs until these tests end. A zone of its own shows up whoever forgets to name one."""
    environment = {"LC_ALL": language.replace("-", "_") + ".UTF-8", "TZ": "America/Phoenix"}
    command = [str(node.NODE), str(Path(__file__).with_name("words.mjs"))]
    process = Popen(command, env=environment, text=True, encoding="utf-8", stdin=PIPE, stdout=PIPE)
    atexit.register(process.kill)
    return process


def _instant(value: object) -> dict[str, str]:
    assert isinstance(value, datetime)
    return {"at": value.astimezone(UTC).isoformat().replace("+00:00", "Z")}
