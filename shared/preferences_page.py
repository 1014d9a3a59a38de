"""The page of preferences for people without a session: HTML that works without any script.

Pure: what the database says and what was just done become bytes. The words are `templates/preferences/<language>.toml`.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from shared.preferences_form import LEADS
from shared.untrusted import one_line
from shared.wording import LANGUAGES, Catalogue, language_of

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates" / "preferences"
_NAMES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
_HALF_HOURS = tuple(f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in (0, 30))
# Continents and oceans; the rest of the database are older names, countries and offsets.
_REGIONS = re.compile("(Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)/")

Preferences = Mapping[str, Any]


@cache
def words_of(language: str) -> Catalogue:
    """Section → key → text with named `{places}`."""
    parsed: Catalogue = tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return parsed


def sentence(words: Catalogue, key: str) -> str:
    """The text of `section.key`; "" for ""."""
    section, _, name = key.partition(".")
    return words[section][name] if key else ""


def language_for(locale: str | None, accepted: str | None) -> str:
    """The language of the preferences, else the first of `Accept-Language` that we have, else English."""
    if locale:
        return language_of(locale)
    wanted: list[tuple[float, str]] = []
    for part in (accepted or "")[:500].split(","):
        tag, _, quality = part.partition(";")
        language = tag.strip().lower().split("-")[0]
        if language in LANGUAGES and (weight := _weight(quality)) > 0:
            wanted.append((weight, language))
    return max(wanted, key=lambda one: one[0])[1] if wanted else "en"


def _weight(quality: str) -> float:
    match = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", quality)
    return float(match[1]) if match else 0.0 if quality.strip() else 1.0


def masked(address: str) -> str:
    """Enough for its owner to know it again: `c•••@example.com`."""
    name, _, domain = address.rpartition("@")
    return one_line(f"{name[:1]}•••@{domain}", 80)


def narrow(
    shown: Preferences, language: str, notice: str = "", *, good: bool = True, sms_was_on: bool = False
) -> bytes:
    """What a link in an ordinary mail opens: what is on, a button to turn it off, and the way to more."""
    return _page(
        "narrow.html",
        language,
        "page.title",
        notice,
        good,
        address=masked(shown["email"]),
        email_on=shown["email_reminders"],
        sms_on=shown["sms_reminders"],
        sms_was_on=sms_was_on,
    )


def wide(
    shown: Preferences,
    language: str,
    portal: str,
    notice: str = "",
    *,
    good: bool = True,
    problems: Mapping[str, str] | None = None,
) -> bytes:
    """What a link opens that was just mailed: everything. `problems`: field → key of its sentence."""
    words = words_of(language)
    start, end = shown["quiet_start"][:5], shown["quiet_end"][:5]
    leads = sorted({*LEADS, *shown["reminder_leads"]})
    return _page(
        "wide.html",
        language,
        "page.title",
        notice,
        good,
        address=masked(shown["email"]),
        wishes={**shown, "quiet_start": start, "quiet_end": end},
        sms_on=shown["sms_reminders"] and shown["sms_consent"],
        lead_choices=[(minutes, _lead(minutes, words)) for minutes in leads],
        sms_choices=[(minutes, _lead(minutes, words)) for minutes in sorted({*LEADS, shown["sms_lead"]})],
        start_choices=[(time, time) for time in sorted({*_HALF_HOURS, start})],
        end_choices=[(time, time) for time in sorted({*_HALF_HOURS, end})],
        languages=_languages(shown["locale"], words),
        zones=_zones(),
        problems={name: sentence(words, key) for name, key in (problems or {}).items()},
        portal=portal,
    )


def link(language: str, action: str, notice: str = "", *, good: bool = True, form: bool = True) -> bytes:
    """Where a link does not work, or none is there: a form to have one mailed."""
    return _page("link.html", language, "link.title", notice, good, action=action, form=form)


def mail_parts(language: str, **places: str) -> tuple[str, str]:
    """HTML and text of the mail with a link; places: `link`, `unsubscribe`, `address`."""
    places["address"] = one_line(places["address"], 320)
    values = {"words": words_of(language), "language": language, **places}
    environment = _environment()
    return environment.get_template("mail.html").render(values), environment.get_template("mail.txt").render(values)


def security_policy(origin: str) -> str:
    """The page's Content-Security-Policy: its own style sheet and nothing else; forms go to us only."""
    style = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self' {origin}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def _page(template: str, language: str, title: str, notice: str, good: bool, **values: Any) -> bytes:
    words = words_of(language)
    html = _environment().get_template(template)
    text = html.render(
        words=words,
        language=language,
        title=sentence(words, title),
        notice=notice,
        good=good,
        style=_environment().filters["safe"](_style()),
        **values,
    )
    return text.encode()


def _lead(minutes: int, words: Catalogue) -> str:
    known = words["leads"].get(str(minutes))
    return known or words["leads"]["other"].format(minutes=minutes)


def _languages(locale: str | None, words: Catalogue) -> list[tuple[str, str]]:
    """The language as booked, ours, and the variant that was chosen before (`de-AT`)."""
    chosen = [(locale, f"{_NAMES[language_of(locale)]} ({locale})")] if locale and locale not in _NAMES else []
    return [("", words["place"]["as_booked"]), *_NAMES.items(), *chosen]


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(zone for zone in available_timezones() if _REGIONS.match(zone) or zone == "UTC"))


@cache
def _style() -> str:
    return (_FOLDER / "page.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
