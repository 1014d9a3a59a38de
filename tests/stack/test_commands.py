"""The commands as a person types them, in a folder with a blank in its name, with the demo data."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import psycopg
import pytest

from local.site import ROOT, Site
from shared.settings import NAMES
from tests.throwaway import environment, settings_of, throwaway_site


def _make(site: Site, target: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", target], cwd=ROOT, env=environment(site), capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def demo() -> Iterator[Site]:
    """`make up`, as it is for a newcomer."""
    with throwaway_site("demo of bookings ") as place:
        site = replace(place, scheduler_seconds=60, throwaway=False)
        up = _make(site, "up")
        assert up.returncode == 0, up.stdout + up.stderr
        for address in (site.calcom_sim_url, f"{site.resend_url}/inbox", "client@example.com", "booking-demo"):
            assert address in up.stdout
        yield site
        assert _make(site, "reset").returncode == 0
        assert not site.directory.exists()


def test_the_env_file_has_every_setting(demo: Site) -> None:
    values = settings_of(demo)
    assert set(values) == NAMES | {"POSTGRES_URL", "CALCOM_SIM_URL"}
    assert all(values.values())
    assert (demo.directory / "env").stat().st_mode & 0o077 == 0
    with psycopg.connect(values["POSTGRES_URL"]) as connection:
        assert connection.execute("select current_setting('is_superuser')").fetchone() == ("on",)


def test_all_parts_answer(demo: Site) -> None:
    values = settings_of(demo)
    for name in ("FUNCTIONS_URL", "RESEND_API_URL", "TWILIO_API_URL", "CALCOM_SIM_URL"):
        assert httpx.get(f"{values[name]}/_sim/health").status_code == 200
    rest = httpx.get(f"{values['SUPABASE_URL']}/rest/v1/staff", headers={"apikey": values["SUPABASE_SECRET_KEY"]})
    assert len(rest.json()) == 2


@pytest.mark.parametrize("name", ["client", "other", "host", "admin"])
def test_the_demo_people_can_sign_in(demo: Site, name: str) -> None:
    values = settings_of(demo)
    answer = httpx.post(
        f"{values['SUPABASE_URL']}/auth/v1/token?grant_type=password",
        headers={"apikey": values["SUPABASE_PUBLISHABLE_KEY"]},
        json={"email": f"{name}@example.com", "password": "booking-demo"},
    )
    assert answer.status_code == 200
    assert answer.json()["user"]["email_confirmed_at"]


def test_demo_staff_and_bookings(demo: Site) -> None:
    with psycopg.connect(demo.postgres_url()) as db:
        staff = db.execute("select email, s.role from public.staff s join auth.users u on u.id = s.user_id order by 1")
        assert staff.fetchall() == [("admin@example.com", "admin"), ("host@example.com", "host")]
        statuses = db.execute("select status, count(*) from public.bookings group by 1 order by 1").fetchall()
        assert statuses == [("cancelled", 1), ("confirmed", 7), ("pending", 1)]

        def count(condition: str) -> int:
            rows = db.execute(f"select count(*) from public.bookings b where {condition}").fetchone()
            assert rows is not None
            return int(rows[0])

        zone = "at time zone 'Europe/Berlin'"
        assert count("starts_at < now() - interval '1 day'") == 2
        assert count(f"(starts_at {zone})::date = (now() {zone})::date") == 1
        assert count("starts_at between now() + interval '5 days' and now() + interval '16 days'") >= 3
        assert (
            count("seats = 4 and 3 = (select count(*) from public.booking_attendees a where a.booking_id = b.id)") == 1
        )
        moved = "select count(*) from public.booking_events e where e.booking_id = b.id and e.kind = 'moved'"
        assert count(f"({moved}) = 2") == 1
        assert count("cancelled_by = 'client'") == 1
        waiting = db.execute("select count(*) from public.webhook_events where outcome <> 'applied'").fetchone()
        assert waiting == (0,)


def test_the_inbox_holds_the_mails_of_bookings_to_come_and_no_codes(demo: Site) -> None:
    subjects = [mail["subject"] for mail in httpx.get(f"{demo.resend_url}/_sim/messages").json()]
    assert 8 <= len(subjects) <= 20
    assert not [subject for subject in subjects if "sign" in subject.lower()]


def test_a_booking_made_in_the_simulator_is_confirmed_by_mail(demo: Site) -> None:
    attendee = {"name": "Nora New", "email": "nora@example.com", "timeZone": "Europe/Oslo", "language": "en"}
    order = {"eventTypeSlug": "consultation", "start": "2030-06-03T09:00:00Z", "attendee": attendee}
    assert httpx.post(f"{demo.calcom_sim_url}/_sim/bookings", json=order).status_code == 201
    httpx.post(f"{demo.calcom_sim_url}/_sim/flush", timeout=30).raise_for_status()
    mails = httpx.get(f"{demo.resend_url}/_sim/messages").json()
    mine = [mail for mail in mails if "nora@example.com" in mail["to"]]
    assert len(mine) == 1
    assert any("calendar" in file["content_type"] for file in mine[0]["attachments"])


def test_a_second_start_is_quick_and_keeps_the_data(demo: Site) -> None:
    secrets, before = (demo.directory / "secrets.json").read_text(), _bookings(demo)
    assert _make(demo, "down").returncode == 0
    assert not (demo.directory / "env").exists()
    begun = time.monotonic()
    assert _make(demo, "up").returncode == 0
    assert time.monotonic() - begun < 15
    assert (demo.directory / "secrets.json").read_text() == secrets
    assert _bookings(demo) == before
    again = _make(demo, "up")
    assert (again.returncode, "already up" in again.stdout) == (0, True)


def _bookings(site: Site) -> list[tuple[object, ...]]:
    with psycopg.connect(site.postgres_url()) as db:
        return db.execute("select id, starts_at, status, revision from public.bookings order by id").fetchall()
