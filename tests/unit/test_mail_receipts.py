"""Resend's events: whose signature counts, by verifiers that are not ours too, and what each event becomes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import resend
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from shared import mail_receipts

KEY = base64.b64encode(b"a key of thirty-two bytes, more or less").decode()
SECRET = f"whsec_{KEY}"
OTHER = "whsec_" + base64.b64encode(b"another key of about the same length").decode()
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ID = "0e3b5b0a-4c3e-4b58-9d5c-2b8a2b8f8c11"


def headers(body: bytes, at: datetime = NOW, secret: str = SECRET, identifier: str = "msg_1") -> dict[str, str]:
    return {
        "svix-id": identifier,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(secret).sign(identifier, at, body.decode()),
    }


def verify(body: bytes, with_headers: dict[str, str], now: datetime = NOW) -> bool:
    return mail_receipts.verify(body, with_headers, SECRET, now)


def event(kind: str, **data: Any) -> bytes:
    more = {"email_id": "re_1", "tags": {"notification_id": ID}, "to": ["client@example.com"], "subject": "Secret"}
    return json.dumps({"type": kind, "created_at": "2026-11-23T10:00:00.000Z", "data": more | data}).encode()


def read(kind: str, **data: Any) -> Any:
    return mail_receipts.read(event(kind, **data), "msg_1", NOW)


class TestSignature:
    @pytest.mark.parametrize("body", [b"{}", b"", "{“ü”}".encode()])
    def test_what_others_sign_is_accepted(self, body: bytes) -> None:
        assert verify(body, headers(body))
        assert mail_receipts.verify(body, headers(body), KEY, NOW), "the prefix is for people"

    @given(st.text(max_size=200), st.sampled_from(["", "v1,", "v2,", "v1a,"]))
    def test_it_agrees_with_resends_own_verifier(self, text: str, prefix: str) -> None:
        body = json.dumps([text], ensure_ascii=False).encode("utf-8", "replace")
        now = datetime.now(UTC)
        signed = headers(body, now) | ({"svix-signature": f"{prefix}AAAA"} if prefix else {})
        theirs = True
        try:
            resend.Webhooks.verify(
                {
                    "payload": body.decode(),
                    "headers": {name.removeprefix("svix-"): value for name, value in signed.items()},  # type: ignore[typeddict-item]
                    "webhook_secret": SECRET,
                }
            )
        except ValueError:
            theirs = False
        assert verify(body, signed, now) == theirs

    def test_the_version_counts(self) -> None:
        right = headers(b"{}")
        for version in ("v9", "v1a", "V1", "", "v1,v1"):
            wrong = right | {"svix-signature": right["svix-signature"].replace("v1", version, 1)}
            assert not verify(b"{}", wrong), version

    def test_one_of_several_is_enough_while_a_secret_is_rotated(self) -> None:
        ours, theirs = headers(b"{}")["svix-signature"], headers(b"{}", secret=OTHER)["svix-signature"]
        assert verify(b"{}", headers(b"{}") | {"svix-signature": f"{theirs} {ours}"})
        assert verify(b"{}", headers(b"{}") | {"svix-signature": f"v1a,xyz {ours} v2,abc"})
        assert not verify(b"{}", headers(b"{}") | {"svix-signature": theirs})

    @pytest.mark.parametrize(
        ("seconds", "accepted"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
    )
    def test_it_is_good_for_five_minutes_both_ways(self, seconds: int, accepted: bool) -> None:
        assert verify(b"{}", headers(b"{}"), NOW + timedelta(seconds=seconds)) is accepted

    @pytest.mark.parametrize("name", ["svix-id", "svix-timestamp", "svix-signature"])
    @pytest.mark.parametrize("value", [None, "", " ", "1", "v1,", "é", "9" * 30, "msg.1", "\u0661"])
    def test_a_missing_or_another_header_is_refused(self, name: str, value: str | None) -> None:
        changed = {key: one for key, one in headers(b"{}").items() if key != name}
        assert not verify(b"{}", changed | ({name: value} if value is not None else {}))

    def test_a_changed_body_is_refused(self) -> None:
        assert not verify(b"{ }", headers(b"{}"))
        assert not verify(b"{}\xff", headers(b"{}"))


class TestEvent:
    def test_it_becomes_a_receipt(self) -> None:
        assert read("email.delivered").as_json() == {
            "receipt_id": "msg_1",
            "channel": "email",
            "event": "delivered",
            "provider_id": "re_1",
            "notification_id": ID,
            "permanent": False,
            "detail": None,
            "occurred_at": "2026-11-23T10:00:00+00:00",
        }

    @pytest.mark.parametrize(
        ("kind", "data", "permanent", "detail"),
        [
            ("bounced", {"bounce": {"type": "Permanent", "subType": "General"}}, True, "Permanent/General"),
            ("bounced", {"bounce": {"type": "Transient", "subType": "MailboxFull"}}, False, "Transient/MailboxFull"),
            ("bounced", {"bounce": {"type": "Permanent", "message": "550 a@b.de unknown"}}, True, "Permanent"),
            ("bounced", {"bounce": {"type": "to a@b.de", "subType": "x y"}}, False, None),
            ("bounced", {"bounce": "Permanent"}, False, None),
            ("suppressed", {"suppressed": {"type": "OnAccountSuppressionList"}}, True, "OnAccountSuppressionList"),
            ("suppressed", {}, True, None),
            ("failed", {"failed": {"reason": "reached_daily_quota"}}, False, "reached_daily_quota"),
            ("complained", {}, False, None),
            ("sent", {"bounce": {"type": "Permanent"}}, False, None),
        ],
    )
    def test_what_is_kept_of_it(self, kind: str, data: dict[str, Any], permanent: bool, detail: str | None) -> None:
        receipt = read(f"email.{kind}", **data)
        assert (receipt.event, receipt.permanent, receipt.detail) == (kind, permanent, detail)

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ({"notification_id": ID}, ID),
            ([{"name": "kind", "value": "x"}, {"name": "notification_id", "value": ID}], ID),
            ([{"name": "notification_id"}, 5], None),
            ({"notification_id": "n1"}, None),
            ({"notification_id": 5}, None),
            (ID, None),
            (None, None),
        ],
    )
    def test_tags_come_in_two_shapes(self, tags: Any, expected: str | None) -> None:
        assert read("email.sent", tags=tags).notification_id == expected

    def test_an_event_without_a_message_is_nothing(self) -> None:
        assert read("email.sent", tags=None, email_id=None) is None
        assert read("email.sent", tags=None, email_id="a\x00b") is None
        assert read("email.sent", tags=None).provider_id == "re_1"
        assert read("email.sent", email_id=None).notification_id == ID

    @pytest.mark.parametrize(
        "kind", ["email.opened", "email.clicked", "email.received", "contact.created", "sent", "", 5]
    )
    def test_what_is_not_about_a_mail_on_its_way_is_ignored(self, kind: Any) -> None:
        assert read(kind) is None

    def test_it_did_not_happen_later_than_now(self) -> None:
        for said in ("2199-01-01T00:00:00Z", "yesterday", None, "0001-01-01T00:00:00+14:00"):
            body = json.loads(event("email.sent")) | {"created_at": said}
            receipt = mail_receipts.read(json.dumps(body).encode(), "msg_1", NOW)
            assert receipt is not None and receipt.occurred_at == NOW

    @pytest.mark.parametrize(
        "body", [b"", b"null", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"type": "email.sent"}', b"9" * 9999]
    )
    def test_what_is_no_event_is_nothing(self, body: bytes) -> None:
        assert mail_receipts.read(body, "msg_1", NOW) is None

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=20,
        )
    )
    def test_whatever_its_parts_are(self, part: Any) -> None:
        for name in ("data", "created_at", "type"):
            body = json.loads(event("email.bounced")) | {name: part}
            mail_receipts.read(json.dumps(body).encode(), "msg_1", NOW)
        for name in ("tags", "email_id", "bounce"):
            mail_receipts.read(event("email.bounced", **{name: part}), "msg_1", NOW)
