"""Cal.com's bookings by life: one booking, and what it was moved to, belong together and are recorded together.

Apart, a booking that was moved would look cancelled until its successor is heard of.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from shared import calcom_booking
from shared.calcom_values import Object, identifier

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
    lives: dict[str, Life] = {}
    for uid, one in named.items():
        lives.setdefault(first(uid), []).extend(_said(one, read_at))
    return [life for life in lives.values() if life]


def _said(booking: Object, read_at: datetime) -> Life:
    unlisted = cast(JsonValue, list(calcom_booking.unlisted(booking)))
    return [
        {"change": change.model_dump(mode="json", exclude_none=True, exclude_defaults=True), "unlisted": unlisted}
        for change in calcom_booking.as_read(booking, read_at)
    ]
