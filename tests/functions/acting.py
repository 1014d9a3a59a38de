"""A test's view of the portal's actions: people who are signed in, bookings at Cal.com, what everybody sees of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.conftest import Connection
from tests.database.api import Caller, sign_up

Row = dict[str, Any]

PLAIN, CONFIRMED, GROUP, SERIES, PAID, CALL, VISIT, PANEL, ROTA = range(101, 110)
# No connection is used twice: one that the server closes just then would look like a fault of ours.
_CLIENT = httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True)
class House:
    """The running system as its people use it. Everything goes over HTTP; `db` only looks."""

    env: Mapping[str, str]
    db: Connection

    def person(self, email: str, role: str | None = None) -> Caller:
        """Signed up, confirmed and signed in; with a role a member of staff."""
        caller = sign_up(self.env, email)
        if role:
            self.db.execute(
                "insert into public.staff (user_id, role) select id, %s from auth.users where email = %s", [role, email]
            )
        return caller

    def book(self, event_type: int, start: datetime, email: str = "client@example.com", **more: Any) -> Any:
        """A visitor books at Cal.com, any time; the answer's data, once its webhook has come."""
        attendee = {"name": email.split("@")[0].title(), "email": email, "timeZone": "Europe/Berlin", "language": "en"}
        body = {"eventTypeId": event_type, "start": start.isoformat(), "attendee": attendee, **more}
        made = self.sim("bookings", body | {"_sim": {"allow_past": True}})["data"]
        self.flush()
        return made

    def sim(self, path: str, body: object = None) -> Any:
        answer = _CLIENT.post(f"{self.env['CALCOM_SIM_URL']}/_sim/{path}", json=body or {})
        assert answer.is_success, answer.text
        return answer.json()

    def flush(self) -> None:
        """All webhooks that were sent have come, however busy the machine is."""
        for _ in range(6):
            if _CLIENT.post(f"{self.env['CALCOM_SIM_URL']}/_sim/flush?timeout=45").is_success:
                return
        raise AssertionError("webhooks still wait")

    def calcom(self, uid: str) -> Row:
        """The booking as Cal.com has it."""
        headers = {"Authorization": f"Bearer {self.env['CALCOM_API_KEY']}", "cal-api-version": "2024-08-13"}
        answer = _CLIENT.get(f"{self.env['CALCOM_API_URL']}/bookings/{uid}", headers=headers)
        assert answer.is_success, answer.text
        data: Row = answer.json()["data"]
        return data

    def calls(self, action: str) -> list[Row]:
        """The API calls that Cal.com got, of this action."""
        listed = _CLIENT.get(f"{self.env['CALCOM_SIM_URL']}/_sim/requests").json()
        return [call for call in listed if call["path"].endswith("/" + action)]

    def id_of(self, uid: str) -> str:
        """Our id of the booking that this uid is part of."""
        row = self.db.execute("select booking_id::text from private.booking_nodes where uid = %s", [uid]).fetchone()
        assert row is not None
        found: str = row[0]
        return found

    def call(self, who: Caller, method: str, path: str, body: object = None, **query: str) -> httpx.Response:
        """A function, as this person."""
        headers = {"Authorization": f"Bearer {who.token}"}
        return _CLIENT.request(method, f"{self.env['FUNCTIONS_URL']}/{path}", json=body, params=query, headers=headers)

    def cancel(self, who: Caller, booking_id: str, **more: Any) -> httpx.Response:
        return self.call(who, "POST", "cancel", {"booking_id": booking_id, **more})

    def move(self, who: Caller, booking_id: str, start: datetime, **more: Any) -> httpx.Response:
        return self.call(who, "POST", "reschedule", {"booking_id": booking_id, "start": start.isoformat(), **more})

    def sweep(self) -> None:
        """What is owed leaves, as each minute."""
        headers = {"Authorization": f"Bearer {self.env['SCHEDULER_TOKEN']}"}
        answer = _CLIENT.post(f"{self.env['FUNCTIONS_URL']}/reminders", headers=headers)
        assert answer.is_success, answer.text

    def mails(self, to: str) -> list[Row]:
        listed: list[Row] = _CLIENT.get(f"{self.env['RESEND_API_URL']}/_sim/messages", params={"to": to}).json()
        return listed

    def story(self, booking_id: str) -> list[tuple[Any, ...]]:
        """kind, who (side), who (name), why of each entry, oldest first."""
        return self.db.execute(
            "select kind, actor_kind, actor, reason from public.booking_events where booking_id = %s order by id",
            [booking_id],
        ).fetchall()


def monday(hour: int = 9) -> datetime:
    """That hour UTC on a Monday two to three weeks ahead: working hours in Berlin and London, summer or winter."""
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return now + timedelta(days=21 - now.weekday(), hours=hour)
