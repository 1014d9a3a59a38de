"""What the simulator still knows after a restart: as the process that the stack starts, stopped in every way."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.calcom_sim.keeping import Keeper
from local.calcom_sim.simulator import Settings, Simulator
from local.calcom_sim.state import Attendee, Booking, Webhook
from tests.calcom_sim.calcom import CONFIRMED, GROUP, KEY, PANEL, PLAIN, SERIES, Calcom, connect, later
from tests.calcom_sim.receiver import receiving

_SECONDS = 5  # what takes about a second, on a busy machine


@dataclass
class Machine:
    """Where one simulator is started again and again."""

    state: Path
    port: int
    env: dict[str, str] = field(default_factory=lambda: {"CALCOM_API_KEY": KEY, "CALCOM_WEBHOOK_SECRET": "s"})

    @contextmanager
    def running(self, end: signal.Signals = signal.SIGTERM) -> Iterator[Calcom]:
        """A run of it, ended by `end`; what it printed is then in `said`."""
        command = [sys.executable, "-m", "local.calcom_sim", "--port", str(self.port)]
        env = os.environ | self.env | {"STATE_FILE": str(self.state)}
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        calcom = connect(f"http://127.0.0.1:{self.port}")
        try:
            wait_until(lambda: answers(calcom))
            yield calcom
            process.send_signal(end)
            assert process.wait(_SECONDS) == (-end if end is signal.SIGKILL else 0)
        finally:
            process.kill()
            self.said = process.communicate()[0]
            calcom.api.close()
            calcom.public.close()

    def has(self, text: str) -> bool:
        return self.state.exists() and text in self.state.read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Machine(tmp_path / "calcom.json", probe.getsockname()[1])


def answers(calcom: Calcom) -> bool:
    try:
        return calcom.public.get("/_sim/health").status_code == 200
    except httpx.TransportError:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def everything(calcom: Calcom) -> Any:
    return [calcom.ok(calcom.api.get(f"/v2/{path}")) for path in ("bookings", "webhooks", "event-types/101/webhooks")]


def subscribe(calcom: Calcom, url: str, path: str = "/v2/webhooks") -> Any:
    body = {"active": True, "subscriberUrl": url, "triggers": ["BOOKING_CREATED"], "secret": "own"}
    return calcom.ok(calcom.api.post(path, json=body))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_restart_changes_nothing(machine: Machine, monday: datetime, end: signal.Signals) -> None:
    with machine.running(end) as calcom:
        plain = calcom.book(PLAIN, monday.isoformat(), "Zoë Client", guests=["guest@example.com"])
        moved = calcom.do(plain["uid"], "reschedule", start=later(monday, hours=1))
        group = calcom.book(GROUP, later(monday, hours=2))
        calcom.book(GROUP, later(monday, hours=2), "Bo Second")
        calcom.book(SERIES, later(monday, hours=4), recurrenceCount=3)
        calcom.book(PANEL, later(monday, days=1))
        pending = calcom.book(CONFIRMED, later(monday, hours=6))
        subscribe(calcom, "https://a.example.com/hook")
        subscribe(calcom, "https://a.example.com/hook", f"/v2/event-types/{PLAIN}/webhooks")
        before = everything(calcom)
    with machine.running() as calcom:
        assert everything(calcom) == before
        # And life goes on with all of them.
        again = calcom.do(moved["uid"], "reschedule", start=later(monday, hours=3))
        assert again["rescheduledFromUid"] == moved["uid"]
        calcom.do(group["uid"], "cancel", seatUid=group["attendees"][0]["seatUid"])
        calcom.do(pending["uid"], "confirm")
        taken = {"eventTypeId": PLAIN, "start": again["start"], "attendee": {"name": "A", "timeZone": "UTC"}}
        taken["attendee"] |= {"email": "a@example.com"}
        calcom.refused(calcom.public.post("/_sim/bookings", json=taken), 400)
    assert machine.state.stat().st_mode & 0o777 == 0o600
    assert list(machine.state.parent.iterdir()) == [machine.state]


def test_kill_9_loses_no_more_than_a_second(machine: Machine, monday: datetime) -> None:
    with machine.running(signal.SIGKILL) as calcom:
        first = calcom.book(PLAIN, monday.isoformat())
        wait_until(lambda: machine.has(first["uid"]))
        calcom.do(first["uid"], "cancel", cancellationReason="told at last")
        wait_until(lambda: machine.has("told at last"))
    with machine.running() as calcom:
        assert calcom.read(first["uid"])["cancellationReason"] == "told at last"
        assert calcom.book(PLAIN, monday.isoformat())["id"] > first["id"]


def test_numbers_go_on_rising_even_where_the_last_ones_were_lost(machine: Machine, monday: datetime) -> None:
    with machine.running() as calcom:
        calcom.book(PLAIN, monday.isoformat())
    state = json.loads(machine.state.read_text())
    state["last_number"] += 10**9  # a run that gave them faster than the clock
    machine.state.write_text(json.dumps(state))
    with machine.running() as calcom:
        assert calcom.book(PLAIN, later(monday, hours=1))["id"] > state["last_number"] + 100


def test_it_writes_only_what_changed(machine: Machine, monday: datetime) -> None:
    with machine.running() as calcom:
        uid = calcom.book(PLAIN, monday.isoformat())["uid"]
        wait_until(lambda: machine.has(uid))
        before = machine.state.stat()
        for _ in range(4):
            everything(calcom)
            time.sleep(0.4)
        assert machine.state.stat() == before
    assert machine.state.stat().st_mtime_ns == before.st_mtime_ns


def test_a_reset_is_kept_too(machine: Machine, monday: datetime) -> None:
    with machine.running(signal.SIGKILL) as calcom:
        uid = calcom.book(PLAIN, monday.isoformat())["uid"]
        subscribe(calcom, "https://a.example.com/hook")
        wait_until(lambda: machine.has(uid))
        calcom.sim("reset")
        wait_until(lambda: not machine.has(uid))
    with machine.running() as calcom:
        assert everything(calcom) == [[], [], []]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not JSON",
        "[]",
        "{}",
        "\x80\x04pickle",
        '{"format": 0, "last_number": 1, "webhooks": [], "bookings": []}',
        '{"format": 1, "last_number": 1, "webhooks": [{"id": "x", "new": 1, "triggers": []}], "bookings": []}',
        '{"format": 1, "last_number": 1, "webhooks": [], "bookings": [{"event_type": 999}]}',
        '{"format": 1, "last_number": 1, "webhooks": [], "bookings": [null]}',
        '{"format": 1, "last_number": null, "webhooks": [], "bookings": []}',
    ],
)
def test_a_file_that_cannot_be_read_is_put_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    file = tmp_path / "calcom.json"
    file.write_text(content, encoding="latin-1")
    sim = simulator()
    keeper = Keeper(sim.world, file)
    keeper.load()
    (said,) = capsys.readouterr().out.splitlines()
    assert str(file) in said
    assert not file.exists()
    assert (tmp_path / "calcom.json.unreadable").read_text(encoding="latin-1") == content
    assert (sim.world.bookings, sim.world.webhooks) == ({}, {})
    keeper.save()
    Keeper(simulator().world, file).load()
    assert capsys.readouterr().out == ""


def test_with_an_unreadable_file_it_starts_all_the_same(machine: Machine, monday: datetime) -> None:
    machine.state.write_text("{")
    with machine.running() as calcom:
        assert everything(calcom) == [[], [], []]
        uid = calcom.book(PLAIN, monday.isoformat())["uid"]
    assert machine.said.count("not readable") == 1
    with machine.running() as calcom:
        assert calcom.read(uid)["uid"] == uid
    assert "not readable" not in machine.said


def test_the_subscriber_follows_the_settings_and_is_never_doubled(machine: Machine, monday: datetime) -> None:
    with receiving() as old, receiving() as new:
        machine.env["WEBHOOK_URL"] = old.url
        with machine.running() as calcom:
            calcom.book(PLAIN, monday.isoformat())
            calcom.flush()
            subscribe(calcom, new.url)  # made by hand, and to become the settings' own
        assert (old.triggers, new.triggers) == (["BOOKING_CREATED"], [])
        machine.env |= {"WEBHOOK_URL": new.url, "CALCOM_WEBHOOK_SECRET": "another"}
        for _ in range(2):
            with machine.running() as calcom:
                (own,) = calcom.ok(calcom.api.get("/v2/webhooks"))
                assert (own["subscriberUrl"], own["secret"]) == (new.url, "another")
                (team,) = calcom.ok(calcom.api.get(f"/v2/event-types/{PANEL}/webhooks"))
                assert (team["subscriberUrl"], team["secret"]) == (new.url, "another")
        with machine.running() as calcom:
            calcom.book(PLAIN, later(monday, hours=1))
            calcom.flush()
        assert (old.triggers, new.triggers) == (["BOOKING_CREATED"], ["BOOKING_CREATED"])


def test_every_field_comes_back(tmp_path: Path) -> None:
    file, before = tmp_path / "calcom.json", simulator()
    panel = before.world.event_types[PANEL]
    now = datetime(2026, 12, 1, 9, 0, 0, 123000, UTC)
    person = Attendee(
        1, "Zoë \ud83d", "z@example.com", "UTC", "fr", "+33", "seat", {"a": [1]}, {"b": "c"}, True, True, True
    )
    texts = {
        each.name: f"some {each.name}" for each in dataclasses.fields(Booking) if each.type in ("str", "str | None")
    }
    booking = Booking(
        **texts,
        id=5,
        event_type=panel,
        host=panel.hosts[1],
        start=now,
        end=now + timedelta(minutes=45),
        attendees=[person, person],
        responses={"x": {"y": None}},
        metadata={"k": "v"},
        created_at=now,
        updated_at=now,
        ical_sequence=3,
        guests=["g@example.com"],
        paid=True,
        payment_id=6,
        host_absent=True,
        told={"MEETING_STARTED", "MEETING_ENDED"},
    )
    empty = [each.name for each in dataclasses.fields(Booking) if not getattr(booking, each.name)]
    assert empty == [], "a new field: give it a value here"
    webhook = Webhook("w", "https://a.example.com", ("BOOKING_PAID",), False, "s", "{}", "2026-07-27", PANEL)
    before.world.bookings[booking.uid] = booking
    before.world.webhooks[webhook.id] = webhook
    Keeper(before.world, file).save()

    after = simulator()
    Keeper(after.world, file).load()
    assert after.world.bookings == {booking.uid: booking}
    assert after.world.webhooks == {webhook.id: webhook}


def simulator() -> Simulator:
    return Simulator(Settings.from_env("http://127.0.0.1", {"CALCOM_API_KEY": KEY, "CALCOM_WEBHOOK_SECRET": "s"}))
