"""Tokens that others show us: signed links of our own mails, who is signed in, and who may start a job.

A signed link is `<expiry>.<subject>.<mac>`: Unix seconds or nothing, base64url, base64url of an HMAC-SHA256 over
purpose, expiry and subject. A link made for one purpose is worth nothing for another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from shared import settings
from shared.errors import InvalidLink, NotSignedIn
from shared.jwks import Jwks
from shared.web import Request

_GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
_GOOGLE = ["https://accounts.google.com", "accounts.google.com"]
# Cloud Run puts this in place of the signature once its own IAM check has passed
# (cloud.google.com/run/docs/troubleshooting#signature-removed).
_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"

# The caller whom `scheduler_or_person` names where it is not a person: no user's id reads like this.
SCHEDULER = "scheduler"

# The audience and the role of everyone who is signed in to Supabase.
_AUTHENTICATED = "authenticated"
# Supabase's clock and ours differ by less.
_LEEWAY_SECONDS = 5

# One store for each project: two would ask for the same keys twice.
_project_keys: dict[str, Jwks] = {}


def sign_link(purpose: str, subject: str, secret: str, expires_at: datetime | None) -> str:
    """A token that stands for `subject`, for this purpose only. Without `expires_at` it holds for ever."""
    head = f"{'' if expires_at is None else int(expires_at.timestamp())}.{_encode(subject.encode())}"
    return f"{head}.{_encode(_mac(purpose, head, secret))}"


def read_link(token: str, purpose: str, secrets: Sequence[str], now: datetime) -> str:
    """The subject of a token that one of the secrets signed for this purpose.

    Raises InvalidLink for every other token, also an expired one, and does not say why.
    """
    head, _, mac = token.rpartition(".")
    expiry, _, subject = head.partition(".")
    try:
        given = _decode(mac)
        if not any(hmac.compare_digest(given, _mac(purpose, head, secret)) for secret in secrets if secret):
            raise InvalidLink()
        if expiry and now >= datetime.fromtimestamp(int(expiry), UTC):
            raise InvalidLink()
        return _decode(subject).decode()
    except (ValueError, OverflowError, OSError):
        raise InvalidLink() from None


def bearer(request: Request) -> str:
    """The token of `Authorization: Bearer …`, not checked. Raises NotSignedIn when there is none."""
    kind, _, token = (request.headers.get("Authorization") or "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise NotSignedIn()
    return token


def person(request: Request) -> str:
    """Who is signed in: the user's id in a Supabase access token. For `web.endpoint(auth=tokens.person)`.

    With SUPABASE_JWT_SECRET only that secret is believed, else only the project's own keys: never both.

    Raises NotSignedIn whatever is wrong with the token, Unavailable when the project's keys cannot be had.
    """
    known = settings.load(settings.Sessions)
    issuer = f"{known.supabase_url}/auth/v1"
    claims = _session_claims(bearer(request), issuer, known.jwt_secret)
    # Tokens that a local stack signs with its secret name no issuer; those of a hosted project always do.
    if claims.get("iss", issuer if known.jwt_secret else None) != issuer or claims.get("role") != _AUTHENTICATED:
        raise NotSignedIn()
    return _user_id(claims["sub"])


def _session_claims(token: str, issuer: str, secret: str | None) -> dict[str, Any]:
    """What an access token says, if the project signed it, for signed-in people, and it is valid now."""
    import jwt  # brings cryptography: 90 ms that only a token's check needs

    algorithm = "HS256" if secret else "ES256"
    try:
        header = jwt.get_unverified_header(token)
        # First of all, so that a made-up token costs no question for keys. PyJWT understands one `crit`, Supabase none.
        if header.get("alg") != algorithm or "crit" in header:
            raise NotSignedIn()
        claims: dict[str, Any] = jwt.decode(
            token,
            secret or _keys_of(issuer).key(header.get("kid")),
            algorithms=[algorithm],
            audience=_AUTHENTICATED,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "aud", "sub"]},
        )
    except (jwt.PyJWTError, ValueError):  # ValueError: it is not even text
        raise NotSignedIn() from None
    return claims


def _keys_of(issuer: str) -> Jwks:
    # Atomic, which `functools.cache` is not: threads that come first together share one store.
    return _project_keys.setdefault(issuer, Jwks(f"{issuer}/.well-known/jwks.json"))


def _user_id(subject: str) -> str:
    """The subject, if it is a uuid as Supabase writes it: Python reads many more spellings than SQL does."""
    try:
        user_id = str(UUID(subject))
    except ValueError:
        raise NotSignedIn() from None
    if user_id != subject:
        raise NotSignedIn()
    return user_id


def scheduler_or_person(function: str) -> Callable[[Request], str]:
    """Who may start `function`, a job or somebody signed in: for `web.endpoint(auth=…)`.

    Returns SCHEDULER for what `scheduler` believes, else the user's id as `person` does. Raises what these raise.
    """
    job = scheduler(function)

    def authenticate(request: Request) -> str:
        token = bearer(request)
        if _is_shared_token(token) or _comes_from_google(token):
            job(request)
            return SCHEDULER
        return person(request)

    return authenticate


def scheduler(function: str) -> Callable[[Request], str]:
    """Who may start `function` as a job: for `web.endpoint(auth=…)`. Raises NotSignedIn.

    Believed are SCHEDULER_TOKEN, and Google's OIDC token of SCHEDULER_SERVICE_ACCOUNT for this function's address.
    """

    def authenticate(request: Request) -> str:
        token = bearer(request)
        if _is_shared_token(token):
            return SCHEDULER
        known = settings.load(settings.Scheduler)
        if known.service_account:
            return _google_account(token, known.service_account, known.functions_url, function)
        raise NotSignedIn()

    return authenticate


def _is_shared_token(token: str) -> bool:
    shared = settings.load(settings.Scheduler).token
    return bool(shared) and hmac.compare_digest(_digest(token), _digest(shared))


def _comes_from_google(token: str) -> bool:
    """Whether it says so, unverified: such a token is then checked as Google's and in no other way."""
    import jwt

    if token.rpartition(".")[2] == _REMOVED:
        return True
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("iss") in _GOOGLE
    except (jwt.PyJWTError, ValueError):
        return False


def _google_account(token: str, account: str, functions_url: str, function: str) -> str:
    """The e-mail in a Google OIDC token, if it is the account's and the token is meant for us.

    Cloud Scheduler's default audience is the address it calls; the common base of all functions is usual too.
    """
    import jwt

    mode, _, rest = account.partition(":")
    behind_iam, email = (True, rest) if mode == "iam" else (False, account)
    checks: dict[str, Any] = {"require": ["exp", "iat", "iss", "aud", "email"]}
    try:
        if token.rpartition(".")[2] == _REMOVED:
            if not behind_iam:
                raise NotSignedIn()
            # What IAM has verified is only read: the signature is gone, all else is checked as usual.
            checks |= {"verify_signature": False, "verify_exp": True, "verify_aud": True, "verify_iss": True}
            key: Any = ""
        else:
            key = _google_keys().key(jwt.get_unverified_header(token).get("kid"))
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=[functions_url, f"{functions_url}/{function}"],
            issuer=_GOOGLE,
            leeway=30,
            options=checks,  # type: ignore[arg-type]  # a TypedDict that is built in two steps
        )
    except (jwt.PyJWTError, ValueError):
        raise NotSignedIn() from None
    if claims["email"] != email or claims.get("email_verified") is not True:
        raise NotSignedIn()
    return email


@cache
def _google_keys() -> Jwks:
    return Jwks(_GOOGLE_KEYS)


def _mac(purpose: str, head: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), f"{purpose}.{head}".encode(), hashlib.sha256)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(value: str) -> bytes:
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
