"""What breaks between a booking and its mail costs time: never a mail, never a second one, never Cal.com's patience.

A message waits for its lease or its next try; the tests let that time pass by moving `try_at`.
"""

from __future__ import annotations

import hashlib
import hmac
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from ops.stage import ROOT
from tests.clean_slate import CleanSlate
from tests.conftest import Stack
from tests.functions.in_process import served
from tests.functions.posting import OURS, Connection, post

MAILED = "booking_created"  # two attendees with addresses
TEXTED = "booking_created_number_only"
BOUND = 1.0  # seconds in which the webhook has answered
# Where a batch's bytes are kept and it is not settled.
AFTER_STORING = ("after store_payloads", "before batch", "after batch", "before settle_notifications")
SLACK = 1.5  # what a busy machine adds

Row = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def _warm(stack: Stack, _clean_slate: CleanSlate) -> None:
    """The function has sent before, so that no import takes the second that there is."""
    for name in (MAILED, TEXTED):
        post(stack.env, body(name))
    sweep(stack)


class TestKilled:
    """SIGKILL at any point: each mail is accepted exactly once."""

    @pytest.mark.parametrize(
        ("point", "accepted"),
        [
            ("after record_event", 0),
            ("after claim_notifications", 0),
            ("before store_payloads", 0),
            ("after store_payloads", 0),
            ("before mail", 0),
            ("after mail", 1),
            ("before settle_notifications", 1),
            ("after settle_notifications", 1),
        ],
    )
    def test_a_mail(self, clean: Stack, db: Connection, point: str, accepted: int) -> None:
        kill(clean, point, body(MAILED))
        assert rows(db, "public.webhook_events") == 1
        assert rows(db, "public.bookings") == 1
        owed = messages(db)
        assert owed >= 1
        assert len(mails(clean)) == accepted
        for _ in range(2):  # the second sweep finds nothing
            let_time_pass(db)
            sweep(clean)
            assert Counter(mail["to"][0] for mail in mails(clean)) == dict.fromkeys(recipients(db), 1)
            assert statuses(db) == {"sent": owed}

    @pytest.mark.parametrize(
        ("point", "accepted", "final"),
        [
            ("after claim_notifications", 1, "sent"),
            ("after store_payloads", 0, "unknown"),
            ("before sms", 0, "unknown"),
            ("after sms", 1, "unknown"),
            ("after settle_notifications", 1, "sent"),
        ],
    )
    def test_a_text_at_most_once(self, clean: Stack, db: Connection, point: str, accepted: int, final: str) -> None:
        """Twilio knows no idempotency key: what may have been posted is not posted again."""
        kill(clean, point, body(TEXTED))
        for _ in range(2):
            let_time_pass(db)
            sweep(clean)
        assert len(texts(clean)) == accepted
        assert statuses(db) == {final: 1}

    def test_before_the_commit_nothing_is_there_and_the_same_body_again_does_it_all(
        self, clean: Stack, db: Connection
    ) -> None:
        kill(clean, "before record_event", body(MAILED))
        assert rows(db, "public.webhook_events") == rows(db, "public.bookings") == 0
        assert post(clean.env, body(MAILED))["outcome"] == "applied"


class TestKilledInABatch:
    """SIGKILL of a sweep that sends reminders: each is accepted once, in a batch of the same bytes."""

    @pytest.mark.parametrize(
        ("point", "accepted"),
        [
            ("before claim_notifications", 0),
            ("after claim_notifications", 0),
            ("before store_payloads", 0),
            ("after store_payloads", 0),
            ("before batch", 0),
            ("after batch", 1),
            ("before settle_notifications", 1),
            ("after settle_notifications", 1),
        ],
    )
    def test_each_reminder_once(self, clean: Stack, db: Connection, point: str, accepted: int) -> None:
        post(clean.env, body(MAILED))
        httpx.post(f"{clean.env['RESEND_API_URL']}/_sim/reset").raise_for_status()
        due = reminders_come_due(db)
        assert due >= 2
        kill(clean, point, b"", "reminders")
        assert len(mails(clean)) == accepted * due
        bodies = rows(db, "private.outbox_batches where key like 'reminders/%%'")
        let_time_pass(db)
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda _: sweep(clean), range(2)))
        told = Counter(
            tag["value"] for mail in mails(clean) for tag in mail["tags"] if tag["name"] == "notification_id"
        )
        assert list(told.values()) == [1] * due
        assert statuses(db, "= 'reminder'") == {"sent": due}
        assert bodies == (1 if point in AFTER_STORING else 0)
        keys = {mail["idempotency_key"] for mail in mails(clean)}
        assert len(keys) == 1 and keys.pop().startswith("reminders/")

    @pytest.mark.parametrize("point", ["after claim_notifications", "before store_payloads"])
    def test_none_that_was_cancelled_before_it_was_claimed_again(
        self, clean: Stack, db: Connection, point: str
    ) -> None:
        post(clean.env, body(MAILED))
        httpx.post(f"{clean.env['RESEND_API_URL']}/_sim/reset").raise_for_status()
        due = reminders_come_due(db)
        kill(clean, point, b"", "reminders")
        post(clean.env, body("booking_cancelled"))
        let_time_pass(db)
        sweep(clean)
        assert statuses(db, "= 'reminder'") == {"skipped": due}


class TestDatabaseAway:
    """503, and nothing half-done."""

    def test_the_api_is_not_there(self, clean: Stack, db: Connection) -> None:
        with served("webhook", {**clean.env, "SUPABASE_URL": nobody()}) as webhook:
            answer = webhook.post("/", data=body(MAILED), headers=signed(clean, body(MAILED)))
        assert (answer.status_code, answer.json["code"]) == (503, "upstream_unavailable")  # type: ignore[index]
        assert rows(db, "public.webhook_events") == 0

    def test_postgres_lets_nobody_in(self, clean: Stack, db: Connection) -> None:
        db.execute("alter role authenticator nologin")
        try:
            db.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'")
            answers = [try_to_post(clean, body(MAILED)) for _ in range(3)]
            swept = httpx.post(f"{clean.env['FUNCTIONS_URL']}/reminders", headers=scheduler(clean), timeout=60)
        finally:
            db.execute("alter role authenticator login")
        assert {answer.status_code for answer in (*answers, swept)} == {503}
        assert {answer.json()["code"] for answer in (*answers, swept)} == {"upstream_unavailable"}
        assert rows(db, "public.webhook_events") == rows(db, "public.bookings") == 0
        once_it_is_back(clean)
        assert post(clean.env, body(MAILED))["outcome"] == "applied"

    def test_the_answer_is_lost_after_the_commit(self, clean: Stack, db: Connection) -> None:
        """Cal.com is told 503 though all is stored: the sweep sends the mail, and the body again changes nothing."""
        with deaf(clean.env["SUPABASE_URL"]) as url, served("webhook", {**clean.env, "SUPABASE_URL": url}) as webhook:
            answer = webhook.post("/", data=body(MAILED), headers=signed(clean, body(MAILED)))
        assert answer.status_code == 503
        assert rows(db, "public.webhook_events") == rows(db, "public.bookings") == 1
        assert post(clean.env, body(MAILED))["outcome"] == "duplicate"
        sweep(clean)
        assert Counter(mail["to"][0] for mail in mails(clean)) == dict.fromkeys(recipients(db), 1)


class TestResendInTrouble:
    """The webhook answers 200 within its bound, the mail goes later and once, and each try is on record."""

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            (429, "429 rate_limit_exceeded"),
            (500, "500 "),
            (503, "503 "),
            ("html", "502 application_error"),
            ("reset", "no answer: "),
            ("timeout", "no answer: ReadTimeout"),
            ("timeout_after_accept", "no answer: ReadTimeout"),
        ],
    )
    def test_one_bad_answer(self, clean: Stack, db: Connection, fault: int | str, told: str) -> None:
        order(clean, fail=[fault])
        assert seconds_to_post(clean) < BOUND + SLACK
        let_time_pass(db)
        sweep(clean)
        assert Counter(mail["to"][0] for mail in mails(clean)) == dict.fromkeys(recipients(db), 1)
        assert set(statuses(db)) == {"sent"}
        tries = attempts(db)
        assert [error for outcome, error in tries if outcome == "retry" and error.startswith(told)]
        assert [outcome for outcome, _ in tries].count("sent") == messages(db)

    def test_a_bad_day(self, clean: Stack, db: Connection) -> None:
        """One trouble after the other, a sweep after each."""
        troubles: list[int | str] = [500, "timeout_after_accept", 429, "html", "reset", 503]
        order(clean, fail=troubles)
        seconds_to_post(clean)
        for _ in range(len(troubles)):
            let_time_pass(db)
            sweep(clean)
        assert Counter(mail["to"][0] for mail in mails(clean)) == dict.fromkeys(recipients(db), 1)
        assert set(statuses(db)) == {"sent"}
        assert [outcome for outcome, _ in attempts(db)].count("retry") >= len(troubles)

    def test_an_answer_after_thirty_seconds(self, clean: Stack, db: Connection) -> None:
        order(clean, delay_ms=30_000)
        assert seconds_to_post(clean) < BOUND + SLACK
        order(clean)
        for _ in range(3):  # the first post may still be in progress over there
            let_time_pass(db)
            sweep(clean)
        assert Counter(mail["to"][0] for mail in mails(clean)) == dict.fromkeys(recipients(db), 1)
        assert set(statuses(db)) == {"sent"}
        assert "no answer: ReadTimeout" in [error for _, error in attempts(db)]

    def test_nobody_there(self, clean: Stack, db: Connection) -> None:
        with served("webhook", {**clean.env, "RESEND_API_URL": nobody()}) as webhook:
            started = time.monotonic()
            answer = webhook.post("/", data=body(MAILED), headers=signed(clean, body(MAILED)))
            assert time.monotonic() - started < BOUND + SLACK
        assert (answer.status_code, answer.json["outcome"]) == (200, "applied")  # type: ignore[index]
        with served("reminders", {**clean.env, "RESEND_API_URL": nobody()}) as reminders:
            let_time_pass(db)
            swept = reminders.post("/", headers=scheduler(clean))
        assert swept.json["sent"] == 0  # type: ignore[index]
        assert ("retry", "unreachable") in attempts(db)
        assert set(statuses(db)) == {"planned"}
        let_time_pass(db)
        sweep(clean)
        assert Counter(mail["to"][0] for mail in mails(clean)) == dict.fromkeys(recipients(db), 1)

    def test_one_refused_for_good_holds_up_no_other(self, clean: Stack, db: Connection) -> None:
        order(clean, fail=[422])
        seconds_to_post(clean)
        for _ in range(2):
            let_time_pass(db)
            sweep(clean)
        owed = messages(db)
        assert statuses(db) == {"failed": 1, "sent": owed - 1}
        assert len(mails(clean)) == owed - 1

    def test_after_eight_tries_it_is_given_up(self, clean: Stack, db: Connection) -> None:
        order(clean, fail=[500] * 100)
        seconds_to_post(clean)
        for _ in range(10):
            let_time_pass(db)
            sweep(clean)
        order(clean)
        assert set(statuses(db)) == {"unknown"}, "a 500 may have been accepted"
        assert len(attempts(db)) == 8 * messages(db)
        let_time_pass(db)
        sweep(clean)
        assert mails(clean) == []


class TestTwilioInTrouble:
    @pytest.mark.parametrize("fault", [500, "html", "timeout", "timeout_after_accept", "reset"])
    def test_what_is_not_clear_is_never_repeated(self, clean: Stack, db: Connection, fault: int | str) -> None:
        order(clean, provider="TWILIO", fail=[fault])
        assert seconds_to_post(clean, TEXTED) < BOUND + SLACK
        for _ in range(2):
            let_time_pass(db)
            sweep(clean)
        assert statuses(db) == {"unknown": 1}
        assert len(texts(clean)) == (1 if fault == "timeout_after_accept" else 0)

    def test_too_fast_is_repeated(self, clean: Stack, db: Connection) -> None:
        order(clean, provider="TWILIO", fail=[429])
        seconds_to_post(clean, TEXTED)
        let_time_pass(db)
        sweep(clean)
        assert statuses(db) == {"sent": 1}
        assert len(texts(clean)) == 1


def body(name: str) -> bytes:
    return (OURS / f"{name}.json").read_bytes()


def signed(stack: Stack, content: bytes) -> dict[str, str]:
    secret = stack.env["CALCOM_WEBHOOK_SECRET"].split(",")[0].encode()
    return {"X-Cal-Signature-256": hmac.new(secret, content, hashlib.sha256).hexdigest()}


def kill(stack: Stack, point: str, content: bytes, function: str = "webhook") -> None:
    command = [sys.executable, "-m", "tests.functions.killed", point, function]
    values = {**stack.env, "AUTHORIZATION": f"Bearer {stack.env['SCHEDULER_TOKEN']}"}
    done = subprocess.run(command, cwd=ROOT, env=values, input=content, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def seconds_to_post(stack: Stack, name: str = MAILED) -> float:
    started = time.monotonic()
    assert post(stack.env, body(name))["outcome"] == "applied"
    return time.monotonic() - started


def try_to_post(stack: Stack, content: bytes) -> httpx.Response:
    url = f"{stack.env['FUNCTIONS_URL']}/webhook"
    return httpx.post(url, content=content, headers=signed(stack, content), timeout=60)


def scheduler(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.env['SCHEDULER_TOKEN']}"}


def sweep(stack: Stack) -> Row:
    answer = httpx.post(f"{stack.env['FUNCTIONS_URL']}/reminders", headers=scheduler(stack), timeout=60)
    counts: Row = answer.raise_for_status().json()
    return counts


def once_it_is_back(stack: Stack) -> None:
    """The API opens its connections anew."""
    deadline = time.monotonic() + 30
    url, key = f"{stack.env['SUPABASE_URL']}/rest/v1/staff?limit=1", stack.env["SUPABASE_SECRET_KEY"]
    while httpx.get(url, headers={"apikey": key, "Authorization": f"Bearer {key}"}).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def order(stack: Stack, *, provider: str = "RESEND", fail: list[int | str] | None = None, delay_ms: int = 0) -> None:
    faults = {"fail": fail or [], "delay_ms": delay_ms}
    httpx.post(f"{stack.env[f'{provider}_API_URL']}/_sim/faults", json=faults).raise_for_status()


def mails(stack: Stack) -> list[Row]:
    found: list[Row] = httpx.get(f"{stack.env['RESEND_API_URL']}/_sim/messages").json()
    return found


def texts(stack: Stack) -> list[Row]:
    found: list[Row] = httpx.get(f"{stack.env['TWILIO_API_URL']}/_sim/messages").json()
    return found


def let_time_pass(db: Connection) -> None:
    """Leases run out, and whatever waits for its next try is due; the providers' buckets are full again.

    Reminders come due by `reminders_come_due`.
    """
    db.execute(
        "update private.outbox o set try_at = now() - interval '1 second' from public.notifications n"
        " where n.id = o.notification_id and o.open and (n.kind <> 'reminder' or n.status = 'sending' or o.tries > 0)"
    )
    db.execute("update private.send_rates set refilled_at = now() - interval '10 seconds'")


def reminders_come_due(db: Connection) -> int:
    """How many they are."""
    due = db.execute(
        "with due as (update public.notifications set due_at = now() - interval '1 minute'"
        " where kind = 'reminder' and status = 'planned' returning id)"
        " update private.outbox o set try_at = now() - interval '1 second' from due where o.notification_id = due.id"
    )
    return due.rowcount


def rows(db: Connection, table: str) -> int:
    found = db.execute(f"select count(*) from {table}".encode()).fetchone()
    assert found is not None
    return int(found[0])


def messages(db: Connection) -> int:
    """How many messages there are about the booking itself."""
    return rows(db, "public.notifications where kind <> 'reminder'")


def recipients(db: Connection) -> list[str]:
    return [
        row[0] for row in db.execute("select recipient from public.notifications where kind <> 'reminder'").fetchall()
    ]


def statuses(db: Connection, kinds: str = "<> 'reminder'") -> dict[str, int]:
    found = db.execute(f"select status, count(*) from public.notifications where kind {kinds} group by 1".encode())
    return dict(found.fetchall())


def attempts(db: Connection) -> list[tuple[str, str]]:
    return db.execute("select outcome, coalesce(error, '') from private.delivery_attempts order by id").fetchall()


def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def deaf(url: str) -> Iterator[str]:
    """A proxy that passes requests on and hangs up instead of answering."""
    target = httpx.URL(url)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def pass_on() -> None:
            while True:
                try:
                    near, _ = server.accept()
                except OSError:
                    return
                with near, socket.create_connection((target.host, target.port or 80)) as far:
                    far.sendall(read_request(near))
                    far.recv(1)  # the answer is under way, so the transaction is committed

        thread = threading.Thread(target=pass_on, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    """One HTTP request with a Content-Length."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65_536)
    head, _, rest = got.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(rest) < length:
        rest += connection.recv(65_536)
    return head + b"\r\n\r\n" + rest
