"""The page of preferences in every language and state, as files and pictures to look at: `python -m local.pages`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local import sheets
from shared import preferences_page
from shared.wording import LANGUAGES

_PORTAL = "https://booking.example.com/portal"
_ACTION = "https://booking.example.com/preferences/link"
_HEIGHT = 2600  # of each page in a picture
_LONG = "donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"


def preferences(**changes: Any) -> dict[str, Any]:
    """What the database says of a person whose link may widen."""
    usual: dict[str, Any] = {
        "email": "client@example.com",
        "email_reminders": True,
        "reminder_leads": [1440, 60],
        "sms_reminders": True,
        "sms_lead": 60,
        "quiet_start": "21:00:00",
        "quiet_end": "08:00:00",
        "quiet_email": False,
        "time_zone": "Europe/Berlin",
        "locale": None,
        "sms_consent": True,
        "no_texts": None,
        "phone_ending": "78",
        "phone_verified": True,
        "may_widen": True,
    }
    return usual | changes


def examples(language: str) -> Iterator[tuple[str, bytes]]:
    """Each state of the page: its name and its bytes."""
    words = preferences_page.words_of(language)
    shown = preferences()
    off = preferences(email_reminders=False, sms_reminders=False)
    long = preferences(
        email=f"x@{_LONG}.example.com", reminder_leads=[777, 60], time_zone="America/Argentina/ComodRivadavia"
    )
    none = preferences(phone_verified=False, phone_ending=None, sms_reminders=False, sms_consent=False)
    problems = {"reminder_leads": "email.too_many", "time_zone": "place.unknown_zone"}
    yield "narrow", preferences_page.narrow(shown, language)
    yield "narrow-off", preferences_page.narrow(off, language, f"{words['off']['email_done']} {words['off']['still']}")
    yield "wide", preferences_page.wide(shown, language, _PORTAL)
    yield "wide-saved", preferences_page.wide(none, language, _PORTAL, words["page"]["saved"])
    yield "wide-stopped", preferences_page.wide(preferences(no_texts="stopped"), language, _PORTAL)
    yield (
        "wide-problems",
        preferences_page.wide(long, language, _PORTAL, words["page"]["not_saved"], good=False, problems=problems),
    )
    yield "link", preferences_page.link(language, _ACTION)
    yield "link-invalid", preferences_page.link(language, _ACTION, words["link"]["invalid"], good=False)
    yield "link-asked", preferences_page.link(language, _ACTION, words["link"]["asked"], form=False)
    link = "https://booking.example.com/preferences?token=1796130900.Y2xpZW50QGV4YW1wbGUuY29t.c2lnbmF0dXJl"
    html, _ = preferences_page.mail_parts(language, link=link, unsubscribe=link, address="client@example.com")
    yield "mail", html.encode()


def write(folder: Path) -> list[Path]:
    """All pages as files, with an index."""
    folder.mkdir(parents=True, exist_ok=True)
    pages: list[Path] = []
    for language in LANGUAGES:
        for name, page in examples(language):
            pages.append(folder / f"{name}-{language}.html")
            pages[-1].write_bytes(page)
    rows = "".join(f'<li><a href="{page.name}">{page.stem}</a>' for page in pages)
    index = f'<!DOCTYPE html><meta charset="utf-8"><title>Pages</title><ul>{rows}</ul>'
    (folder / "index.html").write_text(index, encoding="utf-8")
    return pages


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/pages")
    pages = write(folder)
    groups = {language: [page for page in pages if f"-{language}" in f"-{page.stem}"] for language in LANGUAGES}
    print(f"{len(pages)} pages and {sheets.draw(groups, _HEIGHT)} pictures of them in {folder}")


if __name__ == "__main__":
    main()
