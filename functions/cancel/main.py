"""Cancelling: a booking by who booked it, a seat by its owner, an occurrence or the rest of a series; many by staff."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel, Tag

from shared import actions, bulk, cancelling, outbox, settings, tokens, web

settings.require(
    *(settings.Database, settings.Sessions, settings.CalcomApi, settings.Browsers),
    *(settings.Mail, settings.Sms, settings.Links),
)


class One(BaseModel):
    """`attendee_id`: staff end one seat of a seated booking; without it all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    booking_id: UUID
    scope: Literal["this", "remaining"] = "this"
    reason: str | None = Field(default=None, max_length=1000)
    attendee_id: UUID | None = None


def _kind(body: Any) -> str:
    return "batch" if isinstance(body, dict) and "batch_id" in body else "one"


class Wanted(
    RootModel[Annotated[Annotated[One, Tag("one")] | Annotated[bulk.Batch, Tag("batch")], Discriminator(_kind)]]
):
    """The body: one booking, or a chunk of a batch."""


@web.endpoint("POST", auth=tokens.person, origins=settings.load(settings.Browsers).allowed_origins)
def cancel(request: web.Request) -> web.Answer:
    """`POST` one booking → 200 `{"booking"}`; a batch of staff → 200 `{"results": […]}`."""
    token, wanted = tokens.bearer(request), request.read(Wanted).root
    if isinstance(wanted, bulk.Batch):
        results, owing = bulk.cancel(token, wanted, request.started + bulk.SECONDS)
        outbox.deliver_now(owing, deadline=time.monotonic() + 5)
        request.notes.update(batch_id=str(wanted.batch_id), rows=len(results))
        return web.Answer({"results": results})
    begun = actions.begin(
        *(token, "cancel", str(wanted.booking_id)),
        scope=wanted.scope,
        attendee_id=str(wanted.attendee_id) if wanted.attendee_id else None,
        reason=wanted.reason,
    )
    done = actions.carry_out(begun, cancelling.cancel, request.started + actions.SECONDS)
    outbox.deliver_now(actions.due(done), deadline=time.monotonic() + 1)
    request.notes.update(action_id=begun.id, booking_id=str(wanted.booking_id))
    return web.Answer({"booking": done["booking"]})
