"""Signed links, and who may start a job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpx import HTTPXMock
from werkzeug.datastructures import Headers

from shared import tokens
from shared.errors import InvalidLink, NotSignedIn, Unavailable
from shared.jwks import Jwks
from shared.tokens import read_link, sign_link
from shared.web import Request

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
CERTIFICATES = "https://www.googleapis.com/oauth2/v3/certs"
ACCOUNT = "jobs@calendar.iam.gserviceaccount.com"
AUDIENCE = "https://functions.example.com/reminders"


class TestLinks:
    def test_a_link_gives_its_subject_back(self) -> None:
        token = sign_link("unsubscribe", "zoë@example.com", "s", None)
        assert read_link(token, "unsubscribe", ["s"], NOW) == "zoë@example.com"

    def test_a_link_fits_into_an_address(self) -> None:
        token = sign_link("unsubscribe", "a+b/c=d?e&f#g@example.com", "s", NOW)
        assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")

    def test_it_is_the_same_each_time(self) -> None:
        assert sign_link("unsubscribe", "a", "s", None) == sign_link("unsubscribe", "a", "s", None)

    def test_any_current_secret_is_believed_and_no_other(self) -> None:
        token = sign_link("unsubscribe", "a", "old", None)
        assert read_link(token, "unsubscribe", ["new", "old"], NOW) == "a"
        for secrets in (["new"], [], [""], ["ol"]):
            with pytest.raises(InvalidLink):
                read_link(token, "unsubscribe", secrets, NOW)

    def test_an_empty_secret_never_verifies(self) -> None:
        with pytest.raises(InvalidLink):
            read_link(sign_link("unsubscribe", "a", "", None), "unsubscribe", [""], NOW)

    def test_it_serves_one_purpose(self) -> None:
        with pytest.raises(InvalidLink):
            read_link(sign_link("unsubscribe", "a", "s", None), "preferences", ["s"], NOW)

    def test_it_ends_at_its_time(self) -> None:
        token = sign_link("preferences", "a", "s", NOW)
        assert read_link(token, "preferences", ["s"], NOW - timedelta(seconds=1)) == "a"
        with pytest.raises(InvalidLink):
            read_link(token, "preferences", ["s"], NOW)

    def test_its_time_cannot_be_taken_off_or_moved(self) -> None:
        _, subject, mac = sign_link("preferences", "a", "s", NOW).split(".")
        for expiry in ("", "99999999999", "9" * 400, "-1", "1e9"):
            with pytest.raises(InvalidLink):
                read_link(f"{expiry}.{subject}.{mac}", "preferences", ["s"], NOW - timedelta(days=1))

    @given(st.text() | st.from_regex(r"[0-9]*\.[\w-]*\.[\w-]*=*", fullmatch=True))
    def test_nothing_else_is_a_link(self, token: str) -> None:
        with pytest.raises(InvalidLink):
            read_link(token, "preferences", ["s"], NOW)

    @given(st.integers(0, 200), st.characters())
    def test_one_changed_sign_never_makes_another_link(self, place: int, sign: str) -> None:
        token = sign_link("preferences", "someone@example.com", "s", NOW)
        place %= len(token)
        changed = token[:place] + sign + token[place + 1 :]
        with suppress(InvalidLink):  # base64's last sign has spare bits: they may change, and mean nothing
            assert read_link(changed, "preferences", ["s"], NOW - timedelta(days=1)) == "someone@example.com"


def asked(authorization: str | None) -> Request:
    headers = Headers({"Authorization": authorization} if authorization is not None else {})
    return Request(method="POST", path="/", query={}, headers=headers, body=b"", started=0.0)


authenticate = tokens.scheduler("reminders")


@pytest.mark.usefixtures("environment")
class TestSchedulerToken:
    def test_the_token_starts_the_job(self) -> None:
        assert authenticate(asked("Bearer tick")) == "scheduler"
        assert authenticate(asked("bearer tick")) == "scheduler"

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "tick",
            "Bearer",
            "Bearer ",
            "Bearer tock",
            "Bearer tick ",
            "Bearer  tick",
            "Bearer é",
        ],
    )
    def test_anything_else_does_not(self, header: str | None) -> None:
        with pytest.raises(NotSignedIn):
            authenticate(asked(header))

    def test_no_token_configured_means_no_token_believed(self, environment: pytest.MonkeyPatch) -> None:
        environment.setenv("SCHEDULER_TOKEN", "")
        environment.setenv("SCHEDULER_SERVICE_ACCOUNT", ACCOUNT)
        for header in ("Bearer ", "Bearer None", "Bearer tick"):
            with pytest.raises(NotSignedIn):
                authenticate(asked(header))


@pytest.fixture(scope="module")
def google() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def stranger() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def certificates(
    environment: pytest.MonkeyPatch, httpx_mock: HTTPXMock, google: rsa.RSAPrivateKey
) -> Iterator[HTTPXMock]:
    environment.setenv("SCHEDULER_SERVICE_ACCOUNT", ACCOUNT)
    httpx_mock.add_response(url=CERTIFICATES, json={"keys": [public(google, "g1")]}, is_reusable=True, is_optional=True)
    yield httpx_mock


def public(key: rsa.RSAPrivateKey, key_id: str) -> dict[str, Any]:
    jwk: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": key_id, "use": "sig", "alg": "RS256"}


def token(key: rsa.RSAPrivateKey, key_id: str = "g1", **changes: Any) -> str:
    claims = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "email": ACCOUNT,
        "email_verified": True,
        "sub": "1",
        "iat": int(time.time()),
        "exp": int(time.time()) + 3600,
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm="RS256", headers={"kid": key_id})


def stripped(signed: str) -> str:
    return signed.rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"


WRONG: list[dict[str, Any]] = [
    {"email": "other@calendar.iam.gserviceaccount.com"},
    {"email": None},
    {"email_verified": False},
    {"email_verified": None},
    {"email_verified": "true"},
    {"aud": "https://functions.example.com/reconcile"},
    {"aud": "https://evil.example.com"},
    {"aud": None},
    {"iss": "https://accounts.evil.example.com"},
    {"iss": None},
    {"exp": 1_600_000_000},
    {"exp": None},
]


@pytest.mark.usefixtures("certificates")
class TestGoogleAccount:
    def test_its_own_token_starts_the_job(self, google: rsa.RSAPrivateKey) -> None:
        assert authenticate(asked(f"Bearer {token(google)}")) == ACCOUNT
        assert authenticate(asked(f"Bearer {token(google, aud='https://functions.example.com')}")) == ACCOUNT

    @pytest.mark.parametrize("changes", WRONG, ids=str)
    def test_a_token_that_says_anything_else_does_not(self, google: rsa.RSAPrivateKey, changes: dict[str, Any]) -> None:
        with pytest.raises(NotSignedIn):
            authenticate(asked(f"Bearer {token(google, **changes)}"))

    def test_another_key_does_not(self, stranger: rsa.RSAPrivateKey) -> None:
        for key_id in ("g1", "g2"):
            with pytest.raises(NotSignedIn):
                authenticate(asked(f"Bearer {token(stranger, key_id)}"))

    def test_no_other_algorithm_does(self, google: rsa.RSAPrivateKey) -> None:
        claims = jwt.decode(token(google), options={"verify_signature": False})
        for forged in (
            jwt.encode(claims, None, algorithm="none", headers={"kid": "g1"}),  # type: ignore[arg-type]
            jwt.encode(claims, public(google, "g1")["n"], algorithm="HS256", headers={"kid": "g1"}),
        ):
            with pytest.raises(NotSignedIn):
                authenticate(asked(f"Bearer {forged}"))

    def test_an_unsigned_token_is_not_believed_where_nobody_checked_it(self, google: rsa.RSAPrivateKey) -> None:
        with pytest.raises(NotSignedIn):
            authenticate(asked(f"Bearer {stripped(token(google))}"))

    def test_behind_iam_it_is_read(self, environment: pytest.MonkeyPatch, google: rsa.RSAPrivateKey) -> None:
        environment.setenv("SCHEDULER_SERVICE_ACCOUNT", f"iam:{ACCOUNT}")
        assert authenticate(asked(f"Bearer {stripped(token(google))}")) == ACCOUNT
        assert authenticate(asked(f"Bearer {token(google)}")) == ACCOUNT

    @pytest.mark.parametrize("changes", WRONG, ids=str)
    def test_behind_iam_what_it_says_counts_as_much(
        self, environment: pytest.MonkeyPatch, google: rsa.RSAPrivateKey, changes: dict[str, Any]
    ) -> None:
        environment.setenv("SCHEDULER_SERVICE_ACCOUNT", f"iam:{ACCOUNT}")
        with pytest.raises(NotSignedIn):
            authenticate(asked(f"Bearer {stripped(token(google, **changes))}"))

    @pytest.mark.parametrize("account", [ACCOUNT, f"iam:{ACCOUNT}"])
    @pytest.mark.parametrize("garbage", ["a.b.c", "a.b.SIGNATURE_REMOVED_BY_GOOGLE", "..", "e30.e30.", "x" * 5000])
    def test_garbage_is_no_token(self, environment: pytest.MonkeyPatch, account: str, garbage: str) -> None:
        environment.setenv("SCHEDULER_SERVICE_ACCOUNT", account)
        with pytest.raises(NotSignedIn):
            authenticate(asked(f"Bearer {garbage}"))

    def test_keys_are_asked_for_once(self, google: rsa.RSAPrivateKey, certificates: HTTPXMock) -> None:
        for number in range(20):
            with pytest.raises(NotSignedIn):
                authenticate(asked(f"Bearer {token(google, f'made-up-{number}')}"))
            assert authenticate(asked(f"Bearer {token(google)}")) == ACCOUNT
        assert len(certificates.get_requests()) == 1


@pytest.mark.usefixtures("environment")
class TestKeys:
    def test_keys_for_encryption_are_not_for_signing(self, httpx_mock: HTTPXMock, google: rsa.RSAPrivateKey) -> None:
        httpx_mock.add_response(json={"keys": [{**public(google, "g1"), "use": "enc"}]})
        with pytest.raises(NotSignedIn):
            Jwks(CERTIFICATES).key("g1")

    @pytest.mark.parametrize("answer", [{"status_code": 503}, {"text": "<html>"}, {"json": {}}, {"json": []}])
    def test_no_keys_at_all_is_not_the_callers_fault(self, httpx_mock: HTTPXMock, answer: dict[str, Any]) -> None:
        httpx_mock.add_response(**answer)
        with pytest.raises(Unavailable):
            Jwks(CERTIFICATES).key("g1")

    def test_known_keys_outlive_a_failed_question(
        self, httpx_mock: HTTPXMock, google: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 1000.0
        monkeypatch.setattr("shared.jwks.time.monotonic", lambda: now)
        keys = Jwks(CERTIFICATES)
        httpx_mock.add_response(json={"keys": [public(google, "g1")]})
        first = keys.key("g1")
        now += 601
        httpx_mock.add_response(status_code=503)
        assert keys.key("g1") is first
        now += 601
        httpx_mock.add_response(json={"keys": [public(google, "g2")]})
        with pytest.raises(NotSignedIn):
            keys.key("g1")
        assert keys.key("g2") is not None
