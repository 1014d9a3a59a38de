"""The simulator as a test speaks to it: over HTTP, with the host's key, or as a visitor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

KEY = "cal_test_key"
SECRETS = "schlüssel-neu,schlüssel-alt"
HOST_EMAIL = "host@example.com"

PLAIN, CONFIRMED, GROUP, SERIES, PAID, CALL, VISIT, PANEL, ROTA, PAID_CONFIRMED = range(101, 111)
VERSION = "2026-02-25"


@dataclass(frozen=True)
class Calcom:
    """`api` carries the key and the newest version of bookings; `public` neither."""

    api: httpx.Client
    public: httpx.Client

    def book(self, event_type: int, start: str, name: str = "Ann Client", **more: Any) -> Any:
        """A visitor books; what Cal.com's answer holds. The address is made from the name."""
        attendee = {"name": name, "email": f"{name.split()[0].lower()}@example.com", "timeZone": "Europe/Paris"}
        body = {"eventTypeId": event_type, "start": start, "attendee": attendee} | more
        return self.ok(self.public.post("/_sim/bookings", json=body))

    def do(self, uid: str, action: str, **body: Any) -> Any:
        """The host acts over the API; what the answer holds."""
        return self.ok(self.api.post(f"/v2/bookings/{uid}/{action}", json=body))

    def sim(self, path: str, **body: Any) -> Any:
        """A control path; its answer."""
        answer = self.public.post(f"/_sim/{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def read(self, uid: str) -> Any:
        return self.ok(self.api.get(f"/v2/bookings/{uid}"))

    def flush(self) -> None:
        """All webhooks so far have been sent."""
        assert self.sim("flush") == {"flushed": True}

    @staticmethod
    def ok(answer: httpx.Response) -> Any:
        """What a good answer holds."""
        assert answer.status_code in (200, 201), answer.text
        body = answer.json()
        assert body["status"] == "success"
        return body["data"]

    @staticmethod
    def refused(answer: httpx.Response, status: int) -> str:
        """Why the answer refuses."""
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert body["status"] == "error"
        return str(body["error"]["message"])


def later(start: datetime, **by: float) -> str:
    """A moment after `start` (`hours=1`, `days=2`), as the API takes it."""
    return (start + timedelta(**by)).isoformat()


def connect(address: str) -> Calcom:
    """Clients for a simulator at `address`."""
    headers = {"Authorization": f"Bearer {KEY}", "cal-api-version": VERSION}
    return Calcom(httpx.Client(base_url=address, headers=headers), httpx.Client(base_url=address))
