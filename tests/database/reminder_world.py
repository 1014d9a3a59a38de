"""Reminders on two sides, the SQL's and the model's: whatever happens, happens to both; then they are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import wraps
from itertools import count
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

import psycopg
import pytest

from shared.booking import BookingChange, Host, Person
from tests.database.clock import set_clock
from tests.database.expectations import tell
from tests.database.model_reminders import MINUTE, Attendee, Booking, Key, Reminders
from tests.database.portal import Portal
from tests.database.recorded import record

STAFF = "sara@example.com"
Outcome = Callable[[Key], str]  # how the post of a reminder ends: sent, failed, unknown, or refused (to be tried again)
_FINAL = ("unknown", "failed", "sent", "delivered", "bounced", "complained", "skipped")


_P = ParamSpec("_P")
_R = TypeVar("_R")


def _told(happening: Callable[_P, _R]) -> Callable[_P, _R]:
    """What a test does to a world is kept, to be read when the sides differ."""

    @wraps(happening)
    def told(*arguments: _P.args, **words: _P.kwargs) -> _R:
        world = cast("ReminderWorld", arguments[0])
        said = [*map(str, arguments[1:]), *(f"{name}={word}" for name, word in words.items())]
        world.story.append(f"{happening.__name__}({', '.join(said)})")
        return happening(*arguments, **words)

    return told


class ReminderWorld:
    """Made empty, at a time. Bookings are known by the uid that they were made with."""

    def __init__(self, portal: Portal, now: datetime) -> None:
        self.portal, self.sql = portal, portal.sql
        portal.empty()
        portal.account(STAFF, "admin")
        self.sql.execute("update private.send_rates set rate = 1000000, tokens = 1000000")
        self.model = Reminders(now)
        self.ids: dict[str, UUID] = {}
        self.uids: dict[str, str] = {}  # of the present node of each
        self.seated: set[str] = set()
        self.wished: set[str] = set()  # who has preferences of their own
        self._seats: dict[tuple[str, str], str] = {}  # Cal.com's uid of each
        self._numbers = count(1)
        self.story: list[str] = []
        self.step_to(now)

    # What happens.

    @_told
    def step_to(self, now: datetime) -> None:
        self.model.clock = now
        set_clock(self.sql, now)

    @_told
    def book(
        self, starts_at: datetime, *people: Attendee, host_zone: str | None = None, seated: bool = False, **words: Any
    ) -> str:
        """`trigger`: REQUESTED for one that waits to be confirmed; `notify`: none for an import."""
        name = f"u{len(self.ids) + 1}"
        status = "pending" if words.get("trigger") == "REQUESTED" else "confirmed"
        self.model.bookings[name] = Booking(status, starts_at, {p.name: p for p in people}, host_zone)
        self.uids[name] = name
        if seated:
            self.seated.add(name)
        self._say(words.pop("trigger", "CREATED"), name, **words)
        return name

    @_told
    def confirm(self, name: str) -> None:
        self._now(name, status="confirmed")
        self._say("CREATED", name)

    @_told
    def move(self, name: str, starts_at: datetime, **words: Any) -> None:
        """Also one that was cancelled: it lives again."""
        self._now(name, starts_at=starts_at, status="confirmed")
        old, self.uids[name] = self.uids[name], self.uids[name] + "'"
        self._say("RESCHEDULED", name, rescheduled_from_uid=old, **words)

    @_told
    def cancel(self, name: str) -> None:
        self._now(name, status="cancelled")
        self._say("CANCELLED", name)

    @_told
    def remove(self, name: str, person: str) -> None:
        self._set_removed(name, person, True)
        if name in self.seated:
            self._say("CANCELLED", name, people=(self._person(name, person),))
        else:
            self._say("API", name)

    @_told
    def add_again(self, name: str, person: str) -> None:
        self._set_removed(name, person, False)
        if name in self.seated:
            self._seats.pop((name, person))
            self._say("CREATED", name, people=(self._person(name, person),))
        else:
            self._say("API", name)

    @_told
    def wish(self, address: str, **wishes: Any) -> None:
        """Change preferences, by the names that they have in the model."""
        old = self.model.wishes[address]
        new = self.model.wishes[address] = replace(old, **wishes)
        columns = {name: value for name, value in vars(new).items() if name != "verified"}
        columns |= {"reminder_leads": list(new.reminder_leads), "email": address}
        columns["phone_verified_at"] = self.model.clock if new.verified else None
        self.sql.execute(
            f"insert into notification_preferences ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))})"
            f" on conflict (email) do update set {', '.join(f'{name} = excluded.{name}' for name in columns)}".encode(),
            list(columns.values()),
        )
        if old.sms_reminders and not new.sms_reminders:
            self._take_back(address, None)
        elif old.phone != new.phone and address in self.wished:
            self._take_back(address, new.phone)
        self.wished.add(address)
        self.model.plan_for(address=address)

    def _take_back(self, address: str, but_number: str | None) -> None:
        """Who turns texts off, or takes another number, withdraws consent: to all numbers but this one."""
        for owner, number in [*self.model.consents]:
            if owner == address and number != but_number:
                self.model.consents.discard((owner, number))
                self.model.plan_for(number=number)

    @_told
    def consent(self, address: str, number: str) -> None:
        self.model.consents.add((address, number))
        self.sql.execute(
            "insert into sms_consents (email, phone, text_shown, source) values (%s, %s, 'Yes', 'test')",
            [address, number],
        )
        self.model.plan_for(address=address, number=number)

    @_told
    def withdraw(self, address: str, number: str) -> None:
        self.model.consents.discard((address, number))
        self.sql.execute(
            "update sms_consents set withdrawn_at = given_at where email = %s and phone = %s and withdrawn_at is null",
            [address, number],
        )
        self.model.plan_for(address=address, number=number)

    @_told
    def suppress(self, channel: str, recipient: str) -> None:
        self.model.suppressions.add((channel, recipient))
        self.sql.execute("insert into suppressions values (%s, %s, 'test')", [channel, recipient])
        self._plan_for_recipient(channel, recipient)

    @_told
    def lift(self, channel: str, recipient: str) -> None:
        self.model.suppressions.discard((channel, recipient))
        self.sql.execute("delete from suppressions where channel = %s and address = %s", [channel, recipient])
        self._plan_for_recipient(channel, recipient)

    @_told
    def team_wants(self, wanted: bool) -> None:
        """Whether the team wants reminders sent. Each booking then hears a little news, so that it is planned again."""
        self.model.wanted_by_team = wanted
        kinds = ["confirmation", "cancelled", *(["reminder"] if wanted else [])]
        self.sql.execute(
            "insert into event_type_settings (send_kinds) values (%s)"
            " on conflict (event_type_id) do update set send_kinds = excluded.send_kinds",
            [kinds],
        )
        for name in self.ids:
            self._say("LOCATION_UPDATED", name, location="here" if wanted else "there")

    @_told
    def staff_skip(self, key: Key) -> None:
        self.portal.answer(STAFF, "skip_notification", self.id_of(key))
        self.model.rows[key] = replace(
            self.model.rows[key], status="skipped", reason="not_wanted_by_team", stopped=True
        )

    @_told
    def staff_send(self, key: Key) -> None:
        if self.model.may_be_sent_now(key):
            self.portal.answer(STAFF, "send_notification_now", self.id_of(key))
            self.model.send_now(key)
            return
        with pytest.raises(psycopg.Error) as refused:
            self.portal.answer(STAFF, "send_notification_now", self.id_of(key))
        assert refused.value.sqlstate == "PT409"

    @_told
    def sweep(self, outcome: Outcome = lambda _: "sent") -> set[Key]:
        """What leaves now, by both sides; and how that ends."""
        left = self.model.claim()
        found = set()
        for _ in range(20):
            claimed = list(self.portal.machine("claim_notifications", 1000, 600, None))
            if not claimed:
                break
            results = []
            for row in claimed:
                if row["status"] != "sending":
                    continue
                key = self._key(row) if row["kind"] == "reminder" else None
                found |= {key} if key else set()
                results.append(
                    {"id": row["id"], "lease": row["lease"], **self._result(outcome(key) if key else "sent")}
                )
            self.portal.machine("settle_notifications", results)
        else:
            raise AssertionError("the sweep found more and more")
        assert found == {*left}, "\n".join([*self.story, f"{found} ≠ {left}"])
        for key in left:
            self._settle(key, outcome(key))
        return found

    # What came of it.

    def compare(self) -> None:
        rows = self.model.rows.items()
        ours = {key: _seen(row.status, row.reason, row.due_at, row.recipient) for key, row in rows}
        theirs = self.in_sql()
        lines = [
            f"{key}: SQL {theirs.get(key)}, model {ours.get(key)}"
            for key in sorted(ours.keys() | theirs.keys())
            if ours.get(key) != theirs.get(key)
        ]
        assert not lines, "\n".join([*self.story, *lines])

    def in_sql(self) -> dict[Key, tuple[Any, ...]]:
        rows = self.portal.rows(
            "select n.*, coalesce(a.email, a.phone) as person from notifications n"
            " join booking_attendees a on a.id = n.attendee_id where n.kind = 'reminder'"
        )
        names = {identifier: name for name, identifier in self.ids.items()}
        return {
            Key(names[row["booking_id"]], row["person"], row["channel"], row["lead_minutes"], row["starts_at"]): _seen(
                row["status"], row["reason"], row["due_at"], row["recipient"]
            )
            for row in rows
        }

    def finish(self) -> None:
        """After all meetings, every message of any kind has ended in one state, and none of them comes back."""
        for _ in range(3):
            last = max(booking.starts_at for booking in self.model.bookings.values())
            self.step_to(max(self.model.clock, last) + timedelta(days=1))
            self.sweep()
            self.compare()
        states = self.portal.rows(
            "select n.status, n.reason, o.open from notifications n join private.outbox o on o.notification_id = n.id"
        )
        assert {row["status"] for row in states} <= set(_FINAL)
        assert not [row for row in states if row["open"] or (row["status"] == "skipped") != (row["reason"] is not None)]

    # The ways there.

    def _say(self, trigger: str, name: str, *, notify: str = "all", **words: Any) -> None:
        booking = self.model.bookings[name]
        there = tuple(self._person(name, p.name) for p in booking.people.values() if not p.removed)
        said: dict[str, Any] = {
            "starts_at": booking.starts_at,
            "ends_at": booking.starts_at + timedelta(minutes=30),
            "people": there,
            "host": Host(name="Hanna", email="host@example.com", time_zone=booking.host_zone),
            "status": {"confirmed": "accepted"}.get(booking.status, booking.status),
            "seated": name in self.seated,
            "seats": 9 if name in self.seated else None,
        }
        change: BookingChange = tell(trigger, self.uids[name], **{**said, **words})
        answer = record(self.sql, change, notify=notify)
        assert answer["outcome"] in ("applied", "duplicate"), (
            answer,
            self.portal.rows("select error from webhook_events"),
        )
        self.ids[name] = UUID(answer["booking_id"])
        self.model.plan(name, imported=notify == "none")

    def _person(self, name: str, person: str) -> Person:
        known = self.model.bookings[name].people[person]
        where = {"email": person} if known.has_address else {"phone": person}
        seat = self._seats.setdefault((name, person), f"seat{next(self._numbers)}") if name in self.seated else None
        return Person(**where, time_zone=known.time_zone, seat=seat)

    def _now(self, name: str, **facts: Any) -> None:
        self.model.bookings[name] = replace(self.model.bookings[name], **facts)

    def _set_removed(self, name: str, person: str, removed: bool) -> None:
        people = self.model.bookings[name].people
        self._now(name, people={**people, person: replace(people[person], removed=removed)})

    def _plan_for_recipient(self, channel: str, recipient: str) -> None:
        self.model.plan_for(**({"address": recipient} if channel == "email" else {"number": recipient}))

    def id_of(self, key: Key) -> UUID:
        rows = self.portal.rows(
            "select n.id from notifications n join booking_attendees a on a.id = n.attendee_id where n.booking_id = %s"
            " and coalesce(a.email, a.phone) = %s and n.channel = %s and n.lead_minutes = %s and n.starts_at = %s",
            self.ids[key.booking],
            *key[1:],
        )
        return UUID(str(rows[0]["id"]))

    def _key(self, row: dict[str, Any]) -> Key:
        [name] = [name for name, identifier in self.ids.items() if str(identifier) == row["booking_id"]]
        person = row["attendee"]["email"] or row["attendee"]["phone"]
        starts_at = datetime.fromisoformat(row["starts_at"])
        return Key(name, person, row["channel"], row["lead_minutes"], starts_at)

    def _result(self, outcome: str) -> dict[str, Any]:
        if outcome != "refused":
            return {"outcome": outcome}
        return {
            "outcome": "retry",
            "accepted": False,
            "rate_limited": True,
            "retry_at": (self.model.clock + 10 * MINUTE).isoformat(),
        }

    def _settle(self, key: Key, outcome: str) -> None:
        row = self.model.rows[key]
        if outcome == "refused":
            self.model.rows[key] = replace(row, try_at=self.model.clock + 10 * MINUTE)
        else:
            self.model.rows[key] = replace(row, status=outcome)


def _seen(status: str, reason: str | None, due_at: datetime, recipient: str) -> tuple[Any, ...]:
    """What both sides must agree on: of what is silenced not the time, at which nothing happens."""
    matters = status == "planned" or reason in ("quiet_hours", "merged")
    return (status, reason, due_at if matters else None, recipient if status == "planned" else None)
