"""Reports given to the SQL, and what it made of them, in the same words as the model's answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg

from shared.booking import BookingChange
from tests.database.model import Booking, World
from tests.database.model_messages import Message, Truth, message

Connection = psycopg.Connection[tuple[Any, ...]]
View = dict[str, Any]  # one booking with its links, people and waiting messages, in plain values

_OF_BOOKING = (
    *("ical_uid", "status", "reschedule_requested", "title", "description", "starts_at", "ends_at", "location"),
    *("event_type_id", "event_type_slug", "event_type_title", "meeting_url", "host_name", "host_email"),
    *("host_time_zone", "seats", "cancellation_reason", "cancelled_by"),
)
_OF_PERSON = ("email", "phone", "name", "time_zone", "locale", "responses", "absent")
# Everything about bookings, what refers to something before what it refers to.
_TABLES = (
    *(
        "private.delivery_attempts",
        "private.outbox_batches",
        "private.outbox",
        "private.listed_messages",
        "notifications",
    ),
    *("booking_events", "booking_notes", "booking_attendees", "doubts", "private.report_keys", "private.reports"),
    *("private.booking_nodes", "private.booking_details", "private.booking_hosts", "private.booking_aliases"),
    *("private.pending_events", "webhook_events", "bookings"),
)


def empty(connection: Connection) -> None:
    """Forget everything, the timeline too: its guard is a trigger, and triggers rest for a replica."""
    deletes = " ".join(f"delete from {table};" for table in _TABLES)
    connection.execute(f"begin; set local session_replication_role = replica; {deletes} commit".encode())


def record(connection: Connection, change: BookingChange, **event: Any) -> dict[str, Any]:
    """Give one report to `record_event`, as the function `webhook` does; the answer of the SQL."""
    said = change.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    said |= {"trigger": change.trigger, "at": change.model_dump(mode="json")["at"]}
    body = {
        "source": "webhook",
        "trigger": change.trigger,
        "received_at": datetime.now(UTC).isoformat(),
        "notify": "all",
        "changes": [said],
        "sha256": uuid4().hex,
        "body": {},
        **event,
    }
    return dict(call(connection, "record_event", json.dumps(body)))


def call(connection: Connection, function: str, *arguments: Any) -> Any:
    """Call a function of the API as the secret key does."""
    marks = ", ".join(["%s"] * len(arguments))
    with connection.transaction():
        connection.execute("set local role service_role")
        found = connection.execute(f"select public.{function}({marks})".encode(), arguments).fetchone()
    return found[0] if found else None


def in_sql(connection: Connection) -> list[View]:
    """All bookings, as the tables have them."""
    bookings = _rows(connection, f"select id, series_id, {', '.join(_OF_BOOKING)} from bookings")
    nodes = _rows(connection, "select booking_id, uid, calcom_id, is_head from private.booking_nodes")
    people = _rows(
        connection, f"select id, booking_id, role, removed_at, {', '.join(_OF_PERSON)} from booking_attendees"
    )
    waiting = _rows(
        connection,
        """
        select distinct on (n.attendee_id, n.channel)
            n.booking_id, n.channel, n.kind, n.recipient, n.starts_at, n.status, n.reason
        from notifications n join private.outbox o on o.notification_id = n.id
        where n.kind <> 'reminder' and (n.status = 'planned' or (n.status = 'skipped' and n.reason <> 'superseded'))
        order by n.attendee_id, n.channel, o.seq desc
        """,
    )
    views = []
    for row in bookings:
        own_nodes = [n for n in nodes if n["booking_id"] == row["id"]]
        own_people = [p for p in people if p["booking_id"] == row["id"]]
        views.append(
            {
                "nodes": sorted([n["uid"], n["calcom_id"], n["is_head"]] for n in own_nodes),
                "series": row["series_id"],
                **{name: row[name] for name in _OF_BOOKING},
                "people": _sorted(
                    {**_pick(p, _OF_PERSON), "role": None if p["removed_at"] else p["role"]} for p in own_people
                ),
                "messages": _sorted(
                    {k: v for k, v in m.items() if k != "booking_id"} for m in waiting if m["booking_id"] == row["id"]
                ),
            }
        )
    return _comparable(views)


def in_model(world: World) -> list[View]:
    """All bookings, as the model has them, nobody having been told anything."""
    return _comparable([view(booking) for booking in world.bookings()])


def view(booking: Booking, told: dict[str, Truth] | None = None) -> View:
    people = booking.attendees.items()
    messages = [message(booking, person, (told or {}).get(name)) for name, person in people]
    return {
        "nodes": sorted([node, number, node == booking.head] for node, number in booking.nodes.items()),
        "series": booking.series,
        **{name: getattr(booking, name) for name in _OF_BOOKING},
        "people": _sorted({**_pick(vars(p), _OF_PERSON), "role": p.role} for _, p in people),
        "messages": _sorted(vars(m) for m in messages if isinstance(m, Message)),
        "crew": booking.crew,
    }


def difference(left: Sequence[View], right: Sequence[View]) -> list[str]:
    """What the two sides see otherwise, a line each; empty when they agree."""
    lines = []
    names = [[view["nodes"] for view in side] for side in (left, right)]
    if names[0] != names[1]:
        return [f"bookings: {names[0]} ≠ {names[1]}"]
    for one, other in zip(map(_without, left, right), map(_without, right, left), strict=True):
        lines += [f"{one['nodes']} {name}: {one[name]} ≠ {other[name]}" for name in one if one[name] != other[name]]
    return lines


def _without(view: View, other: View) -> View:
    """The view without the crew: whom a report once listed as attendee keeps a row, and no message is for them."""
    crew = view.get("crew") or other.get("crew") or ()
    return {
        **{name: value for name, value in view.items() if name != "crew"},
        "people": [p for p in view["people"] if p["role"] or p["email"] not in crew],
        "messages": [m for m in view["messages"] if m["status"] == "planned" or m["recipient"] not in crew],
    }


def _comparable(views: list[View]) -> list[View]:
    """In one order; a series is known by the first of its bookings, because its name differs between the sides."""
    views = sorted(views, key=lambda view: str(view["nodes"]))
    first = {view["series"]: view["nodes"] for view in reversed(views)}
    return [{**view, "series": first[view["series"]] if view["series"] else None} for view in views]


def _rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query.encode())
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _pick(row: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _sorted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((dict(row) for row in rows), key=lambda row: str(sorted(row.items(), key=lambda item: item[0])))
