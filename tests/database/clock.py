"""A clock for the SQL that a test sets, in a database that is the test's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from tests.database.recorded import Connection


def set_clock(sql: Connection, now: datetime) -> None:
    """What time it is for this connection, within `clock_by_hand`."""
    sql.execute("select set_config('tests.clock', %s, false)", [now.isoformat()])


@contextmanager
def clock_by_hand(sql: Connection) -> Iterator[None]:
    """Until the end of the block the SQL goes by a clock that shows what this connection has set it to.

    Nothing else is changed: `now()` is written otherwise in every function, and in what columns are by default.
    """
    functions = sql.execute(
        "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'private'::regnamespace"
        r" and prosrc ~ '\m(now|clock_timestamp)\(\)'"
    ).fetchall()
    columns = sql.execute(
        "select format('alter table %s alter %I set default ', adrelid::regclass, attname) from pg_attrdef"
        " join pg_attribute on attrelid = adrelid and attnum = adnum"
        " where pg_get_expr(adbin, adrelid) = 'now()' and adrelid::regclass::text !~ '^auth'"
    ).fetchall()
    sql.execute("select set_config('tests.clock', now()::text, false)")
    sql.execute(
        "create function private.clock_of_tests() returns timestamptz language sql stable set search_path = '' as"
        " $$ select current_setting('tests.clock')::timestamptz $$"
    )
    try:
        for (definition,) in functions:
            sql.execute(re.sub(r"\b(now|clock_timestamp)\(\)", "private.clock_of_tests()", definition))
        for (alter,) in columns:
            sql.execute(alter + "private.clock_of_tests()")
        yield
    finally:
        for (definition,) in functions:
            sql.execute(definition)
        for (alter,) in columns:
            sql.execute(alter + "now()")
        sql.execute("drop function private.clock_of_tests()")
