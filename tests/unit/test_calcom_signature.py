"""What proves that a body comes from Cal.com: vectors of our own, those of the handbook, and everything refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calcom_webhook import verify

BODY = '{"triggerEvent":"PING","payload":{"title":"Überraschung 🎈"}}'.encode()

# Made with `openssl dgst -sha256 -hmac <secret>`, not with the code under test.
SIGNATURES = {
    "s3cret": "43fd74bea417af3427ba39224496d2f2292663830cc6c101ac5a9bc382ea805d",
    "schlüssel-€": "f386341aba8348b3e491d0f2ba4d023c2761ea3de1ec380f6ebe7c794845462e",
}


@pytest.mark.parametrize("secret", sorted(SIGNATURES))
def test_a_good_signature(secret: str) -> None:
    assert verify(BODY, SIGNATURES[secret], [secret])
    assert verify(BODY, SIGNATURES[secret], ["the new one", secret])
    assert verify(BODY, SIGNATURES[secret], [secret, "the old one"])
    assert not verify(BODY, SIGNATURES[secret], ["another"])
    assert not verify(BODY, SIGNATURES[secret], [])


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "no-secret-provided",
        SIGNATURES["s3cret"].upper(),
        "sha256=" + SIGNATURES["s3cret"],
        SIGNATURES["s3cret"][:-1],
        SIGNATURES["s3cret"] + " ",
        "é" * 64,
        "\udcff" * 64,
        "\x00",
    ],
)
def test_anything_but_bare_lower_case_hex_is_refused(signature: str | None) -> None:
    assert not verify(BODY, signature, ["s3cret"])


def test_one_changed_byte_is_refused() -> None:
    for position in range(len(BODY)):
        changed = BODY[:position] + bytes([BODY[position] ^ 1]) + BODY[position + 1 :]
        assert not verify(changed, SIGNATURES["s3cret"], ["s3cret"])


def test_an_empty_secret_never_verifies() -> None:
    assert not verify(BODY, "698df7a0ea103e4b7553add0a9272075e401e7365f299efde0c7fb300fc3b526", [""])


@given(st.binary(), st.none() | st.text(), st.lists(st.text()))
def test_verify_never_raises(body: bytes, signature: str | None, secrets: list[str]) -> None:
    assert verify(body, signature, secrets) is False


def test_the_vectors_of_the_handbook() -> None:
    handbook = Path(os.environ.get("HANDBOOK", Path(__file__).parents[3] / "shared"))
    vectors = handbook / "payloads" / "signature_vectors.json"
    if not vectors.exists():
        pytest.skip(f"no handbook at {handbook}")
    for vector in json.loads(vectors.read_text(encoding="utf-8")):
        signed = verify(vector["body_utf8"].encode(), vector["x_cal_signature_256"], [vector["secret"] or "any"])
        assert signed is (vector["secret"] is not None)
