"""A small world to look at from every side: people, five bookings, and a row of everything else.

| booking | booked by   | others               | host       |
|---------|-------------|----------------------|------------|
| A       | client      | guest                | host       |
| S       | (seats)     | client, mate         | host       |
| R       | client      | guest, who is removed| host       |
| O       | other       |                      | other_host |
| U       | unconfirmed |                      | other_host |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.clean_slate import CleanSlate
from tests.conftest import Connection
from tests.database.api import Caller, Denied, Row, sign_up

PEOPLE = ("client", "guest", "mate", "other", "unconfirmed", "host", "other_host", "admin")
PERSONAS = ("anon", *PEOPLE, "secret")


def address(person: str) -> str:
    return f"{person}@example.com"


class World:
    """Made once. `callers` by persona; `bookings`, `attendees`, `messages` by label."""

    def __init__(self, env: Mapping[str, str], db: Connection) -> None:
        self.db = db
        self.callers = {person: sign_up(env, address(person)) for person in PEOPLE}
        self.callers["anon"] = Caller(env, env["SUPABASE_PUBLISHABLE_KEY"])
        self.callers["secret"] = Caller(env, env["SUPABASE_SECRET_KEY"])
        # Whose address counts no more, though the token does: the account is asked, not the token.
        db.execute("update auth.users set email_confirmed_at = null where email = %s", [address("unconfirmed")])
        users = db.execute("select split_part(email, '@', 1), id::text from auth.users").fetchall()
        self.users: dict[str, str] = dict(users)
        for person, role in (("admin", "admin"), ("host", "host"), ("other_host", "host")):
            db.execute("insert into public.staff (user_id, role) values (%s, %s)", [self.users[person], role])
        self.bookings = {
            "A": self._book("a", ["client", "guest"]),
            "S": self._book("s", ["client", "mate"], seated=True, seats=5),
            "R": self._book("r", ["client", "guest"]),
            "O": self._book("o", ["other"], host="other_host"),
            "U": self._book("u", ["unconfirmed"], host="other_host"),
        }
        self._book("r", ["client"], trigger="API")
        self._labels: dict[str, str] = {id_: label for label, id_ in self.bookings.items()}
        self.attendees = self._named("booking_attendees", "email")
        self.messages = self._named("notifications", "recipient")
        for statement in _EVERYTHING_ELSE:
            db.execute(statement.format(**self.bookings, **self.users).encode())
        self._slate = CleanSlate(db)

    def restore(self) -> None:
        """Undo whatever a caller was allowed to write."""
        self._slate.restore()

    def close(self) -> None:
        for caller in self.callers.values():
            caller.close()

    def label(self, table: str, row: Row) -> str:
        """What the expectations call a row."""
        booking = self._labels.get(row.get("booking_id") or row.get("id") or "", "-")
        match table:
            case "bookings":
                return booking
            case "booking_attendees":
                return f"{booking}:{_name(row['email'])}"
            case "notifications":
                return f"{booking}:{_name(row['recipient'])}"
            case "booking_events":
                audience = "" if row["audience"] == "everyone" else f" for {row['audience']}"
                return f"{booking}:{row['kind']}{audience}"
            case "booking_notes":
                return f"{booking}:{row['visibility']}"
            case "notification_preferences" | "sms_consents":
                return _name(row["email"])
            case "staff" | "saved_views":
                return {user: name for name, user in self.users.items()}[row["user_id"]]
            case _:
                return table

    def _book(self, uid: str, people: list[str], *, host: str = "host", trigger: str = "CREATED", **words: Any) -> str:
        now = datetime.now(UTC)
        starts_at = datetime(2090, 1, 1, 10, tzinfo=UTC)
        change = {
            "trigger": trigger,
            "at": now.isoformat(),
            "uid": uid,
            "status": "accepted",
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + timedelta(minutes=30)).isoformat(),
            "title": f"Talk {uid}",
            "host": {"name": "Hanna", "email": address(host)},
            "people": [{"email": address(name), "name": name.title()} for name in people],
            **words,
        }
        event = {"source": "webhook", "received_at": now.isoformat(), "notify": "all", "changes": [change]}
        inbox = {"trigger": trigger, "sha256": uuid4().hex, "body": {"payload": change}}
        answer = self.callers["secret"].call("record_event", {"p_event": event | inbox})
        assert not isinstance(answer, Denied), answer
        return str(answer["booking_id"])

    def _named(self, table: str, field: str) -> dict[str, str]:
        rows = self.db.execute(f"select id::text, booking_id::text, {field} from public.{table}".encode()).fetchall()
        return {f"{self._labels[booking]}:{_name(person)}": id_ for id_, booking, person in rows}


def _name(email: str) -> str:
    return email.split("@")[0]


_EVERYTHING_ELSE = (
    """insert into booking_notes (booking_id, author_id, visibility, body) values
        ('{A}', '{client}', 'shared', 'x'), ('{A}', '{host}', 'staff', 'x'), ('{S}', '{host}', 'shared', 'x'),
        ('{O}', '{other}', 'shared', 'x')""",
    """insert into notification_preferences (email) values
        ('client@example.com'), ('mate@example.com'), ('other@example.com'), ('unconfirmed@example.com')""",
    """insert into sms_consents (email, phone, text_shown, source) values
        ('client@example.com', '+4915112345678', 'x', 'portal'), ('other@example.com', '+4915112345679', 'x', 'portal'),
        ('unconfirmed@example.com', '+4915112345670', 'x', 'portal')""",
    "insert into suppressions (channel, address, reason) values ('email', 'nobody@example.com', 'bounced')",
    "insert into event_type_settings (event_type_id, min_cancel_notice) values (77, 60)",
    """insert into saved_views (user_id, name, view) values ('{host}', 'mine', '{{}}'), ('{admin}', 'mine', '{{}}')""",
    "insert into doubts (booking_id, kind) values ('{A}', 'resent')",
    "insert into job_runs (job, started_at) values ('reminders', now())",
)
