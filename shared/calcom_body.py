"""The bytes of a webhook body → a JSON value that may be stored: without secrets, and bounded.

A signed body can still be anything: a custom template makes it, and a form's field names are chosen by whoever made
the form. Whatever comes, the result can be written as UTF-8 JSON and kept by Postgres, which knows no NUL, no lone
surrogates, no NaN and no endless nesting.
"""

from __future__ import annotations

import json
import re

from pydantic import JsonValue

MAX_DEPTH = 32
_LONGEST_NUMBER = 17  # digits; more lose precision in every reader of the stored body

# The secret of the confirm link, passwords of video rooms, a host's join link, signed links to recordings and
# transcripts, the payment provider's client secret and credentials. Compared without case and punctuation.
_SECRET_NAME = re.compile(r"(password|passcode|secret|connectandjoinurl|downloadlinks?|token|apikey)$")
_PUNCTUATION = re.compile(r"[\W_]+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# In text that is no JSON object, names and values can only be guessed at: `"name": "value"`, `name=value`.
_SECRET_IN_TEXT = re.compile(
    r"""(?P<name>(?:password|passcode|secret|connect_?and_?join_?url|download_?links?|token|api_?key)
        \\*["']?\s*[:=]\s*)
        (?:"(?:[^"\\]|\\.)*"? | \\+"[^"]*"? | '[^']*'? | [^\s,&}\]]+)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_URL_IN_TEXT = re.compile(r"""https?://[^\s"'<>\\]+""", re.IGNORECASE)


def storable(body: bytes) -> dict[str, JsonValue] | str:
    """What is kept of a body: the JSON object without secrets; of anything else, its text. Never raises."""
    try:
        value = json.loads(body.decode("utf-8"), parse_int=_whole, parse_float=_fraction, parse_constant=_not_a_number)
    except (ValueError, RecursionError):
        return _text(_without_secrets(body.decode("utf-8", "replace")))
    cleaned = _clean(value, 0)
    return cleaned if isinstance(cleaned, dict) else json.dumps(cleaned, ensure_ascii=False)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits[:100]


def _fraction(digits: str) -> float | str:
    # Thirty characters hold every double that is written in full; a longer one may also be too large for one.
    value = float(digits) if len(digits) <= 30 else float("inf")
    return value if abs(value) != float("inf") else digits[:100]


def _not_a_number(name: str) -> None:
    """NaN and the infinities, which JSON does not know."""


def _clean(value: JsonValue, depth: int) -> JsonValue:
    if isinstance(value, str):
        # A template may have put a whole JSON document into one string.
        return _text(_without_secrets(value) if value.lstrip().startswith(("{", "[{")) else value)
    if not isinstance(value, dict | list):
        return value
    if depth == MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    return {_text(name): _clean(item, depth + 1) for name, item in value.items() if not _is_secret(name)}


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(_PUNCTUATION.sub("", name).lower()) is not None


def _text(value: str) -> str:
    return _UNSTORABLE.sub("\ufffd", value)


def _without_secrets(text: str) -> str:
    """Signed links without their query, where the signature is, and values without what follows a secret's name."""
    text = _URL_IN_TEXT.sub(lambda url: url[0].partition("?")[0], text)
    return _SECRET_IN_TEXT.sub(r"\g<name>[removed]", text)
