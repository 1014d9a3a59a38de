"""All that the database holds, to compare before and after."""

from __future__ import annotations

from psycopg.sql import SQL, Identifier

from tests.conftest import Connection


def contents(db: Connection) -> dict[str, str]:
    """Table → a hash of its rows, of everything that is ours or Supabase's."""
    tables = db.execute(
        "select relnamespace::regnamespace::text, relname from pg_class where relkind = 'r'"
        " and relnamespace::regnamespace::text in ('public', 'private', 'auth') order by 1, 2"
    ).fetchall()
    assert {"public.bookings", "public.job_runs", "private.reports", "auth.users"} <= {
        ".".join(each) for each in tables
    }
    hashed = {}
    for schema, name in tables:
        query = SQL("select md5(coalesce(string_agg(t::text, E'\\n' order by t::text), '')) from {} t")
        row = db.execute(query.format(Identifier(schema, name))).fetchone()
        assert row is not None
        hashed[f"{schema}.{name}"] = str(row[0])
    return hashed
