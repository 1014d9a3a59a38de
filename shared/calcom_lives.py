"""Cal.com's bookings by life: one booking, and what it was moved to, belong together and are recorded together.

Apart, a booking that was moved would look cancelled until its successor is heard of. A group is a life of its own: what
it names as its successor is where its last seat went, and others may be there.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from shared import calcom_booking, calcom_people
from shared.booking import dumped
from shared.calcom_values import Object, identifier, objects

# What is said of one life: [{"change": BookingChange as JSON, "unlisted": [address]}].
Life = list[dict[str, JsonValue]]


def grouped(bookings: Iterable[Object], read_at: datetime) -> list[Life]:
    """The bookings of one reading by life, each once, in the order of the first of each life."""
    named = {uid: one for one in bookings if (uid := identifier(one.get("uid")))}
    life_of: dict[str, str] = {uid: uid for uid in named}

    def first(uid: str) -> str:
        while life_of[uid] != uid:
            uid = life_of[uid]
        return uid

    for uid, one in named.items():
        for link in ("rescheduledFromUid", "rescheduledToUid"):
            other = identifier(one.get(link))
            if other in life_of:
                life_of[first(uid)] = first(other)
    lives: dict[str, list[Object]] = {}
    for uid, one in named.items():
        lives.setdefault(first(uid), []).append(one)
    said = (each for life in lives.values() for each in _apart_if_seated(life, read_at))
    return [life for life in said if life]


def _apart_if_seated(bookings: list[Object], read_at: datetime) -> list[Life]:
    seats = (row for one in bookings for row in objects(one.get("attendees"), calcom_people.MAX_PEOPLE))
    if any(row.get("seatUid") for row in seats):
        return [_said(one, read_at, seated=True) for one in bookings]
    return [[said for one in bookings for said in _said(one, read_at, seated=False)]]


def _said(booking: Object, read_at: datetime, *, seated: bool) -> Life:
    """`seated`: it is known to be a group, though one that ended lists nobody."""
    unlisted = cast(JsonValue, list(calcom_booking.unlisted(booking)))
    changes = calcom_booking.as_read(booking, read_at)
    if seated:
        changes = tuple(change.model_copy(update={"seated": True}) for change in changes)
    return [{"change": change, "unlisted": unlisted} for change in dumped(changes)]
