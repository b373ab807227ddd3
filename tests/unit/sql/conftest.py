"""Every store test runs on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from arouter.config.secret import Secret
from arouter.sql.database import Database, database_url
from arouter.sql.schema import migrate


@pytest.fixture(params=["SQLite", "PostgreSQL"])
async def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database without tables."""
    url = Secret(request.getfixturevalue("postgres").new_database()) if request.param == "PostgreSQL" else None
    database = Database(database_url(url, tmp_path))
    yield database
    await database.close()


@pytest.fixture
async def database(empty_database: Database) -> Database:
    """A database as a new installation has it."""
    await migrate(empty_database)
    return empty_database
