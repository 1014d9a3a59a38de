"""Why an action is refused, as the database says it → the error that the caller is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pydantic import JsonValue

from shared.errors import Invalid, NotAllowed, RateLimited, Refused, ServiceError

_INVALID = {
    "reason_required": "a reason is needed",
    "no_series": "this booking is not one of a series",
    "slot_in_past": "this time is over",
    "same_time": "the booking is already at this time",
}
_REFUSED = {
    "already_cancelled": "This booking is already cancelled.",
    "too_late": "This can no longer be done online.",
    "too_many_moves": "This booking cannot be moved online again.",
    "in_progress": "This booking is being changed right now. Please look again in a moment.",
}


def refusal(answer: Mapping[str, JsonValue], contact: str) -> ServiceError:
    """The error for `{"refused": code, "until"?, "contact"?, "retry_after"?}`.

    `until` says until when it was possible (ISO 8601, UTC), `contact` how to reach a person: the event type's, or the
    given one.
    """
    code = str(answer["refused"])
    if code == "not_allowed":
        return NotAllowed()
    if code == "rate_limited":
        return RateLimited(retry_after=cast(int, answer.get("retry_after")))
    if code in _INVALID:
        return Invalid(_INVALID[code])
    more = {"until": answer.get("until"), "contact": answer.get("contact") or contact or None}
    return Refused(code, _REFUSED.get(code, ""), more={name: value for name, value in more.items() if value})
