"""Receipts from end to end: both providers call the running function, and messages, suppressions and plans follow."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Connection, Stack
from tests.functions import receiving
from tests.functions.in_process import served
from tests.functions.receiving import (
    ANA,
    NUMBER,
    accepted,
    book,
    event,
    faults,
    order,
    resend,
    states,
    stored,
    suppressed,
    svix,
    twilio,
)

OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret of thirty-two bytes").decode()


def mail_of(stack: Stack) -> dict[str, Any]:
    [mail] = accepted(stack.env, "email")
    return mail


def tag(mail: dict[str, Any]) -> str:
    [value] = [one["value"] for one in mail["tags"] if one["name"] == "notification_id"]
    return str(value)


class TestMail:
    def test_what_was_delivered_is_delivered(self, clean: Stack, db: Connection) -> None:
        book(clean.env)
        assert states(db) == [("sent", None)]
        for kind in ("sent", "delivered", "opened"):
            assert order(clean.env, "email", id=mail_of(clean)["id"], event=kind) == 200
        assert states(db) == [("delivered", None)]
        assert stored(db) == 2, "who opened it is nobody's business"
        kept = db.execute("select event, provider_id, notification_id::text from private.receipts").fetchall()
        mail = mail_of(clean)
        assert sorted(kept) == [("delivered", mail["id"], tag(mail)), ("sent", mail["id"], tag(mail))]

    def test_a_permanent_bounce_suppresses_and_the_next_message_says_so(self, clean: Stack, db: Connection) -> None:
        uid = book(clean.env)
        order(clean.env, "email", id=mail_of(clean)["id"], event="bounced")
        assert states(db) == [("bounced", "permanent: bounced")]
        assert suppressed(db) == [("email", ANA, "bounced")]
        [(detail,)] = db.execute("select detail from private.receipts").fetchall()
        assert detail == "Permanent/General"
        book(clean.env, uid=uid, days=3, trigger="BOOKING_RESCHEDULED")
        assert states(db)[1:] == [("skipped", "suppressed")]
        assert len(accepted(clean.env, "email")) == 1

    def test_a_passing_bounce_does_not(self, clean: Stack, db: Connection) -> None:
        book(clean.env)
        order(clean.env, "email", id=mail_of(clean)["id"], event="bounced", bounce={"type": "Transient"})
        assert states(db) == [("bounced", "bounced")]
        assert suppressed(db) == []

    @pytest.mark.parametrize("kind", ["complained", "suppressed"])
    def test_a_complaint_suppresses_too(self, clean: Stack, db: Connection, kind: str) -> None:
        book(clean.env)
        order(clean.env, "email", id=mail_of(clean)["id"], event=kind)
        expected = {"complained": ("complained", None), "suppressed": ("bounced", "permanent: suppressed")}
        assert states(db) == [expected[kind]]
        assert [row[:2] for row in suppressed(db)] == [("email", ANA)]

    def test_before_its_send_was_settled_a_receipt_proves_the_send(self, clean: Stack, db: Connection) -> None:
        """Resend took it, and its answer was lost."""
        faults(clean.env, "email", "timeout_after_accept")
        book(clean.env)
        assert states(db)[0][0] == "sending"
        order(clean.env, "email", id=mail_of(clean)["id"], event="delivered")
        assert states(db) == [("delivered", None)]
        db.execute("update private.outbox set try_at = now() where priority < 3")
        receiving.sweep(clean.env)
        assert states(db) == [("delivered", None)]
        assert len(accepted(clean.env, "email")) == 1

    @pytest.mark.parametrize("kinds", list(permutations(["sent", "delivered", "complained"])))
    def test_in_any_order_it_never_moves_backward(self, clean: Stack, db: Connection, kinds: tuple[str, ...]) -> None:
        book(clean.env)
        ranks = ["sent", "delivered", "complained"]
        seen = []
        for kind in kinds:
            order(clean.env, "email", id=mail_of(clean)["id"], event=kind)
            seen.append(ranks.index(states(db)[0][0]))
        assert seen == sorted(seen)
        assert states(db)[0][0] == "complained"

    def test_what_we_do_not_know_is_kept_and_is_no_error(self, clean: Stack, db: Connection) -> None:
        answer = resend(
            clean.env, event("email.delivered", email_id="re_elsewhere", tags={"notification_id": str(uuid4())})
        )
        assert (answer.status_code, answer.json()) == (200, {"outcome": "unknown"})
        assert stored(db) == 1

    def test_an_event_counts_once(self, clean: Stack, db: Connection) -> None:
        book(clean.env)
        mail_id = mail_of(clean)["id"]
        for kind in ("delivered", "bounced", "bounced"):
            assert order(clean.env, "email", id=mail_id, event=kind, svix_id="msg_once") == 200
        assert (states(db), suppressed(db), stored(db)) == ([("delivered", None)], [], 1)
        again = resend(clean.env, event("email.bounced", email_id=mail_id), svix_id="msg_once")
        assert again.json() == {"outcome": "duplicate"}

    @pytest.mark.parametrize("kind", ["email.received", "contact.created", "domain.updated", "email.exploded", ""])
    def test_other_events_are_ignored(self, clean: Stack, db: Connection, kind: str) -> None:
        answer = resend(clean.env, event(kind, email_id="re_1"))
        assert (answer.status_code, answer.json()) == (200, {"outcome": "ignored"})
        assert stored(db) == 0

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"type": "email.sent", "data": 5}'])
    def test_what_is_signed_and_makes_no_sense_is_ignored(self, clean: Stack, db: Connection, body: bytes) -> None:
        assert resend(clean.env, body).json() == {"outcome": "ignored"}
        assert stored(db) == 0


class TestSignatureOfResend:
    BODY = event("email.delivered", email_id="re_1")

    def refused(self, stack: Stack, db: Connection, headers: dict[str, str], body: bytes = BODY) -> None:
        answer = resend(stack.env, body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert stored(db) == 0

    def test_none(self, clean: Stack, db: Connection) -> None:
        self.refused(clean, db, {})
        for missing in ("svix-id", "svix-timestamp", "svix-signature"):
            headers = svix(clean.env["RESEND_WEBHOOK_SECRET"], self.BODY, "msg_1")
            del headers[missing]
            self.refused(clean, db, headers)

    def test_anothers_or_a_changed_one(self, clean: Stack, db: Connection) -> None:
        self.refused(clean, db, svix(OTHER_SECRET, self.BODY, "msg_1"))
        right = svix(clean.env["RESEND_WEBHOOK_SECRET"], self.BODY, "msg_1")
        self.refused(clean, db, right, self.BODY + b" ")
        self.refused(clean, db, right | {"svix-id": "msg_2"})
        self.refused(clean, db, right | {"svix-timestamp": str(int(right["svix-timestamp"]) + 1)})

    def test_another_version(self, clean: Stack, db: Connection) -> None:
        right = svix(clean.env["RESEND_WEBHOOK_SECRET"], self.BODY, "msg_1")
        for version in ("v9", "v1a", ""):
            self.refused(clean, db, right | {"svix-signature": right["svix-signature"].replace("v1", version, 1)})

    @pytest.mark.parametrize("minutes", [-6, 6])
    def test_an_old_one_or_one_of_tomorrow(self, clean: Stack, db: Connection, minutes: int) -> None:
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        self.refused(clean, db, svix(clean.env["RESEND_WEBHOOK_SECRET"], self.BODY, "msg_1", at))

    def test_while_the_secret_is_rotated_there_are_two(self, clean: Stack, db: Connection) -> None:
        ours, theirs = (
            svix(secret, self.BODY, "msg_1") for secret in (clean.env["RESEND_WEBHOOK_SECRET"], OTHER_SECRET)
        )
        both = ours | {"svix-signature": f"{theirs['svix-signature']} {ours['svix-signature']}"}
        assert resend(clean.env, self.BODY, headers=both).json() == {"outcome": "unknown"}


class TestText:
    def text_of(self, stack: Stack) -> dict[str, Any]:
        [text] = accepted(stack.env, "sms")
        return text

    def test_what_was_delivered_is_delivered(self, clean: Stack, db: Connection) -> None:
        book(clean.env, NUMBER)
        assert states(db) == [("sent", None)]
        for kind in ("queued", "delivered", "sent", "sending"):
            assert order(clean.env, "sms", id=self.text_of(clean)["id"], event=kind) == 204
        assert states(db) == [("delivered", None)]

    @pytest.mark.parametrize(
        ("code", "state", "why"),
        [
            (30003, ("bounced", "permanent: undelivered"), [("sms", NUMBER, "bounced")]),
            (21610, ("bounced", "permanent: undelivered"), [("sms", NUMBER, "stopped")]),
            (30008, ("bounced", "undelivered"), []),
        ],
    )
    def test_an_error_that_stays_suppresses(
        self, clean: Stack, db: Connection, code: int, state: tuple[str, str], why: list[tuple[str, ...]]
    ) -> None:
        uid = book(clean.env, NUMBER)
        order(clean.env, "sms", id=self.text_of(clean)["id"], event="undelivered", error_code=code)
        assert states(db) == [state]
        assert suppressed(db) == why
        assert db.execute("select detail from private.receipts").fetchall() == [(str(code),)]
        book(clean.env, NUMBER, uid, 3, "BOOKING_RESCHEDULED")
        assert (states(db)[1] == ("skipped", "suppressed")) == bool(why)

    def test_before_its_send_was_settled_it_proves_the_send(self, clean: Stack, db: Connection) -> None:
        faults(clean.env, "sms", "timeout_after_accept")
        book(clean.env, NUMBER)
        assert states(db)[0][0] == "unknown"
        order(clean.env, "sms", id=self.text_of(clean)["id"], event="queued")
        assert states(db) == [("sent", None)]
        order(clean.env, "sms", id=self.text_of(clean)["id"], event="delivered")
        assert states(db) == [("delivered", None)]

    def test_a_number_that_is_refused_at_once_is_suppressed(self, clean: Stack, db: Connection) -> None:
        number = "+15005550009"  # cannot take texts
        uid = book(clean.env, number)
        assert states(db) == [("failed", "400 21614")]
        assert suppressed(db) == [("sms", number, "bounced")]
        book(clean.env, number, uid, 3, "BOOKING_RESCHEDULED")
        assert states(db)[1:] == [("skipped", "suppressed")]

    def test_the_same_state_counts_once(self, clean: Stack, db: Connection) -> None:
        form = {"MessageSid": "SM" + "1" * 32, "MessageStatus": "delivered"}
        for _ in range(3):
            assert twilio(clean.env, "status", form).status_code == 204
        assert stored(db) == 1

    @pytest.mark.parametrize("form", [{}, {"MessageSid": "SM1"}, {"MessageSid": "SM1", "MessageStatus": "exploded"}])
    def test_what_is_signed_and_makes_no_sense_is_ignored(
        self, clean: Stack, db: Connection, form: dict[str, str]
    ) -> None:
        assert twilio(clean.env, "status", form).status_code == 204
        assert stored(db) == 0


class TestSignatureOfTwilio:
    FORM = {"MessageSid": "SM" + "1" * 32, "MessageStatus": "delivered"}

    def refused(self, stack: Stack, db: Connection, path: str = "status?id=n1", **words: Any) -> None:
        for form in (self.FORM, {**self.FORM, "From": NUMBER, "Body": "STOP"}):
            answer = twilio(stack.env, path, form, **words)
            assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
        assert stored(db) == 0
        assert suppressed(db) == []

    @pytest.mark.parametrize("path", ["status?id=n1", "status", "inbound"])
    def test_a_wrong_one(self, clean: Stack, db: Connection, path: str) -> None:
        self.refused(clean, db, path, token="another")
        self.refused(clean, db, path, signature="")
        self.refused(clean, db, path, signature="AAAA")
        self.refused(clean, db, path, signed_url="https://elsewhere.example.com/receipts/twilio/status?id=n1")

    def test_one_for_another_message_or_path(self, clean: Stack, db: Connection) -> None:
        base = f"{clean.env['FUNCTIONS_URL']}/receipts/twilio"
        for other in ("status?id=n2", "status", "status?id=n1&x=1", "inbound"):
            self.refused(clean, db, signed_url=f"{base}/{other}")

    def test_the_address_is_the_public_one_whatever_the_request_was_sent_to(self, clean: Stack) -> None:
        """Behind a proxy the function sees `http://` and another host."""
        public = "https://bookings.example.com/api"
        headers = receiving.twilio_headers(clean.env, f"{public}/receipts/twilio/status?id=a%2Fb&x=", self.FORM)
        with served("receipts", {**clean.env, "FUNCTIONS_URL": public}) as function:
            for path in ("/twilio/status", "/receipts/twilio/status"):
                answer = function.post(f"{path}?id=a%2Fb&x=", data=self.FORM, headers=headers)
                assert answer.status_code == 204


def test_the_buttons_of_the_inbox_pages_work(clean: Stack, db: Connection) -> None:
    book(clean.env)
    book(clean.env, NUMBER)
    for channel, url in (("email", clean.env["RESEND_API_URL"]), ("sms", clean.env["TWILIO_API_URL"])):
        [message] = accepted(clean.env, channel)
        pressed = httpx.post(f"{url}/inbox/{message['id']}/receipt", data={"event": "delivered"}, timeout=20)
        assert pressed.headers["Location"].endswith("outcome=200" if channel == "email" else "outcome=204")
    assert states(db) == [("delivered", None)] * 2
    httpx.post(f"{url}/inbox/{message['id']}/reply", data={"body": "Stop"}, timeout=20)
    assert suppressed(db) == [("sms", NUMBER, "stopped")]


def test_only_known_paths_answer_and_only_to_post(clean: Stack) -> None:
    with served("receipts", clean.env) as function:
        for path in ("/", "/twilio", "/twilio/other", "/resend/x"):
            assert function.post(path).status_code == 404
        for path in ("/resend", "/twilio/status", "/twilio/inbound"):
            assert function.get(path).status_code == 405
            assert function.post(path, data=b"x" * (1024 * 1024 + 1)).status_code == 413


def test_without_the_database_the_provider_comes_again(clean: Stack) -> None:
    body = event("email.delivered", email_id="re_1")
    form = {"MessageSid": "SM1", "MessageStatus": "sent", "From": NUMBER, "Body": "STOP"}
    with served("receipts", {**clean.env, "SUPABASE_URL": "http://127.0.0.1:9"}) as function:
        answer = function.post("/resend", data=body, headers=svix(clean.env["RESEND_WEBHOOK_SECRET"], body, "msg_1"))
        assert (answer.status_code, answer.json["code"]) == (503, "upstream_unavailable")  # type: ignore[index]
        for path in ("status", "inbound"):
            url = f"{clean.env['FUNCTIONS_URL']}/receipts/twilio/{path}"
            headers = receiving.twilio_headers(clean.env, url, form)
            assert function.post(f"/twilio/{path}", data=form, headers=headers).status_code == 503


def test_neither_addresses_nor_texts_nor_numbers_reach_the_log(clean: Stack) -> None:
    book(clean.env)
    order(clean.env, "email", id=mail_of(clean)["id"], event="bounced")
    order(clean.env, "sms", **{"from": NUMBER, "body": "STOP"})
    order(clean.env, "sms", **{"from": NUMBER, "body": "my secret words"})
    lines = [json.loads(line[line.index("{") :]) for line in clean.log.splitlines() if '"receipts 2' in line]
    assert lines
    said = json.dumps(lines)
    assert not [word for word in (ANA, NUMBER, NUMBER[1:], "secret words", "/twilio") if word in said]
    assert {line["outcome"] for line in lines} >= {"applied"}
