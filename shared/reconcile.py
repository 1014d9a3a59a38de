"""What Cal.com's API says beside what we have: found, reported, healed.

A run looks, in this order, at doubts (what webhooks could not decide), at what changed since the last run, and once a
day at every booking to come. What the API says goes through `record_event`, so comparing and healing are one: a
difference is what recording it changes. A dry run records in transactions that are rolled back.

A run that is out of time says so, keeps how far it came, and the next one goes on there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

from shared import calcom_api, calcom_pages, database, log
from shared.calcom_http import CalcomError, Declined
from shared.calcom_values import Object, identifier, instant
from shared.drift import Drift, OutOfTime, check_key
from shared.errors import Refused, ServiceError

SECONDS = 50.0
# Cal.com's list may lag behind its own changes, and so may its clock behind ours.
_OVERLAP = timedelta(minutes=5)
_DOUBTS_AT_ONCE, _UNMET_AT_ONCE = 20, 200


class Wanted(BaseModel):
    """What a run is to look at. `since`: what changed since then; `full`: every booking to come, too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: AwareDatetime | None = None
    full: bool = False
    dry_run: bool = False


def run(wanted: Wanted, deadline: float) -> dict[str, JsonValue]:
    """Compare and heal until `deadline` (on the monotonic clock). → the report.

    Raises Refused while another run is under way, Unavailable.
    """
    started_at = datetime.now(UTC)
    begun = cast(dict[str, Any], database.as_service().call("begin_reconcile", p_dry_run=wanted.dry_run))
    if begun.get("busy"):
        raise Refused("in_progress", "Another run is under way.")
    drift = Drift(wanted.dry_run, deadline)
    try:
        _look_at_doubts(drift)
        _read_changes(drift, wanted.since, instant(begun["changed_until"]), instant(begun["changes_go_on_at"]))
        if wanted.full or begun["walk_due"]:
            goes_on = None if wanted.full else instant(begun["walk_started_at"])
            _walk(drift, goes_on or started_at, instant(begun["walked_until"]) if goes_on else None)
        drift.complete = True
    except OutOfTime:
        log.warning("reconciliation goes on in the next run", checked=drift.checked)
    except CalcomError as failure:
        drift.error = f"Cal.com: {failure}"
    except ServiceError as failure:
        drift.error = failure.code
        raise
    finally:
        _finish(drift, started_at)
    return drift.report()


def _look_at_doubts(drift: Drift) -> None:
    """Read what each doubt is about, once: a doubt that Cal.com does not know ends too, and the bodies stand."""
    looked: set[str] = set()
    while True:
        listed = database.as_service().call("due_doubts", p_limit=_DOUBTS_AT_ONCE + len(looked))
        due = [doubt for doubt in cast(list[dict[str, Any]], listed) if doubt["id"] not in looked]
        if not due:
            return
        for doubt in due:
            looked.add(doubt["id"])
            try:
                found = _read_for(drift, doubt)
            except (CalcomError, OutOfTime):
                _settle(drift, doubt, None)
                raise
            _settle(drift, doubt, "read" if found else "unknown_there")
            drift.doubts += 1


def _read_for(drift: Drift, doubt: dict[str, Any]) -> bool:
    """Read and record what a doubt is about. → whether Cal.com knows it."""
    found: list[Object] = []
    read_at = datetime.now(UTC)
    for uid in doubt["uids"]:
        try:
            life = _read_life(drift, uid)
            found += life
            if doubt["series"] and life and (series := identifier(life[0].get("recurringBookingUid"))):
                drift.wait_for_turn()
                found += calcom_api.booking(series, drift.deadline)
        except Declined as refused:
            check_key(refused)
    drift.record(found, read_at)
    return bool(found)


def _read_life(drift: Drift, uid: str) -> list[Object]:
    """The booking, what it was moved to and what it was moved from: one life is recorded together."""
    drift.wait_for_turn()
    life = list(calcom_api.life(uid, drift.deadline))
    read = {uid}
    while life and (before := identifier(life[0].get("rescheduledFromUid"))) and before not in read:
        read.add(before)
        drift.wait_for_turn()
        try:
            life[:0] = calcom_api.booking(before, drift.deadline)[:1]
        except Declined as refused:
            check_key(refused)
    return life


def _settle(drift: Drift, doubt: dict[str, Any], outcome: str | None) -> None:
    if not drift.dry_run:
        database.as_service().call("settle_doubts", p_doubts=[{"id": doubt["id"], "outcome": outcome}])


def _read_changes(
    drift: Drift, since: datetime | None, known_until: datetime | None, goes_on_at: datetime | None
) -> None:
    """Whatever changed at Cal.com since `since`, or since the last run; the first run reads everything.

    `goes_on_at`: where a run left off that did not come to the end. It began early enough; so nothing is read again.
    """

    def read(after: datetime | None, skip: int) -> calcom_api.Page:
        drift.wait_for_turn()
        return calcom_api.bookings(drift.deadline, updated_after=after, skip=skip)

    # A gap must not be jumped over: what a run from a later time on reads says nothing of what is before it.
    after = since or goes_on_at or (known_until - _OVERLAP if known_until else None)
    read_until = goes_on_at or known_until
    is_whole = since is None or (read_until is not None and since <= read_until)
    read_at = datetime.now(UTC)
    for bookings, latest in calcom_pages.pages(read, "updatedAt", after):
        drift.read_listed(bookings, read_at)
        if is_whole and latest is not None:
            drift.state |= {"changed_until": latest.isoformat(), "changes_go_on_at": latest.isoformat()}
        read_at = datetime.now(UTC)
    if is_whole:
        drift.state["changes_go_on_at"] = None


def _walk(drift: Drift, started_at: datetime, walked_until: datetime | None) -> None:
    """Every booking to come, in the order of their beginning; then those of ours that were not among them."""

    def read(after: datetime | None, skip: int) -> calcom_api.Page:
        drift.wait_for_turn()
        return calcom_api.bookings(drift.deadline, starts_after=after or started_at, skip=skip)

    drift.state["walk_started_at"] = started_at.isoformat()
    read_at = datetime.now(UTC)
    for bookings, latest in calcom_pages.pages(read, "start", walked_until or started_at):
        drift.read_listed(bookings, read_at)
        if latest is not None:
            drift.state["walked_until"] = latest.isoformat()
        read_at = datetime.now(UTC)
    _look_for_ghosts(drift, started_at)
    drift.state |= {"walk_started_at": None, "walked_until": None, "walk_finished_at": datetime.now(UTC).isoformat()}


def _look_for_ghosts(drift: Drift, walk_started_at: datetime) -> None:
    """Bookings to come that the walk did not meet: each is read; one that Cal.com does not know is a ghost."""
    looked: set[str] = set()
    while True:
        answer = database.as_service().call(
            "unmet_bookings",
            p_walk_started_at=walk_started_at.isoformat(),
            p_met=[*drift.met, *looked],
            p_limit=_UNMET_AT_ONCE,
        )
        unmet = cast(list[dict[str, str]], answer)
        for one in unmet:
            looked.add(one["uid"])
            drift.wait_for_turn()
            read_at = datetime.now(UTC)
            try:
                drift.record(calcom_api.life(one["uid"], drift.deadline), read_at)
            except Declined as refused:
                check_key(refused)
                if refused.status == 404:
                    drift.note_ghost(one["booking_id"])
        if len(unmet) < _UNMET_AT_ONCE:
            return


def _finish(drift: Drift, started_at: datetime) -> None:
    """Write how far it came and the heartbeat; the report stays where a run found something."""
    if drift.dry_run:
        return
    report = drift.report()
    result = {"checked": {"bookings": report.pop("checked")}, **report}
    database.as_service().call(
        "finish_reconcile",
        p_state=drift.state,
        p_started_at=started_at.isoformat(),
        p_result=cast(JsonValue, result),
        p_error=drift.error,
    )
