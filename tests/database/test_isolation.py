"""Isolation, through HTTP with real tokens: every exposed table and function, every persona, every verb.

A table or function that is added to the exposed schema fails here until the matrix says who may do what with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.clean_slate import CleanSlate
from tests.conftest import Connection, Stack
from tests.database.api import NO_RIGHT, Denied, Row
from tests.database.isolation_functions import FUNCTIONS, READ_ONLY, answer_of, expected_of
from tests.database.isolation_tables import READS, VERBS, WRITES, rows
from tests.database.isolation_world import PEOPLE, PERSONAS, World, address


@pytest.fixture(scope="module")
def world(stack: Stack, db: Connection, _clean_slate: CleanSlate) -> Iterator[World]:
    _clean_slate.restore()
    made = World(stack.env, db)
    yield made
    made.close()
    _clean_slate.restore()


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("table", READS)
def test_select(world: World, table: str, persona: str) -> None:
    found = world.callers[persona].select(table)
    if persona == "anon":
        assert found == NO_RIGHT
        return
    assert not isinstance(found, Denied)
    everything = set().union(*READS[table].values()) if table != "saved_views" else {"host", "admin"}
    expected = everything if persona == "secret" else READS[table].get(persona, set())
    assert {world.label(table, row) for row in found} == expected


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("table", READS)
def test_write(world: World, table: str, verb: str, persona: str) -> None:
    caller = world.callers[persona]
    new, where, change = rows(world, persona)[table]
    match verb:
        case "insert":
            done = caller.insert(table, new)
        case "update":
            done = caller.update(table, where, change)
        case _:
            done = caller.delete(table, where)
    if persona in WRITES.get((table, verb), ()):
        world.restore()
        assert not isinstance(done, Denied)
        assert verb == "insert" or len(done) == 1
    elif (table, verb) in WRITES and persona in PEOPLE and verb != "insert":
        assert done == []  # there is no such row for them
    else:
        assert done == NO_RIGHT


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_call(world: World, function: str, persona: str) -> None:
    answer = answer_of(function, world, persona)
    if not isinstance(answer, Denied) and function not in READ_ONLY:
        world.restore()
    assert answer == expected_of(function, persona)


def test_the_matrix_holds_all_that_is_exposed(db: Connection) -> None:
    tables = db.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r','p','v','m','f')"
    ).fetchall()
    functions = db.execute(
        "select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace"
        " and not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
    ).fetchall()
    assert sorted(name for (name,) in tables) == sorted(READS)
    assert sorted(name for (name,) in functions) == sorted(FUNCTIONS)  # an overload would stand twice


def test_functions_are_granted_to_whom_the_matrix_names(db: Connection) -> None:
    granted = db.execute(
        "select p.proname, r.rolname from pg_proc p cross join pg_roles r"
        " where p.pronamespace = 'public'::regnamespace and r.rolname in ('anon', 'authenticated', 'service_role')"
        " and has_function_privilege(r.oid, p.oid, 'execute')"
    ).fetchall()
    named = {
        function: "service_role" if "secret" in answers else "authenticated"
        for function, (_, _, answers) in FUNCTIONS.items()
    }
    assert sorted(granted) == sorted(named.items())


def test_every_exposed_table_is_guarded_by_policies_for_the_signed_in(db: Connection) -> None:
    open_tables = db.execute(
        "select relname from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity"
    ).fetchall()
    roles = db.execute("select distinct roles::text from pg_policies where schemaname = 'public'").fetchall()
    assert open_tables == []
    assert roles == [("{authenticated}",)]


def test_no_function_that_is_exposed_has_its_owners_rights(db: Connection) -> None:
    exposed = "select prosecdef, proconfig from pg_proc where pronamespace = 'public'::regnamespace"
    assert {(definer, tuple(config)) for definer, config in db.execute(exposed)} == {(False, ('search_path=""',))}


def test_the_machinery_is_not_exposed(world: World, stack: Stack) -> None:
    for persona in PERSONAS:
        for table in ("reports", "outbox", "erasure_key", "booking_hosts", "search_texts"):
            assert isinstance(world.callers[persona].select(table), Denied)
            assert isinstance(world.callers[persona].select(f"private.{table}"), Denied)


def test_the_machinery_opens_to_nobody_from_inside(db: Connection) -> None:
    """Nor to who could speak SQL: its tables are closed, and strangers may run none of its functions."""
    for role in ("anon", "authenticated", "service_role"):
        granted = db.execute(
            "select relname from pg_class where relnamespace = 'private'::regnamespace and relkind = 'r'"
            " and has_table_privilege(%s, oid, 'select, insert, update, delete')",
            (role,),
        ).fetchall()
        assert granted == []
    runnable = db.execute(
        "select proname from pg_proc where pronamespace = 'private'::regnamespace"
        " and has_function_privilege('anon', oid, 'execute')"
    ).fetchall()
    assert runnable == []


# What a cell of the matrix is too small for.


def test_the_timeline_cannot_be_changed_by_its_owner_either(world: World, db: Connection) -> None:
    statements: tuple[str, ...] = ("update booking_events set reason = 'x'", "delete from booking_events")
    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            db.execute(statement.encode())


@pytest.mark.parametrize(
    ("persona", "booking", "visibility", "author", "allowed"),
    [
        ("host", "A", "staff", "host", True),
        ("client", "A", "staff", "client", False),  # staff write for staff
        ("client", "A", "shared", "host", False),  # one writes as oneself
        ("client", "S", "shared", "client", False),  # in a seated booking only staff share
        ("mate", "S", "shared", "mate", False),
        ("host", "S", "shared", "host", True),
        ("guest", "R", "shared", "guest", False),  # removed
        ("other_host", "A", "shared", "other_host", False),
        ("other", "A", "shared", "other", False),
    ],
)
def test_notes(world: World, persona: str, booking: str, visibility: str, author: str, allowed: bool) -> None:
    note: Row = {"booking_id": world.bookings[booking], "visibility": visibility, "body": "x"}
    done = world.callers[persona].insert("booking_notes", note | {"author_id": world.users[author]})
    world.restore()
    assert done == ([] if allowed else NO_RIGHT)


@pytest.mark.parametrize("column", ["email", "phone", "phone_verified_at"])
def test_what_proves_a_person_they_cannot_write_themselves(world: World, column: str) -> None:
    values = {"email": address("mate"), "phone": "+4915112345678", "phone_verified_at": "2026-11-23T10:00:00Z"}
    mine = {"email": f"eq.{address('client')}"}
    assert world.callers["client"].update("notification_preferences", mine, {column: values[column]}) == NO_RIGHT


def test_a_view_is_saved_for_oneself_only(world: World) -> None:
    view = {"user_id": world.users["admin"], "name": "new", "view": {}}
    assert world.callers["host"].insert("saved_views", view) == NO_RIGHT
