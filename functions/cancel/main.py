"""Cancelling: a booking by who booked it, a seat by its owner, an occurrence or the rest of a series; many by staff."""

from __future__ import annotations

import time

from shared import actions, bulk, cancel_request, cancelling, outbox, settings, tokens, web

settings.require(
    settings.Database,
    settings.Sessions,
    settings.CalcomApi,
    settings.Browsers,
    settings.Mail,
    settings.Sms,
    settings.Links,
)


@web.endpoint("POST", auth=tokens.person, origins=settings.load(settings.Browsers).allowed_origins)
def cancel(request: web.Request) -> web.Answer:
    """`POST` one booking → 200 `{"booking"}`; a batch of staff → 200 `{"results": […]}`."""
    token, wanted = tokens.bearer(request), request.read(cancel_request.Wanted).root
    if isinstance(wanted, cancel_request.Batch):
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
