"""Who may post to the webhook: only what Cal.com signed over the raw bytes, and nothing larger than 1 MiB.

A refused body leaves nothing behind; a signed one is never lost, whatever its bytes are.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Stack
from tests.functions.in_process import served
from tests.functions.posting import HANDBOOK, OURS, Connection

MIB = 1024 * 1024
BODY = b'{"triggerEvent":"PING","createdAt":"2026-11-20T10:00:00.000Z","payload":{"say":"z\xc3\xb6e"}}'
VECTORS = HANDBOOK / "signature_vectors.json"


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.fixture
def url(clean: Stack) -> str:
    return f"{clean.env['FUNCTIONS_URL']}/webhook"


@pytest.fixture
def secret(clean: Stack) -> str:
    return clean.env["CALCOM_WEBHOOK_SECRET"].split(",")[0]


def sign(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def rows(db: Connection) -> int:
    found = db.execute("select count(*) from public.webhook_events").fetchone()
    assert found is not None
    return int(found[0])


def signature_headers(good: str) -> dict[str, list[tuple[bytes, bytes]]]:
    name = b"X-Cal-Signature-256"
    return {
        "missing": [],
        "empty": [(name, b"")],
        "wrong": [(name, b"0" * 64)],
        "upper case": [(name, good.upper().encode())],
        "with a prefix": [(name, b"sha256=" + good.encode())],
        "no secret provided": [(name, b"no-secret-provided")],
        "not ASCII": [(name, "ä".encode("latin-1") * 64)],
        "not UTF-8 either": [(name, b"\xff\xfe" + good.encode())],
        "too short": [(name, good[:-1].encode())],
        "too long": [(name, good.encode() + b"0")],
        "in two": [(name, good[:32].encode()), (name, good[32:].encode())],
        "twice": [(name, good.encode()), (name, good.encode())],
        "under another name": [(b"X-Hub-Signature-256", good.encode())],
    }


@pytest.mark.parametrize("case", signature_headers("0" * 64))
def test_anything_but_the_bare_signature_is_refused(
    url: str, secret: str, db: Connection, http: httpx.Client, case: str
) -> None:
    answer = http.post(url, content=BODY, headers=signature_headers(sign(BODY, secret))[case])
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "bad_signature"
    assert rows(db) == 0


@pytest.mark.parametrize("place", [0, 20, len(BODY) - 1])
def test_one_changed_byte_is_refused(url: str, secret: str, db: Connection, http: httpx.Client, place: int) -> None:
    changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
    answer = http.post(url, content=changed, headers={"X-Cal-Signature-256": sign(BODY, secret)})
    assert answer.status_code == 401
    assert rows(db) == 0


def test_a_signature_of_the_body_written_anew_is_refused(
    url: str, secret: str, db: Connection, http: httpx.Client
) -> None:
    spaced = json.dumps(json.loads(BODY)).encode()
    answer = http.post(url, content=spaced, headers={"X-Cal-Signature-256": sign(BODY, secret)})
    assert answer.status_code == 401
    assert rows(db) == 0


@pytest.mark.parametrize("wrong", ["", "0", "no-secret-provided"])
def test_other_secrets_are_refused(url: str, db: Connection, http: httpx.Client, wrong: str) -> None:
    answer = http.post(url, content=BODY, headers={"X-Cal-Signature-256": sign(BODY, wrong)})
    assert answer.status_code == 401
    assert rows(db) == 0


def test_the_bare_signature_is_believed(url: str, secret: str, db: Connection, http: httpx.Client) -> None:
    answer = http.post(url, content=BODY, headers={"X-Cal-Signature-256": sign(BODY, secret)})
    assert (answer.status_code, answer.json()) == (200, {"outcome": "ignored"})
    assert rows(db) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(url: str, secret: str, db: Connection, http: httpx.Client, method: str) -> None:
    answer = http.request(method, url, content=BODY, headers={"X-Cal-Signature-256": sign(BODY, secret)})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "OPTIONS, POST")
    assert rows(db) == 0


def padded(size: int) -> bytes:
    return BODY[:-3] + b"." * (size - len(BODY)) + BODY[-3:]


@pytest.mark.parametrize("chunked", [False, True])
def test_one_mebibyte_passes_and_one_byte_more_does_not(
    url: str, secret: str, db: Connection, http: httpx.Client, chunked: bool
) -> None:
    for size, status, stored in ((MIB, 200, 1), (MIB + 1, 413, 1)):
        body = padded(size)
        content: Any = (body[at : at + 65_536] for at in range(0, size, 65_536)) if chunked else body
        answer = http.post(url, content=content, headers={"X-Cal-Signature-256": sign(body, secret)})
        assert ("Transfer-Encoding" in answer.request.headers) == chunked
        assert answer.status_code == status
        assert rows(db) == stored
    assert answer.json()["code"] == "too_large"


def test_bytes_that_belong_to_nobody_are_not_kept(clean: Stack, db: Connection, http: httpx.Client) -> None:
    """A body far beyond the limit is answered, and the next request on that connection is understood."""
    url = f"{clean.env['FUNCTIONS_URL']}/webhook"
    assert http.post(url, content=b"x" * (5 * MIB)).status_code == 413
    assert http.post(url, content=BODY).status_code == 401
    assert rows(db) == 0


# Any value in any place of a body, and bodies that are no JSON at all.
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
_FIELDS = (
    *("uid", "bookingId", "iCalUID", "title", "type", "status", "startTime", "endTime", "location", "organizer"),
    *("attendees", "responses", "metadata", "recurringEvent", "rescheduleUid", "seatsPerTimeSlot", "oneTimePassword"),
)
_TRIGGERS = (
    *("BOOKING_CREATED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED", "BOOKING_REQUESTED", "BOOKING_PAID"),
    *("MEETING_ENDED", "BOOKING_NO_SHOW_UPDATED", "PING", "FORM_SUBMITTED"),
)
_envelopes = st.fixed_dictionaries(
    {"triggerEvent": st.sampled_from(_TRIGGERS) | _values},
    optional={
        "createdAt": st.just("2026-11-20T10:00:00.000Z") | _values,
        "payload": st.dictionaries(st.sampled_from(_FIELDS), _values, max_size=8) | _values,
    },
)
_BODIES = (
    st.binary(max_size=400)
    | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | _values.map(lambda value: json.dumps(value).encode())
    | _envelopes.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    | _envelopes.map(lambda value: json.dumps(value).encode())
)


@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=_BODIES)
def test_any_signed_body_is_answered_and_kept(clean: Stack, db: Connection, http: httpx.Client, body: bytes) -> None:
    signature = sign(body, clean.env["CALCOM_WEBHOOK_SECRET"].split(",")[0])
    answer = http.post(
        f"{clean.env['FUNCTIONS_URL']}/webhook", content=body, headers={"X-Cal-Signature-256": signature}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcome"] in ("applied", "duplicate", "ignored", "quarantined")
    kept = db.execute(
        "select outcome from public.webhook_events where sha256 = %s", [hashlib.sha256(body).hexdigest()]
    ).fetchone()
    assert kept is not None


def test_secrets_in_bodies_reach_neither_the_database_nor_the_logs(
    clean: Stack, db: Connection, http: httpx.Client, secret: str
) -> None:
    """Each secret place of a body, also deep inside, in any spelling, in a body that is no JSON, or refused."""
    url = f"{clean.env['FUNCTIONS_URL']}/webhook"
    booking = json.loads((OURS / "booking_created.json").read_text())
    hidden = {name: f"hidden{number}value" for number, name in enumerate(("password", "oneTimePassword", "token"))}
    booking["payload"] |= {
        "oneTimePassword": hidden["oneTimePassword"],
        "videoCallData": {"type": "daily_video", "password": hidden["password"], "url": "https://v.example.com"},
        "deep": [{"connectAndJoinUrl": f"https://app.example.com/connect?token={hidden['token']}"}],
    }
    bodies = [
        json.dumps(booking).encode(),
        json.dumps({"triggerEvent": "PING", "oneTimePassword": hidden["oneTimePassword"]}).encode(),
        json.dumps(booking).encode()[:-1],
        f'say "password": "{hidden["password"]}"'.encode(),
    ]
    for body in bodies:
        assert http.post(url, content=body, headers={"X-Cal-Signature-256": sign(body, secret)}).status_code == 200
        assert http.post(url, content=body, headers={"X-Cal-Signature-256": "wrong"}).status_code == 401
    assert rows(db) == len(bodies)
    everything = all_text(db) + clean.log
    for value in (*hidden.values(), secret, clean.env["SUPABASE_SECRET_KEY"], clean.env["RESEND_API_KEY"]):
        assert value not in everything
    assert "v.example.com" in everything, "the search finds what is there"


def all_text(db: Connection) -> str:
    """Every row of every table of ours, as text."""
    tables = db.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'private')"
    ).fetchall()
    texts: list[str] = []
    for (table,) in tables:
        texts += [row[0] for row in db.execute(f"select t::text from {table} t").fetchall()]
    return "\n".join(texts)


@pytest.fixture
def rotating(clean: Stack) -> Iterator[FlaskClient]:
    """The function in this process, on the stack's database, with all these secrets."""
    secrets = {"the-next-one", "the-one-before", *(vector["secret"] for vector in vectors() if vector["secret"])}
    with served("webhook", {**clean.env, "CALCOM_WEBHOOK_SECRET": ",".join(sorted(secrets))}) as webhook:
        yield webhook


def test_while_rotating_each_secret_is_believed_and_no_other(rotating: FlaskClient, db: Connection) -> None:
    def status(secret: str) -> int:
        return rotating.post("/webhook", data=BODY, headers={"X-Cal-Signature-256": sign(BODY, secret)}).status_code

    current = os.environ["CALCOM_WEBHOOK_SECRET"]
    assert [status(secret) for secret in current.split(",")] == [200] * len(current.split(","))
    assert [status(secret) for secret in ("the-last-one", current, "")] == [401] * 3
    assert rows(db) == 1


@pytest.mark.skipif(not VECTORS.exists(), reason="the handbook's signature vectors are not beside this checkout")
def test_the_handbooks_vectors(rotating: FlaskClient, db: Connection) -> None:
    for vector in vectors():
        body, headers = vector["body_utf8"].encode(), {"X-Cal-Signature-256": vector["x_cal_signature_256"]}
        # One vector is what Cal.com sends where no secret is set.
        assert rotating.post("/", data=body, headers=headers).status_code == (200 if vector["secret"] else 401)
        assert rotating.post("/", data=body + b" ", headers=headers).status_code == 401
    assert rows(db) == len({vector["body_utf8"] for vector in vectors() if vector["secret"]})


def vectors() -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(VECTORS.read_text()) if VECTORS.exists() else []
    return found
