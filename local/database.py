"""A database as a Supabase project has it: its roles, the tables of Auth, and then the migrations.

As in a project, the superuser is `supabase_admin`; `postgres` owns what the migrations make and is no superuser; the
API signs in as `authenticator`, which may become `anon`, `authenticated` or `service_role` and has nothing else.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from local import node
from local.child import Child, how_to_start
from local.postgres import cluster_of, create, server_command
from local.site import ROOT, SetupError, Site

MIGRATIONS = ROOT / "supabase" / "migrations"

_ROLES = """
create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
create role authenticator login inherit password {password};
grant anon, authenticated, service_role to authenticator;
create role postgres login createdb createrole replication bypassrls password {password};
grant anon, authenticated, service_role, authenticator to postgres with admin option;
alter database postgres owner to postgres;
grant usage on schema public to anon, authenticated, service_role;

-- Auth's tables belong to the superuser; the migrations may read and reference them, the API works with them.
grant usage on schema auth to postgres, anon, authenticated, service_role, authenticator;
grant select, references, trigger on all tables in schema auth to postgres with grant option;
grant select, insert, update, delete on all tables in schema auth to authenticator;
grant usage on all sequences in schema auth to authenticator;

-- Made by the API's preparation in passing; the Supabase CLI makes its own.
drop schema if exists supabase_migrations cascade;
"""


def server(site: Site) -> Child:
    """The Postgres server of this stack; its data folder is made at the first call. Raises SetupError, OSError."""
    cluster = cluster_of(site)
    create(cluster, site.secret("postgres"))

    def ask() -> None:
        # Asked too early, the server would write each refusal into its log.
        if "ready" not in (cluster.data / "postmaster.pid").read_text():
            raise ConnectionError("Postgres is still starting")
        try:
            psycopg.connect(site.postgres_url(), connect_timeout=2).close()
        except psycopg.OperationalError as error:
            raise ConnectionError(error) from error

    return Child(
        name="postgres",
        command=server_command(cluster, site),
        environment={"TZ": "UTC", "LC_ALL": "C"},
        ask=ask,
        stop_signal=signal.SIGINT,  # a "fast" shutdown: it ends open sessions
        account=cluster.account,
        folder=cluster.home,
    )


def prepare(site: Site) -> None:
    """Bring the database to where the migrations end. Does what is missing and nothing else. Raises SetupError."""
    with psycopg.connect(site.postgres_url(), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = 'authenticator'").fetchone():
            _run("Auth's tables", [str(node.NODE), "local/supabase.mjs", "prepare"], DATABASE_URL=site.postgres_url())
            roles = sql.SQL(_ROLES).format(password=sql.Literal(site.secret("postgres")))
            with connection.transaction():
                connection.execute(roles)
        applied = _applied(connection)
    known = {path.name.split("_")[0] for path in MIGRATIONS.glob("*.sql")}
    if unknown := applied - known:
        raise SetupError(f"This stack's data was made by other migrations ({min(unknown)}); `make reset` deletes it.")
    if applied != known:
        push(site)


def push(site: Site) -> None:
    """Push the migrations with the Supabase CLI, as to a real project. Raises SetupError."""
    target = f"--remote={site.postgres_url('postgres')}?sslmode=disable"
    _run("The migrations", node.command("supabase", "dist/supabase.js", "db", "push", target, "--yes"))


@contextmanager
def running(site: Site) -> Iterator[None]:
    """Only the database, with its migrations, for as long as the block lasts."""
    child = server(site)
    log = site.directory / "postgres.log"
    with log.open("wb") as output:
        process = subprocess.Popen(child.command, stdout=output, stderr=output, **how_to_start(child))
    try:
        while not _answers(child):
            if process.poll() is not None:
                raise SetupError(f"Postgres stopped at its start: {_last_line(log.read_text())}")
            time.sleep(0.02)
        prepare(site)
        yield
    finally:
        process.send_signal(child.stop_signal)
        process.wait()


def _applied(connection: psycopg.Connection[tuple[Any, ...]]) -> set[str]:
    made = connection.execute("select to_regclass('supabase_migrations.schema_migrations')").fetchone()
    if made == (None,):
        return set()
    return {version for (version,) in connection.execute("select version from supabase_migrations.schema_migrations")}


def _answers(child: Child) -> bool:
    try:
        child.ask()
    except OSError:
        return False
    return True


def _run(what: str, command: list[str], **environment: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, env=node.environment() | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"{what} could not be made:\n{(done.stderr or done.stdout).strip()}")


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
