"""Log lines: one JSON object each, under the caller's trace, and nothing of what an exception quotes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared import log

Capture = pytest.CaptureFixture[str]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(autouse=True)
def _no_trace() -> None:
    log.follow(None, None)


def lines(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_json_object_a_line(capsys: Capture) -> None:
    log.info("two\nlines", outcome="applied", count=3)
    log.warning("again", error=None)
    first, second = lines(capsys)
    assert (first["severity"], first["message"], first["outcome"], first["count"]) == (
        "INFO",
        "two\nlines",
        "applied",
        3,
    )
    assert second["severity"] == "WARNING"
    assert "error" not in second
    assert first["time"].endswith("+00:00")


def test_an_exception_shows_where_it_came_from_and_not_what_it_quotes(capsys: Capture) -> None:
    address = "@".join(("someone", "example.com"))  # the frames show source lines: not this value
    try:
        try:
            int(address)
        except ValueError as error:
            raise RuntimeError(address) from error
    except RuntimeError as error:
        log.error("crashed", error)
    text = json.dumps(lines(capsys))
    assert "test_log.py" in text
    assert "builtins.ValueError" in text
    assert "builtins.RuntimeError" in text
    assert address not in text


@pytest.mark.parametrize(
    ("traceparent", "cloud_trace", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", None, {"trace": TRACE, "spanId": SPAN}),
        (None, f"{TRACE}/255;o=1", {"trace": TRACE, "spanId": "00000000000000ff"}),
        (None, TRACE, {"trace": TRACE}),
        (f"00-{TRACE}-{SPAN}-01", "f" * 32, {"trace": TRACE, "spanId": SPAN}),
        (None, None, {}),
        ("nonsense", "nonsense", {}),
        (f"00-{TRACE[:-1]}G-{SPAN}-01", None, {}),
    ],
)
def test_the_trace_of_the_caller(
    capsys: Capture, traceparent: str | None, cloud_trace: str | None, expected: dict[str, str]
) -> None:
    log.follow(traceparent, cloud_trace)
    log.info("x")
    (line,) = lines(capsys)
    found = {key.rpartition("/")[2]: value for key, value in line.items() if key.startswith("logging.googleapis.com/")}
    assert found == expected


def test_the_trace_names_the_project_where_the_platform_tells_it(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "calendar")
    log.follow(f"00-{TRACE}-{SPAN}-01", None)
    log.info("x")
    assert lines(capsys)[0]["logging.googleapis.com/trace"] == f"projects/calendar/traces/{TRACE}"


def test_lines_of_many_threads_stay_whole(capsys: Capture) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: log.info("x" * 2000, number=number), range(400)))
    assert sorted(line["number"] for line in lines(capsys)) == list(range(400))
