"""Bodies that were kept, read again: first what that would change and send, then done, and nobody hears old news."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from shared import calcom_webhook, replaying
from tests.conftest import Connection, Stack
from tests.database.api import Caller
from tests.functions.acting import CALL, GROUP, PLAIN, House, monday
from tests.functions.contents import contents
from tests.functions.in_process import served
from tests.functions.posting import OURS, post

Row = dict[str, Any]

CLIENT, GUEST = "client@example.com", "guest@example.com"
NOTHING: Row = {"messages": [], "withdrawn": [], "not_sent": []}
ALL = "2020-01-01T00:00:00Z"


def stumble(*_: object) -> None:
    raise KeyError("eventTitle")


# A part of the parser → what was wrong with it.
FAULTS: dict[str, Callable[..., None]] = {"_change": stumble, "_description": lambda *_: None}


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


@pytest.fixture
def admin(house: House) -> Caller:
    return house.person("admin@example.com", "admin")


def replay(house: House, admin: Caller, **wanted: Any) -> Row:
    answer = house.call(admin, "POST", "replay", wanted)
    assert answer.status_code == 200, answer.text
    report: Row = answer.json()
    return report


def unheard(house: House, act: Callable[[], object], hours: int = 0) -> list[bytes]:
    """What Cal.com says of this, and nobody hears; as if it had been said so long ago."""
    listed = f"{house.env['CALCOM_SIM_URL']}/_sim/webhooks"
    house.sim("faults", {"webhooks": {"drop": 1}})
    before = len(httpx.get(listed).json())
    act()
    house.flush()
    house.sim("faults")
    bodies = [json.loads(sent["body"]) for sent in httpx.get(listed).json()[before:]]
    for body in bodies:
        body["createdAt"] = (datetime.fromisoformat(body["createdAt"]) - timedelta(hours=hours)).isoformat()
    return [json.dumps(body).encode() for body in bodies]


def misread(house: House, bodies: Sequence[bytes], part: str = "_change") -> list[str]:
    """Cal.com posts them to a webhook whose parser has a fault in this part → their ids."""
    with pytest.MonkeyPatch.context() as patch, served("webhook", house.env) as function:
        patch.setattr(calcom_webhook, part, FAULTS[part])
        for body in bodies:
            secret = house.env["CALCOM_WEBHOOK_SECRET"].split(",")[0].encode()
            signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
            answer = function.post("/webhook", data=body, headers={"X-Cal-Signature-256": signature})
            assert answer.get_json()["outcome"] == ("quarantined" if part == "_change" else "applied")
    return [event_id(house, body) for body in bodies]


def event_id(house: House, body: bytes) -> str:
    row = house.db.execute(
        "select id::text from public.webhook_events where sha256 = %s", [hashlib.sha256(body).hexdigest()]
    ).fetchone()
    assert row is not None
    found: str = row[0]
    return found


def kept(house: House) -> list[tuple[Any, ...]]:
    return house.db.execute("select outcome, error from public.webhook_events order by received_at, id").fetchall()


def planned(house: House) -> list[Row]:
    """What is planned to be sent, as a replay tells it."""
    rows = house.db.cursor(row_factory=dict_row).execute(
        "select n.booking_id::text, b.title, n.starts_at, a.name, n.recipient, n.channel, n.kind, n.lead_minutes,"
        " n.due_at, n.time_zone, n.locale, n.status, n.reason, private.says(n) as says"
        " from public.notifications n join public.bookings b on b.id = n.booking_id"
        " join public.booking_attendees a on a.id = n.attendee_id where n.status = 'planned'"
    )
    return ordered(rows.fetchall())


def planned_of(house: House, who: str) -> list[Row]:
    return [each for each in planned(house) if each["recipient"] == who]


def ordered(messages: list[Row]) -> list[Row]:
    """In one order, with times as times."""
    read = [
        {name: datetime.fromisoformat(str(value)) if name.endswith("_at") else value for name, value in each.items()}
        for each in messages
    ]
    return sorted(read, key=lambda each: (each["recipient"], each["kind"], each["lead_minutes"] or 0))


def told(message: Row) -> tuple[Any, ...]:
    return message["kind"], message["recipient"], message["lead_minutes"]


def seen(message: Row) -> Row:
    """Without what only a real run decides: the id of a new booking, and the moment at which it was done."""
    now = {} if message["kind"] == "reminder" else {"due_at": None}
    return message | {"booking_id": None, **now}


# --- what was not understood ---


def test_what_is_understood_only_now(house: House, admin: Caller) -> None:
    bodies = unheard(house, lambda: house.book(PLAIN, monday(9), guests=[GUEST]))
    [event] = misread(house, bodies)
    assert kept(house) == [("quarantined", "could not be read: KeyError")]
    before = contents(house.db)

    looked = replay(house, admin, event_ids=[event], dry_run=True)
    assert contents(house.db) == before
    assert (looked["dry_run"], looked["notify"], looked["counts"]) == (True, "reminders", {"applied": 1})
    assert (looked["remaining"], looked["next"]) == (0, None)
    [would] = looked["events"]
    [booking] = would.pop("bookings")
    received_at = would.pop("received_at")
    assert datetime.fromisoformat(received_at) <= datetime.now(UTC)
    assert would == {"id": event, "trigger": "BOOKING_CREATED", "was": "quarantined", "outcome": "applied"}
    assert (booking["id"], booking["is_new"], booking["what"]) == (None, True, ["created"])
    assert booking["fields"]["status"] == [None, "confirmed"]
    assert [datetime.fromisoformat(str(booking["fields"]["starts_at"][1]))] == [monday(9)]
    assert [(person["email"], person["role"]) for person in booking["people"]["added"]] == [
        (CLIENT, "booker"),
        (GUEST, "guest"),
    ]
    assert (booking["people"]["removed"], booking["people"]["changed"]) == ([], [])
    assert sorted(map(told, looked["messages"]), key=str) == sorted(
        [
            (kind, who, lead)
            for who in (CLIENT, GUEST)
            for kind, lead in (("confirmation", None), ("reminder", 60), ("reminder", 1440))
        ],
        key=str,
    )
    assert (looked["withdrawn"], looked["not_sent"]) == ([], [])

    done = replay(house, admin, event_ids=[event])
    assert ordered(done["messages"]) == planned(house)
    assert [seen(each) for each in ordered(done["messages"])] == [seen(each) for each in ordered(looked["messages"])]
    assert done["events"][0]["bookings"][0] | {"id": None} == booking
    [row] = house.db.execute("select outcome, error, booking_id::text from public.webhook_events").fetchall()
    assert row == ("applied", None, done["events"][0]["booking_id"])
    assert house.db.execute("select kind, source from public.booking_events").fetchall() == [("created", "replay")]
    house.sweep()
    assert [len(house.mails(who)) for who in (CLIENT, GUEST)] == [1, 1]

    before = contents(house.db)
    again = replay(house, admin, event_ids=[event], notify="all")
    assert (again["counts"], again["events"][0]["bookings"]) == ({"duplicate": 1}, [])
    assert {name: again[name] for name in NOTHING} == NOTHING
    assert contents(house.db) == before


@pytest.mark.parametrize("notify", [None, "all", "none"])
@pytest.mark.parametrize("hours", [0, 3], ids=["a moment ago", "three hours ago"])
def test_who_hears_of_it(house: House, admin: Caller, notify: str | None, hours: int) -> None:
    """By default old news is mailed to nobody, and reminders still are."""
    events = misread(house, unheard(house, lambda: house.book(PLAIN, monday(9)), hours))
    wanted = {"event_ids": events, **({"notify": notify} if notify else {})}
    looked, done = replay(house, admin, dry_run=True, **wanted), replay(house, admin, **wanted)
    is_mailed = notify == "all" or (notify is None and hours == 0)
    is_reminded = notify != "none"
    for report in (looked, done):
        assert set(map(told, report["messages"])) == {
            *([("confirmation", CLIENT, None)] if is_mailed else []),
            *([("reminder", CLIENT, 60), ("reminder", CLIENT, 1440)] if is_reminded else []),
        }
        silent = {(each["kind"], each["reason"]) for each in report["not_sent"]}
        assert silent == {
            *([] if is_mailed else [("confirmation", "imported")]),
            *([] if is_reminded else [("reminder", "imported")]),
        }
    assert ordered(done["messages"]) == planned(house)
    house.sweep()
    assert len(house.mails(CLIENT)) == is_mailed


def test_a_life_is_told_by_its_end(house: House, admin: Caller) -> None:
    """What comes later in the same replay counts: no confirmation of what was cancelled since."""

    def book_and_cancel() -> None:
        made = house.book(PLAIN, monday(9))
        house.sim(f"bookings/{made['uid']}/cancel", {"reason": "ill"})

    events = misread(house, unheard(house, book_and_cancel))
    looked = replay(house, admin, event_ids=events[::-1], dry_run=True)
    done = replay(house, admin, event_ids=events[::-1])
    for report in (looked, done):
        assert [each["id"] for each in report["events"]] == events
        assert [each["bookings"][0]["is_new"] for each in report["events"]] == [True, False]
        assert report["events"][1]["bookings"][0]["fields"]["status"] == ["confirmed", "cancelled"]
        assert [each["kind"] for each in report["messages"]] == ["cancelled"]
    assert ordered(done["messages"]) == planned(house)
    house.sweep()
    assert len(house.mails(CLIENT)) == 1


def test_a_move_that_was_not_understood(house: House, admin: Caller) -> None:
    made = house.book(PLAIN, monday(9))
    booking_id = house.id_of(made["uid"])
    house.sweep()
    move = {"start": monday(14).isoformat()}
    events = misread(house, unheard(house, lambda: house.sim(f"bookings/{made['uid']}/move", move)))
    looked = replay(house, admin, event_ids=events, dry_run=True)
    done = replay(house, admin, event_ids=events)
    assert [seen(each) for each in ordered(looked["messages"])] == [seen(each) for each in ordered(done["messages"])]
    for report in (looked, done):
        [booking] = report["events"][0]["bookings"]
        assert (booking["id"], booking["is_new"], booking["what"]) == (booking_id, False, ["moved"])
        old, new = (datetime.fromisoformat(at) for at in booking["fields"]["starts_at"])
        assert (old, new) == (monday(9), monday(14))
        assert booking["people"] == {"added": [], "removed": [], "changed": []}
        assert {each["kind"] for each in report["messages"]} == {"rescheduled", "reminder"}
        assert [told(each) for each in ordered(report["withdrawn"])] == [
            ("reminder", CLIENT, 60),
            ("reminder", CLIENT, 1440),
        ]
        assert {each["reason"] for each in report["withdrawn"]} == {"superseded"}
        assert all("says" in each for each in report["messages"])


def test_a_seat_that_was_given_up(house: House, admin: Caller) -> None:
    house.book(GROUP, monday(9))
    made = house.book(GROUP, monday(9), "other@example.com")
    seat = next(each["seatUid"] for each in made["attendees"] if each["email"] == "other@example.com")
    given_up = {"reason": "private", "seatUid": seat}
    events = misread(house, unheard(house, lambda: house.sim(f"bookings/{made['uid']}/cancel", given_up)))
    looked = replay(house, admin, event_ids=events, dry_run=True)
    done = replay(house, admin, event_ids=events)
    for report in (looked, done):
        [booking] = report["events"][0]["bookings"]
        assert booking["what"] == ["attendee_removed"]
        assert [each["email"] for each in booking["people"]["removed"]] == ["other@example.com"]
        assert (booking["people"]["added"], booking["people"]["changed"]) == ([], [])
        assert [told(each) for each in report["messages"]] == [("cancelled", "other@example.com", None)]
    assert planned(house) == ordered(planned_of(house, CLIENT) + done["messages"])


def test_two_bookings_turn_out_to_be_one(house: House, admin: Caller) -> None:
    """Moved twice; the first time was not understood, and the second body does not name the first booking."""
    made = house.book(CALL, monday(9))
    first = house.id_of(made["uid"])
    to: Row = {}
    move = {"start": monday(11).isoformat()}
    bodies = unheard(house, lambda: to.update(house.sim(f"bookings/{made['uid']}/move", move)["data"]))
    last = house.sim(f"bookings/{to['uid']}/move", {"start": monday(14).isoformat()})["data"]
    house.flush()
    assert house.id_of(last["uid"]) != first
    events = misread(house, bodies)
    looked = replay(house, admin, event_ids=events, dry_run=True)
    done = replay(house, admin, event_ids=events)
    for report in (looked, done):
        [booking] = report["events"][0]["bookings"]
        assert (booking["id"], booking["is_new"]) == (first, False)
        assert {"merged", "moved"} <= set(booking["what"])
        old, new = (datetime.fromisoformat(at) for at in booking["fields"]["starts_at"])
        assert (old, new) == (monday(9), monday(14))
    assert house.id_of(last["uid"]) == first
    assert [seen(each) for each in ordered(looked["messages"])] == [seen(each) for each in ordered(done["messages"])]
    assert ordered(done["messages"]) == planned(house)


def test_a_mended_parser_finds_more_in_what_was_applied(house: House, admin: Caller) -> None:
    bodies = unheard(house, lambda: house.book(PLAIN, monday(9)))
    body = json.loads(bodies[0])
    body["payload"]["eventDescription"] = "Bring the papers"
    events = misread(house, [json.dumps(body).encode()], "_description")
    report = replay(house, admin, event_ids=events)
    [booking] = report["events"][0]["bookings"]
    assert booking["fields"]["description"] == [None, "Bring the papers"]
    assert kept(house) == [("applied", None)]
    assert replay(house, admin, event_ids=events)["counts"] == {"duplicate": 1}
    assert kept(house) == [("applied", None)], "what it has brought about stays so"


def test_everything_again_changes_nothing(house: House, admin: Caller) -> None:
    """Every shape of body: what was kept of it says the same as what came."""
    for path in sorted(OURS.glob("*.json")):
        post(house.env, path.read_bytes())
    for raw in (b"not JSON", b"[1, 2]", b'"text"', b'{"triggerEvent": "BOOKING_CREATED", "payload": {"uid": 7}}'):
        post(house.env, raw)
    house.db.execute("update private.pending_events set try_at = now()")
    house.sweep()  # notes that came before their booking are told
    before = contents(house.db)
    events: list[Row] = []
    wanted: Row = {"since": ALL}
    while wanted:
        report = replay(house, admin, notify="all", **wanted)
        events += report["events"]
        assert {name: report[name] for name in NOTHING} == NOTHING
        wanted = report["next"]
    assert {each["outcome"] for each in events} == {"duplicate", "ignored", "quarantined"}
    assert [each["bookings"] for each in events] == [[]] * len(events)
    assert contents(house.db) == before


def test_a_note_on_a_booking_that_nobody_knows_waits_on(house: House, admin: Caller) -> None:
    start = monday(9) - timedelta(days=30)
    made: Row = {}
    bodies = unheard(house, lambda: made.update(house.book(PLAIN, start)))
    house.sim(f"meeting/{made['uid']}/started")
    house.flush()
    before = contents(house.db)
    report = replay(house, admin, since=ALL)
    assert [(each["outcome"], each["error"]) for each in report["events"]] == [("quarantined", "unknown booking")]
    assert contents(house.db) == before

    # Given up by the sweep: a replay lets it wait again.
    house.db.execute("delete from private.pending_events")
    assert replay(house, admin, since=ALL)["counts"] == {"quarantined": 1}
    assert house.db.execute("select event ->> 'source' from private.pending_events").fetchall() == [("replay",)]

    [created] = misread(house, bodies)
    replay(house, admin, event_ids=[created])
    replay(house, admin, since=ALL)
    assert {outcome for outcome, _ in kept(house)} == {"applied", "duplicate"}
    assert house.db.execute("select count(*) from private.pending_events").fetchone() == (0,)
    assert [kind for kind, *_ in house.story(house.id_of(made["uid"]))] == ["created", "started"]


# --- bodies that are gone ---


def test_a_body_that_is_gone(house: House, admin: Caller) -> None:
    house.book(PLAIN, monday(9))
    house.db.execute("update public.webhook_events set body = null")
    [(event,)] = house.db.execute("select id::text from public.webhook_events").fetchall()
    unknown = str(uuid4())
    before = contents(house.db)
    report = replay(house, admin, event_ids=[event, unknown])
    assert {each["id"]: each["outcome"] for each in report["events"]} == {event: "no_body", unknown: "not_found"}
    assert contents(house.db) == before


@pytest.mark.parametrize("is_still_there", [False, True], ids=["erased", "read just before"])
def test_who_was_erased_does_not_come_back(house: House, admin: Caller, is_still_there: bool) -> None:
    house.book(PLAIN, monday(9))
    bodies = unheard(house, lambda: house.book(PLAIN, monday(13)))
    misread(house, bodies)
    rows = house.db.execute("select body, id from public.webhook_events").fetchall()
    house.db.execute("select public.erase_person(%s)", [CLIENT])
    if is_still_there:
        for body, event in rows:
            house.db.execute("update public.webhook_events set body = %s where id = %s", [Jsonb(body), event])
    report = replay(house, admin, since=ALL, notify="all")
    if not is_still_there:
        assert report["counts"] == {"no_body": 2}
    assert CLIENT not in json.dumps(report)
    found = house.db.execute("select count(*) from public.booking_attendees where email = %s", [CLIENT]).fetchone()
    assert found == (0,)
    assert not [each for each in report["messages"] if each["recipient"] == CLIENT]
    sent = house.db.execute("select count(*) from public.notifications where status = 'planned'").fetchone()
    assert sent == (0,), "nobody is left to write to"


# --- many, and others at the same time ---


@pytest.mark.parametrize("by", ["event_ids", "since"])
@pytest.mark.parametrize("is_at_once", [False, True], ids=["one after another", "in one instant"])
def test_many_go_on_where_the_last_call_ended(
    house: House, admin: Caller, monkeypatch: pytest.MonkeyPatch, by: str, is_at_once: bool
) -> None:
    def book() -> None:
        for hour in range(8, 15):
            house.book(PLAIN, monday(hour))

    events = misread(house, unheard(house, book))
    if is_at_once:
        house.db.execute("update public.webhook_events set received_at = '2026-11-25 08:00:00.000123+00'")
        events.sort()
    monkeypatch.setattr(replaying, "AT_ONCE", 3)
    wanted: Row = {"event_ids": events[::-1]} if by == "event_ids" else {"since": ALL}
    remaining, done = [], []
    with served("replay", house.env) as function:
        headers = {"Authorization": f"Bearer {admin.token}"}
        while wanted:
            report = function.post("/replay", json=wanted, headers=headers).get_json()
            remaining.append(report["remaining"])
            done += [each["id"] for each in report["events"]]
            wanted = report["next"]
    assert (remaining, done) == ([4, 1, 0], events)
    assert {outcome for outcome, _ in kept(house)} == {"applied"}


def test_a_call_takes_no_more_than_it_has_time_for(house: House, admin: Caller) -> None:
    def book() -> None:
        for hour in (8, 9, 10):
            house.book(PLAIN, monday(hour))

    events = misread(house, unheard(house, book))
    house.db.execute(
        "create function private.dawdle() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(1.6); return new; end $$"
    )
    house.db.execute(
        "create trigger dawdle before insert on public.bookings for each row execute function private.dawdle()"
    )
    try:
        report = replay(house, admin, event_ids=events)
    finally:
        house.db.execute("drop function private.dawdle cascade")
    assert ([each["id"] for each in report["events"]], report["remaining"]) == (events[:2], 1)
    assert report["next"] == {"event_ids": events[2:]}
    assert [outcome for outcome, _ in kept(house)] == ["applied", "applied", "quarantined"]


def test_what_is_being_changed_by_others_is_left_alone(house: House, admin: Caller) -> None:
    made = house.book(PLAIN, monday(9))
    move = {"start": monday(14).isoformat()}
    events = misread(house, unheard(house, lambda: house.sim(f"bookings/{made['uid']}/move", move)))
    before = contents(house.db)
    with psycopg.connect(house.env["POSTGRES_URL"]) as other:
        other.execute("select 1 from public.bookings for update")
        answer = house.call(admin, "POST", "replay", {"event_ids": events})
        assert (answer.status_code, answer.json()["code"]) == (503, "upstream_unavailable")
        assert contents(house.db) == before
    assert replay(house, admin, event_ids=events)["counts"] == {"applied": 1}


def test_two_admins_and_cal_com_at_the_same_time(house: House, admin: Caller) -> None:
    """Whoever comes first: each booking is there once, where it was moved to, and nothing is left over."""
    made: list[Row] = []

    def book() -> None:
        made.extend(house.book(PLAIN, monday(hour), guests=[GUEST]) for hour in range(8, 15))

    def move() -> None:
        for hour, each in enumerate(made, 8):
            start = monday(hour) + timedelta(days=1)
            house.sim(f"bookings/{each['uid']}/move", {"start": start.isoformat()})

    events, moves = misread(house, unheard(house, book)), unheard(house, move)
    with ThreadPoolExecutor(4) as pool:
        replays = [pool.submit(replay, house, admin, event_ids=events) for _ in range(2)]
        posts = [pool.submit(post, house.env, body) for body in reversed(moves)]
    assert {each.result()["outcome"] for each in posts} == {"applied"}
    assert all(set(each.result()["counts"]) <= {"applied", "duplicate"} for each in replays)
    assert {outcome for outcome, _ in kept(house)} <= {"applied", "duplicate"}
    starts = house.db.execute("select starts_at from public.bookings order by 1").fetchall()
    assert starts == [(monday(hour) + timedelta(days=1),) for hour in range(8, 15)]


# --- who may, and what cannot be meant ---


def test_only_admins(house: House, admin: Caller) -> None:
    events = misread(house, unheard(house, lambda: house.book(PLAIN, monday(9))))
    before = contents(house.db)
    for who in (house.person("host@example.com", "host"), house.person(CLIENT)):
        before = contents(house.db)
        for wanted in ({"event_ids": events}, {"event_ids": events, "dry_run": True}, {"since": ALL}, {"nonsense": 1}):
            answer = house.call(who, "POST", "replay", wanted)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
            assert answer.headers["Content-Type"] == "application/problem+json"
        assert contents(house.db) == before
    url = f"{house.env['FUNCTIONS_URL']}/replay"
    for token in (house.env["SCHEDULER_TOKEN"], house.env["SUPABASE_SECRET_KEY"]):
        assert httpx.post(url, json={"since": ALL}, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert contents(house.db) == before


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        [],
        {"event_ids": []},
        {"event_ids": ["x"]},
        {"event_ids": str(UUID(int=1))},
        {"event_ids": [str(UUID(int=number)) for number in range(1001)]},
        {"event_ids": [str(UUID(int=1))], "since": ALL},
        {"event_ids": [str(UUID(int=1))], "after": str(UUID(int=2))},
        {"since": "yesterday"},
        {"since": "2026-11-25T08:00:00"},
        {"since": ALL, "dry_run": None},
        {"since": ALL, "notify": "everybody"},
        {"since": ALL, "limit": 5},
    ],
    ids=lambda wanted: str(wanted)[:60],
)
def test_what_cannot_be_meant(house: House, admin: Caller, wanted: Any) -> None:
    answer = house.call(admin, "POST", "replay", wanted)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.headers["Content-Type"] == "application/problem+json"
