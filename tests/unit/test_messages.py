"""What each message says, in each language."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from string import Formatter

import pytest

from local.mails import LINKS, example
from shared.messages import Claimed
from shared.wording import LANGUAGES, catalogue
from tests.unit.rendered import KINDS, PAGE, mail, one_line, visible, written

TAKES_PLACE = ("confirmation", "rescheduled", "updated", "reminder")
# 1 December 2026, 14:30 UTC, in Berlin.
LINE = {
    "en": ("Tuesday, 1 December 2026", "15:30 – 16:00", "Central European Time (Europe/Berlin, UTC+01:00)"),
    "de": ("Dienstag, 1. Dezember 2026", "15:30 – 16:00 Uhr", "Mitteleuropäische Zeit (Europe/Berlin, UTC+01:00)"),
    "fr": ("mardi 1 décembre 2026", "15:30 – 16:00", "heure d’Europe centrale (Europe/Berlin, UTC+01:00)"),
    "es": ("martes, 1 de diciembre de 2026", "15:30 – 16:00", "hora de Europa central (Europe/Berlin, UTC+01:00)"),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_both_parts_say_all_that_matters(kind: str, language: str) -> None:
    email, words = written(kind, language), catalogue(language)
    label = words["label"][kind]
    title = "Intro call between Holly Host and Clara Client"
    assert email.text.splitlines()[0] == f"{label}{words['signs']['colon']}{title} – {', '.join(LINE[language])}"
    assert email.subject.startswith(label)
    assert title in email.subject
    for part in (visible(email.html), one_line(email.text)):
        for fact in (label, title, *LINE[language], words["lead"][kind], "Holly Host", "Google Meet"):
            assert fact in part
        assert ("Please bring the contract. We begin with your questions." in part) == (
            kind not in ("cancelled", "rejected", "pick_new_time")
        )
        assert ("I have fallen ill." in part) == (kind in ("cancelled", "rejected", "pick_new_time"))
        assert words["footer"]["reply_or"] in part
        assert "+49 30 901820" in part
        assert "client@example.com" in part
    for part in (email.html.replace("&amp;", "&"), email.text):
        assert PAGE in part
        assert LINKS.unsubscribe in part
        assert ("https://meet.google.com/abc-defg-hij" in part) == (kind in TAKES_PLACE)
        assert ("https://calendar.google.com/calendar/render?action=TEMPLATE&text=Intro" in part) == (
            kind in TAKES_PLACE
        )
    assert f'<html lang="{language}" dir="ltr"' in email.html


@pytest.mark.parametrize("kind", KINDS)
def test_envelope(kind: str) -> None:
    email = written(kind)
    assert email.to == "client@example.com"
    assert email.from_ == LINKS.from_
    assert email.reply_to == "host@example.com"
    assert email.headers == {
        "List-Unsubscribe": f"<{LINKS.unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert list(email.tags) == [
        {"name": "notification_id", "value": "018f2c1e-0000-4000-8000-000000000002"},
        {"name": "kind", "value": kind},
    ]
    expected = {"confirmation": "REQUEST", "rescheduled": "REQUEST", "updated": "REQUEST"} | {
        "cancelled": "CANCEL",
        "pick_new_time": "CANCEL",
    }
    files = [(file.filename, file.content_type) for file in email.attachments]
    method = expected.get(kind)
    name = "cancel.ics" if method == "CANCEL" else "invite.ics"
    assert files == ([(name, f"text/calendar; charset=utf-8; method={method}")] if method else [])


@pytest.mark.parametrize(
    "address", ["host@example.com\r\nBcc: all@example.com", "+49 30 901820", "", "a b@example.com"]
)
def test_replies_go_to_an_address_or_nowhere(address: str) -> None:
    email = written("confirmation", reply_to=address)
    assert email.reply_to is None
    assert catalogue("en")["footer"]["contact"] in email.text


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de-AT", "de"),
        ("DE_at", "de"),
        ("fr-CA", "fr"),
        ("es-419", "es"),
        ("en", "en"),
        *((other, "en") for other in ("pt", "zh-Hant", "", None, "../de", "deutsch")),
    ],
)
def test_language_falls_back(locale: str | None, language: str) -> None:
    claimed = example("confirmation").model_copy(update={"locale": locale})
    assert mail(claimed).subject.startswith(catalogue(language)["label"]["confirmation"])


def test_catalogues_have_the_same_sentences() -> None:
    def places(language: str) -> dict[tuple[str, str], set[str]]:
        return {
            (section, key): {name for _, name, _, _ in Formatter().parse(sentence) if name}
            for section, sentences in catalogue(language).items()
            for key, sentence in sentences.items()
        }

    english = places("en")
    for language in LANGUAGES:
        assert places(language) == english


def test_the_same_row_gives_the_same_bytes_on_any_machine_and_day() -> None:
    script = (
        "import sys, json; from local.mails import LINKS, example; from shared.messages import render\n"
        "for kind in ('rescheduled', 'cancelled'):\n"
        "  for channel in ('email', 'sms'): print(repr(render(example(kind, 'fr', channel), LINKS)))"
    )

    def run(**changes: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", script], env=os.environ | changes, capture_output=True, text=True, check=True
        ).stdout

    here = run(PYTHONHASHSEED="1", TZ="Asia/Tokyo", LANG="C", LC_ALL="C", PYTHONIOENCODING="utf-8")
    there = run(PYTHONHASHSEED="2", TZ="America/New_York", LANG="de_DE.UTF-8", LC_ALL="", PYTHONIOENCODING="utf-8")
    assert here == there
    assert "Annul" in here


def test_importing_costs_little() -> None:
    script = "import sys, json; import shared.messages; print(json.dumps(sorted(sys.modules)))"
    modules = json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
    assert not {"babel", "jinja2", "icalendar"} & set(modules)


def test_a_row_of_a_newer_database_is_understood() -> None:
    row = example("confirmation").model_dump(mode="json") | {"colour": "green"}
    row["booking"] |= {"mood": "good", "ends_at": (datetime(2026, 12, 1, 15, tzinfo=UTC) + timedelta()).isoformat()}
    assert Claimed.model_validate(row).booking.title == "Intro call between Holly Host and Clara Client"
