"""The local Supabase is as strict as a real project: roles, grants, confirmed addresses, and the CLI's own advice."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

import httpx
import pytest

from local import node
from local.site import ROOT
from tests.conftest import Connection, Database, Stack

_API_ROLES = ["anon", "authenticated", "service_role"]


def test_the_roles_are_those_of_a_project(database: Database) -> None:
    with database.connect() as db:
        flags = "rolname, rolsuper, rolcanlogin, rolbypassrls"
        roles = db.execute(f"select {flags} from pg_roles where rolname !~ '^pg_' order by 1").fetchall()
        members = db.execute(
            "select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid"
            " where m.member = 'authenticator'::regrole and m.set_option order by 1"
        ).fetchall()
    assert roles == [
        ("anon", False, False, False),
        ("authenticated", False, False, False),
        ("authenticator", False, True, False),
        ("postgres", False, True, True),
        ("service_role", False, False, True),
        ("supabase_admin", True, True, True),
    ]
    assert [name for (name,) in members] == _API_ROLES


def test_nothing_is_granted_in_advance(database: Database) -> None:
    with database.connect() as db, db.transaction(force_rollback=True):
        db.execute("set local role postgres")
        db.execute("create table public.fresh (id int)")
        db.execute("create function public.fresh_function() returns int language sql as 'select 1'")
        for role in _API_ROLES:
            for right in ("select", "insert", "update", "delete"):
                given = db.execute("select has_table_privilege(%s, 'public.fresh', %s)", (role, right)).fetchone()
                assert given == (False,), (role, right)
            given = db.execute(
                "select has_function_privilege(%s, 'public.fresh_function()', 'execute')", (role,)
            ).fetchone()
            assert given == (False,), role


def test_what_the_migrations_made_belongs_to_no_superuser(database: Database) -> None:
    with database.connect() as db:
        owners = db.execute(
            "select distinct relowner::regrole::text from pg_class"
            " where relnamespace in ('public'::regnamespace, 'private'::regnamespace)"
            " union select distinct proowner::regrole::text from pg_proc"
            " where pronamespace in ('public'::regnamespace, 'private'::regnamespace)"
        ).fetchall()
    assert owners == [("postgres",)]


def _advice(database: Database) -> list[dict[str, object]]:
    target = f"--remote={database.url}?sslmode=disable"
    options = ("--level", "warn", "--output-format", "json")
    command = node.command("supabase", "dist/supabase.js", "db", "advisors", target, *options)
    done = subprocess.run(command, cwd=ROOT, env=node.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    results: list[dict[str, object]] = json.loads(done.stdout)["results"]
    return results


def test_the_advisors_have_nothing_to_say(database: Database) -> None:
    assert _advice(database) == []


def test_the_advisors_would_say_it(database: Database) -> None:
    with database.connect() as db:
        db.execute("create table public.open_to_all (id int primary key); grant select on public.open_to_all to anon")
        try:
            advice = _advice(database)
        finally:
            db.execute("drop table public.open_to_all")
    assert any("open_to_all" in json.dumps(each) for each in advice)


def test_an_address_must_be_confirmed_before_its_owner_may_sign_in(clean: Stack, db: Connection) -> None:
    auth = clean.env["SUPABASE_URL"] + "/auth/v1"
    key = {"apikey": clean.env["SUPABASE_PUBLISHABLE_KEY"]}
    person = {"email": "new@example.com", "password": "long enough"}
    with httpx.Client(headers=key, timeout=30) as client:
        signed_up = client.post(f"{auth}/signup", json=person)
        assert signed_up.status_code == 200
        assert "access_token" not in signed_up.json()
        refused = client.post(f"{auth}/token?grant_type=password", json=person)
        assert (refused.status_code, refused.json()["error_code"]) == (400, "email_not_confirmed")
        (mail,) = httpx.get(clean.env["RESEND_API_URL"] + "/_sim/messages").json()
        code = re.search(r"\b\d{6}\b", mail["text"])
        assert code is not None
        assert "http" not in mail["text"]
        client.post(f"{auth}/verify", json={"type": "signup", "email": person["email"], "token": code[0]})
        assert client.post(f"{auth}/token?grant_type=password", json=person).status_code == 200


def test_the_api_wants_a_key(clean: Stack) -> None:
    table = clean.env["SUPABASE_URL"] + "/rest/v1/bookings"
    assert httpx.get(table).status_code == 401
    assert httpx.get(table, headers={"apikey": "sb_secret_guess"}).status_code == 401
    refused = httpx.get(table, headers={"apikey": clean.env["SUPABASE_PUBLISHABLE_KEY"]})
    assert (refused.status_code, refused.json()["code"]) == (401, "42501")
    assert httpx.get(table, headers={"apikey": clean.env["SUPABASE_SECRET_KEY"]}).status_code == 200


@pytest.mark.parametrize("name", ["confirmation", "magic_link", "recovery"])
def test_the_project_sends_the_same_mails_and_wants_confirmation(name: str) -> None:
    email = tomllib.loads((ROOT / "supabase" / "config.toml").read_text())["auth"]["email"]
    assert email["enable_confirmations"] is True
    template = email["template"][name]
    source = (ROOT / "local" / "supabase.mjs").read_text()
    assert f'subject: "{template["subject"]}"' in source
    assert template["content_path"].removeprefix("./") in source
    assert (ROOT / template["content_path"]).exists()
