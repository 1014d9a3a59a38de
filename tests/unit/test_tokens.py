"""Signed links, who is signed in, and who may start a job."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpx import HTTPXMock
from werkzeug.datastructures import Headers

from shared import settings, tokens
from shared.errors import InvalidLink, NotSignedIn, Unavailable
from shared.jwks import Jwks
from shared.tokens import read_link, sign_link
from shared.web import Request

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
CERTIFICATES = "https://www.googleapis.com/oauth2/v3/certs"
ACCOUNT = "jobs@calendar.iam.gserviceaccount.com"
AUDIENCE = "https://functions.example.com/reminders"
ISSUER = "https://project.example.com/auth/v1"
PROJECT_KEYS = f"{ISSUER}/.well-known/jwks.json"
SECRET = "a secret of thirty-two characters"
ANA = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


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


class TestBearer:
    @pytest.mark.parametrize("header", ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c"])
    def test_it_is_what_follows_the_word(self, header: str) -> None:
        assert tokens.bearer(asked(header)) == "a.b.c"

    @pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "a.b.c", "Basic a.b.c", "Bearer\ta.b.c"])
    def test_without_it_nobody_is_signed_in(self, header: str | None) -> None:
        with pytest.raises(NotSignedIn):
            tokens.bearer(asked(header))


@dataclass(frozen=True)
class Project:
    """A Supabase project: how it signs, and the keys it shows."""

    algorithm: str
    key: Any
    keys: HTTPXMock

    def session(self, headers: dict[str, Any] | None = None, /, **changes: Any) -> str:
        """The access token of somebody who is signed in, with these changes; None leaves a claim out."""
        claims = {
            "iss": ISSUER,
            "aud": "authenticated",
            "role": "authenticated",
            "sub": ANA,
            "email": "ana@example.com",
            "iat": int(time.time()),
            "exp": int(time.time()) + 3600,
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm=self.algorithm, headers={"kid": "p1", **(headers or {})})


@pytest.fixture(scope="module")
def project_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def hosted(
    environment: pytest.MonkeyPatch, httpx_mock: HTTPXMock, project_key: ec.EllipticCurvePrivateKey
) -> Iterator[Project]:
    """A project that signs with a key of its own and publishes the other half."""
    httpx_mock.add_response(
        url=PROJECT_KEYS, json={"keys": [public_ec(project_key, "p1")]}, is_reusable=True, is_optional=True
    )
    tokens._project_keys.clear()
    yield Project("ES256", project_key, httpx_mock)
    tokens._project_keys.clear()


@pytest.fixture
def local(environment: pytest.MonkeyPatch, httpx_mock: HTTPXMock) -> Project:
    """A project that signs with a secret it shares with us. No request is expected at all."""
    environment.setenv("SUPABASE_JWT_SECRET", SECRET)
    return Project("HS256", SECRET, httpx_mock)


@pytest.fixture(params=["hosted", "local"])
def project(request: pytest.FixtureRequest) -> Project:
    found: Project = request.getfixturevalue(request.param)
    return found


def public_ec(key: ec.EllipticCurvePrivateKey, key_id: str) -> dict[str, Any]:
    jwk: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": key_id, "use": "sig", "alg": "ES256"}


def part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


SOON = 2_000_000_000_000
WRONG_CLAIMS: list[dict[str, Any]] = [
    {"aud": None},
    {"aud": "anon"},
    {"aud": ["anon", "service_role"]},
    {"aud": {"authenticated": True}},
    {"aud": ""},
    {"exp": None},
    {"exp": 1_600_000_000},
    {"exp": "soon"},
    {"exp": float("nan")},
    {"exp": [1]},
    {"nbf": SOON},
    {"nbf": "x"},
    {"iat": SOON},
    {"iat": float("inf")},
    {"iss": "https://other.example.com/auth/v1"},
    {"iss": "https://project.example.com"},
    {"iss": f"{ISSUER}/"},
    {"iss": "supabase"},
    {"role": None},
    {"role": "anon"},
    {"role": "service_role"},
    {"role": "Authenticated"},
    {"role": ["authenticated"]},
    {"sub": None},
    {"sub": ""},
    {"sub": "ana@example.com"},
    {"sub": ANA.upper()},
    {"sub": ANA.replace("-", "")},
    {"sub": f"{{{ANA}}}"},
    {"sub": f"urn:uuid:{ANA}"},
    {"sub": f"{ANA}\n"},
    {"sub": ANA.replace("9", "９")},
    {"sub": f"\x00{ANA[1:]}"},
    {"sub": "\ud800"},
]

GARBAGE = {
    "one part": "abc",
    "two parts": "e30.e30",
    "four parts": "e30.e30.e30.e30",
    "empty parts": "..",
    "empty objects": "e30.e30.e30",
    "not base64": "!!!.???.***",
    "padded": "e30=.e30=.e30=",
    "not ASCII": "é.é.é",
    "half a character": "\ud800.\udfff.x",
    "NUL": "\x00.\x00.\x00",
    "huge": "x" * 1_000_000,
    "many dots": "." * 100_000,
    "not JSON": ".".join(3 * [part(b"\xff\xfe")]),
    "no object": ".".join(3 * [part(b"[]")]),
    "deep": ".".join([part(b'{"alg":' + b"[" * 100_000), "e30", "e30"]),
    "algorithm is a list": ".".join([part(b'{"alg":["ES256","HS256"]}'), "e30", "e30"]),
    "algorithm is an object": ".".join([part(b'{"alg":{"a":1}}'), "e30", "e30"]),
    "long number": ".".join([part(b'{"alg":' + b"9" * 10_000 + b"}"), "e30", "e30"]),
    "a secret key": "sb_secret_1",
}


class TestPerson:
    def test_a_session_is_its_users(self, project: Project) -> None:
        assert tokens.person(asked(f"Bearer {project.session()}")) == ANA
        assert tokens.person(asked(f"Bearer {project.session(nbf=int(time.time()), aud=['authenticated'])}")) == ANA

    @pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi"])
    def test_without_a_token_nobody_is_signed_in(self, project: Project, header: str | None) -> None:
        with pytest.raises(NotSignedIn):
            tokens.person(asked(header))

    @pytest.mark.parametrize("changes", WRONG_CLAIMS, ids=str)
    def test_no_session_that_says_anything_else_is(self, project: Project, changes: dict[str, Any]) -> None:
        with pytest.raises(NotSignedIn):
            tokens.person(asked(f"Bearer {project.session(**changes)}"))

    def test_a_hosted_project_names_itself(self, hosted: Project) -> None:
        with pytest.raises(NotSignedIn):
            tokens.person(asked(f"Bearer {hosted.session(iss=None)}"))

    def test_a_local_stack_need_not(self, local: Project) -> None:
        assert tokens.person(asked(f"Bearer {local.session(iss=None)}")) == ANA

    @pytest.mark.parametrize("crit", [["b64"], ["exp"], [], "exp", None])
    def test_what_must_be_understood_is_not(self, project: Project, crit: Any) -> None:
        # Made by hand: PyJWT would not write most of these.
        header, rest = project.session().split(".", 1)
        told = json.loads(base64.urlsafe_b64decode(header + "==")) | {"crit": crit, "exp": 1}
        with pytest.raises(NotSignedIn):
            tokens.person(asked(f"Bearer {part(json.dumps(told).encode())}.{rest}"))
        assert project.keys.get_requests() == []

    def test_nor_is_it_when_it_is_signed(self, project: Project) -> None:
        """`b64` is the one that PyJWT understands, and would take."""
        header = {"alg": project.algorithm, "kid": "p1", "crit": ["b64"], "b64": True}
        unsigned = f"{part(json.dumps(header).encode())}.{project.session().split('.')[1]}"
        algorithm = jwt.get_algorithm_by_name(project.algorithm)
        signature = part(algorithm.sign(unsigned.encode(), algorithm.prepare_key(project.key)))
        with pytest.raises(NotSignedIn):
            tokens.person(asked(f"Bearer {unsigned}.{signature}"))

    def test_keys_in_the_token_are_not_looked_at(self, project: Project) -> None:
        stranger = ec.generate_private_key(ec.SECP256R1())
        elsewhere = "https://evil.example.com/keys"
        headers = {"jwk": public_ec(stranger, "p1"), "jku": elsewhere, "x5u": elsewhere, "x5c": ["MII"]}
        assert tokens.person(asked(f"Bearer {project.session(headers)}")) == ANA
        forged = Project("ES256", stranger, project.keys).session(headers)
        with pytest.raises(NotSignedIn):
            tokens.person(asked(f"Bearer {forged}"))
        assert {str(request.url) for request in project.keys.get_requests()} <= {PROJECT_KEYS}

    def test_another_projects_session_is_worth_nothing(self, project: Project) -> None:
        for stranger in (
            Project("ES256", ec.generate_private_key(ec.SECP256R1()), project.keys),
            Project("HS256", SECRET[::-1], project.keys),
            Project("none", None, project.keys),
        ):
            for key_id in ("p1", "p2"):
                forged = stranger.session({"kid": key_id})
                with pytest.raises(NotSignedIn):
                    tokens.person(asked(f"Bearer {forged}"))

    def test_a_secret_and_keys_are_never_both_believed(self, environment: pytest.MonkeyPatch, hosted: Project) -> None:
        shared_secret = Project("HS256", SECRET, hosted.keys)
        with pytest.raises(NotSignedIn):
            tokens.person(asked(f"Bearer {shared_secret.session()}"))
        environment.setenv("SUPABASE_JWT_SECRET", SECRET)
        settings.load.cache_clear()
        assert tokens.person(asked(f"Bearer {shared_secret.session()}")) == ANA
        with pytest.raises(NotSignedIn):
            tokens.person(asked(f"Bearer {hosted.session()}"))
        assert hosted.keys.get_requests() == []

    @pytest.mark.parametrize(
        "algorithm", ["none", "None", "HS384", "HS512", "RS256", "ES384", "es256", "hs256", "", None]
    )
    def test_another_algorithm_is_refused_before_anything_is_asked(
        self, project: Project, algorithm: str | None
    ) -> None:
        _, said, signature = project.session().split(".")
        header = part(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "p1"}).encode())
        for forged in (f"{header}.{said}.{signature}", f"{header}.{said}."):
            with pytest.raises(NotSignedIn):
                tokens.person(asked(f"Bearer {forged}"))
        assert project.keys.get_requests() == []

    @pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
    def test_garbage_is_no_session(self, project: Project, garbage: str) -> None:
        with pytest.raises(NotSignedIn):
            tokens.person(asked(f"Bearer {garbage}"))
        assert project.keys.get_requests() == []

    @pytest.mark.parametrize("place", [0, 1, 2])
    @pytest.mark.parametrize("garbage", ["", "é", "\x00", "A", "W10", part(b"\xff" * 64), "x" * 100_000])
    def test_nor_is_a_session_with_garbage_in_it(self, project: Project, place: int, garbage: str) -> None:
        parts = project.session().split(".")
        parts[place] = garbage
        with pytest.raises(NotSignedIn):
            tokens.person(asked(f"Bearer {'.'.join(parts)}"))

    @pytest.mark.parametrize("key_id", [None, "", 1, {"p": 1}, "\ud800", "p1\x00", "x" * 10_000])
    def test_nor_is_one_that_names_no_key(self, hosted: Project, key_id: Any) -> None:
        _, rest = hosted.session().split(".", 1)
        header = part(json.dumps({"alg": "ES256", "kid": key_id}).encode())
        with pytest.raises(NotSignedIn):
            tokens.person(asked(f"Bearer {header}.{rest}"))

    def test_made_up_keys_cost_one_question_in_all(self, hosted: Project) -> None:
        def is_refused(number: int) -> bool:
            try:
                tokens.person(asked(f"Bearer {hosted.session({'kid': f'made-up-{number}'})}"))
            except NotSignedIn:
                return True
            return False

        with ThreadPoolExecutor(20) as threads:
            assert all(threads.map(is_refused, range(100)))
        assert tokens.person(asked(f"Bearer {hosted.session()}")) == ANA
        assert len(hosted.keys.get_requests()) == 1

    @pytest.mark.usefixtures("environment")
    def test_keys_that_cannot_be_had_are_not_the_persons_fault(
        self, httpx_mock: HTTPXMock, project_key: ec.EllipticCurvePrivateKey
    ) -> None:
        tokens._project_keys.clear()
        httpx_mock.add_exception(httpx.ConnectError("refused"))
        session = Project("ES256", project_key, httpx_mock).session()
        for _ in range(3):
            with pytest.raises(Unavailable):
                tokens.person(asked(f"Bearer {session}"))
        tokens._project_keys.clear()


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


either = tokens.scheduler_or_person("reminders")


class TestSchedulerOrPerson:
    def test_the_scheduler_is_called_so(self, project: Project) -> None:
        assert either(asked("Bearer tick")) == tokens.SCHEDULER
        assert project.keys.get_requests() == []

    def test_a_person_is_called_by_their_id(self, project: Project) -> None:
        assert either(asked(f"Bearer {project.session()}")) == ANA

    @pytest.mark.parametrize("header", [None, "", "tick", "Bearer", "Bearer ", "Bearer tock", "Basic tick"])
    def test_nobody_is_neither(self, project: Project, header: str | None) -> None:
        with pytest.raises(NotSignedIn):
            either(asked(header))

    @pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
    def test_garbage_is_neither(self, project: Project, garbage: str) -> None:
        with pytest.raises(NotSignedIn):
            either(asked(f"Bearer {garbage}"))
        assert project.keys.get_requests() == []

    @pytest.mark.parametrize("changes", [{"role": "service_role"}, {"sub": tokens.SCHEDULER}, {"exp": 1}], ids=str)
    def test_a_session_is_checked_as_everywhere(self, project: Project, changes: dict[str, Any]) -> None:
        with pytest.raises(NotSignedIn):
            either(asked(f"Bearer {project.session(**changes)}"))

    def test_googles_account_is_the_scheduler(self, certificates: HTTPXMock, google: rsa.RSAPrivateKey) -> None:
        assert either(asked(f"Bearer {token(google)}")) == tokens.SCHEDULER

    def test_behind_iam_too(
        self, certificates: HTTPXMock, environment: pytest.MonkeyPatch, google: rsa.RSAPrivateKey
    ) -> None:
        environment.setenv("SCHEDULER_SERVICE_ACCOUNT", f"iam:{ACCOUNT}")
        assert either(asked(f"Bearer {stripped(token(google))}")) == tokens.SCHEDULER

    @pytest.mark.parametrize("changes", WRONG, ids=str)
    def test_a_token_of_google_that_says_anything_else_is_nobodys(
        self, certificates: HTTPXMock, google: rsa.RSAPrivateKey, changes: dict[str, Any]
    ) -> None:
        for said in (token(google, **changes), stripped(token(google, **changes))):
            with pytest.raises(NotSignedIn):
                either(asked(f"Bearer {said}"))
        assert {str(request.url) for request in certificates.get_requests()} <= {CERTIFICATES}

    def test_what_names_google_is_no_session(self, project: Project) -> None:
        """Signed by the project, and as good as a session otherwise: it goes Google's way, and no account is set."""
        for issuer in ("https://accounts.google.com", "accounts.google.com"):
            with pytest.raises(NotSignedIn):
                either(asked(f"Bearer {project.session(iss=issuer)}"))
        with pytest.raises(NotSignedIn):
            either(asked(f"Bearer {stripped(project.session())}"))
        assert project.keys.get_requests() == []


@pytest.mark.usefixtures("environment")
class TestKeys:
    def test_keys_for_encryption_are_not_for_signing(self, httpx_mock: HTTPXMock, google: rsa.RSAPrivateKey) -> None:
        httpx_mock.add_response(json={"keys": [{**public(google, "g1"), "use": "enc"}]})
        with pytest.raises(NotSignedIn):
            Jwks(CERTIFICATES).key("g1")

    @pytest.mark.parametrize("key_id", [None, ""])
    def test_no_id_is_no_reason_to_ask(self, httpx_mock: HTTPXMock, key_id: str | None) -> None:
        with pytest.raises(NotSignedIn):
            Jwks(CERTIFICATES).key(key_id)
        assert httpx_mock.get_requests() == []

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

    def test_an_unreadable_key_does_not_spoil_the_others(
        self, httpx_mock: HTTPXMock, project_key: ec.EllipticCurvePrivateKey
    ) -> None:
        of_tomorrow: list[Any] = [
            {"kty": "AKP", "alg": "ML-DSA-44", "kid": "q"},
            {**public_ec(project_key, "x"), "kid": ["x"]},
            {**public_ec(project_key, "y"), "x": "?"},
            {"kty": "EC"},
            "key",
        ]
        httpx_mock.add_response(json={"keys": [*of_tomorrow, public_ec(project_key, "p1")]})
        keys = Jwks(PROJECT_KEYS)
        assert keys.key("p1") is not None
        for key_id in ("q", "x", "y", "", None):
            with pytest.raises(NotSignedIn):
                keys.key(key_id)

    def test_an_unknown_key_is_asked_for_once_a_minute(
        self, httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch, project_key: ec.EllipticCurvePrivateKey
    ) -> None:
        now = 1000.0
        monkeypatch.setattr("shared.jwks.time.monotonic", lambda: now)
        httpx_mock.add_response(json={"keys": [public_ec(project_key, "p1")]})
        keys = Jwks(PROJECT_KEYS)
        for after in (0.0, 1.0, 58.0):
            now += after
            with pytest.raises(NotSignedIn):
                keys.key("p2")
        assert len(httpx_mock.get_requests()) == 1
        now += 2
        httpx_mock.add_response(json={"keys": [public_ec(project_key, "p2")]})
        assert keys.key("p2") is not None

    def test_after_a_failed_question_the_next_is_not_far(
        self, httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch, project_key: ec.EllipticCurvePrivateKey
    ) -> None:
        now = 1000.0
        monkeypatch.setattr("shared.jwks.time.monotonic", lambda: now)
        httpx_mock.add_exception(httpx.ReadTimeout("slow"))
        keys = Jwks(PROJECT_KEYS)
        for _ in range(10):
            with pytest.raises(Unavailable):
                keys.key("p1")
        assert len(httpx_mock.get_requests()) == 1
        now += 5
        httpx_mock.add_response(json={"keys": [public_ec(project_key, "p1")]})
        assert keys.key("p1") is not None

    @pytest.mark.parametrize("answer", ["keys", "nothing"])
    def test_who_waits_for_an_answer_does_not_ask_again(self, httpx_mock: HTTPXMock, answer: str) -> None:
        httpx_mock.add_callback(slowly(httpx.Response(503 if answer == "nothing" else 200, json={"keys": []})))
        keys = Jwks(PROJECT_KEYS)

        def outcome(number: int) -> type[Exception] | None:
            try:
                keys.key(f"made-up-{number}")
            except (NotSignedIn, Unavailable) as error:
                return type(error)
            return None

        with ThreadPoolExecutor(50) as threads:
            outcomes = set(threads.map(outcome, range(100)))
        assert outcomes == {Unavailable if answer == "nothing" else NotSignedIn}
        assert len(httpx_mock.get_requests()) == 1

    def test_a_known_key_does_not_wait_for_an_unknown_one(
        self, httpx_mock: HTTPXMock, project_key: ec.EllipticCurvePrivateKey
    ) -> None:
        httpx_mock.add_response(json={"keys": [public_ec(project_key, "p1")]})
        keys = Jwks(PROJECT_KEYS)
        first = keys.key("p1")
        with ThreadPoolExecutor(1) as thread, keys._lock:  # as if another thread were asking
            assert thread.submit(keys.key, "p1").result(timeout=5) is first


def slowly(answer: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    def respond(request: httpx.Request) -> httpx.Response:
        time.sleep(0.2)
        return answer

    return respond
