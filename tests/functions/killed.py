"""The webhook in a process that is killed at one point: `python -m tests.functions.killed <point> < body`.

The settings come from the environment. A point is `before` or `after`, and what: an SQL function, `mail` or `sms`, the
posts to the providers. The function is given half a minute, so that it gets to that point on a slow machine too.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from functions_framework import create_app

from ops.stage import ROOT
from shared import database, mail, outbox, settings, sms


def main() -> None:
    moment, _, what = sys.argv[1].partition(" ")
    if what in ("mail", "sms"):
        provider = {"mail": mail, "sms": sms}[what]
        provider.post = _fatal(provider.post, moment)  # type: ignore[attr-defined]  # either module has it
    else:
        call = database.Database.call
        fatal = _fatal(call, moment)

        def chosen(self: database.Database, function: str, **params: Any) -> Any:
            return (fatal if function == what else call)(self, function, **params)

        database.Database.call = chosen  # type: ignore[method-assign]
    deliver_now = outbox.deliver_now
    outbox.deliver_now = lambda booking_ids, deadline: deliver_now(booking_ids, deadline + 30)
    body = sys.stdin.buffer.read()
    secret = settings.load(settings.CalcomWebhook).secrets[0].encode()
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    client = create_app("webhook", str(ROOT / "functions" / "webhook" / "main.py")).test_client()
    client.post("/webhook", data=body, headers={"X-Cal-Signature-256": signature})


def _fatal(call: Callable[..., Any], moment: str) -> Callable[..., Any]:
    def fatal(*given: Any, **named: Any) -> None:
        if moment == "after":
            call(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return fatal


if __name__ == "__main__":
    main()
