"""Cancelling many: whatever breaks, each row says what is true at Cal.com, and nothing is done or told twice."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import icalendar
import pytest

from ops.stage import ROOT
from shared import bulk, calcom_api, database
from shared.errors import Unavailable
from tests.conftest import Connection, Stack
from tests.database.api import Caller
from tests.functions.acting import GROUP, PANEL, PLAIN, House, monday
from tests.functions.in_process import served

Row = dict[str, Any]

REASON = "The house is closed"
MANY, CHUNK = 200, 20
NOT_SLOW: list[int | str] = [503, "html", "503_after_accept", "html_after_accept"]
PATIENCE = 2.0  # seconds within which a client is answered, whatever staff do


@dataclass(frozen=True)
class Booked:
    """A booking, as Cal.com and as we name it."""

    uid: str
    id: str


@pytest.fixture
def house(clean: Stack, db: Connection) -> House:
    return House(clean.env, db)


@pytest.fixture
def admin(house: House) -> Caller:
    return house.person("admin@example.com", "admin")


class TestAcceptance:
    """200 bookings in chunks of 20, while each twentieth call of Cal.com's API fails."""

    def test_two_hundred_cut_in_the_middle_and_continued(self, house: House, admin: Caller) -> None:
        booked = book(house, MANY)
        chunks = [booked[first : first + CHUNK] for first in range(0, MANY, CHUNK)]
        client = house.person("owner@example.com")
        own = book(house, 3, "owner@example.com")
        allow(house, per_minute=100_000)
        house.sim("faults", {"api": {"fail": NOT_SLOW, "rate": 0.05}, "seed": 1})
        batch_id = str(uuid4())

        with meanwhile(house, client, own) as waited:
            for number, chunk in enumerate(chunks):
                if number == 3:
                    hang_up(house, admin, batch_id, chunk)
                elif number == 6:
                    kill(house, admin, batch_id, chunk, at="before finish_action 8")
                else:
                    send(house, admin, batch_id, chunk)
        house.sim("faults")
        assert not_true(house, booked, since_asked(house, booked)) == []
        let_lease_end(house)
        rows = {row["booking_id"]: row for chunk in chunks for row in send(house, admin, batch_id, chunk)}

        assert list(rows) == [each.id for each in booked]
        assert not_true(house, booked, rows) == []
        assert {row.get("error") for row in rows.values()} <= {None, "upstream_unavailable"}
        over = [each for each in booked if rows[each.id]["outcome"] != "failed"]
        assert MANY * 0.9 < len(over) <= MANY
        assert [call for call in house.calls("cancel") if call["status"] not in (200, 400)], "nothing failed"
        assert carried_out(house, booked) == dict.fromkeys([each.uid for each in over], 1)

        house.flush()
        send_all(house)
        assert cancelling_mails(house, "client") == {
            (f"client{n}@example.com", each.id): 1 for n, each in enumerate(booked) if each in over
        }
        told = house.db.execute(
            "select booking_id::text, batch_id::text, actor_kind, actor, reason from public.booking_events"
            " where kind = 'cancelled' and booking_id <> all (%s)",
            [[each.id for each in own]],
        ).fetchall()
        assert sorted(told) == sorted((each.id, batch_id, "staff", "admin", REASON) for each in over)

        untroubled = {path_of(each) for each in own} - {
            call["path"] for call in house.calls("cancel") if call["status"] != 200
        }
        assert untroubled <= waited.keys()
        assert untroubled, "each of the client's own calls failed"
        assert all(waited[path] < PATIENCE for path in untroubled), waited

    @pytest.mark.parametrize("webhooks", [{}, {"drop": 1}], ids=["with its webhook", "without"])
    def test_killed_after_cal_com_has_done_it(self, house: House, admin: Caller, webhooks: Row) -> None:
        booked, batch_id = book(house, 3), str(uuid4())
        house.sim("faults", {"webhooks": webhooks})
        kill(house, admin, batch_id, booked, at="before finish_action 2")
        house.flush()
        assert [house.calcom(each.uid)["status"] for each in booked] == ["cancelled", "cancelled", "accepted"]
        let_lease_end(house)
        assert outcomes(send(house, admin, batch_id, booked)) == ["cancelled"] * 3
        assert len(house.calls("cancel")) == 3
        assert carried_out(house, booked) == {each.uid: 1 for each in booked}
        send_all(house)
        assert set(cancelling_mails(house, "client").values()) == {1}
        assert len(cancelling_mails(house, "client")) == 3
        assert stories(house) == {(each.id, batch_id, "staff", "admin", REASON) for each in booked}

    def test_before_the_lease_is_over_it_is_in_progress(
        self, house: House, admin: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And what comes after it in the chunk is not held up."""
        booked, batch_id = book(house, 3), str(uuid4())
        kill(house, admin, batch_id, booked, at="before action_target 2")
        monkeypatch.setattr(bulk, "SECONDS", 4.0)
        rows = send_in_process(house, admin, batch_id, booked)
        assert outcomes(rows) == ["cancelled", "in_progress", "cancelled"]
        assert set(carried_out(house, booked)) == {booked[0].uid, booked[2].uid}


class TestTwice:
    def test_the_same_chunk_at_once(self, house: House, admin: Caller) -> None:
        booked, batch_id = book(house, CHUNK), str(uuid4())
        with ThreadPoolExecutor(2) as threads:
            one, other = threads.map(lambda _: send(house, admin, batch_id, booked), range(2))
        assert outcomes(one) == outcomes(other) == ["cancelled"] * CHUNK
        assert Counter(call["path"] for call in house.calls("cancel")) == {path_of(each): 1 for each in booked}
        messages = [(mine["messages"], theirs["messages"]) for mine, theirs in zip(one, other, strict=True)]
        assert set(messages) <= {(1, 0), (0, 1)}, "a message was counted twice, or never"

    def test_two_batches_at_once(self, house: House, admin: Caller) -> None:
        booked = book(house, CHUNK)
        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(lambda _: send(house, admin, str(uuid4()), booked), range(2)))
        for one, other in zip(*map(outcomes, answers), strict=True):
            assert {one, other} == {"cancelled", "already_cancelled"}
        assert carried_out(house, booked) == {each.uid: 1 for each in booked}

    def test_another_admin_goes_on(self, house: House, admin: Caller) -> None:
        other = house.person("second@example.com", "admin")
        booked, batch_id = book(house, 3), str(uuid4())
        assert outcomes(send(house, admin, batch_id, booked[:2])) == ["cancelled"] * 2
        assert outcomes(send(house, other, batch_id, booked)) == ["cancelled"] * 3
        assert len(house.calls("cancel")) == 3
        house.flush()
        actors = [(*row, batch_id, "staff") for row in zip(ids(booked), ("admin", "admin", "second"), strict=True)]
        assert {(row[0], row[3], row[1], row[2]) for row in stories(house)} == {
            (booking_id, actor, batch, kind) for booking_id, actor, batch, kind in actors
        }

    def test_one_booking_named_twice_has_one_row(self, house: House, admin: Caller) -> None:
        one, other = book(house, 2)
        rows = send(house, admin, str(uuid4()), [one, other, one])
        assert [row["booking_id"] for row in rows] == [one.id, other.id]
        assert len(house.calls("cancel")) == 2

    def test_a_client_was_first(self, house: House, admin: Caller) -> None:
        client = house.person("client0@example.com")
        booked = book(house, 2)
        assert house.cancel(client, booked[0].id, reason="mine").status_code == 200
        assert outcomes(send(house, admin, str(uuid4()), booked)) == ["already_cancelled", "cancelled"]
        house.flush()
        assert ("cancelled", "client", "Client0", "mine") in house.story(booked[0].id)

    def test_cancelled_on_cal_coms_page_and_nobody_told_us(self, house: House, admin: Caller) -> None:
        (booked,), batch_id = book(house, 1), str(uuid4())
        house.sim("faults", {"webhooks": {"drop": 1}})
        house.sim(f"bookings/{booked.uid}/cancel", {"reason": "by hand"})
        assert outcomes(send(house, admin, batch_id, [booked])) == ["already_cancelled"]
        assert outcomes(send(house, admin, batch_id, [booked])) == ["already_cancelled"]
        assert carried_out(house, [booked]) == {}
        assert house.story(booked.id)[1:] == [("cancelled", "client", None, "by hand")]


class TestDoubt:
    """Cal.com's answer is lost, or ours to the database."""

    def test_not_written_down_is_not_said_to_be_undone(
        self, house: House, admin: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cal.com has done it and breaks off, does not answer the look, and then our database is away too."""
        (booked,), batch_id = book(house, 1), str(uuid4())
        house.sim("faults", {"api": {"fail": ["html_after_accept", 503, 503, 503]}, "webhooks": {"drop": 1}})
        call = database.Database.call

        def away_at_last(self: database.Database, function: str, **params: Any) -> Any:
            if function == "finish_action":
                raise Unavailable()
            return call(self, function, **params)

        with monkeypatch.context() as patch:
            patch.setattr(database.Database, "call", away_at_last)
            rows = send_in_process(house, admin, batch_id, [booked])
        assert outcomes(rows) == ["uncertain"]
        let_lease_end(house)
        assert outcomes(send(house, admin, batch_id, [booked])) == ["cancelled"]
        assert carried_out(house, [booked]) == {booked.uid: 1}

    def test_what_nobody_foresaw_spoils_its_own_row_only(
        self, house: House, admin: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        booked, batch_id = book(house, 3), str(uuid4())
        cancel = calcom_api.cancel

        def broken(uid: str, *given: Any, **named: Any) -> Any:
            answer = cancel(uid, *given, **named)
            return cast(Any, None) if uid == booked[1].uid else answer

        with monkeypatch.context() as patch:
            patch.setattr(calcom_api, "cancel", broken)
            rows = send_in_process(house, admin, batch_id, booked)
        assert outcomes(rows) == ["cancelled", "uncertain", "cancelled"]
        assert outcomes(send(house, admin, batch_id, booked)) == ["cancelled"] * 3
        assert carried_out(house, booked) == {each.uid: 1 for each in booked}

    def test_a_key_that_cal_com_refuses_says_nothing_of_the_booking(self, house: House, admin: Caller) -> None:
        rows = send_in_process(house, admin, str(uuid4()), book(house, 1), CALCOM_API_KEY="cal_of_yesterday")
        assert outcomes(rows) == ["upstream_unavailable"]

    def test_what_cal_com_had_no_time_for_is_done_when_the_batch_goes_on(self, house: House, admin: Caller) -> None:
        booked, batch_id = book(house, 3), str(uuid4())
        house.sim("faults", {"api": {"fail": [503], "rate": 1, "only": "/cancel"}})
        assert outcomes(send(house, admin, batch_id, booked)) == ["upstream_unavailable"] * 3
        house.sim("faults")
        assert outcomes(send(house, admin, batch_id, booked)) == ["cancelled"] * 3

    def test_a_clients_action_that_was_cut_off_does_not_hold_a_row_up_for_ever(
        self, house: House, admin: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        booked, batch_id = book(house, 1), str(uuid4())
        house.sim("faults", {"api": {"fail": ["html", 503, 503, 503]}})
        assert outcomes(send(house, admin, batch_id, booked)) == ["uncertain"]
        with closing(house.person("client0@example.com")) as client:
            client.call("begin_action", {"p_booking_id": booked[0].id, "p_kind": "cancel"})
        let_lease_end(house)
        monkeypatch.setattr(bulk, "SECONDS", 4.0)
        assert outcomes(send_in_process(house, admin, batch_id, booked)) == ["cancelled"]

    def test_a_client_was_first_on_cal_coms_page_while_we_asked(
        self, house: House, admin: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (booked,), cancel = book(house, 1), calcom_api.cancel

        def second(uid: str, *given: Any, **named: Any) -> Any:
            house.sim(f"bookings/{uid}/cancel", {"reason": "mine"})
            house.flush()
            return cancel(uid, *given, **named)

        with monkeypatch.context() as patch:
            patch.setattr(calcom_api, "cancel", second)
            assert outcomes(send_in_process(house, admin, str(uuid4()), [booked])) == ["already_cancelled"]
        assert house.story(booked.id)[1:] == [("cancelled", "client", None, "mine")]


class TestDryRun:
    def test_it_says_what_comes_and_changes_nothing(self, house: House, admin: Caller) -> None:
        several = house.book(PLAIN, monday(9), guests=["guest@example.com"])
        for person in ("ann@example.com", "ben@example.com"):
            group = house.book(GROUP, monday(11), person)
        over = house.book(PLAIN, monday(13))
        panel = house.book(PANEL, monday(14), "dora@example.com")
        house.sim(f"bookings/{over['uid']}/cancel")
        house.flush()
        send_all(house)
        host = house.person("host@example.com", "host")
        wanted = [house.id_of(made["uid"]) for made in (several, group, over, panel)] + [str(uuid4())]

        before, calls = content(house), house.calls("cancel")
        batch_id = str(uuid4())
        rows = ask(house, host, batch_id, wanted, dry_run=True).json()["results"]
        assert content(house) == before
        assert house.calls("cancel") == calls == []

        assert [row["booking_id"] for row in rows] == wanted
        assert [row["outcome"] for row in rows] == [
            *["would_cancel"] * 2,
            "already_cancelled",
            "would_cancel",
            "failed",
        ]
        assert [row.get("error") for row in rows] == [None] * 4 + ["not_found"]
        assert [tells(row) for row in rows] == [["Client", "guest@example.com"], ["Ann", "Ben"], [], ["Dora"], []]
        assert {(one["channel"], one["kind"]) for row in rows for one in row["tells"]} == {("email", "cancelled")}
        assert [row["messages"] for row in rows] == [2, 2, 0, 1, 0]

        real = ask(house, host, batch_id, wanted).json()["results"]
        assert [row["outcome"] for row in real] == [*["cancelled"] * 2, "already_cancelled", "cancelled", "failed"]
        assert [row["messages"] for row in real] == [row["messages"] for row in rows]
        again = ask(house, host, batch_id, wanted, dry_run=True).json()["results"]
        assert outcomes(again) == outcomes(real)

    def test_who_holds_only_some(self, house: House) -> None:
        colleague = house.person("colleague@example.com", "host")
        theirs, foreign = house.book(PANEL, monday(9)), house.book(PLAIN, monday(11))
        wanted = [house.id_of(made["uid"]) for made in (theirs, foreign)]
        batch_id = str(uuid4())
        seen = ask(house, colleague, batch_id, wanted, dry_run=True).json()["results"]
        assert outcomes(seen) == ["would_cancel", "not_found"]
        assert tells(seen[1]) == []
        assert outcomes(ask(house, colleague, batch_id, wanted).json()["results"]) == ["cancelled", "not_found"]
        assert house.calcom(foreign["uid"])["status"] == "accepted"

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_an_admin_names_one_that_is_not_there(self, house: House, admin: Caller, dry_run: bool) -> None:
        (booked,) = book(house, 1)
        answer = ask(house, admin, str(uuid4()), [str(uuid4()), booked.id], dry_run=dry_run)
        assert answer.status_code == 200, answer.text
        rows = answer.json()["results"]
        assert outcomes(rows) == ["not_found", "would_cancel" if dry_run else "cancelled"]

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_a_client_may_not(self, house: House, dry_run: bool) -> None:
        client = house.person("client0@example.com")
        answer = ask(house, client, str(uuid4()), ids(book(house, 1)), dry_run=dry_run)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert house.calls("cancel") == []

    def test_nobody_learns_by_it_who_else_is_in_a_group(self, house: House) -> None:
        for person in ("ann@example.com", "ben@example.com"):
            made = house.book(GROUP, monday(), person)
        with closing(house.person("ann@example.com")) as ann:
            for batch_id in (None, str(uuid4())):
                words = {"p_booking_ids": [house.id_of(made["uid"])], "p_batch_id": batch_id, "p_reason": "?"}
                (row,) = ann.call("preview_cancel", words)
                assert (row["outcome"], row["messages"], row["tells"]) == ("not_allowed", 0, [])


class TestTheBudget:
    """10 calls a minute, 3 of them for clients."""

    def test_what_is_not_reached_is_not_begun_and_comes_later(
        self, house: House, admin: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        booked, batch_id = book(house, CHUNK), str(uuid4())
        allow(house, per_minute=10, kept=3)
        monkeypatch.setattr(bulk, "SECONDS", 10.0)

        rows = send_in_process(house, admin, batch_id, booked)
        assert outcomes(rows) == ["cancelled"] * 7 + ["not_reached"] * 13
        assert actions(house) == [(each.id, "done") for each in booked[:7]]
        assert set(carried_out(house, booked)) == {each.uid for each in booked[:7]}

        started = time.monotonic()
        client = house.person("client19@example.com")
        assert house.cancel(client, booked[19].id).status_code == 200
        assert time.monotonic() - started < PATIENCE

        house.db.execute("update private.calcom_calls set at = at - interval '1 minute'")
        rows = send_in_process(house, admin, batch_id, booked)
        assert outcomes(rows) == ["cancelled"] * 14 + ["not_reached"] * 5 + ["already_cancelled"]
        assert max(Counter(call["path"] for call in house.calls("cancel")).values()) == 1

    def test_a_look_counts_too(self, house: House, admin: Caller) -> None:
        """Cal.com blocks a key that asks too often, for clients as well."""
        booked = book(house, 3)
        house.sim("faults", {"webhooks": {"drop": 1}})
        for each in booked:
            house.sim(f"bookings/{each.uid}/cancel")
        assert outcomes(send(house, admin, str(uuid4()), booked)) == ["already_cancelled"] * 3
        asked = httpx.get(f"{house.env['CALCOM_SIM_URL']}/_sim/requests").json()
        assert house.db.execute("select count(*) from private.calcom_calls").fetchone() == (len(asked),) == (6,)

    def test_it_waits_for_its_turn_and_a_client_does_not(
        self, house: House, admin: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not even for a booking that staff are waiting to cancel."""
        booked = book(house, 3)
        client = house.person("client1@example.com")
        allow(house, per_minute=10, kept=3)
        monkeypatch.setattr(bulk, "SECONDS", 12.0)
        patience = PATIENCE + 2
        house.db.execute(
            "insert into private.calcom_calls (at)"
            " select clock_timestamp() - interval '1 minute' + make_interval(secs => %s) from generate_series(1, 7)",
            [patience],
        )
        with ThreadPoolExecutor(1) as thread:
            started = time.monotonic()
            rows = thread.submit(send_in_process, house, admin, str(uuid4()), booked[1:2] + booked[:1] + booked[2:])
            time.sleep(0.7)
            assert house.cancel(client, booked[1].id).status_code == 200
            assert time.monotonic() - started - 0.7 < PATIENCE
            assert outcomes(rows.result()) == ["already_cancelled", "cancelled", "cancelled"]
            assert time.monotonic() - started > patience - 0.5
        assert carried_out(house, booked) == {each.uid: 1 for each in booked}


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": None},
        {"reason": ""},
        {"reason": " \n\t"},
        {"reason": "x" * 1001},
        {"booking_ids": []},
        {"booking_ids": [str(UUID(int=n)) for n in range(21)]},
        {"booking_ids": ["17"]},
        {"booking_id": str(UUID(int=1))},
        {"scope": "remaining"},
        {"dry_run": "perhaps"},
        {"batch_id": None},
        {"batch_id": "17"},
    ],
    ids=lambda wrong: str(wrong)[:60],
)
def test_a_body_that_is_not_right(house: House, admin: Caller, wrong: Row) -> None:
    right = {"batch_id": str(uuid4()), "booking_ids": [str(uuid4())], "reason": REASON}
    answer = house.call(admin, "POST", "cancel", right | wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.text
    assert set(wrong) <= set(answer.json()["detail"].replace(",", "").replace("batch.", "").split()) | {"booking_ids"}


def test_a_body_without_a_reason(house: House, admin: Caller) -> None:
    answer = house.call(admin, "POST", "cancel", {"batch_id": str(uuid4()), "booking_ids": [str(uuid4())]})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def book(house: House, number: int, email: str = "") -> list[Booked]:
    """Bookings of as many clients, or of one, in the weeks from Monday on."""
    start = monday() + timedelta(days=100 if email else 0)

    def one(n: int) -> str:
        address = email or f"client{n}@example.com"
        attendee = {"name": address.split("@")[0].title(), "email": address, "timeZone": "Europe/Berlin"}
        order = {"eventTypeId": PLAIN, "start": (start + timedelta(hours=n)).isoformat(), "attendee": attendee}
        made: str = house.sim("bookings", order | {"_sim": {"allow_past": True}})["data"]["uid"]
        return made

    with ThreadPoolExecutor(4) as threads:
        uids = list(threads.map(one, range(number)))
    house.flush()
    found: dict[str, str] = dict(
        house.db.execute(
            "select uid, booking_id::text from private.booking_nodes where uid = any (%s)", [uids]
        ).fetchall()
    )
    return [Booked(uid, found[uid]) for uid in uids]


def ids(booked: Sequence[Booked]) -> list[str]:
    return [each.id for each in booked]


def path_of(booked: Booked) -> str:
    return f"/v2/bookings/{booked.uid}/cancel"


def body(batch_id: str, booking_ids: Sequence[str], **more: Any) -> Row:
    return {"batch_id": batch_id, "booking_ids": list(booking_ids), "reason": REASON, **more}


def ask(house: House, who: Caller, batch_id: str, booking_ids: Sequence[str], **more: Any) -> httpx.Response:
    return house.call(who, "POST", "cancel", body(batch_id, booking_ids, **more))


def send(house: House, who: Caller, batch_id: str, booked: Sequence[Booked]) -> list[Row]:
    answer = ask(house, who, batch_id, ids(booked))
    assert answer.status_code == 200, answer.text
    rows: list[Row] = answer.json()["results"]
    return rows


def send_in_process(house: House, who: Caller, batch_id: str, booked: Sequence[Booked], **values: str) -> list[Row]:
    """As `send`, to a function in this process, which may be patched."""
    with served("cancel", {**house.env, **values}) as function:
        headers = {"Authorization": f"Bearer {who.token}"}
        answer = function.post("/", json=body(batch_id, ids(booked)), headers=headers)
    assert answer.status_code == 200, answer.text
    rows: list[Row] = cast(Row, answer.json)["results"]
    return rows


def hang_up(house: House, who: Caller, batch_id: str, booked: Sequence[Booked]) -> None:
    """Send it and go away before the answer; the function has begun, and goes on."""
    headers = {"Authorization": f"Bearer {who.token}"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{house.env['FUNCTIONS_URL']}/cancel", json=body(batch_id, ids(booked)), headers=headers, timeout=0.3
        )


def kill(house: House, who: Caller, batch_id: str, booked: Sequence[Booked], *, at: str) -> None:
    """The function in a process of its own, killed at that point."""
    command = [sys.executable, "-m", "tests.functions.killed", at, "cancel"]
    env = {**house.env, "AUTHORIZATION": f"Bearer {who.token}"}
    content = json.dumps(body(batch_id, ids(booked))).encode()
    done = subprocess.run(command, cwd=ROOT, env=env, input=content, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


@contextmanager
def meanwhile(house: House, client: Caller, own: Sequence[Booked]) -> Iterator[dict[str, float]]:
    """The client cancels their own bookings, one a second. → path → seconds"""
    waited: dict[str, float] = {}

    def cancel_own() -> None:
        for booked in own:
            time.sleep(1)
            started = time.monotonic()
            house.cancel(client, booked.id, reason="mine")
            waited[path_of(booked)] = time.monotonic() - started

    thread = threading.Thread(target=cancel_own)
    thread.start()
    yield waited
    thread.join()


def allow(house: House, per_minute: int, kept: int = 3) -> None:
    house.db.execute("update private.calcom_limit set per_minute = %s, kept_for_clients = %s", [per_minute, kept])


def let_lease_end(house: House) -> None:
    """What was cut off may be begun again."""
    house.db.execute(
        "update private.actions set started_at = started_at - interval '41 seconds' where state = 'started'"
    )


def send_all(house: House) -> None:
    """Whatever is owed leaves."""
    while house.db.execute("select 1 from private.outbox where open and try_at <= now() limit 1").fetchone():
        house.sweep()


def outcomes(rows: Sequence[Row]) -> list[str]:
    """Of each row what came of it; of one that failed why."""
    return [row["error"] if row["outcome"] == "failed" else row["outcome"] for row in rows]


def not_true(house: House, booked: Sequence[Booked], rows: dict[str, Row]) -> list[tuple[str, Row]]:
    """Rows that contradict Cal.com. A row that says that it does not know contradicts nothing."""
    wrong = []
    for each in booked:
        row = rows[each.id]
        status = house.calcom(each.uid)["status"]
        if row.get("error") not in ("uncertain", "in_progress", "not_asked") and (status == "cancelled") != (
            row["outcome"] in ("cancelled", "already_cancelled")
        ):
            wrong.append((status, row))
    return wrong


def since_asked(house: House, booked: Sequence[Booked]) -> dict[str, Row]:
    """What our table says of each row before the batch is continued, as rows of an answer."""
    found = house.db.execute("select booking_id::text, state, outcome from private.actions").fetchall()
    states = {booking_id: (state, outcome) for booking_id, state, outcome in found}
    rows: dict[str, Row] = {}
    for each in booked:
        state, outcome = states.get(each.id, ("failed", "not_asked"))
        if state == "done":
            rows[each.id] = {"outcome": outcome}
        else:
            rows[each.id] = {"outcome": "failed", "error": "in_progress" if state == "started" else outcome}
    return rows


def carried_out(house: House, booked: Sequence[Booked]) -> dict[str, int]:
    """uid → how many calls Cal.com cancelled it for."""
    paths = {path_of(each): each.uid for each in booked}
    return Counter(
        paths[call["path"]] for call in house.calls("cancel") if call["path"] in paths and call["carried_out"]
    )


def cancelling_mails(house: House, to: str) -> dict[tuple[str, str], int]:
    """(whom, booking) → how many mails take it out of their calendar; of those whose address begins so."""
    names: dict[str, str] = dict(house.db.execute("select ical_uid, id::text from public.bookings").fetchall())
    found: Counter[tuple[str, str]] = Counter()
    for mail in httpx.get(f"{house.env['RESEND_API_URL']}/_sim/messages", timeout=60).json():
        for file in mail["attachments"] if mail["to"][0].startswith(to) else ():
            calendar = icalendar.Calendar.from_ical(base64.b64decode(file["content"]))
            if calendar["METHOD"] == "CANCEL":
                found.update((mail["to"][0], names[str(event["UID"])]) for event in calendar.events)
    return found


def stories(house: House) -> set[tuple[Any, ...]]:
    rows = house.db.execute(
        "select booking_id::text, batch_id::text, actor_kind, actor, reason from public.booking_events"
        " where kind = 'cancelled'"
    ).fetchall()
    assert len(rows) == len(set(rows)), "an entry came twice"
    return set(rows)


def actions(house: House) -> list[tuple[str, str]]:
    return house.db.execute("select booking_id::text, state from private.actions order by started_at").fetchall()


def tells(row: Row) -> list[str]:
    return sorted(one["name"] for one in row["tells"])


def content(house: House) -> dict[str, str]:
    """table → a hash of its rows."""
    tables = house.db.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'private')"
    ).fetchall()
    assert len(tables) > 20
    found = {}
    for (table,) in tables:
        row = house.db.execute(
            f"select count(*) || md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table} t"
        )
        found[table] = cast(tuple[str], row.fetchone())[0]
    return found
