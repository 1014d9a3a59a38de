"""Senders that are stopped, cut off and lied to at every step, before a real database and providers that are played.

A sender is the code of `shared.outbox` in a thread of its own. Before each call, of the database or of a provider, it
waits for an order: go on, meet this trouble, or die, before the call or after it. A killed sender leaves behind what a
killed process would: what is in the database, and at the providers, and nothing else.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from queue import SimpleQueue
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import httpx
import pytest
from psycopg.types.json import Jsonb

from shared import database, http_client, letters, outbox
from shared.errors import Unavailable
from tests.database.history import Action, Claim, Note, Post
from tests.database.recorded import Connection

PATIENCE = 60.0  # seconds for one step, on the slowest machine
# What a provider does with a post; what begins with `then`, after it has taken the message.
FAULTS = ("429", "500", "unreachable", "reset", "busy", "then 500", "then timeout", "then strange")


class Killed(BaseException):
    """SIGKILL: no code of ours catches it."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What happens at a sender's next call: `fault` if it is a provider's; `lost` if the database is not reached
    (before), or its answer does not come (after)."""

    dies: Literal["before", "after"] | None = None
    fault: str | None = None
    lost: Literal["before", "after"] | None = None


GO_ON = Order()


@dataclass
class Log:
    """What happened, each with its place in one order."""

    actions: list[Action] = field(default_factory=list)
    _places: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def place(self) -> int:
        with self._lock:
            return next(self._places)

    def add(self, make: Callable[..., Action], began: int, by: str, **words: Any) -> None:
        with self._lock:
            self.actions.append(make(**{"began": began, "ended": next(self._places), "by": by, **words}))


@dataclass
class Providers:
    """Resend, whose idempotency keys hold what it promises, and Twilio, which has none. `bad`: whom they refuse.

    `taken`: what they will send: channel, their id, message, recipient.
    """

    log: Log
    bad: frozenset[str] = frozenset()
    taken: list[tuple[Literal["email", "sms"], str, str, str]] = field(default_factory=list)
    _known: dict[str, tuple[bytes, dict[str, Any]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, url: str, key: str | None, body: bytes, fault: str | None, by: str) -> httpx.Response:
        """Their answer; raises what httpx raises where none comes."""
        began, path = self.log.place(), urlsplit(url).path
        mails = _mails(path, body)
        with self._lock:
            before = len(self.taken)
            try:
                response, said = self._answer(path, key, body, fault, mails)
            except httpx.TransportError as error:
                response, said = error, "no" if isinstance(error, httpx.ConnectError) else "doubt"
            self.log.add(
                Post,
                began,
                by,
                channel="sms" if key is None else "email",
                key=key,
                body=sha256(body).hexdigest(),
                messages=[message for message, _ in mails],
                accepted=frozenset(message for _, _, message, _ in self.taken[before:]),
                refused=frozenset(message for message, to in mails if to in self.bad and said == "yes"),
                answer=said,
            )
        if isinstance(response, Exception):
            raise response
        return response

    def _answer(
        self, path: str, key: str | None, body: bytes, fault: str | None, mails: list[tuple[str, str]]
    ) -> tuple[httpx.Response | Exception, str]:
        known = self._known.get(key) if key is not None else None
        match fault:
            case "429":
                headers = {"retry-after": "1", "ratelimit-limit": "3"}
                return httpx.Response(429, json={"name": "rate_limit_exceeded", "code": 20429}, headers=headers), "no"
            case "500":
                return httpx.Response(500, json={"name": "internal_server_error"}), "doubt"
            case "unreachable":
                raise httpx.ConnectError("x")
            case "reset":
                raise httpx.ReadError("x")
            case "busy" if known:
                return httpx.Response(409, json={"name": "concurrent_idempotent_requests"}), "doubt"
        if known and known[0] != body:
            return httpx.Response(409, json={"name": "invalid_idempotent_request"}), "doubt"
        bad = [place for place, (_, to) in enumerate(mails) if to in self.bad]
        if bad and not path.endswith("/batch"):
            return httpx.Response(422, json={"name": "validation_error", "code": 21211}), "yes"
        answer = known[1] if known else self._take(path, mails, bad)
        if key is not None:
            self._known[key] = body, answer
        match fault:
            case "then 500":
                return httpx.Response(500, json={"name": "application_error"}), "doubt"
            case "then timeout":
                raise httpx.ReadTimeout("x")
            case "then strange":
                return httpx.Response(200, json={}), "doubt"
        return httpx.Response(200, json=answer), "yes"

    def _take(self, path: str, mails: list[tuple[str, str]], bad: list[int]) -> dict[str, Any]:
        ids = []
        channel: Literal["email", "sms"] = "email" if path.startswith("/emails") else "sms"
        for place, (message, to) in enumerate(mails):
            if place not in bad:
                ids.append(uuid4().hex)
                self.taken.append((channel, ids[-1], message, to))
        if path.endswith("/batch"):
            return {"data": [{"id": one} for one in ids], "errors": [{"index": place, "message": "x"} for place in bad]}
        return {"sid" if channel == "sms" else "id": ids[0]}


def _mails(path: str, body: bytes) -> list[tuple[str, str]]:
    """(message, recipient) of each thing in one post."""
    if not path.startswith("/emails"):
        form = parse_qs(body.decode())
        return [(parse_qs(urlsplit(form["StatusCallback"][0]).query)["id"][0], form["To"][0])]
    said = json.loads(body)
    found = []
    for mail in said if path.endswith("/batch") else [said]:
        [number] = [tag["value"] for tag in mail["tags"] if tag["name"] == "notification_id"]
        found.append((number, mail["to"][0]))
    return found


class Sender:
    """One process of ours that sends. `work` is what it does; a sender without orders goes on by itself."""

    def __init__(self, name: str, sql: Connection, providers: Providers, work: Callable[[], object]) -> None:
        self.name, self.sql, self.providers, self.work = name, sql, providers, work
        self.is_over = False
        self._orders: SimpleQueue[Order] | None = None
        self._rests = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        """All of its work, in this thread, with nothing in the way."""
        token = _current.set(self)
        try:
            self.work()
        finally:
            _current.reset(token)

    def start(self) -> None:
        """Up to its first call."""
        self._orders = SimpleQueue()
        threading.Thread(target=self._work, name=self.name, daemon=True).start()
        self.wait()

    def tell(self, order: Order) -> None:
        """Lets it go on; `wait` until it has come to its next call."""
        assert self._orders is not None
        self._rests.clear()
        self._orders.put(order)

    def wait(self) -> None:
        assert self._rests.wait(PATIENCE), f"{self.name} hangs"
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            self.run()
        except Killed:
            self.providers.log.add(Note, self.providers.log.place(), self.name, text="killed")
        except Unavailable:
            pass  # the function answers 503; the next one comes in a minute
        except BaseException as error:
            self._failure = error
        finally:
            self.is_over = True
            self._rests.set()

    def _order(self) -> Order:
        if self._orders is None:
            return GO_ON
        self._rests.set()
        order = self._orders.get(timeout=PATIENCE)
        if order.dies == "before":
            raise Killed
        return order

    def call(self, function: str, **params: Any) -> Any:
        """As `shared.database` does, without PostgREST."""
        order = self._order()
        if order.lost == "before":
            raise Unavailable
        began = self.providers.log.place()
        names = ", ".join(f"{name} => %s" for name in params)
        given = [Jsonb(value) if isinstance(value, list | dict) else value for value in params.values()]
        [answer] = self.sql.execute(f"select public.{function}({names})".encode(), given).fetchone() or [None]
        self._note(function, params, answer, began)
        if order.dies == "after":
            raise Killed
        if order.lost == "after":
            raise Unavailable
        return answer

    def _note(self, function: str, params: dict[str, Any], answer: Any, began: int) -> None:
        log = self.providers.log
        match function:
            case "claim_notifications":
                sending = [row for row in answer if row["status"] == "sending"]
                keys = {row["id"]: row["batch_key"] for row in sending}
                repeated = frozenset(row["batch_key"] for row in sending if row["payload"] is not None)
                log.add(Claim, began, self.name, keys=keys, repeated=repeated)
            case "store_payloads":
                keys_ = [one["batch_key"] for one in params["p_payloads"]]
                log.add(Note, began, self.name, text=f"keeps {keys_} → {answer['stored']}")
            case _:
                told = [f"{one['id']} {one['outcome']}" for one in params["p_results"]]
                log.add(Note, began, self.name, text=f"settles {told} → {answer}")

    def request(self, method: str, url: str, *, headers: dict[str, str], content: bytes, **_: Any) -> httpx.Response:
        """As the process's HTTP client does."""
        order = self._order()
        response = self.providers.post(url, headers.get("Idempotency-Key"), content, order.fault, self.name)
        if order.dies == "after":
            raise Killed
        return response

    def post(self, url: str, **words: Any) -> httpx.Response:
        return self.request("POST", url, **words)


_current: ContextVar[Sender] = ContextVar("sender")


def _draft(row: dict[str, Any]) -> str:
    """A body in place of a rendered one: quick, and never twice the same."""
    if row["channel"] == "sms":
        callback = f"https://functions.example.com/?{urlencode({'id': row['id']})}"
        return urlencode({"To": row["recipient"], "Body": uuid4().hex, "StatusCallback": callback})
    tags = [{"name": "notification_id", "value": row["id"]}]
    return json.dumps({"to": [row["recipient"]], "subject": uuid4().hex, "tags": tags})


@contextmanager
def played() -> Iterator[None]:
    """Whatever `shared.outbox` calls is called by the sender of the thread that it runs in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "as_service", _current.get)
        patch.setattr(http_client, "shared", _current.get)
        patch.setattr(letters, "_render", _draft)
        for pause in ("_PAUSE_SECONDS", "_SHORT_PAUSE_SECONDS"):
            patch.setattr(outbox, pause, 0.0)
        patch.setattr(outbox, "_LOOKS", 1)  # to look again is to claim again, as the next sweep does
        yield
