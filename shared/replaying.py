"""Bodies that were kept, read again by today's parser and applied like new ones.

A look first (`dry_run`) is the same in a transaction that is rolled back: what would change, and what would be sent. A
call takes the oldest events, a hundred at most, in one transaction, and says how to go on. Again, it changes nothing.

Who hears of it (`notify`): by default `reminders`, as in reconciliation. Reminders are planned, and news is sent only
if it is less than two hours old and the meeting is to come; older news becomes `skipped: imported`. `all` sends it
whatever its age, `none` sends nothing at all. Nothing is posted from here: what is owed leaves with the sweep, within a
minute in which it can still be stopped.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from shared import calcom_webhook, database
from shared.booking import dumped
from shared.calcom_values import instant

AT_ONCE = 100


class Wanted(BaseModel):
    """Which events: those named, or all that came since an instant (of that very instant: with an id above `after`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=1000)] | None = None
    since: AwareDatetime | None = None
    after: UUID | None = None
    dry_run: bool = False
    notify: Literal["all", "reminders", "none"] = "reminders"

    @model_validator(mode="after")
    def _either(self) -> Wanted:
        if (self.event_ids is None) == (self.since is None) or (self.after is not None and self.since is None):
            raise ValueError("either event_ids or since")
        return self


def run(wanted: Wanted) -> dict[str, JsonValue]:
    """Replay the oldest of the events → what each came to, and which messages follow from all of them.

    `next` is what to ask for in place of `event_ids` or `since` to go on; null: that was all. Raises Unavailable.
    """
    kept = _kept(wanted)
    events = [_read_again(one, wanted.notify) for one in kept["events"]]
    answer = database.as_service().call("replay_events", p_events=cast(JsonValue, events), p_dry_run=wanted.dry_run)
    done = cast(dict[str, Any], answer)
    reached = len(done["events"])
    unreached = [one["id"] for one in kept["events"][reached:]]
    remaining = len(unreached) + kept["remaining"]
    goes_on: dict[str, JsonValue] | None = None
    if remaining and wanted.since is None:
        goes_on = {"event_ids": unreached + kept["rest"]}
    elif remaining:
        last = kept["events"][reached - 1]
        goes_on = {"since": last["received_at"], "after": last["id"]}
    counts = Counter(event["outcome"] for event in done["events"])
    about: dict[str, JsonValue] = {"dry_run": wanted.dry_run, "notify": wanted.notify, "counts": dict(counts)}
    return about | done | {"remaining": remaining, "next": goes_on}


def _kept(wanted: Wanted) -> dict[str, Any]:
    ids: list[JsonValue] | None = None if wanted.event_ids is None else [str(one) for one in wanted.event_ids]
    kept = database.as_service().call(
        "kept_events",
        p_event_ids=ids,
        p_since=wanted.since.isoformat() if wanted.since else None,
        p_after=str(wanted.after) if wanted.after else None,
        p_limit=AT_ONCE,
    )
    return cast(dict[str, Any], kept)


def _read_again(kept: dict[str, Any], notify: str) -> dict[str, JsonValue]:
    """What the body says today, for `replay_events`. Of a body that is gone: nothing."""
    event: dict[str, JsonValue] = {"id": kept["id"], "source": "replay", "notify": notify, "changes": []}
    body, received_at = kept["body"], instant(kept["received_at"])
    if body is None or received_at is None:
        return event
    # A body that was no JSON object was kept as its text.
    raw = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    report = calcom_webhook.parse(raw.encode(), received_at)
    event |= {"received_at": kept["received_at"], "trigger": report.trigger, "error": report.error}
    return event | {"changes": dumped(report.changes)}
