"""Supabase: the only module that talks to it, by calls of SQL functions through PostgREST.

`as_service()` acts for the machinery with the secret key; `as_user(token)` acts for a person, and row-level security
decides. Both are light values made for one request over the process's one HTTP client: `postgrest` is used directly,
since importing all of `supabase` costs 330 ms more at a cold start.

Errors of PostgREST and Postgres become ours here, by their code. What is our own fault, or passes by itself (no
connection, a timeout, a lock, a gateway's page), is `Unavailable`: the caller may come again.
"""

from __future__ import annotations

from functools import cache
from typing import cast

import httpx
from postgrest import SyncPostgrestClient
from postgrest.exceptions import APIError
from pydantic import JsonValue

from shared import http_client, log, settings
from shared.errors import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    RateLimited,
    ServiceError,
    Unavailable,
)

# SQLSTATEs by their class or in full, and PostgREST's own codes: the longest prefix that fits decides. All others pass
# by themselves (connections, locks, resources, PostgREST without Postgres) or come from a gateway: `Unavailable`.
_ERRORS: dict[str, type[ServiceError]] = {
    "22": Invalid,  # data: not a uuid, out of range
    "23": Conflict,  # constraint
    "42": ServiceError,  # our own SQL or call is wrong
    "42501": NotAllowed,
    "55": ServiceError,
    "55P03": Unavailable,  # lock not available
    "P0": ServiceError,
    "P0002": NotFound,
    "PT400": Invalid,  # raised by our SQL as PT<status>
    "PT403": NotAllowed,
    "PT404": NotFound,
    "PT409": Conflict,
    "PT429": RateLimited,
    "PGRST1": ServiceError,
    "PGRST2": ServiceError,
    "PGRST301": NotSignedIn,
    "PGRST302": NotSignedIn,
    "PGRST303": NotSignedIn,
    "XX": ServiceError,
}

# Saying these twice does no harm, so they are said again when a pooled connection turns out to be dead.
_REPEATABLE = frozenset(
    {
        *("record_event", "store_payloads", "settle_notifications", "finish_job"),
        *("record_receipt", "record_inbound_text"),
    }
)


class Database:
    """Supabase as one caller sees it. Made by `as_service` or `as_user`; safe to use from any thread."""

    def __init__(self, client: SyncPostgrestClient, *, signed_in: bool) -> None:
        self._client = client
        self._signed_in = signed_in

    def call(self, function: str, **params: JsonValue) -> JsonValue:
        """Call the SQL function with named arguments and return its JSON.

        Raises Unavailable, or what the function's error means to the caller (see `_ERRORS`).
        """
        try:
            return self._send(function, params)
        except httpx.HTTPError as error:
            log.error("database unreachable", function=function, error=type(error).__name__)
            raise Unavailable() from error
        except APIError as error:
            raise self._translate(function, error) from error

    def _send(self, function: str, params: dict[str, JsonValue]) -> JsonValue:
        request = self._client.rpc(function, cast(dict[str, str], params))
        try:
            return cast(JsonValue, request.execute().data)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if function not in _REPEATABLE:
                raise
            return cast(JsonValue, request.execute().data)

    def _translate(self, function: str, error: APIError) -> ServiceError:
        code = error.code or ""
        known = (code[:length] for length in range(len(code), 1, -1))
        kind = next((_ERRORS[prefix] for prefix in known if prefix in _ERRORS), Unavailable)
        if not self._signed_in and not code.startswith("PT"):
            kind = Unavailable  # nothing that the machinery says comes from a person: the trouble is ours
        if kind.status >= 500:
            log.error("database refused", error, function=function, code=code)
        return kind()


def as_service() -> Database:
    """Supabase with the secret key: passes row-level security, for the machinery only."""
    key = settings.load(settings.Database).secret_key
    return Database(_client(key, key), signed_in=False)


def as_user(token: str) -> Database:
    """Supabase as the person whose access token this is: row-level security decides what they see."""
    return Database(_client(settings.load(settings.Database).publishable_key, token), signed_in=True)


def _client(api_key: str, bearer: str) -> SyncPostgrestClient:
    return SyncPostgrestClient(
        _rest_url(),
        headers={"apikey": api_key, "Authorization": f"Bearer {bearer}"},
        http_client=http_client.shared(),
        retry_enabled=False,
    )


@cache
def _rest_url() -> str:
    url: str = settings.load(settings.Database).url
    return url + "/rest/v1"
