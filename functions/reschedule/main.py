"""Moving a booking: the free times it could have instead, and the move to one of them."""

from __future__ import annotations

import time
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared import actions, moving, outbox, rescheduling, settings, tokens, web
from shared.request_fields import Reason, TimeZone

settings.require(
    settings.Database,
    settings.Sessions,
    settings.CalcomApi,
    settings.Browsers,
    settings.Mail,
    settings.Sms,
    settings.Links,
)


class Move(BaseModel):
    """`start` with its zone. `time_zone`: of the days of fresh slots. `attendee_id`: staff move one seat."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    booking_id: UUID
    start: AwareDatetime
    reason: Reason | None = None
    time_zone: TimeZone = "UTC"
    attendee_id: UUID | None = None


@web.endpoint("GET", "POST", auth=tokens.person, origins=settings.load(settings.Browsers).allowed_origins)
def reschedule(request: web.Request) -> web.Answer:
    """`GET` → 200 `{"time_zone", "slots"}`; `POST` → 200 `{"booking"}`, or 409 `slot_taken` with fresh `slots`."""
    token, deadline = tokens.bearer(request), request.started + actions.SECONDS
    if request.method != "POST":
        wanted = request.read_query(rescheduling.Wanted)
        return web.Answer(rescheduling.slots(token, request.caller, wanted, deadline))
    move = request.read(Move)
    begun = actions.begin(
        *(token, "move", str(move.booking_id)),
        start=move.start,
        attendee_id=str(move.attendee_id) if move.attendee_id else None,
        reason=move.reason,
    )
    done = actions.carry_out(begun, lambda target, until: moving.move(target, move.time_zone, until), deadline)
    outbox.deliver_now(actions.due(done), deadline=time.monotonic() + 1)
    request.notes.update(action_id=begun.id, booking_id=str(move.booking_id))
    return web.Answer({"booking": done["booking"]})
