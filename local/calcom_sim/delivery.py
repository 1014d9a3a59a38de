"""Sends webhooks the way Cal.com does: signed, once, in order, whatever the answer; unless faults say otherwise."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime

import httpx

from local.calcom_sim.faults import FaultBox
from local.calcom_sim.state import Emission, Json, Webhook
from local.calcom_sim.times import iso_millis

KEPT = 20_000  # sendings remembered for GET /_sim/webhooks
_NO_SECRET = "no-secret-provided"
_REORDER_SECONDS = 0.25


@dataclass
class Sending:
    """One webhook on its way to one subscriber, and what became of it (`state`: waiting, sent, dropped, failed)."""

    id: int
    trigger: str
    url: str
    headers: dict[str, str]
    body: str
    created_at: str
    duplicate: bool = False
    state: str = "waiting"
    status: int | None = None  # what the subscriber answered
    due: float = field(default=0, compare=False)

    def shown(self) -> Json:
        """As `GET /_sim/webhooks` lists it; `signature` apart from the other headers, because tests look for it."""
        row = asdict(self)
        del row["due"]
        return row | {"signature": self.headers["X-Cal-Signature-256"]}


def sign(body: bytes, secret: str | None) -> str:
    """HMAC-SHA-256 in bare hex; without a secret the words that Cal.com sends instead."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() if secret else _NO_SECRET


class Delivery:
    """One worker and its queue. Times in the bodies come from `clock`; faults decide about order and loss."""

    def __init__(self, faults: FaultBox, clock: Callable[[], datetime]) -> None:
        self.log: deque[Sending] = deque(maxlen=KEPT)
        self._faults = faults
        self._clock = clock
        self._numbers = itertools.count(1)
        self._queue: list[Sending] = []
        self._changed = threading.Condition()
        self._busy = False
        self._hurried = 0  # how many wait for the queue to run dry
        self._client = httpx.Client(follow_redirects=False, timeout=10)
        threading.Thread(target=self._work, name="webhooks", daemon=True).start()

    def publish(self, emissions: Iterable[Emission], webhooks: Iterable[Webhook]) -> None:
        """Queue each emission for each subscriber that hears it."""
        subscribers = list(webhooks)
        for emission in emissions:
            for webhook in subscribers:
                if webhook.hears(emission.trigger, emission.event_type):
                    self._queue_sending(emission, webhook)

    def ping(self, webhook: Webhook) -> None:
        """Send what the dashboard's test button sends."""
        now = iso_millis(self._clock())
        person = {"timeZone": "Europe/London", "language": {"locale": "en"}, "utcOffset": 0}
        payload: Json = {
            "type": "Test",
            "title": "Test trigger event",
            "startTime": now,
            "endTime": now,
            "attendees": [{"email": "tester@example.com", "name": "Terry Tester"} | person],
            "organizer": {"name": "Cal", "email": "no-reply@example.com"} | person,
        }
        self._queue_sending(Emission("PING", payload, None), webhook)

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until nothing waits any more, delays cut short. Whether it came to that."""
        with self._changed:
            self._hurried += 1
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not self._queue and not self._busy, timeout)
            self._hurried -= 1
        return done

    def forget(self) -> None:
        """Drop what waits and what was sent."""
        with self._changed:
            self._queue.clear()
            self.log.clear()

    def _queue_sending(self, emission: Emission, webhook: Webhook, *, duplicate: bool = False) -> None:
        faults = self._faults.faults.webhooks
        delay = faults.delay_ms / 1000 + (self._faults.spread(_REORDER_SECONDS) if faults.reorder else 0)
        sending = self._sending(emission, webhook, duplicate)
        sending.due = time.monotonic() + delay
        if self._faults.happens(faults.drop):
            sending.state = "dropped"
        with self._changed:
            self.log.append(sending)
            if sending.state == "waiting":
                self._queue.append(sending)
                self._changed.notify_all()
        if not duplicate and self._faults.happens(faults.duplicate):
            self._queue_sending(emission, webhook, duplicate=True)

    def _sending(self, emission: Emission, webhook: Webhook, duplicate: bool) -> Sending:
        payload = emission.payload
        if webhook.version == "2026-07-27" and emission.calendar:
            payload = payload | emission.calendar
        created_at = iso_millis(self._clock())
        envelope: Json = {"triggerEvent": emission.trigger}
        envelope |= payload if emission.flat else {"createdAt": created_at, "payload": payload}
        body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "undici",
            "X-Cal-Signature-256": sign(body.encode(), webhook.secret),
            "X-Cal-Webhook-Version": webhook.version,
        }
        number = next(self._numbers)
        return Sending(number, emission.trigger, webhook.subscriber_url, headers, body, created_at, duplicate)

    def _work(self) -> None:
        while True:
            sending = self._next()
            try:
                answer = self._client.post(sending.url, content=sending.body.encode(), headers=sending.headers)
            except httpx.HTTPError:
                sending.state = "failed"  # Cal.com logs it and goes on
            else:
                sending.state, sending.status = "sent", answer.status_code
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next(self) -> Sending:
        """The sending that is due first; waits for it."""
        with self._changed:
            while True:
                first = min(self._queue, key=lambda sending: (sending.due, sending.id), default=None)
                wait = None if first is None else max(0, first.due - time.monotonic())
                if first is not None and (wait == 0 or self._hurried):
                    self._queue.remove(first)
                    self._busy = True
                    return first
                self._changed.wait(wait)
