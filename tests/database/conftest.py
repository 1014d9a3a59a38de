"""Connections to the migrated database for the tests of the SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.database.recorded import Connection

if TYPE_CHECKING:
    from tests.conftest import Database


@pytest.fixture(scope="session")
def connections(database: Database) -> Iterator[list[Connection]]:
    """Four at once, as a superuser. Whoever uses them empties the tables first (`recorded.empty`)."""
    with ExitStack() as stack:
        yield [stack.enter_context(database.connect()) for _ in range(4)]


@pytest.fixture(scope="session")
def sql(connections: list[Connection]) -> Connection:
    return connections[0]
