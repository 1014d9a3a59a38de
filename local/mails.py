"""Every message in every language, written to a folder, to be looked at: `python -m local.mails [folder]`.

Beside the HTML, text and calendar files it draws pictures (360 and 1200 pixels wide, light and dark).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

from local import sheets
from shared.messages import Claimed, Email, Links, render
from shared.notification import Kind
from shared.wording import LANGUAGES

LINKS = Links(
    portal="https://booking.example.com/portal",
    unsubscribe="https://booking.example.com/preferences?token=eyJzdWIiOiJjbGllbnRAZXhhbXBsZS5jb20ifQ.c2lnbmF0dXJl",
    from_="Example Bookings <bookings@example.com>",
)
_START = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
_HEIGHT = 1500  # of each mail in a picture
_LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
_CALENDAR = {"confirmation": "REQUEST", "rescheduled": "REQUEST", "updated": "REQUEST"} | {
    "cancelled": "CANCEL",
    "pick_new_time": "CANCEL",
}
_SITUATIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "long-names": {
        "title": f"Beratungsgespräch zur {_LONG} mit Dr. Hans-Joachim Freiherr von und zu Musterberg",
        "host_name": f"Dr. Hans-Joachim Freiherr von und zu {_LONG}",
        "location": "Straße des Ersten Vorsitzenden der Gesellschaft 123, Hinterhaus, 10117 Berlin",
        "meeting_url": None,
    },
    "hostile": {
        "title": "<script>alert(1)</script> \u202egnp.exe\u202c\r\nBcc: all@example.com 👩‍👩‍👧‍👦🎉 " + "x" * 5000,
        "host_name": '"><img src=x onerror=alert(1)>',
        "description": "<b>bold?</b>\n\n\n\n" + "</td></table>" * 20,
        "location": "javascript:alert(1)",
        "meeting_url": "javascript:alert(1)",
    },
    "midnight": {
        "starts_at": datetime(2026, 12, 1, 22, 45, tzinfo=UTC),
        "ends_at": datetime(2026, 12, 1, 23, 30, tzinfo=UTC),
        "host_time_zone": "America/St_Johns",
    },
}


def example(kind: str, language: str = "en", channel: str = "email", **booking: Any) -> Claimed:
    """A claimed notification of one kind, with what such a booking usually has."""
    moved = kind == "rescheduled"
    facts: dict[str, Any] = {
        "id": UUID("018f2c1e-0000-4000-8000-000000000001"),
        "status": {"cancelled": "cancelled", "pick_new_time": "cancelled", "rejected": "rejected"}.get(
            kind, "confirmed"
        ),
        "title": "Intro call between Holly Host and Clara Client",
        "description": "Please bring the contract.\nWe begin with your questions.",
        "starts_at": _START,
        "ends_at": _START + timedelta(minutes=30),
        "location": "integrations:google:meet",
        "meeting_url": "https://meet.google.com/abc-defg-hij",
        "host_name": "Holly Host",
        "host_email": "host@example.com",
        "host_time_zone": "America/New_York",
        "reply_to": "host@example.com",
        "cancellation_reason": "I have fallen ill." if kind in ("cancelled", "rejected", "pick_new_time") else None,
        "cancelled_by": "staff" if kind in ("cancelled", "pick_new_time") else None,
        "previous_starts_at": _START - timedelta(days=1) if moved else None,
        "previous_ends_at": _START - timedelta(days=1, minutes=-30) if moved else None,
        "contact": "+49 30 901820",
    } | booking
    method = _CALENDAR.get(kind)
    return Claimed.model_validate(
        {
            "id": UUID("018f2c1e-0000-4000-8000-000000000002"),
            "channel": channel,
            "kind": kind,
            "recipient": "client@example.com" if channel == "email" else "+4915112345678",
            "time_zone": "Europe/Berlin",
            "locale": language,
            "status": "sending",
            "lease": UUID("018f2c1e-0000-4000-8000-000000000003"),
            "booking": facts,
            "attendee": {"email": "client@example.com", "name": "Clara Client", "role": "booker"},
            "calendar": method
            and {
                "method": method,
                "uid": "3kRzAAyGqr6Pz5TtcJTcPB@cal.com",
                "sequence": 1,
                "starts_at": facts["starts_at"],
                "ends_at": facts["ends_at"],
                "stamp": datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
            },
        }
    )


def write(folder: Path) -> list[Path]:
    """All messages as files, with an index; the HTML files."""
    folder.mkdir(parents=True, exist_ok=True)
    pages: list[Path] = []
    texts: list[str] = []
    for name, claimed in _all():
        message = render(claimed, LINKS)
        if isinstance(message, Email):
            pages.append(folder / f"{name}.html")
            pages[-1].write_text(message.html, encoding="utf-8")
            head = f"Subject: {message.subject}\nReply-To: {message.reply_to}\n\n"
            (folder / f"{name}.txt").write_text(head + message.text, encoding="utf-8")
            for attachment in message.attachments:
                (folder / f"{name}.ics").write_bytes(attachment.content)
        else:
            texts.append(f"{name} ({len(message.body)}): {message.body}")
    (folder / "sms.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    rows = "".join(f'<li><a href="{page.name}">{escape(page.stem)}</a>' for page in pages)
    index = f'<!DOCTYPE html><meta charset="utf-8"><title>Mails</title><ul>{rows}</ul><a href="sms.txt">Texts</a>'
    (folder / "index.html").write_text(index, encoding="utf-8")
    return pages


def _all() -> Iterator[tuple[str, Claimed]]:
    for language in LANGUAGES:
        for kind in get_args(Kind):
            for situation, changes in _SITUATIONS.items():
                if situation == "plain" or kind in ("confirmation", "rescheduled"):
                    yield f"{kind}-{language}-{situation}", example(kind, language, **changes)
            yield f"{kind}-{language}-sms", example(kind, language, channel="sms", title="Intro call")


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/mails")
    pages = write(folder)
    groups = {language: [page for page in pages if f"-{language}-" in page.name] for language in LANGUAGES}
    print(f"{len(pages)} mails and {sheets.draw(groups, _HEIGHT)} pictures of them in {folder}")


if __name__ == "__main__":
    main()
