"""How long the database may take."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from arouter.config.secret import Secret
from arouter.errors import StoreError
from arouter.sql import database as module
from arouter.sql.database import Database, database_url
from support.postgres import Postgres

NEARLY_ALL = text("SELECT pg_sleep(0.7)")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 1)


async def test_a_transaction_may_not_take_long_step_by_step(
    impatient: None, postgres: Postgres, tmp_path: Path
) -> None:
    """Steps that are quick enough one by one are given up together; the next transaction is not held up."""
    database = Database(database_url(Secret(postgres.new_database()), tmp_path))

    async def work() -> None:
        async with database.begin() as connection:
            await connection.execute(NEARLY_ALL)
            await connection.execute(NEARLY_ALL)

    with pytest.raises(StoreError, match="TimeoutError"):
        await work()

    async with database.begin() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await database.close()


async def test_a_migration_may_take_long_step_by_step(impatient: None, postgres: Postgres, tmp_path: Path) -> None:
    """What one process does alone has as many steps as it needs."""
    database = Database(database_url(Secret(postgres.new_database()), tmp_path))

    async with database.begin_alone() as connection:
        await connection.execute(NEARLY_ALL)
        await connection.execute(NEARLY_ALL)
        assert await connection.scalar(text("SELECT 1")) == 1
    await database.close()
