"""Whatever is sent to `receipts`: no 5xx, nothing without a signature, no step backward, and replays are no news."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.providers.signing import twilio_signature
from tests.conftest import Connection, Stack
from tests.functions.in_process import served
from tests.functions.receiving import ANA, NUMBER, accepted, book, stored, suppressed, svix

PATHS = ("/resend", "/twilio/status", "/twilio/inbound")
RANKS = ["planned", "sending", "unknown", "failed", "sent", "delivered", "bounced", "complained"]
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
words = st.sampled_from(["STOP", "start", "HELP", "cancel", "Cancel my booking", "\x00", "", "€" * 500]) | st.text(
    max_size=60
)


@pytest.fixture
def receipts(clean: Stack) -> Iterator[FlaskClient]:
    with served("receipts", clean.env) as function:
        yield function


@pytest.fixture
def world(clean: Stack, receipts: FlaskClient) -> dict[str, str]:
    """One mail and one text that were sent: their ids here and at the providers."""
    book(clean.env, ANA)
    book(clean.env, NUMBER)
    [mail], [text] = accepted(clean.env, "email"), accepted(clean.env, "sms")
    callback = text["details"]["status_callback"]
    return {"mail": mail["id"], "mail_tag": mail["tags"][0]["value"], "text": text["id"], "text_tag": callback[-36:]}


@given(
    st.sampled_from(PATHS),
    st.binary(max_size=300) | st.builds(lambda value: json.dumps(value).encode(), anything),
    st.dictionaries(
        st.sampled_from(["svix-id", "svix-timestamp", "svix-signature", "X-Twilio-Signature", "Content-Type"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60),
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
)
@FEW
def test_what_nobody_signed(
    clean: Stack, receipts: FlaskClient, db: Connection, path: str, body: bytes, headers: dict[str, str], query: str
) -> None:
    answer = receipts.post(path, data=body, headers=headers, query_string=query.replace("#", ""))
    assert answer.status_code == 401
    assert (stored(db), suppressed(db)) == (0, [])


def test_what_is_signed_and_makes_no_sense(clean: Stack, receipts: FlaskClient, db: Connection) -> None:
    @given(anything, st.binary(max_size=100))
    @FEW
    def events(value: Any, raw: bytes) -> None:
        for body in (json.dumps(value).encode(), json.dumps({"type": "email.sent", "data": value}).encode(), raw):
            assert post_event(clean, receipts, body, "msg_x").status_code == 200

    @given(st.sampled_from(["status", "inbound"]), st.dictionaries(st.text(max_size=20), words, max_size=6), words)
    @FEW
    def calls(path: str, form: dict[str, str], query: str) -> None:
        assert post_call(clean, receipts, path, form, urlencode({"id": query}, errors="replace")).status_code < 300

    events()
    calls()
    assert suppressed(db) == []


def post_event(stack: Stack, receipts: FlaskClient, body: bytes, svix_id: str) -> Any:
    text = body.decode("utf-8", "replace").encode()  # the signer takes text
    headers = svix(stack.env["RESEND_WEBHOOK_SECRET"], text, svix_id)
    return receipts.post("/resend", data=text, headers=headers)


def post_call(stack: Stack, receipts: FlaskClient, path: str, form: dict[str, str], query: str = "") -> Any:
    form = {
        name.encode("utf-8", "replace").decode(): one.encode("utf-8", "replace").decode() for name, one in form.items()
    }
    url = f"{stack.env['FUNCTIONS_URL']}/receipts/twilio/{path}" + (f"?{query}" if query else "")
    headers = {"X-Twilio-Signature": twilio_signature(stack.env["TWILIO_AUTH_TOKEN"], url, form)}
    return receipts.post(
        f"/twilio/{path}",
        data=urlencode(form).encode(),
        query_string=query,
        headers=headers,
        content_type="application/x-www-form-urlencoded",
    )


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, ...]]:
    """Receipts and texts about a mail and a text, some of them hostile: kind, what it says, about what, and its id."""
    mail = st.tuples(
        st.just("mail"),
        st.sampled_from(["sent", "delivered", "bounced", "complained", "failed", "suppressed", "opened"])
        | st.text(max_size=9),
        st.sampled_from(["by id", "by tag", "unknown"]),
        st.sampled_from("abcdef"),
    )
    text = st.tuples(
        st.just("text"),
        st.sampled_from(["queued", "sent", "delivered", "undelivered", "failed", "read", "canceled"])
        | st.text(max_size=9),
        st.sampled_from(["by id", "by tag", "unknown"]),
        st.sampled_from(["", "30003", "21610", "30007", "\x00", "x" * 200]),
    )
    inbound = st.tuples(st.just("inbound"), words, st.sampled_from([NUMBER, "+49", "\x00", ""]), st.sampled_from("abc"))
    return draw(st.lists(mail | text | inbound, min_size=1, max_size=12))


def test_no_state_moves_backward_and_replays_change_nothing(
    clean: Stack, receipts: FlaskClient, db: Connection, world: dict[str, str]
) -> None:
    def state() -> dict[str, str]:
        return dict(db.execute("select id::text, status from public.notifications where kind <> 'reminder'").fetchall())

    def everything() -> list[Any]:
        tables = [
            *("public.notifications", "public.suppressions", "public.bookings"),
            *("private.receipts", "private.inbound_texts", "private.texts_in_doubt"),
        ]
        return [db.execute(f"select to_jsonb(t) from {table} t order by 1".encode()).fetchall() for table in tables]

    def say(said: tuple[str, ...]) -> None:
        kind, what, about, which = said
        if kind == "mail":
            data: dict[str, Any] = {"by id": {"email_id": world["mail"]}, "unknown": {"email_id": "re_x"}}.get(
                about, {}
            )
            data |= {"tags": {"notification_id": world["mail_tag"]}} if about == "by tag" else {}
            data["bounce"] = {"type": "Permanent" if which in "abc" else "Transient"}
            body = json.dumps({"type": f"email.{what}", "created_at": "2026-11-23T10:00:00Z", "data": data}).encode()
            answer = post_event(clean, receipts, body, f"msg_{which}")
        elif kind == "text":
            form = {
                "MessageSid": world["text"] if about == "by id" else "SM1",
                "MessageStatus": what,
                "ErrorCode": which,
            }
            query = f"id={world['text_tag']}" if about == "by tag" else ""
            answer = post_call(clean, receipts, "status", form, query)
        else:
            answer = post_call(clean, receipts, "inbound", {"MessageSid": f"SM{which}", "From": about, "Body": what})
        assert answer.status_code < 300, said

    @given(stories())
    @settings(parent=FEW, max_examples=40)
    def live(story: list[tuple[str, ...]]) -> None:
        db.execute("delete from private.receipts")
        db.execute("delete from private.inbound_texts")
        db.execute("delete from public.suppressions")
        db.execute("update public.notifications set status = 'sent', reason = null where kind <> 'reminder'")
        last = state()
        for said in story:
            say(said)
            now = state()
            assert all(RANKS.index(now[one]) >= RANKS.index(was) for one, was in last.items())
            last = now
        before = everything()
        for said in story:
            say(said)
        assert everything() == before
        assert db.execute("select distinct status from public.bookings").fetchall() == [("confirmed",)]

    live()
