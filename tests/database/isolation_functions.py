"""Who may call what, and is answered what: each exposed function, for each persona. All else must be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.database.api import NO_RIGHT, NOT_THEIRS, NOT_THERE, Denied, Row
from tests.database.isolation_world import PEOPLE, World, address

# Function → its arguments, what to look at in its answer, and what each persona is answered. Nobody else has the right.
Function = tuple[Callable[[World], Row], Callable[[World, Any], Any], dict[str, Any]]

_STAFF_OF_A = {"client": NOT_THEIRS, "guest": NOT_THEIRS, "host": True, "admin": True}
_STAFF_OF_A |= dict.fromkeys(("mate", "other", "unconfirmed", "other_host"), NOT_THERE)


_NOON = "2026-11-23T12:00:00Z"
_NOBODY = "00000000-0000-0000-0000-000000000000"


_TO_CLIENT = frozenset({"A:client", "S:client", "R:client"})
_NOTES_ON_CLIENT = frozenset({("A", "shared"), ("A", "staff"), ("S", "shared")})


def _booking(world: World) -> Row:
    return {"p_booking_id": world.bookings["A"]}


def _message(world: World) -> Row:
    return {"p_id": world.messages["A:client"]}


def _anything(world: World, answer: Any) -> bool:
    return True


def _for_the_machinery(**arguments: Any) -> Function:
    return (lambda world: arguments), (lambda world, answer: True), {"secret": True}


def _story(world: World, entries: list[Row]) -> set[str]:
    tables = {"event": "booking_events", "message": "notifications"}
    in_a = {"booking_id": world.bookings["A"]}
    return {world.label(tables[entry["entry"]], entry | in_a) for entry in entries}


def _listed(world: World, found: list[Row]) -> set[str]:
    return {world.label("bookings", row) + ("-" if row["removed"] else "") for row in found}


_LISTED = {
    "client": {"A", "S", "R"},
    "guest": {"A", "R-"},
    "mate": {"S"},
    "other": {"O"},
    "unconfirmed": set[str](),
    "host": {"A", "S", "R"},
    "other_host": {"O", "U"},
    "admin": {"A", "S", "R", "O", "U"},
}


FUNCTIONS: dict[str, Function] = {
    "record_event": _for_the_machinery(p_event={"source": "webhook", "received_at": _NOON, "changes": []}),
    "retry_events": _for_the_machinery(p_limit=1),
    "claim_notifications": _for_the_machinery(p_limit=0, p_lease=1, p_booking_id=None),
    "store_payloads": _for_the_machinery(p_payloads=[]),
    "settle_notifications": _for_the_machinery(p_results=[]),
    "finish_job": _for_the_machinery(p_job="x", p_started_at=_NOON, p_result={}, p_error=None),
    "record_receipt": _for_the_machinery(
        p_receipt={"receipt_id": "x", "channel": "email", "provider_id": "x", "event": "sent"}
    ),
    "record_inbound_text": _for_the_machinery(p_text={"sid": "x", "number": "+4915112345678", "word": None}),
    "doubtful_texts": _for_the_machinery(p_limit=1),
    "forget_old": _for_the_machinery(p_limit=1),
    "plan_waiting": _for_the_machinery(p_limit=1),
    "calendar_feed": _for_the_machinery(p_token_hash="0" * 64),
    "preferences_by_link": _for_the_machinery(p_email=address("client"), p_changes={"email_reminders": False}),
    "consent_by_link": _for_the_machinery(p_email=address("client"), p_consent_text="x"),
    "note_link_request": _for_the_machinery(p_email=address("client"), p_address_hash="0" * 64, p_ip_hash="0" * 64),
    "begin_phone_verification": (
        lambda world: {
            "p_user_id": world.users["client"],
            "p_id": _NOBODY,
            "p_phone": "+4915112345678",
            "p_code_hash": "0" * 64,
        },
        _anything,
        {"secret": True},
    ),
    "drop_phone_code": _for_the_machinery(p_id=_NOBODY),
    "finish_phone_verification": (
        lambda world: {"p_user_id": world.users["client"], "p_code_hashes": ["0" * 64], "p_consent_text": "x"},
        lambda world, answer: answer["refused"],
        {"secret": "expired_code"},
    ),
    "consent_to_texts": (
        lambda world: {"p_consent_text": "x"},
        lambda world, answer: answer["refused"],
        {**dict.fromkeys(PEOPLE, "not_verified"), "unconfirmed": NOT_THEIRS},
    ),
    "my_preferences": (
        lambda world: {},
        lambda world, answer: answer["email"].split("@")[0],
        {**{who: who for who in PEOPLE}, "unconfirmed": NOT_THEIRS},
    ),
    "remove_phone": (
        lambda world: {},
        lambda world, answer: (answer["email"].split("@")[0], answer["phone"], answer["sms_consent"]),
        {**{who: (who, None, False) for who in PEOPLE}, "unconfirmed": NOT_THEIRS},
    ),
    "erase_person": _for_the_machinery(p_email=address("client")),
    "note_calls": _for_the_machinery(p_calls=1, p_can_wait=True),
    "calcom_names": _for_the_machinery(p_booking_id=_NOBODY, p_user_id=_NOBODY),
    "action_target": (lambda world: {"p_action_id": _NOBODY}, _anything, {"secret": NOT_THERE}),
    "finish_action": (
        lambda world: {"p_action_id": _NOBODY, "p_state": "done", "p_outcome": "cancelled"},
        _anything,
        {"secret": NOT_THERE},
    ),
    "begin_reconcile": _for_the_machinery(p_dry_run=True),
    "finish_reconcile": _for_the_machinery(p_state={}, p_started_at=_NOON, p_result={}, p_error=None),
    "reconcile_lives": _for_the_machinery(p_lives=[], p_dry_run=True),
    "kept_events": _for_the_machinery(p_event_ids=[], p_since=None, p_after=None, p_limit=1),
    "replay_events": _for_the_machinery(p_events=[], p_dry_run=True),
    "unmet_bookings": _for_the_machinery(p_walk_started_at=_NOON, p_met=[], p_limit=1),
    "due_doubts": _for_the_machinery(p_limit=1),
    "settle_doubts": _for_the_machinery(p_doubts=[]),
    "require_admin": (
        lambda world: {},
        lambda world, answer: answer,
        {**dict.fromkeys(PEOPLE, NOT_THEIRS), "admin": True},
    ),
    "my_booking": (
        lambda world: {"p_booking_id": world.bookings["R"]},
        lambda world, booking: booking and booking["removed"],
        {**dict.fromkeys(PEOPLE), "client": False, "guest": True, "host": False, "admin": False},
    ),
    "booking_page": (
        _booking,
        lambda world, page: page and (page["actions"]["part"], page["reach"] is not None, len(page["attendees"])),
        {
            **dict.fromkeys(PEOPLE),
            "client": ("booker", False, 2),
            "guest": ("guest", False, 1),
            "host": ("staff", True, 2),
            "admin": ("staff", True, 2),
        },
    ),
    "begin_action": (
        lambda world: {"p_booking_id": world.bookings["A"], "p_kind": "cancel", "p_reason": "x"},
        lambda world, begun: begun.get("part") or begun["refused"],
        {
            **dict.fromkeys(PEOPLE, NOT_THERE),
            "client": "booker",
            "guest": "not_allowed",
            "host": "staff",
            "admin": "staff",
        },
    ),
    "preview_cancel": (
        lambda world: {"p_booking_ids": [world.bookings["A"]], "p_batch_id": _NOBODY, "p_reason": "x"},
        lambda world, rows: rows[0]["outcome"],
        {
            **dict.fromkeys(PEOPLE, "not_found"),
            "client": "not_allowed",
            "guest": "not_allowed",
            "host": "would_cancel",
            "admin": "would_cancel",
        },
    ),
    "make_feed": (
        lambda world: {"p_token_hash": "0" * 64, "p_filters": {"period": "upcoming"}},
        _anything,
        {**dict.fromkeys(PEOPLE, NOT_THEIRS), "host": True, "other_host": True, "admin": True},
    ),
    "revoke_feed": (lambda world: {}, _anything, dict.fromkeys(PEOPLE, True)),
    "export_page": (
        lambda world: {"p_filters": {}},
        lambda world, page: {world.label("bookings", {"id": row[0]}) + ("" if row[9] else "-") for row in page["rows"]},
        _LISTED,
    ),
    "search_bookings": ((lambda world: {}), _listed, _LISTED),
    "find_bookings": ((lambda world: {"p_filters": {}}), _listed, _LISTED),
    "count_bookings": (
        lambda world: {"p_filters": {}},
        lambda world, answer: answer["count"],
        {who: len(bookings) for who, bookings in _LISTED.items()},
    ),
    "matching_bookings": (
        lambda world: {"p_filters": {}},
        lambda world, answer: {world.label("bookings", {"id": id_}) for id_ in answer["ids"]},
        {**dict.fromkeys(PEOPLE, NOT_THEIRS), **{who: _LISTED[who] for who in ("host", "other_host", "admin")}},
    ),
    "filter_choices": (
        lambda world: {},
        lambda world, answer: {host["email"].split("@")[0] for host in answer["hosts"]},
        {
            **dict.fromkeys(PEOPLE, NOT_THEIRS),
            "host": {"host"},
            "other_host": {"other_host"},
            "admin": {"host", "other_host"},
        },
    ),
    "client_page": (
        lambda world: {"p_email": address("client")},
        lambda world, page: (page["counts"]["upcoming"], page["sms_consents"] is not None),
        {
            **dict.fromkeys(PEOPLE, NOT_THEIRS),
            "host": (3, False),
            "other_host": NOT_THERE,
            "admin": (3, True),
        },
    ),
    "health": (
        lambda world: {"p_from": "2026-01-01T00:00:00Z", "p_to": "2026-02-01T00:00:00Z"},
        lambda world, answer: answer["doubts"]["open"],
        {**dict.fromkeys(PEOPLE, NOT_THEIRS), "admin": 1},
    ),
    "sweep_age": (
        lambda world: {},
        lambda world, answer: answer,
        {**dict.fromkeys(PEOPLE, NOT_THEIRS), **dict.fromkeys(("host", "other_host", "admin"))},
    ),
    "booking_timeline": (
        _booking,
        _story,
        {
            **{who: set() for who in PEOPLE},
            "client": {"A:created", "A:note_added", "A:client"},
            "guest": {"A:created", "A:note_added", "A:guest"},
            "host": {"A:created", "A:note_added", "A:note_added for staff", "A:client", "A:guest"},
            "admin": {"A:created", "A:note_added", "A:note_added for staff", "A:client", "A:guest"},
        },
    ),
    "booking_actions": (
        _booking,
        lambda world, answer: answer and answer["part"],
        {**dict.fromkeys(PEOPLE), "client": "booker", "guest": "guest", "host": "staff", "admin": "staff"},
    ),
    "booking_reach": (
        _booking,
        lambda world, people: {person["name"] for person in people},
        {**_STAFF_OF_A, "host": {"Client", "Guest"}, "admin": {"Client", "Guest"}},
    ),
    "preview_plan": (
        _booking,
        lambda world, plan: {message["recipient"].split("@")[0] for message in plan},
        {
            **dict.fromkeys(PEOPLE, NOT_THERE),
            "client": {"client"},
            "guest": {"guest"},
            "host": {"client", "guest"},
            "admin": {"client", "guest"},
        },
    ),
    "client_messages": (
        lambda world: {"p_client": address("client"), "p_page_size": 100},
        lambda world, rows: {world.label("notifications", row) for row in rows},
        {**dict.fromkeys(PEOPLE, NOT_THEIRS), "other_host": set(), **dict.fromkeys(("host", "admin"), _TO_CLIENT)},
    ),
    "client_notes": (
        lambda world: {"p_client": address("client"), "p_page_size": 100},
        lambda world, rows: {(world.label("bookings", {"id": row["booking_id"]}), row["visibility"]) for row in rows},
        {
            **dict.fromkeys(PEOPLE, NOT_THEIRS),
            "other_host": set(),
            **dict.fromkeys(("host", "admin"), _NOTES_ON_CLIENT),
        },
    ),
    "dashboard": (
        lambda world: {"p_from": "2090-01-01T00:00:00Z", "p_to": "2090-01-02T00:00:00Z"},
        lambda world, answer: answer["bookings"]["total"],
        {**dict.fromkeys(PEOPLE, NOT_THEIRS), "host": 3, "other_host": 2, "admin": 5},
    ),
    "skip_notification": (_message, lambda world, answer: True, _STAFF_OF_A),
    "send_notification_now": (_message, lambda world, answer: True, _STAFF_OF_A),
    "resend_confirmation": (_booking, lambda world, answer: True, _STAFF_OF_A),
}


READ_ONLY = {
    *("calendar_feed", "search_bookings", "booking_timeline", "booking_actions", "preview_plan", "dashboard"),
    *("booking_reach", "my_booking", "preview_cancel", "export_page", "require_admin", "due_doubts", "unmet_bookings"),
    *("my_preferences", "find_bookings", "count_bookings", "matching_bookings", "filter_choices", "client_page"),
    *("health", "sweep_age", "kept_events", "client_messages", "client_notes", "booking_page"),
}


def answer_of(function: str, world: World, persona: str) -> Any:
    """What this persona is answered, as far as the matrix looks at it; or how it is refused."""
    arguments, look, _ = FUNCTIONS[function]
    answer = world.callers[persona].call(function, arguments(world))
    return answer if isinstance(answer, Denied) else look(world, answer)


def expected_of(function: str, persona: str) -> Any:
    return FUNCTIONS[function][2].get(persona, NO_RIGHT)
