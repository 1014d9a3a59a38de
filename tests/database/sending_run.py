"""Random runs of two senders while bookings change, receipts come, and all that can break breaks: a `History` each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal
from uuid import uuid4

from psycopg.types.json import Jsonb

from shared import outbox
from shared.booking import Person
from tests.database.history import Change, History, Message, Note, Silence
from tests.database.portal import Portal, person
from tests.database.recorded import Connection
from tests.database.sending import FAULTS, Log, Order, Providers, Sender

LARGEST = 250  # bookings in one run
NEVER = 10**9  # a place after all others
_ROUNDS = 30  # sweeps that a run may need to quieten down
_WISHES = ("public.notification_preferences", "public.sms_consents")
_REST = (
    *("private.receipts", "private.outbox_batches", "private.delivery_attempts", "public.suppressions"),
    *("public.webhook_events", "history.path"),
)


@dataclass(frozen=True)
class Booked:
    """A booking of the town. `email` is null for who is known by their number alone; `number`: where texts go."""

    id: str
    uid: str
    starts_at: str
    email: str | None
    number: str | None

    @property
    def person(self) -> Person:
        if self.email is None:
            # Nobody known by their number alone can wish for other quiet hours than usual.
            return Person(phone=self.number, name="Phil", time_zone=where_it_is_noon(datetime.now(UTC)))
        return person(self.email)


def where_it_is_noon(now: datetime) -> str:
    """A zone where it is between noon and one o'clock, far from anybody's quiet hours."""
    return f"Etc/GMT{now.hour - 12:+d}"  # the sign is that of POSIX: to the west is plus


class Town:
    """Bookings that nobody was told anything about, made once; each run uses some, and puts them back."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        # Putting back is a replica's work, and whoever becomes one forgets all plans: on a connection of its own.
        self.sql, self.replica, *self.senders = connections
        for connection in self.senders:
            connection.execute("set role service_role")
        self.portal = Portal(self.sql)
        self.bookings = [self._book(number) for number in range(LARGEST)]
        self._tables = [
            name
            for (name,) in self.sql.execute(
                "select relnamespace::regnamespace || '.' || relname from pg_class c join pg_attribute a"
                " on a.attrelid = c.oid and a.attname = 'booking_id' and not a.attisdropped where relkind = 'r'"
                " and relnamespace::regnamespace::text in ('public', 'private')"
            ).fetchall()
        ]
        self.sql.execute("create schema history")
        for table in (*self._tables, *_WISHES, "public.bookings", "private.outbox"):
            self.sql.execute(f"create table history.{_copy(table)} as select * from {table}".encode())
        self.sql.execute(
            """
            create table history.path (place bigint generated always as identity, id uuid, status text);
            create function history.follow() returns trigger
                language plpgsql security definer set search_path = '' as $$
            begin
                insert into history.path (id, status) values (new.id, new.status);
                return null;
            end $$;
            create trigger history_made after insert on public.notifications
                for each row execute function history.follow();
            create trigger history_moved after update of status on public.notifications
                for each row when (old.status <> new.status) execute function history.follow();
            """
        )
        self.sql.execute(self._restoring().encode())
        self.sql.execute("analyze")

    def leave(self) -> None:
        for connection in self.senders:
            connection.execute("reset role")
        self.sql.execute("drop trigger history_made on public.notifications")
        self.sql.execute("drop trigger history_moved on public.notifications")
        self.sql.execute("drop schema history cascade")
        self.portal.empty()

    def restore(self, bookings: Sequence[Booked]) -> None:
        """These bookings as they were at first, and nothing else of them."""
        self.replica.execute("select history.restore(%s)", ([booking.id for booking in bookings],))

    def _restoring(self) -> str:
        """Deletes what is there of some bookings, and copies back what was."""
        chosen = dict.fromkeys(self._tables, "booking_id = any (p_ids)")
        chosen |= {"public.bookings": "id = any (p_ids)"} | dict.fromkeys(_WISHES, "true")
        # By the messages: deleted before them, and copied after them.
        of_messages = "notification_id in (select id from public.notifications where booking_id = any (p_ids))"
        conditions = [*chosen.items(), ("private.outbox", of_messages)]
        deletes = [f"delete from {table} where {condition};" for table, condition in reversed(conditions)]
        deletes += [f"delete from {table};" for table in _REST]
        inserts = [
            f"insert into {table} ({names}) overriding system value"
            f" select {names} from history.{_copy(table)} where {condition};"
            for table, condition in conditions
            for names in (self._columns(table),)
        ]
        return f"""
            create function history.restore(p_ids uuid[]) returns void
                language plpgsql set session_replication_role = replica as $$
            begin
                update private.outbox set open = false where open;  -- of bookings that are not in this run
                {" ".join(deletes)}
                {" ".join(inserts)}
            end $$"""

    def _columns(self, table: str) -> str:
        """Those that are not computed from others."""
        row = self.sql.execute(
            "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = ''",
            (table,),
        ).fetchone()
        assert row is not None
        return str(row[0])

    def _book(self, number: int) -> Booked:
        email, phone = f"client{number}@example.com", f"+4915{number:09}"
        kind = number % 10
        wishes: dict[str, Any] = {"email": email, "quiet_start": "00:00", "quiet_end": "00:00"}
        if kind in (0, 1, 2):  # texts too, and two mails
            wishes |= {"sms_reminders": True, "phone": phone, "phone_verified_at": datetime.now(UTC).isoformat()}
            wishes |= {"reminder_leads": [1440, 120, 60]}
        if kind in (0, 1, 2, 9):
            self.sql.execute(
                "insert into public.sms_consents (email, phone, text_shown, source) values (%s, %s, 'x', 'portal')",
                (email, phone),
            )
        if kind in (0, 1, 2):
            names = ", ".join(wishes)
            self.sql.execute(
                f"insert into public.notification_preferences ({names}) select {names}"
                " from jsonb_populate_record(null::public.notification_preferences, %s)".encode(),
                (Jsonb({"email_reminders": True, "sms_lead": 60, "quiet_email": False} | wishes),),
            )
        booked = Booked(
            id="",
            uid=f"uid{number}",
            starts_at="",
            email=None if kind == 9 else email,
            number=phone if kind in (0, 1, 2, 9) else None,
        )
        booking_id = self.portal.say("CREATED", booked.uid, booked.person, starts_in=20)
        [row] = self.portal.rows("select starts_at from public.bookings where id = %s", booking_id)
        return replace(booked, id=str(booking_id), starts_at=row["starts_at"].isoformat())


def _copy(table: str) -> str:
    return table.replace(".", "_")


@contextmanager
def town(connections: Sequence[Connection]) -> Iterator[Town]:
    made = Town(connections)
    try:
        yield made
    finally:
        made.leave()


@dataclass
class Run:
    """One random run. Everything is drawn from `random`, in one thread; only what overlaps may fall out otherwise."""

    town: Town
    random: Random
    log: Log = field(default_factory=Log)
    senders: dict[int, Sender] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)  # booking → its present uid
    hours: dict[str, float] = field(default_factory=dict)  # booking → hours from the town's beginning to its start
    cancelled: set[str] = field(default_factory=set)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0

    def history(self) -> History:
        self.draw()
        for _ in range(self.steps):
            self.step()
        for sender in self.senders.values():
            while not sender.is_over:
                self.go(sender, Order(dies="before") if self.random.random() < 0.1 else self.order())
        self.quieten()
        return History(
            starts={booking.id: booking.starts_at for booking in self.bookings},
            messages=self.messages(),
            actions=self.log.actions,
        )

    def draw(self) -> None:
        random = self.random
        size = random.choices(
            (random.randint(3, 10), random.randint(11, 50), random.randint(110, LARGEST)), (85, 12, 3)
        )[0]
        self.bookings = random.sample(self.town.bookings, size)
        self.town.restore(self.bookings)
        self.trouble = random.choice((0.1, 0.4, 0.8))
        self.steps = random.randint(6, 25)
        bad = [random.choice(self.bookings)] if random.random() < 0.3 else []
        self.providers = Providers(
            self.log, frozenset(who for booking in bad for who in (booking.email, booking.number) if who)
        )
        # Most were told of their booking long ago.
        told = [booking.id for booking in self.bookings if random.random() < (0.75 if size < 50 else 0.97)]
        due = [booking.id for booking in self.bookings if random.random() < 0.8]
        sql = self.town.replica
        with sql.transaction():
            sql.execute("set local session_replication_role = replica")
            sql.execute(
                "with told as (update public.notifications n set status = 'sent', sent_at = now()"
                " where n.booking_id = any (%s) and n.kind = 'confirmation' returning n.id, n.channel)"
                " update private.outbox o set open = false, method = case told.channel when 'email' then 'REQUEST' end"
                " from told where o.notification_id = told.id",
                (told,),
            )
        sql.execute(
            "insert into history.path (id, status) select id, status from public.notifications"
            " where booking_id = any (%s)",
            (self.ids,),
        )
        self.fill_buckets()
        self.come_due(due)

    @property
    def ids(self) -> list[str]:
        return [booking.id for booking in self.bookings]

    def step(self) -> None:
        match self.random.choices(("one", "both", "event", "time", "lapse"), (50, 20, 15, 6, 6))[0]:
            case "one":
                self.go(self.sender(self.random.randrange(2)), self.order())
            case "both":
                both = [self.sender(number) for number in range(2)]
                for sender in both:
                    sender.tell(self.order())
                if self.random.random() < 0.5:
                    self.event()
                for sender in both:
                    sender.wait()
            case "event":
                self.event()
            case "time":
                self.fill_buckets()
                self.come_due(self.ids)
            case "lapse":
                self.lapse()

    def sender(self, number: int) -> Sender:
        sender = self.senders.get(number)
        if sender is None or sender.is_over:
            chosen = None if self.random.random() < 0.8 else self.random.choice(self.bookings).id
            name = f"{'sweep' if chosen is None else 'function'} {self.log.place()}"
            sender = Sender(name, self.town.senders[number], self.providers, lambda: outbox.drain(_far(), chosen))
            self.senders[number] = sender
            sender.start()
        return sender

    def order(self) -> Order:
        dies: tuple[Literal["before", "after"], ...] = ("before", "after")
        if self.random.random() < 0.06:
            return Order(dies=self.random.choice(dies))
        if self.random.random() < self.trouble / 10:
            return Order(lost=self.random.choice(dies))
        return Order(fault=self.random.choice(FAULTS) if self.random.random() < self.trouble else None)

    def go(self, sender: Sender, order: Order) -> None:
        sender.tell(order)
        sender.wait()

    def event(self) -> None:
        match self.random.choices(("cancel", "move", "opt out", "receipt"), (3, 3, 2, 6))[0]:
            case "cancel":
                self.change("CANCELLED")
            case "move":
                self.change("RESCHEDULED")
            case "opt out":
                self.opt_out()
            case "receipt":
                self.receive()

    def change(self, trigger: Literal["CANCELLED", "RESCHEDULED"]) -> None:
        booking = self.random.choice(self.bookings)
        if booking.id in self.cancelled:
            return
        began, uid = self.log.place(), self.uids.get(booking.id, booking.uid)
        hours = self.hours.get(booking.id, 20.0)
        if trigger == "CANCELLED":
            self.town.portal.say("CANCELLED", uid, booking.person, starts_in=hours)
            self.cancelled.add(booking.id)
            self.log.add(Change, began, "Cal.com", booking=booking.id, starts_at=None)
            return
        hours = self.random.choice([h for h in (20.0, 21.0, 21.5) if h != hours])
        new = f"{booking.uid}-{began}"
        self.town.portal.say("RESCHEDULED", new, booking.person, starts_in=hours, rescheduled_from_uid=uid)
        self.uids[booking.id], self.hours[booking.id] = new, hours
        [row] = self.town.portal.rows("select starts_at from public.bookings where id = %s", booking.id)
        self.log.add(Change, began, "Cal.com", booking=booking.id, starts_at=row["starts_at"].isoformat())

    def opt_out(self) -> None:
        booking = self.random.choice(self.bookings)
        if booking.email is None:
            return
        began = self.log.place()
        self.town.sql.execute(
            "insert into public.notification_preferences (email, email_reminders, sms_reminders)"
            " values (%s, false, false)"
            " on conflict (email) do update set email_reminders = false, sms_reminders = false",
            (booking.email,),
        )
        for who in (booking.email, booking.number):
            if who is not None:
                self.log.add(Silence, began, "client", person=who, all_mail=False)

    def receive(self) -> None:
        """One of what providers have to say: some of it late, some twice, in no order."""
        if self.providers.taken and (not self.receipts or self.random.random() < 0.7):
            channel, provider_id, message, recipient = self.random.choice(self.providers.taken)
            event = self.random.choices(("sent", "delivered", "bounced", "complained"), (3, 8, 3, 1))[0]
            receipt = {
                "receipt_id": uuid4().hex,
                "channel": channel,
                "provider_id": provider_id,
                "event": event,
                "permanent": event == "bounced" and self.random.random() < 0.5,
                "occurred_at": datetime.now(UTC).isoformat(),
            }
            if self.random.random() < 0.5:
                receipt["notification_id"] = message
            self.receipts.append(receipt | {"recipient": recipient, "message": message})
        if self.receipts:
            chosen = self.random.choice(self.receipts)
            receipt = {name: value for name, value in chosen.items() if name not in ("recipient", "message")}
            began = self.log.place()
            outcome = self.town.portal.machine("record_receipt", receipt)["outcome"]
            told = f"receipt {receipt['event']} of {chosen['message']}: {outcome}"
            self.log.add(Note, began, chosen["channel"], text=told)
            if outcome != "duplicate" and (receipt["permanent"] or receipt["event"] == "complained"):
                # One that nobody knows yet counts when its message is settled.
                later = {"ended": NEVER} if outcome == "unknown" else {}
                self.log.add(Silence, began, chosen["channel"], person=chosen["recipient"], all_mail=True, **later)

    def come_due(self, ids: list[str]) -> None:
        """Time passes: what is planned for these bookings is due."""
        began = self.log.place()
        self.town.sql.execute(
            "with due as (update public.notifications n set due_at = now() - interval '1 minute'"
            " where n.booking_id = any (%s) and n.status = 'planned' and n.kind = 'reminder' returning n.id)"
            " update private.outbox o set try_at = now() - interval '1 second' * (1 + o.seq %% 7)"
            " from due where o.notification_id = due.id",
            (ids,),
        )
        self.log.add(Note, began, "clock", text="reminders come due")

    def lapse(self) -> None:
        """Leases run out, and what waits for its next try is due."""
        began = self.log.place()
        self.town.sql.execute(
            "update private.outbox o set try_at = now() - interval '1 second' from public.notifications n"
            " where n.id = o.notification_id and n.booking_id = any (%s)"
            " and o.open and (n.status = 'sending' or n.kind <> 'reminder' or o.tries > 0)",
            (self.ids,),
        )
        self.log.add(Note, began, "clock", text="leases run out")

    def fill_buckets(self) -> None:
        self.town.sql.execute("update private.send_rates set rate = 1000000, tokens = 1000000")

    def quieten(self) -> None:
        """Nothing breaks any more, and time passes."""
        for number in range(_ROUNDS):
            self.fill_buckets()
            self.come_due(self.ids)
            self.lapse()
            Sender(f"last {number}", self.town.senders[0], self.providers, lambda: outbox.drain(_far())).run()
            if not self.town.portal.rows(
                "select 1 from private.outbox o join public.notifications n on n.id = o.notification_id"
                " where o.open and n.booking_id = any (%s) limit 1",
                self.ids,
            ):
                return

    def messages(self) -> list[Message]:
        rows = self.town.portal.rows(
            "select n.id::text, n.booking_id::text as booking, n.recipient as person, n.channel, n.kind, n.starts_at,"
            " n.reason, (select array_agg(p.status order by p.place) from history.path p where p.id = n.id) as path"
            " from public.notifications n where n.booking_id = any (%s)",
            self.ids,
        )
        # Who was told long ago is none of this history.
        return [
            Message(**{**row, "starts_at": row["starts_at"].isoformat()}) for row in rows if row["path"][0] != "sent"
        ]


def _far() -> float:
    return time.monotonic() + 600
