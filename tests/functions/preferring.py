"""A test's view of the preferences: people with links of both kinds, what the page says, and what is stored."""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from shared.tokens import sign_link
from tests.functions.acting import House

Row = dict[str, Any]

PHONE = "+4915112345678"
_CLIENT = httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
# What only counts or remembers requests, and what a sign-in leaves.
_NOT_CONTENT = ("private.link_requests",)


@dataclass(frozen=True)
class Answered:
    status: int
    text: str  # the page without its style sheet and tags, entities resolved
    html: str
    headers: httpx.Headers


@dataclass(frozen=True)
class Preferring:
    """The running function, as a browser or a mail program without any cookie uses it."""

    house: House

    @property
    def url(self) -> str:
        return f"{self.house.env['FUNCTIONS_URL']}/preferences"

    def token(self, email: str, purpose: str = "unsubscribe", minutes: float | None = None) -> str:
        """Without `minutes` it never expires."""
        until = None if minutes is None else datetime.now(UTC) + timedelta(minutes=minutes)
        return sign_link(purpose, email, self.house.env["LINK_SECRET"].split(",")[0], until)

    def fresh(self, email: str) -> str:
        return self.token(email, "preferences", 15)

    def get(self, token: str, **headers: str) -> Answered:
        return _read(_CLIENT.get(self.url, params={"token": token} if token else {}, headers=headers))

    def post(self, token: str, body: Any = b"", **headers: str) -> Answered:
        """A form from a mapping, or these bytes as they are."""
        words: Row = {"content": body} if isinstance(body, bytes) else {"data": body}
        return _read(_CLIENT.post(self.url, params={"token": token}, headers=headers, **words))

    def ask(self, email: str, network: str = "", **words: Any) -> httpx.Response:
        """A link, as JSON."""
        headers = {"X-Forwarded-For": network} if network else {}
        return _CLIENT.post(f"{self.url}/link", json={"email": email}, headers=headers, **words)

    def links(self, email: str) -> list[str]:
        """Tokens of the links that were mailed to this address."""
        texts = [mail["text"] for mail in self.house.mails(email) if "kind" in str(mail["tags"])]
        return [found[1] for text in texts if (found := re.search(r"token=(\d\S+)", text))]

    def row(self, email: str) -> Row:
        cursor = self.house.db.execute("select to_jsonb(p) from notification_preferences p where email = %s", [email])
        found = cursor.fetchone()
        return dict(found[0]) if found else {}

    def verified(self, email: str, phone: str = PHONE, *, on: bool = True) -> None:
        """This person has a verified number, and agreed to texts if `on`."""
        self.house.db.execute(
            "insert into notification_preferences (email, phone, phone_verified_at, sms_reminders)"
            " values (%s, %s, now(), %s)",
            [email, phone, on],
        )
        if on:
            self.house.db.execute(
                "insert into sms_consents (email, phone, text_shown, source) values (%s, %s, 'Text me', 'portal')",
                [email, phone],
            )

    def consents(self, email: str) -> list[tuple[str, str, bool]]:
        """number, source, whether it stands; oldest first."""
        return self.house.db.execute(
            "select phone, source, withdrawn_at is null from sms_consents where email = %s order by id", [email]
        ).fetchall()

    def content(self) -> dict[str, str]:
        """A hash of each table."""
        tables = self.house.db.execute(
            "select relnamespace::regnamespace || '.' || relname from pg_class"
            " where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'private') order by 1"
        ).fetchall()
        hashes = {}
        for (table,) in tables:
            rows = self.house.db.execute(f"select t::text from {table} t order by 1".encode()).fetchall()
            hashes[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
        return {table: value for table, value in hashes.items() if table not in _NOT_CONTENT}


def _read(answer: httpx.Response) -> Answered:
    visible = re.sub(r"<style>.*?</style>|<datalist.*?</datalist>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    text = " ".join(html.unescape(visible).split())
    return Answered(answer.status_code, text, answer.text, answer.headers)
