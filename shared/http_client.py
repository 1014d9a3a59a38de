"""The one HTTP client of a process: pooled, thread-safe, without cookies, HTTP/1.1.

HTTP/2 connections of httpx are not safe to share between threads. Making a TLS context costs 44 ms, a pooled request
none of it. The client is made at the first request, not at import.
"""

from __future__ import annotations

import threading
from http.cookiejar import DefaultCookiePolicy

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
        timeout=httpx.Timeout(10.0, connect=3.0),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=55.0),
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client
