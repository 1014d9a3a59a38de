"""Who is let in: every function that people call, with every kind of wrong token, over HTTP.

Twice, since a project signs in one of two ways: with a secret that it shares with us (as the local stack does), or with
a key of its own whose public half it publishes. For the second, each function runs in a fresh process beside a project
that is nothing but its JWKS and writes down what it is asked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local.site import HOST
from ops.stage import ROOT, functions
from tests.conftest import Stack
from tests.database.api import sign_up

BOOKING = "00000000-0000-4000-8000-000000000001"
PERSON = "00000000-0000-4000-8000-000000000002"
ISSUER_PATH = "/auth/v1"
KEYS_PATH = f"{ISSUER_PATH}/.well-known/jwks.json"
FOR_KEYS = f"GET {KEYS_PATH}"


@dataclass(frozen=True)
class Call:
    """One thing that a person may ask of a function, for a booking that is not there."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None

    @property
    def function(self) -> str:
        return self.path.split("/")[0]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


DAYS = {"from": "2090-01-02", "to": "2090-01-09", "time_zone": "Europe/Berlin"}
CALLS = [
    Call("POST", "cancel", body={"booking_id": BOOKING, "scope": "this", "reason": "No time"}),
    Call("GET", "reschedule", query={"booking_id": BOOKING, **DAYS}),
    Call("POST", "reschedule", body={"booking_id": BOOKING, "start": "2090-01-02T10:00:00Z"}),
    Call("GET", "export", query={"booking_id": BOOKING, "format": "ics"}),
    Call("POST", "export", body={"format": "csv", "filters": {}}),
    Call("POST", "export/feed", body={}),
    Call("DELETE", "export/feed"),
    Call("POST", "reconcile", body={}),
    Call("POST", "replay", body={"since": "2090-01-02T00:00:00Z"}),
]
CALLS = [call for call in CALLS if call.function in functions()]
FUNCTIONS = sorted({call.function for call in CALLS})

each_call = pytest.mark.parametrize("call", CALLS, ids=str)
# The scope keeps the calls of a function together, in the one process that is started for them.
each_call_by_process = pytest.mark.parametrize(
    ("served", "call"),
    [(call.function, call) for call in CALLS],
    indirect=["served"],
    ids=map(str, CALLS),
    scope="module",
)


@dataclass(frozen=True)
class Signer:
    """Who signs sessions: a project, or somebody who would like to be it. `url` is the project's address."""

    url: str
    algorithm: str
    key: Any
    key_id: str = "k1"

    def session(self, headers: Mapping[str, Any] | None = None, /, **changes: Any) -> str:
        """An access token as Supabase's, with these changes; None leaves a claim out."""
        return jwt.encode(
            self.claims(**changes), self.key, algorithm=self.algorithm, headers={"kid": self.key_id, **(headers or {})}
        )

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        said = {
            "iss": f"{self.url}{ISSUER_PATH}",
            "aud": "authenticated",
            "role": "authenticated",
            "sub": PERSON,
            "email": "client@example.com",
            "iat": now,
            "exp": now + 3600,
            **changes,
        }
        return {name: value for name, value in said.items() if value is not None}


def by_secret_of(project: Signer, secret: bytes) -> str:
    """HS256 under any bytes. By hand: PyJWT refuses to sign with what is a public key."""
    header = {"alg": "HS256", "typ": "JWT", "kid": project.key_id}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, project.claims()))
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def public_jwk(key: ec.EllipticCurvePrivateKey, key_id: str) -> dict[str, Any]:
    jwk: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": key_id, "use": "sig", "alg": "ES256"}


PROJECT_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGERS_KEY = ec.generate_private_key(ec.SECP256R1())
PROJECT_JWK = public_jwk(PROJECT_KEY, "k1")
PROJECT_PEM = PROJECT_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PROJECT_DER = PROJECT_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
STRANGERS_JWK = public_jwk(STRANGERS_KEY, "k1")
FOREVER = 4_000_000_000


def by_stranger(project: Signer, headers: Mapping[str, Any] | None = None) -> str:
    """Signed in the project's own way, by another."""
    if project.algorithm == "HS256":
        return Signer(project.url, "HS256", f"not {project.key}").session(headers)
    return Signer(project.url, "ES256", STRANGERS_KEY).session(headers)


def by_strangers_key(project: Signer, headers: Mapping[str, Any]) -> str:
    return Signer(project.url, "ES256", STRANGERS_KEY).session(headers)


# What is wrong → the token, made for the project that it is shown to.
FORGERIES: dict[str, Callable[[Signer], str]] = {
    "malformed": lambda project: "not.a.token",
    "one part": lambda project: "token",
    "no signature": lambda project: project.session().rpartition(".")[0] + ".",
    "half a token": lambda project: project.session()[:-20],
    "not JSON": lambda project: ".".join([encoded(b"\xff\x00"), encoded(b"\xff\x00"), encoded(b"\xff\x00")]),
    "deep": lambda project: f"{encoded(b'[' * 4000)}.e30.e30",
    "expired": lambda project: project.session(exp=int(time.time()) - 60),
    "expired long ago": lambda project: project.session(iat=1_600_000_000, exp=1_600_003_600),
    "no exp": lambda project: project.session(exp=None),
    "another project's": by_stranger,
    "another project's, by its issuer too": lambda project: by_stranger(
        Signer("https://other.example.com", project.algorithm, project.key)
    ),
    "the other way to sign": lambda project: (
        Signer(project.url, "HS256", "a secret of the project, once upon a time").session()
        if project.algorithm == "ES256"
        else Signer(project.url, "ES256", PROJECT_KEY).session()
    ),
    "alg none": lambda project: Signer(project.url, "none", None).session(),
    "alg NonE": lambda project: ".".join([encoded(b'{"alg":"NonE"}'), project.session().split(".")[1], ""]),
    "HS256 by the public PEM": lambda project: by_secret_of(project, PROJECT_PEM),
    "HS256 by the public PEM, trimmed": lambda project: by_secret_of(project, PROJECT_PEM.strip()),
    "HS256 by the public DER": lambda project: by_secret_of(project, PROJECT_DER),
    "HS256 by the public JWK": lambda project: by_secret_of(project, json.dumps(PROJECT_JWK).encode()),
    "HS256 by nothing": lambda project: by_secret_of(project, b""),
    "embedded key": lambda project: by_strangers_key(project, {"jwk": STRANGERS_JWK}),
    "embedded key, of an unknown id": lambda project: by_strangers_key(project, {"jwk": STRANGERS_JWK, "kid": "mine"}),
    "keys elsewhere": lambda project: by_strangers_key(
        project, {"jku": f"{project.url}/evil.json", "x5u": f"{project.url}/evil.pem", "kid": "mine"}
    ),
    "critical extension": lambda project: project.session({"crit": ["exp"], "exp": FOREVER}),
    "wrong aud": lambda project: project.session(aud="anon"),
    "no aud": lambda project: project.session(aud=None),
    "wrong iss": lambda project: project.session(iss=f"https://other.example.com{ISSUER_PATH}"),
    "iss without its path": lambda project: project.session(iss=project.url),
    "role service_role": lambda project: project.session(role="service_role"),
    "role anon": lambda project: project.session(role="anon"),
    "no role": lambda project: project.session(role=None),
    "not yet valid": lambda project: project.session(nbf=int(time.time()) + 600),
    "of the future": lambda project: project.session(iat=int(time.time()) + 600),
    "sub not a uuid": lambda project: project.session(sub="client@example.com"),
    "sub scheduler": lambda project: project.session(sub="scheduler"),
    "no sub": lambda project: project.session(sub=None),
    "unknown key": lambda project: by_strangers_key(project, {"kid": "unknown"}),
    "signature removed": lambda project: project.session().rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE",
}
HEADERS: dict[str, bytes | None] = {
    "no token": None,
    "empty": b"",
    "only the word": b"Bearer",
    "another scheme": b"Basic Y2xpZW50OnBhc3N3b3Jk",
    "not ASCII": b"Bearer \xc3\xa9.\xff.\xfe",
    "long": b"Bearer " + b"x" * 6000,
}

each_forgery = pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
each_header = pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)

# One client for all: making one reads the certificates of the whole world.
_CLIENT = httpx.Client(timeout=60)


def ask(base: str, call: Call, header: bytes | None) -> httpx.Response:
    headers = {} if header is None else {b"Authorization": header}
    return _CLIENT.request(call.method, f"{base}/{call.path}", params=call.query, json=call.body, headers=headers)


def show(base: str, call: Call, token: str) -> httpx.Response:
    return ask(base, call, f"Bearer {token}".encode())


def is_refused(answer: httpx.Response) -> bool:
    """A plain "please sign in" that says nothing about what was wrong."""
    return (answer.status_code, answer.headers["Content-Type"], answer.json()) == (
        401,
        "application/problem+json",
        {"status": 401, "title": "Please sign in", "code": "not_signed_in"},
    ) and answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.fixture
def local(stack: Stack) -> Signer:
    return Signer(stack.env["SUPABASE_URL"], "HS256", stack.env["SUPABASE_JWT_SECRET"])


class TestSharedSecret:
    """The running stack itself."""

    @each_call
    @each_header
    def test_without_a_token_nobody_is_let_in(self, stack: Stack, call: Call, header: bytes | None) -> None:
        assert is_refused(ask(stack.env["FUNCTIONS_URL"], call, header))

    @each_call
    @each_forgery
    def test_nor_with_a_wrong_one(
        self, stack: Stack, local: Signer, call: Call, forge: Callable[[Signer], str]
    ) -> None:
        assert is_refused(show(stack.env["FUNCTIONS_URL"], call, forge(local)))

    @each_call
    def test_nor_with_a_key_of_the_machinery(self, stack: Stack, call: Call) -> None:
        for name in ("SUPABASE_SECRET_KEY", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_JWT_SECRET", "LINK_SECRET"):
            assert is_refused(show(stack.env["FUNCTIONS_URL"], call, stack.env[name]))

    @each_call
    def test_whoever_signed_in_is_let_in(self, clean: Stack, local: Signer, call: Call) -> None:
        """So the refusals above are the token's fault."""
        caller = sign_up(clean.env, "client@example.com")
        caller.close()
        user_id = jwt.decode(caller.token, options={"verify_signature": False})["sub"]
        for token in (caller.token, local.session(sub=user_id), local.session(sub=user_id, iss=None)):
            answer = show(clean.env["FUNCTIONS_URL"], call, token)
            assert answer.status_code != 401, answer.text
            assert answer.status_code < 500, answer.text


@dataclass(frozen=True)
class Published:
    """A function in a process of its own, and the project it believes: what that was asked, in order."""

    url: str
    project: Signer
    asked: list[str]

    @contextmanager
    def asking_for_keys_once(self) -> Iterator[None]:
        """Meanwhile the project is asked for its keys or for nothing, and for these once in all."""
        before = len(self.asked)
        yield
        assert set(self.asked[before:]) <= {FOR_KEYS}
        assert self.asked.count(FOR_KEYS) <= 1


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Published]:
    """The function that the test names, fresh, whose project publishes its key."""
    asked: list[str] = []
    with publishing({"keys": [PROJECT_JWK]}, asked) as project_url:
        values = {**stack.env, "SUPABASE_URL": project_url, "SUPABASE_JWT_SECRET": ""}
        with started(request.param, values) as url:
            yield Published(url, Signer(project_url, "ES256", PROJECT_KEY), asked)


@contextmanager
def publishing(keys: Mapping[str, Any], asked: list[str]) -> Iterator[str]:
    """A project that is nothing but its JWKS: its address. Every request is written down."""

    class Project(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(f"{self.command} {self.path}")
            body = json.dumps(keys if self.path == KEYS_PATH else {"message": "there is no database here"}).encode()
            self.send_response(200 if self.path == KEYS_PATH else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Project)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def started(function: str, values: Mapping[str, str]) -> Iterator[str]:
    """The function as Cloud Run serves it, with 16 threads and these settings: its address."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "functions_framework", "--target", function, "--host", HOST, "--port", str(port)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "THREADS": "16", **values}
    process = subprocess.Popen(
        command,
        cwd=ROOT / "functions" / function,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(port, process)
        yield f"http://{HOST}:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # a kinder signal lets it wait for our client's open connections
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    pytest.fail(f"the function does not start (exit {process.poll()})")


class TestPublishedKeys:
    """Nothing that anybody shows makes a function ask more than once: for the project's keys, at their own address."""

    @each_call_by_process
    def test_a_hundred_unknown_keys_cost_one_question(self, served: Published, call: Call) -> None:
        """The first test that a process sees: it knows no key yet."""
        sessions = [by_strangers_key(served.project, {"kid": str(uuid4())}) for _ in range(100)]
        with served.asking_for_keys_once(), ThreadPoolExecutor(16) as threads:
            assert all(map(is_refused, threads.map(partial(show, served.url, call), sessions)))
        assert FOR_KEYS in served.asked

    @each_call_by_process
    def test_without_a_token_nobody_is_let_in(self, served: Published, call: Call) -> None:
        before = [*served.asked]
        for header in HEADERS.values():
            assert is_refused(ask(served.url, call, header))
        assert served.asked == before

    @each_call_by_process
    @each_forgery
    def test_nor_with_a_wrong_one(self, served: Published, call: Call, forge: Callable[[Signer], str]) -> None:
        with served.asking_for_keys_once():
            assert is_refused(show(served.url, call, forge(served.project)))

    @each_call_by_process
    def test_a_session_without_its_issuer_is_none(self, served: Published, call: Call) -> None:
        with served.asking_for_keys_once():
            assert is_refused(show(served.url, call, served.project.session(iss=None)))

    @each_call_by_process
    def test_whoever_signed_in_is_let_in(self, served: Published, call: Call) -> None:
        """As far as the function gets without a database: the refusals above are the token's fault."""
        assert show(served.url, call, served.project.session()).status_code != 401

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_without_keys_it_is_nobodys_fault(self, stack: Stack, function: str) -> None:
        with socket.socket() as nobody:  # bound and not listening: refused at once
            nobody.bind((HOST, 0))
            project = Signer(f"http://{HOST}:{nobody.getsockname()[1]}", "ES256", PROJECT_KEY)
            values = {**stack.env, "SUPABASE_URL": project.url, "SUPABASE_JWT_SECRET": ""}
            with started(function, values) as url:
                for call in CALLS:
                    if call.function == function:
                        answer = show(url, call, project.session())
                        assert (answer.status_code, answer.json()["code"]) == (503, "upstream_unavailable")
