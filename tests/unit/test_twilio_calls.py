"""Twilio's calls: whose signature counts, and what a status becomes."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.providers.signing import twilio_signature
from shared import twilio_calls
from shared.receipt import Receipt
from shared.twilio_calls import read_form, verify

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
ID = "0e3b5b0a-4c3e-4b58-9d5c-2b8a2b8f8c11"
SID = "SM" + "0" * 32
URL = "https://example.com/receipts/twilio/status?id=1&x=%C3%BC"
# Twilio's own example, and what its validators expect: https://www.twilio.com/docs/usage/security
EXAMPLE = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+12349013030"),
    ("Digits", "1234"),
    ("From", "+12349013030"),
    ("To", "+18005551212"),
]
EXAMPLE_URL, EXAMPLE_SIGNATURE = "https://mycompany.com/myapp.php?foo=1&bar=2", "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_the_signature_of_twilios_documentation() -> None:
    assert verify(EXAMPLE_URL, EXAMPLE, EXAMPLE_SIGNATURE, "12345")
    assert verify(EXAMPLE_URL, EXAMPLE[::-1], EXAMPLE_SIGNATURE, "12345"), "the order of the names is theirs"
    assert verify(EXAMPLE_URL, [*EXAMPLE, EXAMPLE[0]], EXAMPLE_SIGNATURE, "12345"), "said twice, signed once"
    assert not verify(EXAMPLE_URL.replace("https", "http"), EXAMPLE, EXAMPLE_SIGNATURE, "12345")
    assert not verify(f"{EXAMPLE_URL}&x", EXAMPLE, EXAMPLE_SIGNATURE, "12345")
    assert not verify(EXAMPLE_URL, [*EXAMPLE, ("Extra", "")], EXAMPLE_SIGNATURE, "12345")
    assert not verify(EXAMPLE_URL, EXAMPLE[1:], EXAMPLE_SIGNATURE, "12345")
    assert not verify(EXAMPLE_URL, [*EXAMPLE[1:], ("CallSid", "CA1")], EXAMPLE_SIGNATURE, "12345")


def test_two_values_of_one_field_are_both_signed() -> None:
    form = [("A", "2"), ("A", "1"), ("B", "")]
    # As one field whose value is both, in their order: what the stand-in signs, which knows no repeated fields.
    signature = twilio_signature("token", URL, {"A": "1A2", "B": ""})
    assert verify(URL, form, signature, "token")
    assert not verify(URL, form[1:], signature, "token")


@pytest.mark.parametrize("signature", [None, "", "é", "AAAA", EXAMPLE_SIGNATURE.lower(), EXAMPLE_SIGNATURE[:-1]])
def test_another_signature_is_refused(signature: str | None) -> None:
    assert not verify(EXAMPLE_URL, EXAMPLE, signature, "12345")
    assert not verify(EXAMPLE_URL, EXAMPLE, EXAMPLE_SIGNATURE, "another token")


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=8))
def test_what_is_signed_arrives(form: dict[str, str]) -> None:
    said = {
        name.encode("utf-8", "replace").decode(): one.encode("utf-8", "replace").decode() for name, one in form.items()
    }
    assert dict(read_form(urlencode(said).encode())) == said
    assert verify(URL, read_form(urlencode(said).encode()), twilio_signature("token", URL, said), "token")


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_are_a_form_that_nobody_signed(body: bytes, signature: str) -> None:
    assert not verify(URL, read_form(body), signature, "token")


def status(**fields: str) -> Receipt | None:
    return twilio_calls.read_status({"MessageSid": SID, "MessageStatus": "delivered", **fields}.items(), ID, NOW)


def test_a_status_becomes_a_receipt() -> None:
    receipt = status(To="+4915112345678")
    assert receipt is not None
    assert receipt.as_json() == {
        "receipt_id": f"{SID}:delivered",
        "channel": "sms",
        "event": "delivered",
        "provider_id": SID,
        "notification_id": ID,
        "permanent": False,
        "detail": None,
        "occurred_at": "2026-12-01T10:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("state", "error", "event", "permanent"),
    [
        ("queued", "", "queued", False),
        ("sent", "", "sent", False),
        ("read", "", "delivered", False),
        ("undelivered", "30003", "undelivered", True),
        ("undelivered", "30006", "undelivered", True),
        ("undelivered", "30007", "undelivered", False),
        ("failed", "21610", "failed", True),
        ("failed", "", "failed", False),
        ("delivered", "30003", "delivered", False),
    ],
)
def test_what_each_state_means(state: str, error: str, event: str, permanent: bool) -> None:
    receipt = status(MessageStatus=state, ErrorCode=error)
    assert receipt is not None
    assert (receipt.event, receipt.permanent, receipt.detail) == (event, permanent, error or None)


@pytest.mark.parametrize(
    "fields",
    [
        {"MessageSid": ""},
        {"MessageSid": "a b"},
        {"MessageSid": "\x00"},
        {"MessageStatus": ""},
        {"MessageStatus": "exploded"},
    ],
)
def test_what_is_no_status_is_nothing(fields: dict[str, str]) -> None:
    assert status(**fields) is None


def test_a_message_that_is_none_of_ours_is_known_by_twilios_id() -> None:
    for wrong in (None, "", "n1", "\x00", ID + " "):
        receipt = twilio_calls.read_status([("MessageSid", SID), ("MessageStatus", "sent")], wrong, NOW)
        assert receipt is not None
        assert (receipt.notification_id, receipt.provider_id) == (None, SID)
