"""The sweep over Cal.com's API: what was missed is found, named, healed, and nobody hears old news."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest
from psycopg.rows import dict_row

from shared import calcom_api
from tests.conftest import Connection, Stack
from tests.functions.acting import CALL, CONFIRMED, GROUP, PAID, PANEL, PLAIN, ROTA, SERIES, VISIT, House, monday
from tests.functions.contents import contents
from tests.functions.in_process import served

Row = dict[str, Any]

HOUSE = {"host@example.com", "colleague@example.com"}
STATUS = {"accepted": "confirmed"}
NOTHING = {"missing": 0, "stale": 0, "ghost": 0, "healed": 0, "differences": []}
CAUSES = {"webhook_missing", "webhook_not_applied", "bodies_undecided", "action_uncertain"}


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


def reconcile(house: House, **wanted: Any) -> Any:
    headers = {"Authorization": f"Bearer {house.env['SCHEDULER_TOKEN']}"}
    answer = httpx.post(f"{house.env['FUNCTIONS_URL']}/reconcile", json=wanted, headers=headers, timeout=90)
    assert answer.status_code == 200, answer.text
    return answer.json()


def found(report: Any) -> Row:
    return {name: report[name] for name in NOTHING}


# --- Cal.com's side beside ours, without the code under test ---


def at_calcom(house: House) -> list[Row]:
    """Every row of the account, whatever its status."""
    headers = {"Authorization": f"Bearer {house.env['CALCOM_API_KEY']}", "cal-api-version": "2024-08-13"}
    rows: list[Row] = []
    while True:
        query: dict[str, str | int] = {"take": 250, "skip": len(rows), "sortCreated": "asc"}
        answer = httpx.get(f"{house.env['CALCOM_API_URL']}/bookings", params=query, headers=headers, timeout=30).json()
        rows += answer["data"]
        if not answer["pagination"]["hasNextPage"]:
            return rows


def chains(rows: list[Row]) -> list[list[Row]]:
    """The rows that are one booking: each and what it was moved to, oldest first. A group is never another one."""
    by_uid = {row["uid"]: row for row in rows}
    moved_to = {row["uid"]: row["rescheduledToUid"] for row in rows if row.get("rescheduledToUid") and not seated(row)}
    found_chains = []
    for uid in by_uid.keys() - moved_to.values():
        chain = [by_uid[uid]]
        while following := moved_to.get(chain[-1]["uid"]):
            chain.append(by_uid[following])
        found_chains.append(chain)
    return sorted(found_chains, key=lambda chain: int(chain[0]["id"]))


def seated(row: Row) -> bool:
    return bool(row["eventTypeId"] == GROUP)


def theirs(row: Row) -> Row:
    """What people should see of it."""
    is_over = row["status"] in ("cancelled", "rejected")
    reason = row.get("cancellationReason") if is_over and not seated(row) else None
    by = row.get("cancelledByEmail")
    people = [person for person in row["attendees"] if person["email"] not in HOUSE]
    return {
        "status": STATUS.get(row["status"], row["status"]),
        "reschedule_requested": (reason or "").startswith("Please reschedule."),
        "starts_at": datetime.fromisoformat(row["start"]),
        "ends_at": datetime.fromisoformat(row["end"]),
        "title": None if seated(row) else row["title"],
        "event_type_id": row["eventType"]["id"],
        "event_type_slug": row["eventType"]["slug"],
        "place": row["location"],
        "host": (row["hosts"][0]["name"], row["hosts"][0]["email"], row["hosts"][0]["timeZone"]),
        "series": series_id(row.get("recurringBookingUid")),
        "cancellation_reason": None if reason == "No reason given." else reason,
        "cancelled_by": None
        if row["status"] != "cancelled" or seated(row)
        else "calcom"
        if not by
        else "staff"
        if by in HOUSE
        else "client",
        "people": {
            each["email"]: (each["name"] or None, each["timeZone"], each["language"], each["absent"]) for each in people
        },
    }


def series_id(series: str | None) -> str | None:
    digest = hashlib.md5(f"series:{series}".encode()).hexdigest()
    return digest if series else None


def ours(house: House) -> dict[str, Row]:
    """Our bookings by id: what people see, and under which uids Cal.com knows them."""
    rows = house.db.cursor(row_factory=dict_row)
    bookings = {}
    for row in rows.execute(
        "select b.*, d.seated, d.host_email as real_host, n.uids, n.heads from public.bookings b"
        " join private.booking_details d on d.booking_id = b.id"
        " join (select booking_id, array_agg(uid) as uids, array_agg(uid) filter (where is_head) as heads"
        "       from private.booking_nodes group by 1) n on n.booking_id = b.id"
    ).fetchall():
        bookings[str(row["id"])] = {
            "uids": set(row["uids"]),
            "heads": row["heads"],
            "status": "pending" if row["status"] == "awaiting_payment" else row["status"],
            **{name: row[name] for name in ("reschedule_requested", "starts_at", "ends_at")},
            "title": None if row["seated"] else row["title"],
            **{name: row[name] for name in ("event_type_id", "event_type_slug")},
            "place": row["meeting_url"] or row["location"],
            "host": (row["host_name"], row["real_host"], row["host_time_zone"]),
            "series": row["series_id"].hex if row["series_id"] else None,
            "cancellation_reason": row["cancellation_reason"],
            "cancelled_by": row["cancelled_by"] if row["status"] == "cancelled" and not row["seated"] else None,
            "people": {},
        }
    for row in rows.execute("select * from public.booking_attendees where removed_at is null").fetchall():
        person = (row["name"], row["time_zone"], row["locale"], row["absent"])
        bookings[str(row["booking_id"])]["people"][row["email"]] = person
    return bookings


def disagreements(house: House, without: Collection[str] = ()) -> dict[str, Any]:
    """Cal.com's number of each booking → "missing", or field → (Cal.com's, ours); ours beyond those by id.

    `without`: fields that are not compared.
    """
    mine = ours(house)
    by_uid = {uid: (booking_id, booking) for booking_id, booking in mine.items() for uid in booking["uids"]}
    wrong: dict[str, Any] = {}
    for chain in chains(at_calcom(house)):
        name = str(chain[0]["id"])
        known = {by_uid[row["uid"]][0] for row in chain if row["uid"] in by_uid}
        for booking_id in known:
            mine.pop(booking_id, None)
        if not known:
            wrong[name] = "missing"
            continue
        if len(known) > 1:
            wrong[name] = {"bookings": (1, len(known))}
            continue
        booking = by_uid[next(row["uid"] for row in chain if row["uid"] in by_uid)][1]
        expected = {"heads": [chain[-1]["uid"]], "uids": {row["uid"] for row in chain}} | theirs(chain[-1])
        if seated(chain[-1]) and chain[-1]["status"] == "cancelled":
            del expected["people"]  # of a group that ended Cal.com lists nobody
        differing = {field: (value, booking[field]) for field, value in expected.items() if booking[field] != value}
        differing = {field: values for field, values in differing.items() if field not in without}
        if differing:
            wrong[name] = differing
    return wrong | dict.fromkeys(mine, "not at Cal.com")


# --- people at Cal.com ---


class Town:
    """People who book, move and cancel at Cal.com, at random, while its webhooks get lost; `seed` repeats them."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = Random(seed)
        self.seed = seed
        self.made = 0

    def live(self, bookings: int) -> None:
        self.house.sim("faults", {"webhooks": {"drop": 0.2, "duplicate": 0.1, "reorder": True}, "seed": self.seed})
        kinds = [PLAIN, CONFIRMED, GROUP, SERIES, PAID, CALL, VISIT, PANEL, ROTA]
        while self.made < bookings:
            kind = kinds[self.made % len(kinds)] if self.happens(0.8) else PLAIN
            is_past = self.happens(0.2)
            start = monday(self.random.randrange(8, 20)) + timedelta(days=self.made - (400 if is_past else 0))
            make = {GROUP: self._group, SERIES: self._series}.get(kind)
            if make:
                make(start, is_past)
            else:
                self._single(kind, start, is_past)
            if self.made % 10 == 0:
                self.house.flush()
        self.house.flush()
        self.house.sim("faults")

    def happens(self, probability: float) -> bool:
        return self.random.random() < probability

    def _book(self, kind: int, start: datetime, who: str, **more: Any) -> Any:
        zone = self.random.choice(("Europe/Berlin", "America/New_York", "Asia/Tokyo"))
        self.made += 1
        return self.house.sim("bookings", order(kind, start, who, zone, **more))["data"]

    def _single(self, kind: int, start: datetime, is_past: bool) -> None:
        who = f"client{self.made}"
        guests = [f"guest{self.made}@example.com"] if self.happens(0.3) else []
        uid = str(self._book(kind, start, who, guests=guests)["uid"])
        if kind == PAID and self.happens(0.7):
            self.house.sim(f"pay/{uid}")
        if kind == CONFIRMED and self.happens(0.6):
            if self.happens(0.3):
                self._host(uid, "decline", reason="No room")
                return
            self._host(uid, "confirm")
        for _ in range(self.random.choice((0, 0, 1, 2))):
            uid = self._move(uid, start + timedelta(days=self.random.randrange(1, 9)))
        if kind == VISIT and self.happens(0.3):
            self._host(uid, "location", location={"type": "address", "address": "Around the corner"})
        if is_past:
            if self.happens(0.4):
                self._host(uid, "mark-absent", attendees=[{"email": f"{who}@example.com", "absent": True}])
        elif self.happens(0.3):
            by = self.random.choice(("client", "host"))
            self.house.sim(f"bookings/{uid}/cancel", {"reason": f"{by} is ill", "by": by})
        elif self.happens(0.15):
            self.house.sim(f"bookings/{uid}/request-reschedule", {"reason": "I am away"})

    def _group(self, start: datetime, is_past: bool) -> None:
        seats = {}
        for who in [f"seat{self.made}x{number}" for number in range(self.random.randrange(1, 4))]:
            made = self._book(GROUP, start, who)
            seats[who] = next(each["seatUid"] for each in made["attendees"] if each["email"] == f"{who}@example.com")
        for seat in seats.values():
            if not is_past and self.happens(0.25):
                self.house.sim(f"bookings/{made['uid']}/cancel", {"reason": "private", "seatUid": seat})
            elif not is_past and self.happens(0.25):
                self._move(made["uid"], start + timedelta(days=self.random.randrange(1, 3)), seatUid=seat)

    def _series(self, start: datetime, is_past: bool) -> None:
        count = self.random.randrange(2, 5)
        made = self._book(SERIES, start, f"client{self.made}", recurrenceCount=count)
        self.made += count - 1
        one = self.random.randrange(count)
        match self.random.randrange(4) if not is_past else None:
            case 0:
                self.house.sim(f"bookings/{made[one]['uid']}/cancel", {"reason": "this one"})
            case 1:
                self.house.sim(f"bookings/{made[one]['uid']}/cancel", {"reason": "all", "scope": "remaining"})
            case 2:
                self._move(made[one]["uid"], start + timedelta(days=7 * one + 2))

    def _move(self, uid: str, start: datetime, **more: Any) -> str:
        body = {"start": start.isoformat(), "_sim": {"allow_past": True}, "by": self.random.choice(("client", "host"))}
        return str(self.house.sim(f"bookings/{uid}/move", body | more)["data"]["uid"])

    def _host(self, uid: str, action: str, **body: Any) -> None:
        env = self.house.env
        headers = {"Authorization": f"Bearer {env['CALCOM_API_KEY']}", "cal-api-version": "2024-08-13"}
        method = "PATCH" if action == "location" else "POST"
        answer = httpx.request(method, f"{env['CALCOM_API_URL']}/bookings/{uid}/{action}", json=body, headers=headers)
        assert answer.is_success, answer.text


def due(house: House) -> None:
    """All doubts may be looked at now: they wait 15 s for Cal.com to be done."""
    house.db.execute("update public.doubts set look_at = now() where resolved_at is null")


def a_minute_later(house: House) -> None:
    """What was told is older than what the API says: a reading speaks for 15 s before it."""
    due(house)
    house.db.execute("update private.reports set at = at - interval '1 minute'")


def all_lost(house: House) -> None:
    house.sim("faults", {"webhooks": {"drop": 1}})


def kinds(house: House, booking_id: str) -> list[str]:
    return [kind for kind, *_ in house.story(booking_id)]


def told(house: House) -> list[tuple[Any, ...]]:
    """kind, status, why not, of each change message."""
    return house.db.execute(
        "select kind, status, reason from public.notifications"
        " where kind <> 'reminder' and reason is distinct from 'superseded' order by created_at, kind"
    ).fetchall()


def open_doubts(house: House) -> list[str]:
    rows = house.db.execute("select kind from public.doubts where resolved_at is null order by 1").fetchall()
    return [row[0] for row in rows]


def test_nothing_to_find(house: House) -> None:
    house.book(PLAIN, monday(9))
    report = reconcile(house, full=True)
    assert found(report) == NOTHING
    assert report["complete"] is True
    assert report["checked"] >= 1


def test_what_webhooks_missed(house: House) -> None:
    kept = house.book(PLAIN, monday(9))
    all_lost(house)
    made = house.book(PLAIN, monday(10), "other@example.com")
    moved = house.sim(f"bookings/{kept['uid']}/move", {"start": monday(14).isoformat()})["data"]
    gone = house.book(PLAIN, monday(11), "third@example.com")
    house.sim(f"bookings/{gone['uid']}/cancel", {"reason": "ill"})

    report = reconcile(house)

    assert counts(report) == {"missing": 2, "stale": 1, "ghost": 0, "healed": 3}, report
    assert {each["cause"] for each in report["differences"]} == {"webhook_missing"}
    (stale,) = (each for each in report["differences"] if each["kind"] == "stale")
    assert (stale["what"], stale["booking_id"]) == (["moved"], house.id_of(kept["uid"]))
    assert stale["fields"]["starts_at"] == [
        f"{monday(9):%Y-%m-%dT%H:%M:%S+00:00}",
        f"{monday(14):%Y-%m-%dT%H:%M:%S+00:00}",
    ]
    assert house.id_of(moved["uid"]) == house.id_of(kept["uid"])
    statuses: dict[str, str] = dict(
        house.db.execute(
            "select n.uid, b.status from private.booking_nodes n join public.bookings b on b.id = n.booking_id"
        ).fetchall()
    )
    assert (statuses[made["uid"]], statuses[gone["uid"]]) == ("confirmed", "cancelled")
    assert found(reconcile(house, full=True)) == NOTHING


def test_three_hundred(house: House) -> None:
    """Made, moved and cancelled, while webhooks are lost, doubled and mixed up."""
    Town(house, seed=1).live(300)
    a_minute_later(house)
    differing = disagreements(house)
    visible = {number for number, what in differing.items() if is_visible(what)}
    missing = {number for number, what in differing.items() if what == "missing"}
    assert len(missing) > 10
    assert len(visible - missing) > 20
    before = contents(house.db)
    sent = len(all_mails(house))

    looked = reconcile(house, dry_run=True)
    assert {table for table, rows in contents(house.db).items() if rows != before[table]} == set()
    began = house.db.execute("select clock_timestamp()").fetchone()
    report = reconcile(house)

    assert disagreements(house) == {}
    assert report["complete"]
    assert "error" not in report
    numbers = numbers_of_ours(house)
    named = Counter(numbers[each["booking_id"]] for each in report["differences"])
    assert named == dict.fromkeys(visible, 1), [differing.get(one) for one in named.keys() ^ visible]
    assert {numbers[each["booking_id"]] for each in report["differences"] if each["kind"] == "missing"} == missing
    assert {each["cause"] for each in report["differences"]} <= CAUSES
    assert {each["cause"] for each in report["differences"]} >= {"webhook_missing", "webhook_not_applied"}
    assert {each["done"] for each in report["differences"]} == {"healed"}
    expected = {"missing": len(missing), "stale": len(visible - missing), "ghost": 0, "healed": len(visible)}
    assert (counts(report), counts(looked)) == (expected, expected | {"healed": 0})
    assert (looked["checked"], looked["doubts"]) == (report["checked"], report["doubts"])
    assert seen_alike(looked) == seen_alike(report)
    assert open_doubts(house) == []

    old = house.db.execute(
        "select n.status, n.reason from public.notifications n join public.bookings b on b.id = n.booking_id"
        " where n.created_at >= %s and b.starts_at < now() and n.reason is distinct from 'superseded'",
        began,
    ).fetchall()
    assert set(old) == {("skipped", "imported")}
    assert len(old) >= 5
    house.sweep()
    assert len(all_mails(house)) > sent, "what is to come and has just changed is told"

    for wanted in ({}, {"full": True}, {"full": True}):
        a_minute_later(house)
        again = reconcile(house, **wanted)
        assert found(again) == NOTHING, again
        assert again["complete"]
        assert open_doubts(house) == []


def is_visible(what: Any) -> bool:
    """Whether people see this difference: neither an id, nor how a person is spelled."""
    if isinstance(what, str):
        return True
    theirs, mine = what.get("people", ({}, {}))
    if theirs.keys() != mine.keys() or any(person[-1] != mine[who][-1] for who, person in theirs.items()):
        return True
    return bool(what.keys() - {"people", "uids", "heads", "series", "event_type_slug"})


def numbers_of_ours(house: House) -> dict[str, str]:
    """Our id of each booking → Cal.com's number of its first row."""
    mine = {uid: booking_id for booking_id, booking in ours(house).items() for uid in booking["uids"]}
    return {mine[chain[0]["uid"]]: str(chain[0]["id"]) for chain in chains(at_calcom(house))}


def counts(report: Any) -> Row:
    return {name: report[name] for name in ("missing", "stale", "ghost", "healed")}


def seen_alike(report: Any) -> list[str]:
    """The differences without what a dry run cannot know, nor do."""
    shown = [
        each | {"done": "", "booking_id": each["booking_id"] if each["kind"] != "missing" else ""}
        for each in report["differences"]
    ]
    return sorted(json.dumps(each, sort_keys=True) for each in shown)


def all_mails(house: House) -> list[Row]:
    listed: list[Row] = httpx.get(f"{house.env['RESEND_API_URL']}/_sim/messages", timeout=30).json()
    return listed


# --- a dry run ---


def test_a_dry_run_changes_no_row(house: House) -> None:
    """Not even of what counts the calls."""
    house.book(PLAIN, monday(9))
    all_lost(house)
    house.book(PLAIN, monday(10), "other@example.com")
    house.db.execute("insert into private.calcom_calls (at) values (now() - interval '5 minutes')")
    before = contents(house.db)
    report = reconcile(house, dry_run=True, full=True)
    assert (counts(report)["missing"], report["healed"], report["dry_run"], report["complete"]) == (1, 0, True, True)
    assert [(each["done"], each["booking_id"]) for each in report["differences"]] == [("would_heal", None)]
    assert {table for table, rows in contents(house.db).items() if rows != before[table]} == set()


# --- old news ---

ACTS: dict[str, tuple[str, Row]] = {
    "cancelled": ("cancel", {"reason": "ill"}),
    "rescheduled": ("move", {"start": monday(14).isoformat()}),
    "pick_new_time": ("request-reschedule", {"reason": "I am away"}),
}


@pytest.mark.parametrize("hours", [0, 3], ids=["a moment ago", "three hours ago"])
@pytest.mark.parametrize("kind", [*ACTS, "confirmation"])
def test_who_hears_of_what_was_missed(house: House, monkeypatch: pytest.MonkeyPatch, kind: str, hours: int) -> None:
    """The meeting is to come; when it changed is what counts."""
    made = house.book(PLAIN, monday(9)) if kind in ACTS else None
    house.sweep()
    all_lost(house)
    if made:
        path, body = ACTS[kind]
        house.sim(f"bookings/{made['uid']}/{path}", body)
    else:
        house.book(PLAIN, monday(9))
    sent = len(house.mails("client@example.com"))
    let_time_pass(house, monkeypatch, hours)

    with served("reconcile", house.env) as function:
        report = function.post("/reconcile", headers=scheduler(house)).get_json()
    assert counts(report) == {"missing": int(made is None), "stale": int(made is not None), "ghost": 0, "healed": 1}
    house.sweep()

    assert len(house.mails("client@example.com")) == sent + (hours == 0)
    assert told(house)[-1] == ((kind, "sent", None) if hours == 0 else (kind, "skipped", "imported"))
    assert disagreements(house) == {}


def let_time_pass(house: House, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """All that there is was said and done so long ago, as the API tells it from now on."""
    read, ago = calcom_api._bookings, timedelta(hours=hours)

    def older(body: Any) -> Any:
        return tuple(
            {**one, "updatedAt": (datetime.fromisoformat(str(one["updatedAt"])) - ago).isoformat()}
            for one in read(body)
        )

    monkeypatch.setattr(calcom_api, "_bookings", older)
    house.db.execute("update private.reports set at = at - %s - interval '1 minute'", [ago])


def scheduler(house: House) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.env['SCHEDULER_TOKEN']}"}


# --- what cannot be finished, or read ---


def test_a_run_that_may_not_ask_more_goes_on_in_the_next_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three calls a run, for lists of five pages that are read twice: by their change, and by their beginning."""
    all_lost(house)
    for number in range(45):
        house.book(PLAIN, monday(9) + timedelta(days=number), f"client{number}@example.com")
    monkeypatch.setattr(calcom_api, "PAGE", 10)
    monkeypatch.setattr("shared.reconcile.SECONDS", 8.0)
    house.db.execute("update private.calcom_limit set per_minute = 33, kept_for_clients = 30")
    reports: list[Any] = []
    known = []
    with served("reconcile", house.env) as function:
        while len(reports) < 20 and not (reports and reports[-1]["complete"]):
            reports.append(function.post("/reconcile", headers=scheduler(house)).get_json())
            known.append(len(ours(house)))
            house.db.execute("delete from private.calcom_calls")  # a minute is over
            heart = house.db.execute(
                "select result, error, finished_at >= started_at from public.job_runs"
                " where job = 'reconcile' and heartbeat"
            ).fetchall()
            assert [(row[0]["complete"], row[1], row[2]) for row in heart] == [(reports[-1]["complete"], None, True)]
    assert [report["complete"] for report in reports] == [False] * (len(reports) - 1) + [True]
    assert len(reports) >= 3
    assert all("error" not in report for report in reports)
    assert known == sorted(known)
    assert 0 < known[0] < 45
    assert sum(report["healed"] for report in reports) == sum(report["missing"] for report in reports) == 45
    assert disagreements(house) == {}
    house.db.execute("update private.calcom_limit set per_minute = 120")
    assert found(reconcile(house, full=True)) == NOTHING


def test_cal_com_is_down(house: House) -> None:
    all_lost(house)
    house.book(PLAIN, monday(9))
    house.sim("faults", {"api": {"fail": [503], "rate": 1}})
    report = reconcile(house)
    assert found(report) == NOTHING
    assert (report["checked"], report["complete"], report["error"]) == (0, False, "Cal.com: not reached")
    heart = "select error, result ->> 'complete' from public.job_runs where job = 'reconcile' and heartbeat"
    assert house.db.execute(heart).fetchall() == [("Cal.com: not reached", "false")]
    house.sim("faults")
    later = reconcile(house)
    assert (later["missing"], later["healed"], later["complete"]) == (1, 1, True)
    assert house.db.execute(heart).fetchall() == [(None, "true")]
    assert disagreements(house) == {}


@pytest.mark.parametrize("fail", ["html", "reset", 500])
def test_where_cal_com_failed_the_next_run_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch, fail: int | str
) -> None:
    all_lost(house)
    for number in range(5):
        house.book(PLAIN, monday(9) + timedelta(days=number), f"client{number}@example.com")
    house.sim("faults", {"api": {"fail": ["ok", "ok", *[fail] * 3]}})
    monkeypatch.setattr(calcom_api, "PAGE", 2)
    with served("reconcile", house.env) as function:
        first = function.post("/reconcile", headers=scheduler(house)).get_json()
        assert (first["complete"], first["error"]) == (False, "Cal.com: not reached")
        assert 0 < first["missing"] < 5
        second = function.post("/reconcile", headers=scheduler(house)).get_json()
    assert (second["complete"], first["missing"] + second["missing"]) == (True, 5)
    assert disagreements(house) == {}


def test_a_doubt_that_cannot_be_read_is_put_off(house: House) -> None:
    made = house.book(SERIES, monday(9), recurrenceCount=3)
    house.sim(f"bookings/{made[1]['uid']}/cancel", {"scope": "remaining"})
    house.flush()
    due(house)
    house.sim("faults", {"api": {"fail": [503] * 3}})
    assert (reconcile(house)["doubts"], open_doubts(house)) == (0, ["series_without_id"])
    assert (reconcile(house)["doubts"], open_doubts(house)) == (0, ["series_without_id"])
    due(house)
    assert (reconcile(house)["doubts"], open_doubts(house)) == (1, [])
    assert disagreements(house) == {}


def test_a_key_that_is_refused_says_nothing_about_bookings(house: House) -> None:
    """Neither is a booking of ours a ghost, nor a doubt at its end."""
    made = house.book(SERIES, monday(9), recurrenceCount=3)
    house.sim(f"bookings/{made[1]['uid']}/cancel", {"scope": "remaining"})
    house.flush()
    due(house)
    with served("reconcile", {**house.env, "CALCOM_API_KEY": "of yesterday"}) as function:
        for _ in range(2):  # the second time no doubt is due before the list
            report = function.post("/reconcile", json={"full": True}, headers=scheduler(house)).get_json()
            assert (report["complete"], report["error"]) == (False, "Cal.com: declined with 401")
            assert found(report) == NOTHING
    assert open_doubts(house) == ["series_without_id"]


def test_one_run_at_a_time(house: House) -> None:
    house.book(PLAIN, monday(9))
    house.sim("faults", {"api": {"fail": [503] * 3}})  # holds the first one up
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(reconcile, house)
        while not house.db.execute("select 1 from private.reconcile_state where running_since is not null").fetchone():
            assert not first.done()
        second = ask(house, scheduler(house))
        assert first.result()["error"] == "Cal.com: not reached"
    assert (second.status_code, second.json()["code"]) == (409, "in_progress")
    assert ask(house, scheduler(house)).status_code == 200


def test_a_run_that_was_killed_is_forgotten_in_time(house: House) -> None:
    house.db.execute("update private.reconcile_state set running_since = now() - interval '4 minutes'")
    assert ask(house, scheduler(house)).status_code == 409
    assert ask(house, scheduler(house), dry_run=True).status_code == 200
    house.db.execute("update private.reconcile_state set running_since = now() - interval '6 minutes'")
    assert ask(house, scheduler(house)).status_code == 200


def ask(house: House, headers: dict[str, str], **wanted: Any) -> httpx.Response:
    return httpx.post(f"{house.env['FUNCTIONS_URL']}/reconcile", json=wanted, headers=headers, timeout=90)


def test_who_may_start_it(house: House) -> None:
    people = {role: house.person(f"{role}@example.com", role) for role in ("admin", "host")}
    people["client"] = house.person("client@example.com")
    answers = {
        who: ask(house, {"Authorization": f"Bearer {caller.token}"}).status_code for who, caller in people.items()
    }
    assert answers == {"admin": 200, "host": 403, "client": 403}
    assert ask(house, {}).status_code == 401
    assert ask(house, {"Authorization": "Bearer nobody"}).status_code == 401
    runs = house.db.execute("select distinct job from public.job_runs").fetchall()
    assert runs == [("reconcile",)]


@pytest.mark.parametrize("wanted", [{"since": "yesterday"}, {"since": "2026-11-25T10:00:00"}, {"all": True}])
def test_what_cannot_be_meant(house: House, wanted: Row) -> None:
    answer = ask(house, scheduler(house), **wanted)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("runs_before", [0, 1])
def test_from_a_time_on_jumps_over_nothing(house: House, monkeypatch: pytest.MonkeyPatch, runs_before: int) -> None:
    """What changed before that time is for the next run."""
    monkeypatch.setattr("shared.reconcile._OVERLAP", timedelta(0))
    house.db.execute("update private.reconcile_state set walk_finished_at = now()")
    all_lost(house)
    with served("reconcile", house.env) as function:
        for number in range(runs_before):
            house.book(PLAIN, monday(8), f"before{number}@example.com")
            assert function.post("/reconcile", headers=scheduler(house)).get_json()["missing"] == 1
        house.book(PLAIN, monday(9), "jumped@example.com")
        since = datetime.now(UTC).isoformat()
        house.book(PLAIN, monday(10), "found@example.com")
        wanted = {"since": since}
        assert function.post("/reconcile", json=wanted, headers=scheduler(house)).get_json()["missing"] == 1
        assert list(disagreements(house).values()) == ["missing"]
        assert function.post("/reconcile", headers=scheduler(house)).get_json()["missing"] == 1
    assert disagreements(house) == {}


# --- single stories ---


def test_a_ghost_is_reported_and_left_as_it_is(house: House) -> None:
    booking_id = house.id_of(house.book(PLAIN, monday(9))["uid"])
    over = house.id_of(house.book(PLAIN, monday(9) - timedelta(days=60), "past@example.com")["uid"])
    house.sweep()
    before = ours(house), house.story(booking_id), told(house)
    house.sim("reset")
    for wanted in ({"full": True, "dry_run": True}, {"full": True}, {"full": True}):
        report = reconcile(house, **wanted)
        ghost = {"kind": "ghost", "booking_id": booking_id, "what": [], "fields": {}}
        assert report["differences"] == [ghost | {"cause": "unknown_there", "done": "reported"}]
        assert (counts(report), report["complete"]) == ({"missing": 0, "stale": 0, "ghost": 1, "healed": 0}, True)
    house.sweep()
    assert (ours(house), house.story(booking_id), told(house)) == before
    assert over in before[0]


def test_a_series_that_was_cancelled_without_its_id(house: House) -> None:
    """One body speaks for all and does not say which: the next run closes the others."""
    made = house.book(SERIES, monday(9), recurrenceCount=4)
    ids = [house.id_of(each["uid"]) for each in made]
    house.sim(f"bookings/{made[1]['uid']}/cancel", {"scope": "remaining", "reason": "A holiday"})
    house.flush()
    ended = "select id::text from public.bookings where status = 'cancelled'"
    assert house.db.execute(ended).fetchall() == [(ids[1],)]
    due(house)
    report = reconcile(house)
    assert {row[0] for row in house.db.execute(ended).fetchall()} == set(ids[1:])
    named = {(each["booking_id"], each["kind"]) for each in report["differences"]}
    assert named == {(each, "stale") for each in ids[2:]}
    assert (report["doubts"], open_doubts(house), disagreements(house)) == (1, [], {})
    house.sweep()
    assert [each for each in told(house) if each[0] == "cancelled"] == [("cancelled", "sent", None)] * 3


def test_a_host_who_asked_for_another_time(house: House) -> None:
    made = house.book(PLAIN, monday(9))
    booking_id = house.id_of(made["uid"])
    all_lost(house)
    house.sim(f"bookings/{made['uid']}/request-reschedule", {"reason": "I am away"})
    report = reconcile(house)
    assert [each["what"] for each in report["differences"]] == [["reschedule_requested"]]
    row = house.db.execute("select status, reschedule_requested, cancellation_reason from public.bookings").fetchall()
    assert row == [("cancelled", True, "Please reschedule. I am away")]
    assert kinds(house, booking_id) == ["created", "reschedule_requested"]


@pytest.mark.parametrize("known", [True, False], ids=["known", "missing"])
def test_a_host_who_asked_for_another_time_leaves_no_doubt(house: House, known: bool) -> None:
    if not known:
        all_lost(house)
    made = house.book(PLAIN, monday(9))
    all_lost(house)
    house.sim(f"bookings/{made['uid']}/request-reschedule", {"reason": "I am away"})
    reconcile(house)
    for _ in range(3):
        a_minute_later(house)
        assert (found(reconcile(house, full=True)), open_doubts(house)) == (NOTHING, [])


def test_a_host_who_asked_for_another_time_of_one_occurrence(house: House) -> None:
    """That says nothing of the rest of the series."""
    made = house.book(SERIES, monday(9), recurrenceCount=3)
    house.sweep()
    all_lost(house)
    house.sim(f"bookings/{made[0]['uid']}/request-reschedule", {"reason": "I am away"})
    reconcile(house)
    assert disagreements(house) == {}
    house.sweep()
    assert [each for each in told(house) if each[0] not in ("confirmation", "pick_new_time")] == []


def test_moved_twice_and_never_told(house: House) -> None:
    """It is one booking, moved; nobody hears that it is cancelled."""
    made = house.book(PLAIN, monday(9), guests=["guest@example.com"])
    house.sweep()
    all_lost(house)
    uid = made["uid"]
    for hour in (11, 14):
        uid = house.sim(f"bookings/{uid}/move", {"start": monday(hour).isoformat()})["data"]["uid"]
    report = reconcile(house)
    assert [(each["kind"], each["what"]) for each in report["differences"]] == [("stale", ["moved"])]
    assert len(ours(house)) == 1
    assert disagreements(house) == {}
    house.sweep()
    assert Counter(each[:2] for each in told(house)) == {("confirmation", "sent"): 2, ("rescheduled", "sent"): 2}
    assert kinds(house, house.id_of(uid)) == ["created", "moved"]


@pytest.mark.parametrize("known", [True, False], ids=["moved without a word", "made without a word"])
def test_a_note_on_a_booking_that_nobody_knew(house: House, known: bool) -> None:
    """It waits, and is part of the story once the booking is known."""
    start = monday(9) - timedelta(days=30)
    made = house.book(PLAIN, start) if known else None
    all_lost(house)
    if made:
        body = {"start": (start + timedelta(days=1)).isoformat(), "_sim": {"allow_past": True}}
        uid = house.sim(f"bookings/{made['uid']}/move", body)["data"]["uid"]
    else:
        uid = house.book(PLAIN, start)["uid"]
    house.sim("faults")
    house.sim(f"meeting/{uid}/started")
    house.flush()
    quarantined = "select outcome, error from public.webhook_events where outcome = 'quarantined'"
    assert house.db.execute(quarantined).fetchall() == [("quarantined", "unknown booking")]
    assert open_doubts(house) == ["unknown_booking"]
    due(house)
    report = reconcile(house)
    named = [(each["kind"], each["cause"]) for each in report["differences"]]
    assert named == [("stale" if known else "missing", "webhook_not_applied")]
    house.sweep()
    assert house.db.execute(quarantined).fetchall() == []
    assert house.db.execute("select count(*) from private.pending_events").fetchone() == (0,)
    assert open_doubts(house) == []
    assert kinds(house, house.id_of(uid)) == (["created", "moved", "started"] if known else ["created", "started"])


def test_a_note_on_a_booking_that_cal_com_does_not_know_either(house: House) -> None:
    all_lost(house)
    uid = house.book(PLAIN, monday(9) - timedelta(days=30))["uid"]
    house.sim("faults")
    house.sim(f"meeting/{uid}/started")
    house.flush()
    house.sim("reset")
    due(house)
    assert (reconcile(house)["doubts"], open_doubts(house)) == (1, [])
    assert house.db.execute("select outcome from public.doubts").fetchall() == [("unknown_there",)]


def test_the_last_seat_of_a_group_went_to_another(house: House) -> None:
    """Two groups stay two bookings, and are not found again and again."""
    house.book(GROUP, monday(9), "ann@example.com")
    all_lost(house)
    left = house.book(GROUP, monday(12), "ben@example.com")
    (seat,) = (each["seatUid"] for each in left["attendees"])
    house.sim(f"bookings/{left['uid']}/move", {"start": monday(9).isoformat(), "seatUid": seat})
    report = reconcile(house)
    assert sorted(each["kind"] for each in report["differences"]) == ["missing", "stale"]
    assert disagreements(house) == {}
    assert found(reconcile(house, full=True)) == NOTHING


@pytest.mark.parametrize("to", [12, 9], ids=["elsewhere", "and back"])
def test_two_of_ours_that_are_one_are_named(house: House, to: int) -> None:
    """Moved twice, the first time without a word: the second body does not name the first booking."""
    first = house.sim("bookings", order(CALL, monday(9), "client"))["data"]
    house.flush()
    all_lost(house)
    second = house.sim(f"bookings/{first['uid']}/move", {"start": monday(11).isoformat()})["data"]
    house.sim("faults")
    house.sim(f"bookings/{second['uid']}/move", {"start": monday(to).isoformat()})
    house.flush()
    assert len(ours(house)) == 2
    (difference,) = reconcile(house)["differences"]
    assert "merged" in difference["what"]
    assert (difference["kind"], difference["booking_id"]) == ("stale", house.id_of(first["uid"]))
    assert difference["fields"].keys() == (set() if to == 9 else {"starts_at", "ends_at"})
    assert len(ours(house)) == 1
    assert disagreements(house) == {}


@pytest.mark.parametrize("lost", ["all", "the move"])
def test_both_hosts_of_a_panel_stay_hosts(house: House, lost: str) -> None:
    """Its end, which came, does not name the second one; the API lists both among the attendees."""
    if lost == "all":
        all_lost(house)
    made = house.book(PANEL, monday(9))
    if lost == "the move":
        all_lost(house)
        made = house.sim(f"bookings/{made['uid']}/move", {"start": monday(11).isoformat()})["data"]
    house.sim("faults")
    house.sim(f"bookings/{made['uid']}/cancel", {"reason": "ill"})
    house.flush()
    a_minute_later(house)
    reconcile(house)
    assert disagreements(house) == {}


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("kind", ["cancel", "move"])
def test_an_action_that_was_cut_off_and_nobody_came_back_to(house: House, kind: str, carried_out: bool) -> None:
    client = house.person("client@example.com")
    made = house.book(PLAIN, monday(9))
    booking_id = house.id_of(made["uid"])
    ago = datetime.now(UTC) - timedelta(minutes=1)
    house.db.execute(
        "insert into private.actions"
        " (booking_id, kind, starts_at, user_id, actor_kind, actor, reason, started_at, asked_at)"
        " select %s, %s, %s, id, 'client', 'Client', 'mine', %s, %s from auth.users",
        [booking_id, kind, monday(13) if kind == "move" else None, ago, ago],
    )
    all_lost(house)
    if carried_out:
        body = {"start": monday(13).isoformat()} if kind == "move" else {"reason": "mine"}
        house.sim(f"bookings/{made['uid']}/{kind}", body)
    report = reconcile(house)
    came_to = "moved" if kind == "move" else "cancelled"
    ended = house.db.execute("select state, outcome from private.actions").fetchall()
    assert ended == [("done", came_to) if carried_out else ("failed", "upstream_unavailable")]
    assert house.story(booking_id)[1:] == ([(came_to, "client", "Client", "mine")] if carried_out else [])
    assert [each["cause"] for each in report["differences"]] == ["action_uncertain"] * carried_out
    assert disagreements(house, without={"cancelled_by"}) == {}
    assert house.cancel(client, booking_id).status_code == (409 if kind == "cancel" and carried_out else 200)


def test_a_move_in_doubt_that_was_followed_by_another_took_place(house: House) -> None:
    house.person("client@example.com")
    made = house.book(PLAIN, monday(9))
    booking_id = house.id_of(made["uid"])
    for hour in (11, 12):
        house.db.execute(
            "insert into private.actions"
            " (booking_id, kind, starts_at, user_id, actor_kind, state, outcome, asked_at, finished_at)"
            " select %s, 'move', %s, id, 'client', 'uncertain', 'uncertain', now(), now() from auth.users",
            [booking_id, monday(hour)],
        )
    all_lost(house)
    uid = made["uid"]
    for hour in (11, 14):
        uid = house.sim(f"bookings/{uid}/move", {"start": monday(hour).isoformat()})["data"]["uid"]
    reconcile(house)
    ended = house.db.execute("select state, outcome from private.actions order by starts_at").fetchall()
    assert ended == [("done", "moved"), ("failed", "upstream_unavailable")]


# --- the edges of pages ---


@pytest.fixture
def many(house: House) -> int:
    """More bookings than a page, all at one time, of which nobody told us."""
    all_lost(house)
    number = calcom_api.PAGE + 10
    for each in range(number):
        house.sim("bookings", order(PLAIN, monday(9), f"client{each}"))
    return number


def order(kind: int, start: datetime, who: str, zone: str = "Europe/Berlin", **more: Any) -> Row:
    attendee = {"name": who.title(), "email": f"{who}@example.com", "timeZone": zone, "language": "de"}
    attendee |= {"phoneNumber": "+4930123456"} if kind == CALL else {}
    body = {"eventTypeId": kind, "start": start.isoformat(), "attendee": attendee, "_sim": {"allow_past": True}}
    return body | more


def test_many_that_begin_at_one_time(house: House, many: int) -> None:
    house.db.execute("update private.reconcile_state set changed_until = now() + interval '1 day'")
    report = reconcile(house)
    assert (report["missing"], report["healed"], report["complete"]) == (many, many, True)
    assert disagreements(house) == {}


def test_many_that_changed_at_one_time(house: House, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read = calcom_api._bookings
    once = (datetime.now(UTC) - timedelta(minutes=10)).isoformat(timespec="milliseconds")
    monkeypatch.setattr(calcom_api, "_bookings", lambda body: tuple({**one, "updatedAt": once} for one in read(body)))
    house.db.execute("update private.reconcile_state set walk_finished_at = now()")
    with served("reconcile", house.env) as function:
        report = function.post("/reconcile", headers=scheduler(house)).get_json()
    assert (report["missing"], report["healed"], report["complete"]) == (many, many, True)
    assert disagreements(house) == {}
