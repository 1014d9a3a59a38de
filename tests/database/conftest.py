"""A connection to the migrated database for the tests of the SQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.database.recorded import Connection

if TYPE_CHECKING:
    from tests.conftest import Database


@pytest.fixture(scope="session")
def sql(database: Database) -> Iterator[Connection]:
    """The superuser's connection; whoever uses it empties the tables first (`recorded.empty`)."""
    with database.connect() as connection:
        yield connection
