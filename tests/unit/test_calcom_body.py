"""What is kept of a body: everything but its secrets, and nothing that the database could not hold."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.calcom_body import MAX_DEPTH, storable
from shared.calcom_webhook import TRIGGERS, Report, parse
from tests.hostile import HOSTILE, MIB

PAYLOADS = Path(__file__).parent.parent / "payloads"
RECEIVED = datetime(2026, 11, 23, 12, tzinfo=UTC)

SECRETS_IN_OUR_BODIES = (
    "11f0c0de",
    "22f0c0de",
    "room-password-of-the-host",
    "secret_ofTheProvider",
    "signed-link-of-the",
    "join-token-of-the-host",
)


def check_storable(report: Report) -> str:
    """Fails unless Postgres could keep it: UTF-8 JSON without NUL, numbers that exist, and little nesting."""
    changes = [change.model_dump(mode="json") for change in report.changes]
    text = json.dumps([report.trigger, report.body, report.error, changes], allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    assert "\\u0000" not in text
    assert isinstance(report.body, dict | str)
    assert depth(report.body) <= MAX_DEPTH
    assert not (report.error or "").startswith("could not be read")
    return text


def depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.stem)
def test_no_secret_of_a_body_is_kept(path: Path) -> None:
    whole = path.read_bytes()
    broken = whole[: len(whole) - 3]
    wrapped = json.dumps({"triggerEvent": "X", "text": whole.decode()}).encode()
    nested = json.dumps([whole.decode(), json.loads(whole)]).encode()
    for body in (whole, broken, wrapped, nested):
        kept = check_storable(parse(body, RECEIVED))
        assert not [secret for secret in SECRETS_IN_OUR_BODIES if secret in kept]


def test_our_bodies_hold_all_those_secrets() -> None:
    everything = "".join(path.read_text(encoding="utf-8") for path in PAYLOADS.glob("*.json"))
    assert all(secret in everything for secret in SECRETS_IN_OUR_BODIES)


@pytest.mark.parametrize(
    "name",
    ["oneTimePassword", "ONETIMEPASSWORD", "one_time_password", "password", "Password", "meetingPassword", "passcode",
     "connectAndJoinUrl", "downloadLink", "downloadlinks", "client_secret", "clientSecret", "access_token", "apiKey"],
)  # fmt: skip
def test_a_secret_is_known_by_its_name_wherever_it_stands(name: str) -> None:
    for value in ("hush", {"deep": ["hush"]}, ["hush"]):
        report = parse(json.dumps({"triggerEvent": "X", "a": [{"b": {name: value, "kept": 1}}]}).encode(), RECEIVED)
        assert report.body == {"triggerEvent": "X", "a": [{"b": {"kept": 1}}]}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("password=hush&uid=u", "password=[removed]&uid=u"),
        ('{"oneTimePassword": "hu\\"sh", "uid": "u"', '{"oneTimePassword": [removed], "uid": "u"'),
        ("{'password': 'hush', 'uid': 'u'}", "{'password': [removed], 'uid': 'u'}"),
        ('{\\"clientSecret\\":\\"hush\\",\\"uid\\":1', '{\\"clientSecret\\":[removed],\\"uid\\":1'),
        ("see https://video.example/r?token=hush now", "see https://video.example/r now"),
        ("Password: hush", "Password: [removed]"),
    ],
)
def test_secrets_in_what_is_no_json(text: str, kept: str) -> None:
    assert storable(text.encode()) == kept


def test_what_people_wrote_is_kept_as_it_is() -> None:
    notes = {"triggerEvent": "X", "notes": "[urgent] My password: see https://client.example/?page=2"}
    assert storable(json.dumps(notes).encode()) == notes


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"a": NaN, "b": Infinity, "c": -Infinity}', {"a": None, "b": None, "c": None}),
        (b'{"a": 1e999, "b": -1e999, "c": 1e-999, "d": 1.5}', {"a": "1e999", "b": "-1e999", "c": 0.0, "d": 1.5}),
        (b'{"a": 12345678901234567890}', {"a": "12345678901234567890"}),
        (b'{"a\\u0000": "b\\u0000c"}', {"a\ufffd": "b\ufffdc"}),
        (b'{"a": "\\ud800", "b": "\\ud83c\\udf88"}', {"a": "\ufffd", "b": "\U0001f388"}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"\xff\xfe\x00{}", "\ufffd\ufffd\ufffd{}"),
        (b"", ""),
        (b"false", "false"),
        (b"[1, NaN]", "[1, null]"),
        (b'"text"', '"text"'),
    ],
)
def test_what_a_database_cannot_hold(body: bytes, kept: object) -> None:
    assert storable(body) == kept


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_costs_little(body: bytes) -> None:
    began = time.perf_counter()
    kept = check_storable(parse(body, RECEIVED))
    assert time.perf_counter() - began < 2
    assert len(kept) < 4 * MIB


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted(
    {name for path in PAYLOADS.glob("*.json") for name in (json.loads(path.read_bytes()) or {}).get("payload") or ()}
)
attendee = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("email", "name", "phoneNumber", "timeZone", "language", "bookingSeat", "id"), anything),
)
payload = st.dictionaries(st.sampled_from(FIELDS), anything | st.lists(attendee, max_size=3), max_size=8)


@settings(max_examples=200)
@given(st.binary(max_size=300))
@example(b"{}")
@example(b'{"triggerEvent":[]}')
def test_no_bytes_raise(body: bytes) -> None:
    check_storable(parse(body, RECEIVED))


@settings(max_examples=250)
@given(st.sampled_from(sorted(TRIGGERS)) | anything, anything, payload | anything)
def test_no_json_raises(trigger: Any, created_at: Any, payload: Any) -> None:
    body = {"triggerEvent": trigger, "createdAt": created_at, "payload": payload}
    check_storable(parse(json.dumps(body).encode(), RECEIVED))


@settings(max_examples=250)
@given(st.sampled_from([path.read_bytes() for path in sorted(PAYLOADS.glob("*.json"))]), st.data())
def test_no_damage_to_a_real_body_raises(body: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 40)))
    check_storable(parse(body[:start] + data.draw(st.binary(max_size=8)) + body[end:], RECEIVED))


@settings(max_examples=200)
@given(payload)
def test_what_is_said_is_known_by_what_is_kept(payload: dict[str, Any]) -> None:
    """A body read again from the inbox says the same: nothing in a change comes from what was not stored."""
    body = {"triggerEvent": "BOOKING_CREATED", "createdAt": "2026-11-20T08:00:00Z", "payload": {**payload, "uid": "u"}}
    report = parse(json.dumps(body).encode(), RECEIVED)
    assert parse(json.dumps(report.body).encode(), RECEIVED).changes == report.changes
