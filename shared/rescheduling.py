"""The free times that a booking could have instead, for the person who may move it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared import actions, database, moving, settings
from shared.calcom_http import CalcomError, Declined, Unreached
from shared.errors import Invalid, NotFound, RateLimited, Refused, Unavailable
from shared.refusals import refusal
from shared.request_fields import Moment, TimeZone

_MOST_DAYS = 62


class Wanted(BaseModel):
    """The query: which booking, from when to when (ISO 8601, at most 62 days), the zone of the days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    booking_id: UUID
    from_: Moment = Field(alias="from")
    to: Moment
    time_zone: TimeZone = "UTC"


def slots(token: str, user_id: str | None, wanted: Wanted, deadline: float) -> dict[str, JsonValue]:
    """→ `{"time_zone", "slots"}`.

    Raises NotFound, NotAllowed, Refused (too late, too often, over), RateLimited (20 looks a minute), Unavailable.
    """
    if not wanted.from_ < wanted.to <= wanted.from_ + timedelta(days=_MOST_DAYS):
        raise Invalid(f"not as expected: from, to (at most {_MOST_DAYS} days)")
    booking_id = str(wanted.booking_id)
    may = cast(dict[str, Any] | None, database.as_user(token).call("booking_actions", p_booking_id=booking_id))
    if may is None:
        raise NotFound()
    move = may["move"]
    if not move["allowed"]:
        contact = settings.load(settings.Browsers).support_contact
        raise refusal({"refused": move["reason"], "until": move["until"], "contact": may["contact"]}, contact)
    answer = database.as_service().call("calcom_names", p_booking_id=booking_id, p_user_id=user_id)
    names = cast(dict[str, Any], answer)
    if "wait" in names:
        raise RateLimited(retry_after=int(names["wait"]))
    target = actions.Target.model_validate(names)
    first = max(wanted.from_, datetime.now(UTC))
    try:
        free = moving.free_slots(target, first, wanted.to, wanted.time_zone, deadline) if first < wanted.to else {}
    except actions.NotDone as error:
        raise error.error from error
    except Declined as error:
        raise Refused("not_possible", "Cal.com does not offer times for it.", more=moving.way_out(target)) from error
    except CalcomError as error:
        raise Unavailable(retry_after=error.retry_after if isinstance(error, Unreached) else None) from error
    return {"time_zone": wanted.time_zone, "slots": moving.shown(free)}
