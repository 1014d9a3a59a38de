"""Two clients and an admin cancel and move at once while Cal.com's API fails and its webhooks get lost.

Whatever happens, what each of them was told is true at Cal.com, nothing is done twice, and after one reconciliation
both sides agree. What really happened is read from the webhooks that Cal.com meant to send, the lost ones too.

With EXAMPLES=5 there are five times as many sequences, new ones each time.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from shared import calcom_http
from tests.conftest import Connection, Stack
from tests.database.api import Caller
from tests.functions.acting import CONFIRMED, GROUP, PLAIN, SERIES, House, monday
from tests.functions.in_process import served
from tests.functions.test_reconcile import disagreements, due, reconcile

Row = dict[str, Any]

EXAMPLES = os.environ.get("EXAMPLES")
SEQUENCES = 200 * int(EXAMPLES or 1)
AT_ONCE = 50  # sequences; each has a day and two clients of its own
# Without what takes long: no answer at all (below), and what is certain (400).
FAILURES: list[int | str] = [
    *(503, 503, 429, "html", "reset"),
    *("503_after_accept", "503_after_accept", "html_after_accept", "reset_after_accept"),
]
BERLIN = ZoneInfo("Europe/Berlin")
HOURS = range(9, 17)  # when Cal.com lets somebody move to; what is there at first begins later in the day
DONE = {"cancelled", "already_cancelled", "moved"}


@dataclass
class Wish:
    """What somebody asks for, and what they were answered. `reason` is theirs alone.

    `grouped`: of a seated booking; `seat`: only about who asks.
    """

    who: str
    kind: str
    booking: str
    reason: str
    grouped: bool
    start: datetime | None = None
    scope: str = "this"
    pause: float = 0
    status: int = 0
    answer: Row = field(default_factory=dict)

    @property
    def seat(self) -> bool:
        return self.grouped and self.who != "admin"

    @property
    def shown(self) -> Row:
        """The booking as the answer shows it."""
        return self.answer.get("booking") or {}

    def __str__(self) -> str:
        asked = f"{self.who} {self.kind} {self.booking[:8]} {self.scope} {self.start or ''} ({self.reason})"
        return f"{asked} → {self.status} {self.answer.get('code', '')} {self.shown.get('status', '')}"


@dataclass
class Sequence:
    """A day in which a few bookings are cancelled and moved by several people at once."""

    number: int
    seed: str
    booked: dict[str, tuple[int, set[str]]] = field(default_factory=dict)  # uid → event type, whose
    wishes: list[list[Wish]] = field(default_factory=list)  # of each person, one after another

    def __str__(self) -> str:
        return "\n".join([f"seed {self.seed}", *(f"  {wish}" for wishes in self.wishes for wish in wishes)])


@dataclass(frozen=True)
class Fact:
    """Something that Cal.com did. `uid`: of what ended or was moved (a seat's, where one seat was)."""

    kind: str
    uid: str
    reason: str | None
    start: datetime
    seats: frozenset[str]  # of a group: whom it is about


@dataclass(frozen=True)
class After:
    """How everything ended, on our side."""

    actions: dict[str, tuple[str, str]]  # reason → state, outcome
    statuses: dict[str, str]
    inside: set[tuple[str, str]]  # booking, address


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


def test_sequences(house: House) -> None:
    base = "" if EXAMPLES is None else f"{SystemRandom().randrange(10**6)}-"
    house.db.execute("update private.calcom_limit set per_minute = 1000000")
    # Mails are not looked at here, and cost half of the time.
    house.db.execute(
        "insert into public.event_type_settings (event_type_id, max_reschedules, send_kinds) values (null, 100, '{}')"
    )
    admin = house.person("admin@example.com", "admin")
    with ThreadPoolExecutor(3 * AT_ONCE) as threads:
        names = [f"{name}{slot}@example.com" for slot in range(AT_ONCE) for name in ("one", "two")]
        clients = list(threads.map(house.person, names))
        for first in range(0, SEQUENCES, AT_ONCE):
            began = datetime.now(UTC)
            sequences = [Sequence(number, f"{base}{number}") for number in range(first, first + AT_ONCE)]
            list(threads.map(lambda each: prepare(house, each), sequences))
            house.flush()
            for each in sequences:
                decide(house, each)
            house.sim("faults", faults(Random(f"{base}{first} faults")))
            acts = [
                threads.submit(act, house, caller, wishes)
                for each, one, two in zip(sequences, clients[::2], clients[1::2], strict=True)
                for caller, wishes in zip((one, two, admin), each.wishes, strict=True)
            ]
            for done in acts:
                done.result()
            house.sim("faults")
            house.flush()
            heal(house, began)
            check(house, sequences, began)
            # They may act again; and nobody is taken for who did something before.
            house.db.execute("update private.actions set started_at = started_at - interval '1 hour'")


def faults(random: Random) -> Row:
    webhooks = {"drop": random.choice((0, 0.3, 0.6)), "duplicate": 0.2, "reorder": True}
    api = {"fail": FAILURES, "rate": random.uniform(0.2, 0.4)}
    return {"webhooks": webhooks, "api": api, "seed": random.randrange(10**6)}


def day(number: int) -> datetime:
    weeks, weekday = divmod(number, 5)
    return (monday(0) + timedelta(weeks=weeks, days=weekday)).replace(tzinfo=BERLIN)


def prepare(house: House, sequence: Sequence) -> None:
    """The bookings of the day: plain, to be confirmed, of a series, seated; some of them."""
    random = Random(sequence.seed)
    slot = sequence.number % AT_ONCE
    one, two = f"one{slot}@example.com", f"two{slot}@example.com"
    kinds: list[tuple[int, str, Row]] = [(PLAIN, one, {}), (PLAIN, two, {}), (CONFIRMED, one, {})]
    orders = random.sample([*kinds, (SERIES, two, {"recurrenceCount": 3})], 2)
    if random.random() < 0.5:
        orders += [(GROUP, who, {}) for who in random.choice(([one, two], [one, two, "third@example.com"]))]
    for place, (kind, who, more) in enumerate(orders):
        start = day(sequence.number).replace(hour=18 if kind == GROUP else 19 + place)
        attendee = {"name": who.split("@")[0], "email": who, "timeZone": "Europe/Berlin", "language": "en"}
        body = {"eventTypeId": kind, "start": start.isoformat(), "attendee": attendee, "_sim": {"allow_past": True}}
        made = house.sim("bookings", body | more)["data"]
        for each in made if isinstance(made, list) else [made]:
            sequence.booked.setdefault(each["uid"], (kind, set()))[1].add(who)


def decide(house: House, sequence: Sequence) -> None:
    """Who asks for what: any of them for any booking that is theirs, often for the same."""
    random = Random(f"{sequence.seed} wishes")
    slot = sequence.number % AT_ONCE
    booked = [(house.id_of(uid), kind, owners) for uid, (kind, owners) in sequence.booked.items()]
    # Cal.com tells of the first occurrence without its series.
    rows = house.db.execute("select id::text from public.bookings where series_id is not null").fetchall()
    of_series = {row[0] for row in rows}
    hours = {booking_id: random.sample(HOURS, len(HOURS)) for booking_id, *_ in booked}
    for who in (f"one{slot}@example.com", f"two{slot}@example.com", "admin"):
        theirs = [each for each in booked if who in each[2] or who == "admin"]
        wishes = []
        for number in range(random.choice((1, 1, 2, 2)) if theirs else 0):
            booking_id, kind, _ = random.choice(theirs)
            reason = f"{sequence.seed} {who.split('@')[0]} {number}"
            wish = Wish(who, "cancel", booking_id, reason, kind == GROUP)
            if random.random() < 0.6:
                wish.kind = "move"
                wish.start = day(sequence.number).replace(hour=hours[booking_id].pop()).astimezone(UTC)
            elif booking_id in of_series and random.random() < 0.4:
                wish.scope = "remaining"
            wish.pause = random.choice((0, 0, 0.2, 0.5))
            wishes.append(wish)
        sequence.wishes.append(wishes)


def act(house: House, caller: Caller, wishes: list[Wish]) -> None:
    followed: dict[str, str] = {}  # a seat that was moved is in another booking
    headers = {"Authorization": f"Bearer {caller.token}"}
    with httpx.Client(base_url=house.env["FUNCTIONS_URL"], headers=headers, timeout=60, verify=False) as client:
        for wish in wishes:
            time.sleep(wish.pause)
            wish.booking = followed.get(wish.booking, wish.booking)
            body: Row = {"booking_id": wish.booking, "reason": wish.reason}
            if wish.start is None:
                answer = client.post("/cancel", json=body | {"scope": wish.scope})
            else:
                answer = client.post("/reschedule", json=body | {"start": wish.start.isoformat()})
            wish.status, wish.answer = answer.status_code, answer.json()
            if answer.status_code == 200:
                followed[wish.booking] = str(wish.shown["id"])


def heal(house: House, began: datetime) -> None:
    """One reconciliation, when doubts may be looked at and the lease of what was cut off is over."""
    due(house)
    house.db.execute("update private.actions set started_at = started_at - interval '1 minute' where state = 'started'")
    report = reconcile(house, since=began.isoformat())
    assert report["complete"], report


def check(house: House, sequences: list[Sequence], began: datetime) -> None:
    happened = facts(house, began)
    booking_of: dict[str, str] = dict(
        house.db.execute("select uid, booking_id::text from private.booking_nodes").fetchall()
    )
    after = how_it_ended(house, began)
    unwished, problems = list(happened), []
    for sequence in sequences:
        for wish in (wish for wishes in sequence.wishes for wish in wishes):
            brought = [fact for fact in happened if is_of(fact, wish, booking_of)]
            unwished = [fact for fact in unwished if fact not in brought]
            if wrong := what_is_wrong(wish, len(brought), after):
                problems.append(f"{wrong}: {wish} {after.actions.get(wish.reason)} {brought}\n{sequence}")
    problems += [f"nobody wished it: {fact}" for fact in unwished]
    # Of what its API did Cal.com does not say who did it.
    differing = disagreements(house, without={"cancelled_by"})
    problems += [f"Cal.com's {number}: {what}" for number, what in differing.items()]
    assert not problems, "\n".join(problems)


def facts(house: House, began: datetime) -> list[Fact]:
    listed = httpx.get(f"{house.env['CALCOM_SIM_URL']}/_sim/webhooks", timeout=30).json()
    found = []
    for sending in listed:
        if sending["duplicate"] or datetime.fromisoformat(sending["created_at"]) < began:
            continue
        said = json.loads(sending["body"])["payload"]
        seats = frozenset(each["email"] for each in said["attendees"]) if said.get("seatsPerTimeSlot") else frozenset()
        start = datetime.fromisoformat(said["startTime"])
        if sending["trigger"] == "BOOKING_CANCELLED":
            found.append(Fact("cancel", said["uid"], said["cancellationReason"], start, seats))
        elif "rescheduleUid" in said:
            found.append(Fact("move", said["rescheduleUid"], None, start, seats))
    return found


def is_of(fact: Fact, wish: Wish, booking_of: dict[str, str]) -> bool:
    """Whether this is what was wished for: reasons, and the times of a booking's moves, are each wished for once."""
    if fact.kind != wish.kind:
        return False
    if wish.kind == "cancel":
        return fact.reason == wish.reason
    if fact.start != wish.start:
        return False
    return wish.who in fact.seats if wish.seat else booking_of.get(fact.uid) == wish.booking


def how_it_ended(house: House, began: datetime) -> After:
    actions = house.db.execute(
        "select reason, state, outcome from private.actions where started_at > %s - interval '2 minutes'", [began]
    ).fetchall()
    statuses = house.db.execute("select id::text, status from public.bookings").fetchall()
    inside = house.db.execute("select booking_id::text, email from public.booking_attendees where removed_at is null")
    return After({row[0]: (row[1], row[2]) for row in actions}, dict(statuses), {(a, b) for a, b in inside.fetchall()})


def what_is_wrong(wish: Wish, times: int, after: After) -> str:
    """What is wrong with how this ended; nothing is "". `times`: how often Cal.com did it."""
    state, outcome = after.actions.get(wish.reason, ("", ""))
    is_over = after.statuses[wish.booking] == "cancelled" or (
        wish.seat and (wish.booking, wish.who) not in after.inside
    )
    if times > 1:
        return "done more than once"
    if state in ("started", "uncertain"):
        return "still in doubt"
    if (state == "done" and outcome not in DONE) or (state == "failed" and outcome in DONE - {"already_cancelled"}):
        return "how it ended contradicts itself"
    match wish.status, wish.kind:
        case 200, "cancel" if not is_over or wish.shown["status"] != "cancelled":
            return "said to be cancelled, and is not"
        case 200, "move" if times != 1 or datetime.fromisoformat(wish.shown["starts_at"]) != wish.start:
            return "said to be moved, and was not"
        case 200, _ if state != "done":
            return "said to be done, written down otherwise"
        case 504, "cancel" if wish.grouped and after.statuses[wish.booking] == "cancelled":
            return (
                ""  # of a group that has ended Cal.com lists nobody, and for all it may have been the last seat's end
            )
        case 504, _ if (state == "done") != (times == 1):
            return "in doubt, and settled wrongly"
        case 404, _ if wish.seat and is_over and not times:
            return ""  # who is not in it any more cannot move it
        case ((409 | 503), _) if times or state == "done":
            return "said to have failed, and was done"
        case ((200 | 409 | 503 | 504), _):
            return ""
    return "an answer that should not be"


@pytest.mark.parametrize("fault", ["timeout", "timeout_after_accept"])
@pytest.mark.parametrize("kind", ["cancel", "move"])
def test_no_answer_at_all(house: House, monkeypatch: pytest.MonkeyPatch, kind: str, fault: str) -> None:
    """With a shorter patience. What was done in silence is found; what was not is in doubt until it is read."""
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday(9))
    booking_id = house.id_of(made["uid"])
    monkeypatch.setattr(calcom_http, "_CHANGE_SECONDS", 0.5)
    house.sim("faults", {"webhooks": {"drop": 1}, "api": {"fail": [fault], "only": made["uid"]}})
    body: Row = {"booking_id": booking_id, "reason": "mine"}
    body |= {"start": monday(13).isoformat()} if kind == "move" else {}
    name, outcome = ("reschedule", "moved") if kind == "move" else ("cancel", "cancelled")
    began = datetime.now(UTC)

    with served(name, house.env) as function:
        answer = function.post(f"/{name}", json=body, headers={"Authorization": f"Bearer {client.token}"})

    was_done = fault == "timeout_after_accept"
    assert answer.status_code == (200 if was_done else 504), answer.text
    heal(house, began)
    states = house.db.execute("select state, outcome from private.actions").fetchall()
    assert states == [("done", outcome) if was_done else ("failed", "upstream_unavailable")]
    assert len(facts(house, began)) == was_done
    assert disagreements(house, without={"cancelled_by"}) == {}
