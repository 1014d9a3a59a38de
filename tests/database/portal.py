"""People who ask the database: accounts, what each of them is told, and bookings to ask about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal
from uuid import UUID, uuid4

from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from shared.booking import BookingChange, Host, Person
from tests.database import recorded
from tests.database.recorded import Connection

Row = dict[str, Any]

HOST = "host@example.com"
# What the migrations themselves put into tables.
_MADE_BY_MIGRATIONS = ("private.send_rates", "private.erasure_key", "private.calcom_limit", "private.reconcile_state")


class Portal:
    """The database as the portal's users and the machinery use it. Made empty."""

    def __init__(self, sql: Connection) -> None:
        self.sql = sql
        self._accounts: dict[str, UUID] = {}
        self._numbers = count(1)
        self._began = datetime.now(UTC)
        self.empty()

    def empty(self) -> None:
        tables = self.tables("public", "private", "auth")
        # Triggers rest for a replica: foreign keys, and the guard of the timeline. (Truncating takes 20 times as long.)
        deletes = " ".join(f"delete from {name};" for name in tables if name not in _MADE_BY_MIGRATIONS)
        self.sql.execute(f"begin; set local session_replication_role = replica; {deletes} commit".encode())
        self.sql.execute("update private.send_rates set rate = 1000, tokens = 1000")

    def tables(self, *schemas: str) -> list[str]:
        found = self.sql.execute(
            "select relnamespace::regnamespace || '.' || relname from pg_class"
            " where relkind = 'r' and relnamespace::regnamespace::text = any(%s)",
            (list(schemas),),
        )
        return [name for (name,) in found.fetchall()]

    def account(self, email: str, role: Literal["admin", "host"] | None = None, *, confirmed: bool = True) -> UUID:
        user = uuid4()
        self.sql.execute(
            "insert into auth.users (id, email, email_confirmed_at) values (%s, %s, %s)",
            (user, email, datetime.now(UTC) if confirmed else None),
        )
        if role:
            self.sql.execute("insert into public.staff (user_id, role) values (%s, %s)", (user, role))
        self._accounts[email] = user
        return user

    def ask(self, email: str | None, statement: str, *arguments: Any) -> list[Row]:
        """Rows that the signed-in person (None: nobody) gets, with the rights that the API gives them."""
        with self.sql.transaction(), self.sql.cursor(row_factory=dict_row) as cursor:
            user = self._accounts[email] if email else None
            cursor.execute("select set_config('request.jwt.claim.sub', %s, true)", (str(user or ""),))
            cursor.execute(SQL("set local role {}").format(Identifier("authenticated" if email else "anon")))
            cursor.execute(statement.encode(), [Jsonb(a) if isinstance(a, dict) else a for a in arguments])
            return cursor.fetchall() if cursor.description else []

    def answer(self, email: str, function: str, *arguments: Any) -> Any:
        """The one value that a function of the API answers this person."""
        marks = ", ".join(["%s"] * len(arguments))
        [row] = self.ask(email, f"select public.{function}({marks}) as answer", *arguments)
        return row["answer"]

    def machine(self, function: str, *arguments: Any) -> Any:
        """The answer to the secret key."""
        return recorded.call(self.sql, function, *(Jsonb(a) if isinstance(a, dict | list) else a for a in arguments))

    def rows(self, statement: str, *arguments: Any) -> list[Row]:
        """Rows as they are, whoever may see them."""
        with self.sql.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement.encode(), arguments or None).fetchall()

    def messages(self) -> list[Row]:
        """What tells of changes, in the order of its planning: no reminders."""
        return self.rows(
            "select n.* from notifications n join private.outbox o on o.notification_id = n.id"
            " where n.kind <> 'reminder' order by o.seq"
        )

    def traces(self, text: str) -> list[str]:
        """The tables that say this anywhere, the outbox's bytes and the machinery's tables included."""
        found = []
        for table in self.tables("public", "private"):
            said = "convert_from(t.payload, 'UTF8')" if table == "private.outbox_batches" else "t::text"
            if self.rows(f"select 1 from {table} t where strpos(lower({said}), %s) > 0", text.lower()):
                found.append(table)
        return found

    def erase(self, who: str) -> Any:
        """The operator's report about a person who is erased."""
        return self.machine("erase_person", who)

    def say(self, trigger: str, uid: str, *people: Person, starts_in: float = 24, **words: Any) -> UUID:
        """Record a report, sent now, about a meeting so many hours after the beginning; the booking's id."""
        starts_at = self._began + timedelta(hours=starts_in)
        change = BookingChange.model_validate(
            {
                "trigger": trigger,
                "at": datetime.now(UTC),
                "uid": uid,
                "status": {"REQUESTED": "pending", "CANCELLED": "cancelled"}.get(trigger, "accepted"),
                "starts_at": starts_at,
                "ends_at": starts_at + timedelta(minutes=30),
                "title": "Talk",
                "host": Host(name="Hanna", email=HOST),
                "people": people or None,
                **{name: word for name, word in words.items() if name in BookingChange.model_fields},
            }
        )
        event = {name: word for name, word in words.items() if name not in BookingChange.model_fields}
        answer = recorded.record(self.sql, change, **event)
        assert answer["outcome"] != "quarantined", self.rows("select error from webhook_events")
        return UUID(answer["booking_id"])

    def book(self, *people: Person, **words: Any) -> UUID:
        """A confirmed booking of these people, the first of them its booker."""
        return self.say("CREATED", f"uid{next(self._numbers)}", *people, **words)


def person(email: str, **words: Any) -> Person:
    return Person(email=email, name=words.pop("name", email.split("@")[0].title()), **words)
