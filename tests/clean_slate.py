"""A database put back to what the migrations left, between two tests."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

# The rows of these schemas come and go; auth's tables are what Supabase made, and belong to its users.
_SCHEMAS = ("public", "private", "auth")


class CleanSlate:
    """Made when the migrations are fresh: it remembers what they put into tables."""

    def __init__(self, db: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._db = db
        tables = db.execute(
            "select relnamespace::regnamespace::text, relname from pg_class"
            " where relkind in ('r', 'p') and not relispartition and relnamespace::regnamespace::text = any(%s)"
            " order by 1, 2",
            (list(_SCHEMAS),),
        ).fetchall()
        self._tables = [sql.Identifier(schema, name) for schema, name in tables]
        for table in self._tables:  # an emptied table must not be noted as one of 0 rows: plans go by that for long
            db.execute(sql.SQL("alter table {} set (autovacuum_enabled = off)").format(table))
        self._rows = [(table, rows) for table in self._tables if (rows := self._copy_out(table))]

    def restore(self) -> None:
        """Empty all tables and put the migrations' rows back. Triggers, which guard against just that, stay silent."""
        with self._db.transaction():
            self._db.execute("set local session_replication_role = replica")
            self._db.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(self._tables)))
            for table, rows in self._rows:
                with self._db.cursor().copy(sql.SQL("copy {} from stdin").format(table)) as copy:
                    copy.write(rows)

    def _copy_out(self, table: sql.Identifier) -> bytes:
        with self._db.cursor().copy(sql.SQL("copy {} to stdout").format(table)) as copy:
            return b"".join(bytes(block) for block in copy)
