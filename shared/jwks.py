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


class Jwks:
    """The keys behind `url`. Safe to use from any thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._asked_at = -_KEEP_SECONDS

    def key(self, key_id: str | None) -> Any:
        """The signing key of this id, as PyJWT takes it.

        Raises NotSignedIn when there is none, Unavailable when the provider cannot be asked.
        """
        with self._lock:
            age = time.monotonic() - self._asked_at
            if age >= _KEEP_SECONDS or (key_id not in self._keys and age >= _ASK_AGAIN_SECONDS):
                self._ask()
            found = self._keys.get(key_id or "")
        if found is None:
            raise NotSignedIn()
        return found

    def _ask(self) -> None:
        import jwt  # brings cryptography, which only a token's check needs

        try:
            answer = http_client.shared().get(self._url, timeout=5.0).raise_for_status()
            listed = answer.json()["keys"]
            keys = {one["kid"]: jwt.PyJWK(one) for one in listed if one.get("use", "sig") == "sig" and "kid" in one}
        except (httpx.HTTPError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            log.error("keys unreachable", error=type(error).__name__)
            if not self._keys:
                raise Unavailable() from error
            return
        finally:
            self._asked_at = time.monotonic()
        self._keys = keys
