"""A function in a process that is killed at one point: `python -m tests.functions.killed <point> [<function>] < body`.

The settings come from the environment. A point is `before` or `after`, and what: an SQL function, or a post to the
providers, of a `mail`, a `batch` or an `sms`; a number says at which of its calls. The function is the webhook, whose
body is signed here, or another, called with `AUTHORIZATION`. It is given half a minute, so that it gets to that point
on a slow machine too.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from functions_framework import create_app

from ops.stage import ROOT
from shared import database, mail, outbox, settings, sms


def main() -> None:
    moment, what, *number = sys.argv[1].split()
    name = sys.argv[2] if len(sys.argv) > 2 else "webhook"
    calls = int(number[0]) if number else 1
    if what == "batch":
        mail.post_batch = _fatal(mail.post_batch, moment, calls)
    elif what in ("mail", "sms"):
        provider = {"mail": mail, "sms": sms}[what]
        provider.post = _fatal(provider.post, moment, calls)  # type: ignore[attr-defined]  # either module has it
    else:
        call = database.Database.call
        fatal = _fatal(call, moment, calls)

        def chosen(self: database.Database, function: str, **params: Any) -> Any:
            return (fatal if function == what else call)(self, function, **params)

        database.Database.call = chosen  # type: ignore[method-assign]
    deliver_now = outbox.deliver_now
    outbox.deliver_now = lambda booking_ids, deadline: deliver_now(booking_ids, deadline + 30)
    body = sys.stdin.buffer.read()
    client = create_app(name, str(ROOT / "functions" / name / "main.py")).test_client()
    client.post(f"/{name}", data=body, headers=_signed(body) if name == "webhook" else _signed_in())


def _signed(body: bytes) -> dict[str, str]:
    secret = settings.load(settings.CalcomWebhook).secrets[0].encode()
    return {"X-Cal-Signature-256": hmac.new(secret, body, hashlib.sha256).hexdigest()}


def _signed_in() -> dict[str, str]:
    return {"Authorization": os.environ["AUTHORIZATION"]}


def _fatal(call: Callable[..., Any], moment: str, calls: int) -> Callable[..., Any]:
    numbers = itertools.count(1)

    def fatal(*given: Any, **named: Any) -> Any:
        is_last = next(numbers) == calls
        if is_last and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = call(*given, **named)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return fatal


if __name__ == "__main__":
    main()
