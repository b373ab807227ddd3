"""Sums from the database on their way to the limiter."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.repository import Spent
from arouter.errors import ARouterError
from arouter.limits.spending import SpendingSync
from arouter.limits.worst_case import WorstCase
from arouter.sql.database import Database, database_url, insert
from arouter.sql.key_cache import SqlKeyCacheRepository
from arouter.sql.schema import migrate
from arouter.sql.tables import directory, keys, usage_daily
from support.keys import key_row

from .conftest import MakeLimiter

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(database_url(None, tmp_path))
    await migrate(database)
    yield database
    await database.close()


async def add_key(database: Database, hash_: str, **columns: Any) -> None:
    async with database.begin() as connection:
        raised = update(directory).values(revision=directory.c.revision + 1).returning(directory.c.revision)
        revision = (await connection.execute(raised)).scalar_one()
        await connection.execute(insert(connection.dialect, keys).values(key_row(hash_, revision=revision, **columns)))


async def spend(database: Database, hash_: str, day: date, nanos: int, model: str = "m") -> None:
    async with database.begin() as connection:
        await connection.execute(
            insert(connection.dialect, usage_daily).values(
                day=day,
                key_hash=hash_,
                model=model,
                requests=1,
                prompt_tokens=1,
                completion_tokens=1,
                cost_nanos=nanos,
            )
        )


@pytest.mark.parametrize(
    ("reset", "spent"),
    [
        ("daily", Spent(date(2026, 11, 18), 1)),
        ("weekly", Spent(date(2026, 11, 16), 11)),
        ("monthly", Spent(date(2026, 11, 1), 111)),
        (None, Spent(date(1970, 1, 1), 1111)),
    ],
)
async def test_a_key_has_spent_what_it_has_in_its_period(database: Database, reset: Any, spent: Spent) -> None:
    await add_key(database, "k", limit_nanos=5, limit_reset=reset)
    days = [date(2026, 11, 18), date(2026, 11, 16), date(2026, 11, 15), date(2026, 10, 31)]
    for power, day in enumerate(days):
        await spend(database, "k", day, 10**power)
        await spend(database, "other", day, 7)

    assert (await SqlKeyCacheRepository(database).limited(0, NOW)).spent == {"k": spent}


async def test_keys_without_a_limit_are_left_out(database: Database) -> None:
    await add_key(database, "unlimited", limit_reset="daily")
    await add_key(database, "removed", limit_nanos=5, deleted_at=1)
    await add_key(database, "new", limit_nanos=5)

    assert (await SqlKeyCacheRepository(database).limited(0, NOW)).spent == {"new": Spent(date(1970, 1, 1), 0)}


async def test_only_what_has_changed_is_read_again(database: Database) -> None:
    store = SqlKeyCacheRepository(database)
    await add_key(database, "first", limit_nanos=5)
    revision = (await store.limited(0, NOW)).revision
    assert await store.limited(revision, NOW) == (revision, {})

    await add_key(database, "second", limit_nanos=5)

    assert set((await store.limited(revision, NOW)).spent) == {"second"}


async def test_the_limiter_is_told(database: Database, make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(None, clock=time.time)
    await add_key(database, "first", limit_nanos=5, limit_reset="daily")
    await spend(database, "first", datetime.now(UTC).date() + timedelta(days=1), 5)
    sync = SpendingSync(limiter, SqlKeyCacheRepository(database))
    await sync.start()

    with pytest.raises(ARouterError, match=r"\$0\.000000005 are spent"):
        await limiter.reserve(AuthenticatedKey("first", "a", limit=5, limit_reset="daily"), WorstCase(1, 1))

    # The first key stays known when a second one, which has a history, gets a limit.
    await spend(database, "second", datetime.now(UTC).date(), 7)
    await add_key(database, "second", limit_nanos=7)
    await sync.look()
    for hash_, reset in (("first", "daily"), ("second", None)):
        with pytest.raises(ARouterError, match="is reached"):
            await limiter.reserve(AuthenticatedKey(hash_, "a", limit=5, limit_reset=reset), WorstCase(1, 1))
    await sync.stop()


async def test_a_database_that_fails_leaves_what_was_known(tmp_path: Path, make_limiter: MakeLimiter) -> None:
    database = Database(database_url(None, tmp_path))
    limiter = make_limiter(None)
    limiter.seed({"k": Spent(date(1970, 1, 1), 5)})

    await SpendingSync(limiter, SqlKeyCacheRepository(database)).look()

    with pytest.raises(ARouterError, match="is reached"):
        await limiter.reserve(AuthenticatedKey("k", "a", limit=5), WorstCase(1, 1))
    await database.close()
