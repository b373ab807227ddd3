"""PgBouncer in transaction mode: any statement but those of one transaction may reach another session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from arouter.accounts.key_cache import KeyCache, KeyCacheSync
from arouter.accounts.management import Management
from arouter.accounts.records import NewKey
from arouter.accounts.specs import key_patch
from arouter.config.secret import Secret
from arouter.server.database import wait_for_schema
from arouter.sql.database import Database, database_url
from arouter.sql.key_cache import SqlKeyCacheRepository
from arouter.sql.management import SqlManagementRepository
from arouter.sql.revision import HEAD
from arouter.sql.schema import migrate
from arouter.sql.usage import SqlUsageRepository
from support import pgbouncer
from support.keys import ACTOR
from support.ports import HOST
from support.postgres import Postgres

pytestmark = pytest.mark.skipif(pgbouncer.PROGRAM is None, reason="PgBouncer is not installed")

CLIENTS = 6
"""Processes, each with a pool of its own; more than the pooler has connections to the server."""


@pytest.fixture(scope="module")
def pooler(postgres: Postgres) -> Iterator[int]:
    with pgbouncer.running_pgbouncer(postgres.port) as port:
        yield port


@pytest.fixture
async def databases(postgres: Postgres, pooler: int, tmp_path: Path) -> AsyncIterator[list[Database]]:
    name = postgres.new_database().rpartition("/")[2]
    url = Secret(f"postgresql://postgres@{HOST}:{pooler}/{name}")
    opened = [Database(database_url(url, tmp_path)) for _ in range(CLIENTS)]
    yield opened
    for database in opened:
        await database.close()


async def test_every_store_works_behind_it(databases: list[Database]) -> None:
    await asyncio.gather(*(migrate(database) for database in databases))
    for database in databases:
        await wait_for_schema(database)

    async def use(database: Database) -> None:
        directory = KeyCache((), 60)
        sync = KeyCacheSync(directory, SqlKeyCacheRepository(database))
        management = Management(SqlManagementRepository(database), (), sync.look)
        for _ in range(10):
            made = await management.create_key(NewKey(name="a test's"), ACTOR)
            key_hash = made.view.key.hash
            assert directory.find(key_hash) is not None
            await management.update_key(key_hash, key_patch({"disabled": True}), ACTOR)
            assert directory.find(key_hash) is None
            await SqlUsageRepository(database).forget(0)

    await asyncio.gather(*map(use, databases))

    assert {await database.revision() for database in databases} == {HEAD}


async def test_what_it_says_of_a_server_that_is_gone_replaces_connections(
    databases: list[Database], postgres: Postgres
) -> None:
    """PgBouncer ends a client's transaction with an error of class 08; the next one works."""
    [database, *_] = databases
    async with database.begin() as connection:
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    postgres.run(f"SELECT pg_terminate_backend({pid})")

    deadline = time.monotonic() + 5
    async with database.begin() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    assert time.monotonic() < deadline


async def test_a_setting_that_it_refuses_is_named(postgres: Postgres, pooler: int, tmp_path: Path) -> None:
    url = f"postgresql://postgres@{HOST}:{pooler}/postgres?options=-csearch_path%3Dx"
    database = Database(database_url(Secret(url), tmp_path))

    with pytest.raises(Exception, match="unsupported startup parameter: options"):
        await database.revision()
    await database.close()
