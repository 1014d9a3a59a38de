"""What people may write into a booking, and nobody should notice anywhere else."""

from __future__ import annotations

import json
from typing import Any

from tests.functions.acting import House, monday
from tests.functions.posting import post

_RUNS = "globalThis.ran = (globalThis.ran ?? '') + document.title"
TEXTS = {
    "markup": f'<img src="x" onerror="{_RUNS}"><script>{_RUNS}</script></textarea></title><svg onload="{_RUNS}">',
    "attribute": f"\" onfocus=\"{_RUNS}\" autofocus=\"' onmouseover='{_RUNS}' x='",
    "template": "${globalThis.ran = 1} {{constructor.constructor('globalThis.ran = 1')()}} `${1}` \\u003cb\\u003e",
    "right to left": "\u202eelif live\u202c \u2067שלום\u2069 مرحبا \u200f\u200e end",
    "endless": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 62,
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈" * 40 + "Z̷̢̛̳̗͎̞͔̈́̈́͒͘ä̸̢l̵g̶o" * 10,
    "lines": "\r\n\t".join(f"line {number}" for number in range(200)),
}
LONGEST = 5000


def post_hostile(house: House) -> dict[str, str]:
    """A booking of client@example.com for each text, which stands wherever a text can: what → our id."""
    ids = {}
    for number, (what, text) in enumerate(TEXTS.items()):
        uid = f"hostile{number:015}"
        for trigger in ("BOOKING_CREATED", "BOOKING_CANCELLED") if what == "markup" else ("BOOKING_CREATED",):
            post(house.env, _body(trigger, uid, number, text[:LONGEST]))
        ids[what] = house.id_of(uid)
    return ids


def _body(trigger: str, uid: str, number: int, text: str) -> bytes:
    start = monday(8 + number)
    payload: dict[str, Any] = {
        "uid": uid,
        "bookingId": 5000 + number,
        "iCalUID": f"{uid}@Cal.com",
        "eventTypeId": 101,
        "type": "consultation",
        "title": text,
        "eventTitle": text,
        "description": text,
        "additionalNotes": text,
        "startTime": start.isoformat(),
        "endTime": start.replace(minute=30).isoformat(),
        "status": "CANCELLED" if trigger == "BOOKING_CANCELLED" else "ACCEPTED",
        "organizer": {"name": text, "email": "host@example.com", "timeZone": "America/New_York"},
        "attendees": [
            {"email": "client@example.com", "name": text, "timeZone": "Europe/Berlin", "language": {"locale": "en"}},
            {"email": "guest@example.com", "name": text, "timeZone": "Europe/Berlin", "language": {"locale": "en"}},
        ],
        "responses": {
            "email": {"label": "email_address", "value": "client@example.com"},
            "name": {"label": "your_name", "value": text},
            "notes": {"label": "additional_notes", "value": text},
            "hobby": {"label": text, "value": text},
            "javascript": {"label": "link", "value": f"javascript:{_RUNS}"},
        },
        "location": text if number % 2 else f"javascript:{_RUNS}//https://a.example",
        "metadata": {"videoCallUrl": f"javascript:{_RUNS}"},
        "cancellationReason": text,
        "rescheduleReason": text,
    }
    return json.dumps({"triggerEvent": trigger, "createdAt": "2026-11-01T09:00:00.000Z", "payload": payload}).encode()
