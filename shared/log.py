"""One JSON line on stdout for each request and each outcome, in the field names of Cloud Logging.

A line says what happened to which row, in ids and codes. Secrets, tokens, bodies, addresses and numbers of people never
get here: fields are short plain values chosen by the caller, and of an exception only its type and frames are shown,
since its text may quote what was being handled.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from pydantic import JsonValue

Severity = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_trace: ContextVar[dict[str, str] | None] = ContextVar("trace", default=None)

# These say in plain lines, with addresses, what our own lines already say.
for _chatty in ("httpx", "httpcore"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)


def info(message: str, /, **fields: JsonValue) -> None:
    """Something went as it should."""
    _write("INFO", message, fields)


def warning(message: str, /, **fields: JsonValue) -> None:
    """Something did not go as it should, and is taken care of: refused, or tried again."""
    _write("WARNING", message, fields)


def error(message: str, cause: BaseException | None = None, /, **fields: JsonValue) -> None:
    """Something needs a person. With `cause`, Error Reporting groups by its frames."""
    if cause is not None:
        fields["stack_trace"] = _frames(cause)
    _write("ERROR", message, fields)


def follow(traceparent: str | None, cloud_trace: str | None) -> None:
    """Put what this thread writes from here on under the caller's trace.

    Takes the headers `traceparent` (W3C: version-trace-span-flags) and `X-Cloud-Trace-Context` (trace/span;options).
    """
    _trace.set(_read_trace(traceparent or "", cloud_trace or ""))


def _write(severity: Severity, message: str, fields: dict[str, JsonValue]) -> None:
    line = {
        "severity": severity,
        "message": message,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        **(_trace.get() or {}),
        **{name: value for name, value in fields.items() if value is not None},
    }
    # One write, so that lines of several threads stay whole.
    sys.stdout.write(json.dumps(line, ensure_ascii=True, default=str) + "\n")
    sys.stdout.flush()


def _read_trace(traceparent: str, cloud_trace: str) -> dict[str, str]:
    if match := re.fullmatch(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}.*", traceparent):
        trace, span = match.groups()
    elif match := re.match(r"([0-9a-f]{32})(?:/([0-9]{1,20}))?", cloud_trace):
        trace, span = match[1], f"{int(match[2]):016x}" if match[2] else ""
    else:
        return {}
    # Set by the platform, so no setting of ours; without it Cloud Logging still groups by the bare id.
    project = os.environ.get("GOOGLE_CLOUD_PROJECT", "")
    found = {"logging.googleapis.com/trace": f"projects/{project}/traces/{trace}" if project else trace}
    if span:
        found["logging.googleapis.com/spanId"] = span
    return found


def _frames(cause: BaseException) -> str:
    chain = [cause]
    while (earlier := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < 5:
        chain.append(earlier)
    parts = [
        "Traceback (most recent call last):\n"
        + "".join(traceback.format_tb(one.__traceback__))
        + f"{type(one).__module__}.{type(one).__qualname__}"
        for one in reversed(chain)
    ]
    return "\n\n".join(parts)
