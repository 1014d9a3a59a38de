"""The one HTTP client of a process: pooled, thread-safe, without cookies, HTTP/1.1.

HTTP/2 connections of httpx are not safe to share between threads. The client is made at the first request, not at
import, and its trust in certificates costs nothing until one has to be checked.
"""

from __future__ import annotations

import os
import re
import ssl
import threading
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import httpx

_lock = threading.Lock()
_client: httpx.Client | None = None


def shared() -> httpx.Client:
    """The client that all threads share. Never change its headers or its auth: every request would carry them."""
    global _client
    if _client is None:
        with _lock:
            if _client is None:
                _client = _make()
    return _client


def close() -> None:
    """Let go of all connections; the next `shared()` makes a new client."""
    global _client
    with _lock:
        client, _client = _client, None
    if client is not None:
        client.close()


def _make() -> httpx.Client:
    client = httpx.Client(
        http2=False,
        verify=trusted(),
        timeout=httpx.Timeout(10.0, connect=3.0),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=55.0),
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


def trusted() -> ssl.SSLContext | bool:
    """Whose certificates are believed: those in the system's directory, each read when a server shows it.

    True, which is httpx's own bundle, where there is no such directory or SSL_CERT_FILE names another: reading a bundle
    takes a seventh of a cold start.
    """
    paths = ssl.get_default_verify_paths()
    if paths.openssl_cafile_env in os.environ or not paths.capath:
        return True
    # OpenSSL looks a certificate up by the hash of its name.
    if not any(re.fullmatch(r"[0-9a-f]{8}\.\d+", entry.name) for entry in Path(paths.capath).iterdir()):
        return True
    return ssl.create_default_context(capath=paths.capath)
