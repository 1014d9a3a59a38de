"""The languages we write in, and the manner of writing dates, chosen by a locale.

A language is one file of sentences, `templates/<language>.toml`. Which of them, and how dates look, are two questions:
somebody in Mumbai who reads English wants English sentences, but not American dates.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "de", "fr", "es")
_FOLDER = Path(__file__).parent / "templates"

Catalogue = Mapping[str, Mapping[str, str]]


def language_of(locale: str | None) -> str:
    """The language to write in: of the locale if we have it, else English. `de-AT` → de, `pt` → en."""
    language = re.split("[-_]", (locale or "").strip().lower(), maxsplit=1)[0]
    return language if language in LANGUAGES else "en"


def territory_of(locale: str | None) -> str:
    """The territory that a locale of one of our languages names. `en-US` → US, `es-419` → 419, `pt-BR` → ""."""
    first, *rest = re.split("[-_]", (locale or "").strip())
    if first.lower() not in LANGUAGES:
        return ""
    return next((part.upper() for part in rest if re.fullmatch("[A-Za-z]{2}|[0-9]{3}", part)), "")


@cache
def catalogue(language: str) -> Catalogue:
    """The sentences of a language: section → key → text with named `{places}`."""
    parsed: Catalogue = tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return parsed
