"""Demo data: four people who can sign in, and bookings that somebody made in Cal.com. Made once, in an empty stack.

Everything goes the way it goes in life: people sign up and confirm their address with the code from the mail; bookings
are made, moved and cancelled in the Cal.com simulator, whose webhooks bring them here.
"""

from __future__ import annotations

import json
import re
import urllib.request
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from local.site import SetupError, Site

PASSWORD = "booking-demo"
_STAFF = {"host@example.com": "host", "admin@example.com": "admin"}
_CLIENTS = ("client@example.com", "other@example.com")
_HOUSE = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True)
class _Visitor:
    name: str
    email: str
    time_zone: str
    language: str


_CLARA = _Visitor("Clara Client", "client@example.com", "Europe/Berlin", "en")
_OTTO = _Visitor("Otto Other", "other@example.com", "America/New_York", "en")
_DORA = _Visitor("Dora Dietrich", "dora@example.com", "Europe/Vienna", "de")
_FELIX = _Visitor("Félix Fournier", "felix@example.com", "Europe/Paris", "fr")


def seed(site: Site) -> None:
    """Make what is missing: the people, and the bookings if there are none at all. Raises SetupError, OSError."""
    with psycopg.connect(site.postgres_url(), autocommit=True) as db:
        known = {email for (email,) in db.execute("select email from auth.users")}
        new = [email for email in (*_STAFF, *_CLIENTS) if email not in known]
        for email in new:
            _sign_up(site, email)
        if new:
            _call(f"{site.resend_url}/_sim/reset")  # nobody wants to read their codes
        for email, role in _STAFF.items():
            db.execute(
                "insert into public.staff (user_id, role) select id, %s from auth.users where email = %s"
                " on conflict do nothing",
                (role, email),
            )
        if db.execute("select from public.bookings limit 1").fetchone() is None:
            _book_all(site, datetime.now(_HOUSE))


def _sign_up(site: Site, email: str) -> None:
    headers = {"apikey": site.secret("supabase_publishable_key")}
    _call(f"{site.supabase_url}/auth/v1/signup", {"email": email, "password": PASSWORD}, headers)
    mails = _call(f"{site.resend_url}/_sim/messages", method="GET")
    code = next(re.search(r"\b\d{6}\b", mail["text"]) for mail in reversed(mails) if email in mail["to"])
    if code is None:
        raise SetupError(f"The mail that confirms {email} has no code.")
    proof = {"type": "signup", "email": email, "token": code[0]}
    _call(f"{site.supabase_url}/auth/v1/verify", proof, headers)


def _book_all(site: Site, now: datetime) -> None:
    """Past, today, next week; one cancelled, one moved twice, one seated, one pending. `now` in the house's zone."""
    visits = _Visits(site)

    visits.book("consultation", _CLARA, _workday(now, -5, 10))
    visits.book("call", _OTTO, _workday(now, -2, 15), phone="+12025550143")
    visits.book("consultation", _CLARA, _later_today(now))

    visits.book("studio-visit", _CLARA, _workday(now, 5, 11), guests=["guest@example.com"])
    visits.book("panel", _FELIX, _workday(now, 6, 14))

    cancelled = visits.book("consultation", _OTTO, _workday(now, 3, 16))
    visits.act(cancelled, "cancel", {"by": "client", "reason": "I have to travel that day."})

    moved = visits.book("consultation", _DORA, _workday(now, 2, 9))
    moved = visits.act(moved, "move", {"start": _utc(_workday(now, 4, 9)), "by": "client"})
    visits.act(moved, "move", {"start": _utc(_workday(now, 7, 13)), "by": "host", "reason": "A clash on our side."})

    for visitor in (_CLARA, _OTTO, _FELIX):
        visits.book("workshop", visitor, _workday(now, 8, 10))

    visits.book("interview", _OTTO, _workday(now, 9, 15))
    visits.arrive()


class _Visits:
    """What visitors do on Cal.com's pages."""

    def __init__(self, site: Site) -> None:
        self._base = f"{site.calcom_sim_url}/_sim"

    def book(
        self, slug: str, visitor: _Visitor, start: datetime, *, phone: str = "", guests: list[str] | None = None
    ) -> str:
        """The uid of the new booking."""
        attendee = {"name": visitor.name, "email": visitor.email, "timeZone": visitor.time_zone}
        attendee |= {"language": visitor.language} | ({"phoneNumber": phone} if phone else {})
        body = {"eventTypeSlug": slug, "start": _utc(start), "attendee": attendee, "guests": guests or []}
        return self._uid(_call(f"{self._base}/bookings", body | _ANYTIME))

    def act(self, uid: str, action: str, body: dict[str, Any]) -> str:
        """Cancel or move; the uid of what comes of it."""
        return self._uid(_call(f"{self._base}/bookings/{uid}/{action}", body | _ANYTIME))

    def arrive(self) -> None:
        """Wait until our webhook has taken all of it. Raises SetupError if it refused something."""
        _call(f"{self._base}/flush")
        for sending in _call(f"{self._base}/webhooks", method="GET"):
            if sending["status"] != 200:
                raise SetupError(f"Demo data: the webhook answered {sending['status']} to {sending['trigger']}.")

    def _uid(self, answer: Any) -> str:
        uid: str = answer["data"]["uid"]
        self.arrive()
        return uid


# The simulator lets its visitors book any time: past, out of hours, twice.
_ANYTIME = {"_sim": {"allow_past": True}}


def _workday(now: datetime, days: int, hour: int) -> datetime:
    """`hour` o'clock, so many working days from today (before it if negative)."""
    day, step = now.date(), timedelta(days=1 if days > 0 else -1)
    for _ in range(abs(days)):
        day += step
        while day.weekday() > 4:
            day += step
    return datetime.combine(day, time(hour), _HOUSE)


def _later_today(now: datetime) -> datetime:
    """The next half hour that is an hour away; late in the evening, the last one of the day."""
    ahead = now + timedelta(minutes=90 - now.minute % 30)
    last = datetime.combine(now.date(), time(23, 30), _HOUSE)
    return min(ahead.replace(second=0, microsecond=0), last)


def _utc(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")


def _call(url: str, body: object = None, headers: dict[str, str] | None = None, method: str = "POST") -> Any:
    data = json.dumps(body or {}).encode() if method == "POST" else None
    call = urllib.request.Request(url, data, {"Content-Type": "application/json"} | (headers or {}), method=method)
    with urllib.request.urlopen(call, timeout=30) as answer:
        return json.loads(answer.read())
