"""Supabase's API as people and functions call it: real sign-ins, real tokens, and what each is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

Row = dict[str, Any]

PASSWORD = "a long password"


@dataclass(frozen=True)
class Denied:
    """What the API refused, by the code of Postgres: 42501 without a right, P… of our own functions."""

    code: str


NO_RIGHT = Denied("42501")
NOT_THEIRS = Denied("PT403")
NOT_THERE = Denied("PT404")


class Caller:
    """One who calls the API, with a token or a key."""

    def __init__(self, env: Mapping[str, str], api_key: str, token: str | None = None) -> None:
        self.token = token or api_key
        headers = {"apikey": api_key, "Authorization": f"Bearer {self.token}"}
        self._client = httpx.Client(base_url=env["SUPABASE_URL"] + "/rest/v1", headers=headers, timeout=30)

    def close(self) -> None:
        self._client.close()

    def select(self, table: str) -> list[Row] | Denied:
        return self._rows("GET", table)

    def insert(self, table: str, row: Row) -> list[Row] | Denied:
        return self._rows("POST", table, json=row)

    def update(self, table: str, where: Mapping[str, str], row: Row) -> list[Row] | Denied:
        return self._rows("PATCH", table, params=where, json=row)

    def delete(self, table: str, where: Mapping[str, str]) -> list[Row] | Denied:
        return self._rows("DELETE", table, params=where)

    def call(self, function: str, arguments: Row) -> Any:
        """The answer of an SQL function, or Denied."""
        answer = self._client.post(f"/rpc/{function}", json=arguments)
        if not answer.is_success:
            return _denied(answer)
        return answer.json() if answer.content else None  # of a function that returns nothing

    def _rows(self, method: str, table: str, **words: Any) -> list[Row] | Denied:
        # Without this, rows that one may write but not read again would be refused: here they may be written.
        prefer = "return=minimal" if method == "POST" else "return=representation"
        answer = self._client.request(method, f"/{table}", headers={"Prefer": prefer}, **words)
        if not answer.is_success:
            return _denied(answer)
        rows: list[Row] = answer.json() if answer.content else []
        return rows


def sign_up(env: Mapping[str, str], email: str) -> Caller:
    """An account whose address was confirmed with the code from the mail, signed in by its password."""
    auth = env["SUPABASE_URL"] + "/auth/v1"
    person = {"email": email, "password": PASSWORD}
    with httpx.Client(headers={"apikey": env["SUPABASE_PUBLISHABLE_KEY"]}, timeout=30) as client:
        client.post(f"{auth}/signup", json=person).raise_for_status()
        mails = client.get(env["RESEND_API_URL"] + "/_sim/messages").json()
        code = next(re.search(r"\b\d{6}\b", mail["text"]) for mail in reversed(mails) if email in mail["to"])
        assert code is not None
        client.post(f"{auth}/verify", json={"type": "signup", "email": email, "token": code[0]}).raise_for_status()
        session = client.post(f"{auth}/token?grant_type=password", json=person).raise_for_status().json()
    return Caller(env, env["SUPABASE_PUBLISHABLE_KEY"], session["access_token"])


def _denied(answer: httpx.Response) -> Denied:
    code = answer.json().get("code", "")
    assert answer.status_code < 500, answer.text
    return Denied(code)
