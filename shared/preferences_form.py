"""What the page of preferences posts, read as changes of `notification_preferences`.

A link from an ordinary mail may only turn things off: its page has one button for each. The same address takes the
one-click POST of mail programs (RFC 8058: the body is `List-Unsubscribe=One-Click`, as a form of either kind). A link
that was just mailed may also save the whole page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from pydantic import JsonValue

from shared import calcom_values
from shared.errors import Invalid, NotAllowed

LEADS = (15, 30, 60, 120, 180, 1440, 2880, 10080, 20160)  # minutes, as the page offers them
_LEAST_LEAD, _LONGEST_LEAD, _MOST_LEADS = 15, 20160, 6  # as the table's constraints say

_SWITCHES = ("email_reminders", "sms_reminders")
_OFF = {"off", "false", "0", "no"}
_ONE_CLICK = re.compile(rb"^List-Unsubscribe=One-Click$", re.IGNORECASE)
_ONE_CLICK_PART = re.compile(
    rb'name="?List-Unsubscribe"?[^\r\n]*(?:\r?\n[^\r\n]+)*\r?\n\r?\nOne-Click\s', re.IGNORECASE
)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:00)?")
_MOST_FIELDS = 60
_PART_WITHIN = 2000  # bytes

Fields = Mapping[str, list[str]]


@dataclass(frozen=True)
class Asked:
    """What a POST asks for. `problems`: what cannot be saved, field → key of its sentence (`section.key`).

    `changes` are values as the table has them; with problems they are what was typed and can be shown again.
    """

    changes: dict[str, JsonValue] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    mail_link: bool = False  # have a fresh link mailed to the link's own address
    saved_all: bool = False  # the whole page of a fresh link


def read(body: bytes, *, may_widen: bool) -> Asked:
    """Raises NotAllowed for what this link may not do, Invalid for what is no form of ours."""
    if (
        _ONE_CLICK.match(body.strip())
        or _ONE_CLICK_PART.search(body[:_PART_WITHIN])
        or (not body.strip() and not may_widen)
    ):
        return Asked({"email_reminders": False})
    fields = _fields(body)
    if fields.keys() == {"link"}:
        return Asked(mail_link=True)
    if "save" in fields and may_widen:
        return _all(fields)
    if set(fields) <= set(_SWITCHES):
        if any(value not in _OFF for values in fields.values() for value in values):
            raise NotAllowed()
        return Asked({name: False for name in _SWITCHES if name in fields})
    if may_widen:
        raise Invalid()
    raise NotAllowed()


def _fields(body: bytes) -> Fields:
    try:
        fields = parse_qs(
            body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS, errors="strict"
        )
    except ValueError:
        raise Invalid() from None
    if not fields or any("\0" in text for name, values in fields.items() for text in (name, *values)):
        raise Invalid()
    return fields


def _all(fields: Fields) -> Asked:
    """The whole page: a box that is not ticked is not sent."""
    problems: dict[str, str] = {}
    changes: dict[str, JsonValue] = {
        "email_reminders": "email_reminders" in fields,
        "reminder_leads": _leads(fields, problems),
        "sms_lead": _lead(_one(fields, "sms_lead"), "sms_lead", problems),
        "quiet_start": _time(fields, "quiet_start", problems),
        "quiet_end": _time(fields, "quiet_end", problems),
        "quiet_email": "quiet_email" in fields,
        "time_zone": _time_zone(fields, problems),
        "locale": _locale(fields, problems),
    }
    if "texts" in fields:  # the page asked about them, so silence means no
        changes["sms_reminders"] = "sms_reminders" in fields
    return Asked(changes, problems, saved_all=True)


def _one(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[-1].strip()


def _leads(fields: Fields, problems: dict[str, str]) -> list[JsonValue]:
    leads = {_lead(text.strip(), "reminder_leads", problems) for text in fields.get("reminder_leads", [])}
    if len(leads) > _MOST_LEADS:
        problems["reminder_leads"] = "email.too_many"
    return [*sorted(leads, reverse=True)]


def _lead(text: str, name: str, problems: dict[str, str]) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text) and _LEAST_LEAD <= int(text) <= _LONGEST_LEAD:
        return int(text)
    problems[name] = "form.unusable"
    return _LEAST_LEAD


def _time(fields: Fields, name: str, problems: dict[str, str]) -> str:
    text = _one(fields, name)
    if not _TIME.fullmatch(text):
        problems[name] = "form.unusable"
        return "00:00"
    return text[:5]


def _time_zone(fields: Fields, problems: dict[str, str]) -> str | None:
    text = _one(fields, "time_zone")
    if text and calcom_values.time_zone(text) is None:
        problems["time_zone"] = "place.unknown_zone"
    return text or None


def _locale(fields: Fields, problems: dict[str, str]) -> str | None:
    text = _one(fields, "locale")
    if text and calcom_values.locale(text) is None:
        problems["locale"] = "form.unusable"
        return None
    return text or None
