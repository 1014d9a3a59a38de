"""Texts of which Twilio has not said the last word: looked up there when it is time, and never sent again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from shared import texts_in_doubt
from tests.conftest import Connection, Stack
from tests.functions.in_process import served
from tests.functions.receiving import NUMBER, accepted, book, faults, order, states, suppressed


@pytest.fixture
def env(clean: Stack) -> Iterator[dict[str, str]]:
    """The modules of this process read the stack's settings."""
    with served("receipts", clean.env):
        yield clean.env


def keep_bytes(db: Connection, body: str) -> None:
    """The form that was posted, if settling has not kept it."""
    form = urlencode({"To": NUMBER, "Body": body}).encode()
    db.execute(
        "insert into private.outbox_batches (key, payload)"
        " select o.batch_key, %s from private.outbox o join public.notifications n on n.id = o.notification_id"
        " where n.status = 'unknown' on conflict do nothing",
        [form],
    )


def look(db: Connection) -> int:
    """One look at all that waits for one, however long that would take."""
    db.execute("update private.texts_in_doubt set look_at = now() - interval '1 second'")
    return texts_in_doubt.look(time.monotonic() + 20)


def requests(env: dict[str, str]) -> list[tuple[str, str]]:
    listed = httpx.get(f"{env['TWILIO_API_URL']}/_sim/requests", timeout=10).json()
    return [(one["method"], one["path"].rpartition("/")[2]) for one in listed]


def doubts(db: Connection) -> list[tuple[Any, ...]]:
    return db.execute("select looks from private.texts_in_doubt").fetchall()


def bytes_kept(db: Connection) -> int:
    return len(db.execute("select 1 from private.outbox_batches").fetchall())


def lose(env: dict[str, str], db: Connection) -> str:
    """A text that Twilio took, and whose answer was lost: its id there."""
    faults(env, "sms", "timeout_after_accept")
    book(env, NUMBER)
    assert states(db)[0][0] == "unknown"
    [text] = accepted(env, "sms")
    keep_bytes(db, text["text"])
    return str(text["id"])


def test_a_text_whose_answer_was_lost_is_found(env: dict[str, str], db: Connection) -> None:
    sid = lose(env, db)
    assert look(db) == 1
    assert states(db) == [("sent", None)]
    assert db.execute("select provider_id from public.notifications where kind <> 'reminder'").fetchall() == [(sid,)]
    assert bytes_kept(db) == 0
    httpx.post(f"{env['TWILIO_API_URL']}/_sim/receipts", json={"id": sid, "event": "delivered"}).raise_for_status()
    assert states(db) == [("delivered", None)]
    assert doubts(db) == []


def test_it_may_have_arrived_meanwhile_or_not(env: dict[str, str], db: Connection) -> None:
    sid = lose(env, db)
    db.execute(
        "create rule lost as on insert to private.receipts where new.receipt_id !~ 'looked-up' do instead nothing"
    )
    try:
        order(env, "sms", id=sid, event="undelivered", error_code=30006)
    finally:
        db.execute("drop rule lost on private.receipts")
    assert states(db)[0][0] == "unknown"
    assert look(db) == 1
    assert states(db) == [("bounced", "permanent: undelivered")]
    assert suppressed(db) == [("sms", NUMBER, "bounced")]


def test_a_text_that_never_was_stays_in_doubt_and_is_never_sent_again(env: dict[str, str], db: Connection) -> None:
    faults(env, "sms", 500)
    book(env, NUMBER)
    keep_bytes(db, "Whatever it said")
    counted = []
    for _ in range(8):
        assert look(db) == 0
        counted += doubts(db)
    assert counted == [(1,), (2,), (3,), (4,), (5,)], "the sixth look was its last"
    assert states(db)[0][0] == "unknown"
    assert bytes_kept(db) == 0
    assert requests(env).count(("POST", "Messages.json")) == 1
    assert requests(env).count(("GET", "Messages.json")) == 6


def test_another_text_to_the_same_number_is_not_taken_for_it(env: dict[str, str], db: Connection) -> None:
    httpx.post(
        f"{env['TWILIO_API_URL']}/2010-04-01/Accounts/{env['TWILIO_ACCOUNT_SID']}/Messages.json",
        data={"To": NUMBER, "Body": "Another", "MessagingServiceSid": env["TWILIO_MESSAGING_SERVICE_SID"]},
        auth=(env["TWILIO_ACCOUNT_SID"], env["TWILIO_AUTH_TOKEN"]),
    ).raise_for_status()
    faults(env, "sms", 500)
    book(env, NUMBER)
    keep_bytes(db, "What we said")
    assert look(db) == 0
    assert states(db)[0][0] == "unknown"


def test_two_texts_alike_are_two(env: dict[str, str], db: Connection) -> None:
    lose(env, db)
    faults(env, "sms", "timeout_after_accept")
    db.execute("update private.send_rates set tokens = 1")
    book(env, NUMBER)
    keep_bytes(db, accepted(env, "sms")[1]["text"])
    assert [state for state, _ in states(db)] == ["unknown", "unknown"]
    assert look(db) == 2
    ids = {
        row[0] for row in db.execute("select provider_id from public.notifications where kind <> 'reminder'").fetchall()
    }
    assert ids == {text["id"] for text in accepted(env, "sms")}


@pytest.mark.parametrize(("event", "state"), [("delivered", "delivered"), ("undelivered", "bounced")])
def test_a_callback_that_was_lost_is_made_up_for(env: dict[str, str], db: Connection, event: str, state: str) -> None:
    book(env, NUMBER)
    [text] = accepted(env, "sms")
    assert look(db) == 0, "still on its way"
    db.execute(
        "create rule lost as on insert to private.receipts where new.receipt_id !~ 'looked-up' do instead nothing"
    )
    try:
        order(env, "sms", id=text["id"], event=event, error_code=30003)
    finally:
        db.execute("drop rule lost on private.receipts")
    assert states(db) == [("sent", None)]
    assert look(db) == 1
    assert states(db)[0][0] == state
    assert (doubts(db), look(db)) == ([], 0)
    assert requests(env).count(("POST", "Messages.json")) == 1


def test_nothing_is_looked_up_before_its_time(env: dict[str, str], db: Connection) -> None:
    book(env, NUMBER)
    assert texts_in_doubt.look(time.monotonic() + 20) == 0
    assert [method for method, _ in requests(env)] == ["POST"]
    waits = db.execute(
        "select look_at - now() < '5 minutes', look_at - now() > '4 minutes' from private.texts_in_doubt"
    )
    assert waits.fetchall() == [(True, True)]


@pytest.mark.parametrize("fault", [500, 429, 20404, "reset", "html"])
def test_twilio_that_is_away_is_asked_again_later(env: dict[str, str], db: Connection, fault: int | str) -> None:
    lose(env, db)
    faults(env, "sms", fault)
    assert look(db) == 0
    assert doubts(db) == [(1,)]
    assert look(db) == 1


def test_with_no_time_left_nothing_is_asked(env: dict[str, str], db: Connection) -> None:
    lose(env, db)
    db.execute("update private.texts_in_doubt set look_at = now()")
    assert texts_in_doubt.look(time.monotonic() + 0.1) == 0
    assert doubts(db) == [(0,)]


def test_two_sweeps_at_once_look_once(env: dict[str, str], db: Connection) -> None:
    lose(env, db)
    db.execute("update private.texts_in_doubt set look_at = now() - interval '1 second'")
    with ThreadPoolExecutor(2) as pool:
        found = sum(pool.map(texts_in_doubt.look, [time.monotonic() + 20] * 2))
    assert found == 1
    assert requests(env).count(("GET", "Messages.json")) == 1


def test_who_was_erased_is_looked_up_no_more(env: dict[str, str], db: Connection) -> None:
    lose(env, db)
    db.execute("select public.erase_person(%s)", [NUMBER])
    assert look(db) == 0
    assert bytes_kept(db) == 0
    assert [method for method, _ in requests(env)] == ["POST"]
