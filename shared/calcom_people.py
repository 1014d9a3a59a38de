"""Who is named in a booking payload of Cal.com: host, team, booker, attendees, and what they answered.

Attendees come in two shapes: of a calendar event (`language.locale`, no id) and as rows of Cal.com's database
(`locale`, `id`, `noShow`). A person who gave only a number has the address `<digits>@sms.cal.com`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import JsonValue

from shared.booking import Host, Person
from shared.calcom_values import (
    Object,
    address,
    flag,
    identifier,
    line,
    locale,
    mapping,
    number,
    objects,
    prose,
    time_zone,
    whole,
)

MAX_PEOPLE = 1000
MAX_NAME = 500
_MAX_ANSWERS = 100
_MAX_ANSWER = 5000
_MAX_NAME_OF_FIELD = 200
_MAX_CHOICES = 100
_NUMBER_ONLY = "@sms.cal.com"

# Answers that say who the people are: kept as people, so that what is known of a person stands in one place.
_ABOUT_PEOPLE = ("name", "email", "guests")


def host(payload: Object) -> Host | None:
    """The organizer; `hidden` when his address is not for clients."""
    organizer = mapping(payload.get("organizer"))
    found = Host(
        name=line(organizer.get("name"), MAX_NAME),
        email=address(organizer.get("email")),
        hidden=flag(payload.get("hideOrganizerEmail")),
        time_zone=time_zone(organizer.get("timeZone")),
        locale=_language(organizer),
    )
    return found if found.name or found.email else None


def team(payload: Object) -> tuple[str, ...]:
    """The addresses of the co-hosts, sorted."""
    members = objects(mapping(payload.get("team")).get("members"), MAX_PEOPLE)
    return tuple(sorted({found for member in members if (found := address(member.get("email")))}))


def answers(payload: Object) -> dict[str, JsonValue]:
    """What was answered: field name → plain value. An unanswered field is not in it.

    Keyed by the field, never by its label, which is a translation key or the name itself, depending on the trigger.
    """
    fields = {**mapping(payload.get("userFieldsResponses")), **mapping(payload.get("responses"))}
    plain = {name: _plain(wrapped) for name, wrapped in fields.items() if len(name) <= _MAX_NAME_OF_FIELD}
    return {name: value for name, value in plain.items() if value not in (None, "", [], {})}


def _plain(wrapped: JsonValue) -> JsonValue:
    """`{"label", "value"?, "isHidden"?}`, or the value alone, as older bodies have it."""
    if isinstance(wrapped, dict) and ("label" in wrapped or "value" in wrapped):
        wrapped = wrapped.get("value")
    if isinstance(wrapped, str):
        return prose(wrapped, _MAX_ANSWER)
    if isinstance(wrapped, list):
        return [
            prose(item, _MAX_ANSWER) if isinstance(item, str) else item
            for item in wrapped[:_MAX_CHOICES]
            if isinstance(item, str | int | float)
        ]
    if isinstance(wrapped, dict):
        # A split name, or a chosen location: what was typed counts, and else what was chosen.
        parts = [line(wrapped.get(part), MAX_NAME) for part in ("firstName", "lastName")]
        return " ".join(filter(None, parts)) or _plain(wrapped.get("optionValue")) or _plain(wrapped.get("value"))
    return wrapped


def booker(given: Object) -> str | None:
    """The address (or number) of who booked, as the answers name it."""
    email, phone = reachable(given.get("email"), *_numbers(given))
    return email or phone


def people(payload: Object, given: Object, staff: Collection[str]) -> tuple[Person, ...] | None:
    """Those who attend, without `staff`, but with the booker, even when the host has booked himself."""
    named = booker(given)
    rows = objects(payload.get("attendees"), MAX_PEOPLE)
    listed: dict[str, Person] = {}
    for row in rows:
        person = attendee(row)
        key = person.email or person.phone
        if key is None or (key in staff and key != named):
            continue
        if key == named:
            person = with_answers(person, given)
        if person.seat is None and (key == named or len(rows) == 1):
            # The body's own seat is that of whom the answers name; older bodies list the other seats beside it.
            person = person.model_copy(update={"seat": identifier(payload.get("attendeeSeatId"))})
        listed.setdefault(key, person)
    return tuple(listed.values()) or None


def attendee(row: Object) -> Person:
    """An attendee as one row tells: of a calendar event, or of Cal.com's database."""
    email, phone = reachable(row.get("email"), row.get("phoneNumber"))
    return Person(
        email=email,
        name=_name(row),
        phone=phone,
        time_zone=time_zone(row.get("timeZone")),
        locale=_language(row),
        seat=identifier(mapping(row.get("bookingSeat")).get("referenceUid")),
        row=whole(row.get("id")),
    )


def with_answers(person: Person, given: Object) -> Person:
    """The booker: the answers are his, and fill in what his row leaves open."""
    own = [(name, value) for name, value in given.items() if name not in _ABOUT_PEOPLE]
    update: dict[str, object] = {
        "name": person.name or line(given.get("name"), MAX_NAME),
        "phone": person.phone or next(filter(None, map(number, _numbers(given))), None),
        "responses": dict(own[:_MAX_ANSWERS]) or None,
    }
    return person.model_copy(update=update)


def reachable(email: JsonValue, *numbers: JsonValue) -> tuple[str | None, str | None]:
    """Address and number, of which Cal.com's made-up address of a person without one is only the number."""
    found = address(email)
    if found and found.endswith(_NUMBER_ONLY):
        numbers = ("+" + found.removesuffix(_NUMBER_ONLY).lstrip("+"), *numbers)
        found = None
    return found, next(filter(None, map(number, numbers)), None)


def _numbers(given: Object) -> tuple[JsonValue, ...]:
    return given.get("attendeePhoneNumber"), given.get("smsReminderNumber")


def _name(row: Object) -> str | None:
    parts = [line(row.get(part), MAX_NAME) for part in ("firstName", "lastName")]
    return line(_plain(row.get("name")), MAX_NAME) or line(" ".join(filter(None, parts)), MAX_NAME)


def _language(row: Object) -> str | None:
    return locale(mapping(row.get("language")).get("locale")) or locale(row.get("locale"))


def absentees(payload: Object) -> tuple[Person, ...] | None:
    """Whom a no-show report is about: the `guests` who stayed away, or else the attendees with their mark."""
    missing = [(row, True) for row in objects(payload.get("guests"), MAX_PEOPLE)]
    marks = [(row, flag(row.get("noShow"))) for row in objects(payload.get("attendees"), MAX_PEOPLE)]
    marked: dict[str, Person] = {}
    for row, absent in missing or marks:
        email, phone = reachable(row.get("email"), row.get("phoneNumber"))
        if absent is not None and (key := email or phone):
            marked[key] = Person(email=email, phone=None if email else phone, absent=absent)
    return tuple(marked.values()) or None


def acted(actor: JsonValue, payload: Object, staff: Collection[str]) -> Literal["client", "staff"] | None:
    """On which side the address `actor` stands; None for one that the payload doesn't name."""
    email, phone = reachable(actor)
    who = email or phone
    if who is None:
        return None
    if who in staff:
        return "staff"
    attendees = (reachable(row.get("email")) for row in objects(payload.get("attendees"), MAX_PEOPLE))
    return "client" if any(who in ways for ways in attendees) else None
