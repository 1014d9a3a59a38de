"""A provider's public keys (JWKS, RFC 7517), fetched when needed and kept.

An unknown key id asks the provider again, since keys rotate, but not more than once a minute: otherwise anyone could
make us call it with each made-up token.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx

from shared import http_client, log
from shared.errors import NotSignedIn, Unavailable

_KEEP_SECONDS = 600.0
_ASK_AGAIN_SECONDS = 60.0
# After a question that failed: soon, since nobody can sign in meanwhile, but not with each request.
_TRY_AGAIN_SECONDS = 5.0


class Jwks:
    """The keys behind `url`. Safe to use from any thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._asked_at = -_KEEP_SECONDS
        self._failed = False

    def key(self, key_id: str | None) -> Any:
        """The signing key of this id, as PyJWT takes it.

        Raises NotSignedIn when there is none, Unavailable when the provider would have to be asked and cannot be.
        """
        if not key_id:
            raise NotSignedIn()
        # A known key waits for no lock: made-up ids hold up nobody else.
        if key_id not in self._keys or self._age() >= _KEEP_SECONDS:
            self._ask_if_due(key_id)
        found = self._keys.get(key_id)
        if found is not None:
            return found
        if self._failed:
            raise Unavailable()
        raise NotSignedIn()

    def _ask_if_due(self, key_id: str) -> None:
        with self._lock:
            # Looked at under the lock: who waited for it shares the answer of the one before.
            if key_id in self._keys:
                pause = _KEEP_SECONDS
            else:
                pause = _TRY_AGAIN_SECONDS if self._failed else _ASK_AGAIN_SECONDS
            if self._age() >= pause:
                self._ask()

    def _age(self) -> float:
        return time.monotonic() - self._asked_at

    def _ask(self) -> None:
        try:
            answer = http_client.shared().get(self._url, timeout=5.0).raise_for_status()
            self._keys = _signing_keys(answer.json()["keys"])
            self._failed = False
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.error("keys unreachable", error=type(error).__name__)
            self._failed = True
        finally:
            self._asked_at = time.monotonic()


def _signing_keys(listed: list[Any]) -> dict[str, Any]:
    """The keys by their ids. One of a kind that we cannot read is left out: it does not make the others worthless."""
    import jwt  # brings cryptography, which only a token's check needs

    keys: dict[str, Any] = {}
    for one in listed:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig":
            continue
        try:
            keys[one["kid"]] = jwt.PyJWK(one)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            log.warning("a key that we cannot read", kind=str(one.get("kty")))
    return keys
