"""What nobody meant to send: each is refused with a problem that names a code, and nothing is lost or done."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Connection, Stack
from tests.database.api import Caller, sign_up

ID = str(uuid4())
START = "2090-01-02T10:00:00Z"
BODIES: list[tuple[str, Any]] = [
    ("cancel", {}),
    ("cancel", {"booking_id": "not-a-uuid"}),
    ("cancel", {"booking_id": ID, "scope": "all"}),
    ("cancel", {"booking_id": ID, "force": True}),
    ("cancel", {"booking_id": ID, "reason": "x" * 1001}),
    ("cancel", {"booking_id": ID, "reason": "a\x00b"}),
    ("cancel", {"booking_id": [ID]}),
    ("cancel", [ID]),
    ("cancel", "text"),
    ("cancel", {"batch_id": ID, "booking_ids": [ID]}),
    ("cancel", {"batch_id": ID, "booking_ids": [], "reason": "x"}),
    ("cancel", {"batch_id": ID, "booking_ids": [ID] * 21, "reason": "x"}),
    ("cancel", {"batch_id": ID, "booking_ids": [ID], "reason": "  "}),
    ("cancel", {"batch_id": ID, "booking_id": ID, "booking_ids": [ID], "reason": "x"}),
    ("reschedule", {"booking_id": ID}),
    ("reschedule", {"booking_id": ID, "start": "tomorrow"}),
    ("reschedule", {"booking_id": ID, "start": "2090-01-02T10:00:00"}),  # no zone
    ("reschedule", {"booking_id": ID, "start": START, "time_zone": "Mars/Olympus"}),
    ("reschedule", {"booking_id": ID, "start": START, "uid": "x"}),
    ("export", {}),
    ("export", {"format": "xlsx"}),
    ("export", {"format": "csv", "filters": {"period": "someday"}}),
    ("export", {"format": "csv", "filters": {"email": "x"}}),
    ("export", {"format": "csv", "filters": {"starts_from": "someday"}}),
    ("export", {"format": "csv", "filters": [1]}),
    ("export", {"format": "csv", "time_zone": "../etc/passwd"}),
    ("export", {"format": "csv", "booking_ids": ["x"]}),
    ("export/feed", {"filter": {}}),
]
QUERIES = [
    ("reschedule", {}),
    ("reschedule", {"booking_id": ID}),
    ("reschedule", {"booking_id": ID, "from": START, "to": "2090-01-01T10:00:00Z"}),
    ("reschedule", {"booking_id": ID, "from": START, "to": "2090-09-01"}),
    ("reschedule", {"booking_id": ID, "from": "x", "to": START}),
    ("reschedule", {"booking_id": ID, "from": START, "to": "2090-01-03", "time_zone": "CET\x00"}),
    ("reschedule", {"booking_id": ID, "from": START, "to": "2090-01-03", "more": "1"}),
    ("export", {}),
    ("export", {"booking_id": "x"}),
    ("export", {"booking_id": ID, "format": "pdf"}),
]


@pytest.fixture
def client(clean: Stack) -> Caller:
    return sign_up(clean.env, "client@example.com")


def ask(stack: Stack, who: Caller, method: str, path: str, **words: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {who.token}"}
    return httpx.request(method, f"{stack.env['FUNCTIONS_URL']}/{path}", headers=headers, timeout=30, **words)


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.json()["status"], answer.json()["code"]) == (status, code)


def test_bodies_and_queries(clean: Stack, client: Caller, db: Connection) -> None:
    for path, body in BODIES:
        refused(ask(clean, client, "POST", path, json=body), 400, "invalid")
    for path, query in QUERIES:
        refused(ask(clean, client, "GET", path, params=query), 400, "invalid")
    for path in ("cancel", "reschedule", "export"):
        for raw in (b"", b"{", b"\xff\xfe", b'{"booking_id": NaN}', b"[" * 5000, b"null"):
            refused(ask(clean, client, "POST", path, content=raw), 400, "invalid")
    assert db.execute("select count(*) from private.actions").fetchall() == [(0,)]


def test_too_large_bodies(clean: Stack, client: Caller) -> None:
    large = json.dumps({"booking_id": ID, "reason": "x" * 2 * 1024 * 1024})
    for path in ("cancel", "reschedule", "export", "export/feed", "reconcile", "replay"):
        refused(ask(clean, client, "POST", path, content=large), 413, "too_large")


def test_other_methods_and_paths(clean: Stack, client: Caller) -> None:
    for path, methods in {
        "cancel": ("GET", "PUT", "DELETE", "PATCH"),
        "reschedule": ("PUT", "DELETE"),
        "export": ("PUT", "PATCH", "DELETE"),
        "export/feed": ("PUT", "GET"),
        "reconcile": ("GET", "PUT", "DELETE"),
        "replay": ("GET", "PUT", "DELETE"),
    }.items():
        for method in methods:
            refused(ask(clean, client, method, path), 405, "method_not_allowed")
    for path in ("cancel/x", "reschedule/x", "export/x", "export/feed/a/b", "reconcile/x", "replay/x"):
        refused(ask(clean, client, "POST", path, json={}), 404, "not_found")


def test_what_does_not_exist(clean: Stack, client: Caller) -> None:
    refused(ask(clean, client, "POST", "cancel", json={"booking_id": ID}), 404, "not_found")
    refused(ask(clean, client, "POST", "reschedule", json={"booking_id": ID, "start": START}), 404, "not_found")
    query = {"booking_id": ID, "from": START, "to": "2090-01-05"}
    refused(ask(clean, client, "GET", "reschedule", params=query), 404, "not_found")
    refused(ask(clean, client, "GET", "export", params={"booking_id": ID, "format": "ics"}), 404, "not_found")


def test_only_admins_start_the_sweep(clean: Stack, client: Caller) -> None:
    refused(ask(clean, client, "POST", "reconcile", json={}), 403, "not_allowed")


def test_pages_of_other_origins_may_not_call(clean: Stack) -> None:
    url = f"{clean.env['FUNCTIONS_URL']}/cancel"
    known = clean.env["ALLOWED_ORIGINS"].split(",")[0]
    for origin, allowed in ((known, known), ("https://evil.example.com", None)):
        answer = httpx.options(url, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
