"""Unknown keys: a new one is found at once, and many wrong ones ask the store for little."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from arouter.accounts.key_cache import KeyCache, KeyCacheSync
from arouter.accounts.keys import hash_secret, may_be_new
from arouter.accounts.management import Management
from arouter.accounts.records import NewKey
from arouter.sql.database import Database, database_url
from arouter.sql.key_cache import SqlKeyCacheRepository
from arouter.sql.management import SqlManagementRepository
from arouter.sql.schema import migrate
from support.keys import ACTOR

WRONG_KEYS = 300


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(database_url(None, tmp_path))
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
def directory() -> KeyCache:
    return KeyCache([], max_age=86_400)


@pytest.fixture
async def sync(database: Database, directory: KeyCache) -> AsyncIterator[KeyCacheSync]:
    sync = KeyCacheSync(directory, SqlKeyCacheRepository(database))
    await sync.start()
    yield sync
    await sync.stop()


async def test_a_key_made_elsewhere_is_known_after_one_look(
    database: Database, directory: KeyCache, sync: KeyCacheSync
) -> None:
    for _ in range(5):
        made = await Management(SqlManagementRepository(database)).create_key(NewKey(name="new"), ACTOR)
        assert may_be_new(made.secret)

        await sync.look_for_new()

        assert directory.find(hash_secret(made.secret)) is not None


async def test_unknown_keys_share_their_looks(database: Database, sync: KeyCacheSync) -> None:
    before = database.statements

    await asyncio.gather(*(sync.look_for_new() for _ in range(WRONG_KEYS)))

    # Theirs, and whatever the task does by itself meanwhile.
    assert 1 <= database.statements - before <= 5


async def test_no_call_waits_for_a_store_that_is_away(database: Database, sync: KeyCacheSync) -> None:
    async with database.begin() as connection:
        await connection.execute(text("DROP TABLE directory"))
    await sync.look()
    before = database.statements

    await asyncio.gather(*(sync.look_for_new() for _ in range(WRONG_KEYS)))

    assert database.statements - before <= 1, "the task's own"


async def test_a_server_that_lacks_what_was_read_last_is_believed(
    database: Database, directory: KeyCache, sync: KeyCacheSync
) -> None:
    """A standby that becomes the primary may lack the last transactions. Its own next ones have the same numbers."""
    management = Management(SqlManagementRepository(database))
    kept = await management.create_key(NewKey(name="kept"), ACTOR)
    lost = [await management.create_key(NewKey(name="lost"), ACTOR) for _ in range(3)]
    await sync.look()
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM keys WHERE name = 'lost'"))
        await connection.execute(text("UPDATE directory SET revision = revision - 3"))
        await connection.execute(text("DELETE FROM audit_events WHERE revision > (SELECT revision FROM directory)"))

    await management.delete_key(kept.view.key.hash, ACTOR)
    await sync.look()

    for made in (kept, *lost):
        assert directory.find(hash_secret(made.secret)) is None


async def test_everything_is_read_again_after_an_outage(
    database: Database, directory: KeyCache, sync: KeyCacheSync
) -> None:
    """Then the numbers may even be equal."""
    management = Management(SqlManagementRepository(database))
    lost = await management.create_key(NewKey(name="lost"), ACTOR)
    await sync.look()
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM keys"))
        await connection.execute(text("ALTER TABLE directory RENAME TO away"))
    await sync.look()
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO directory"))

    await sync.look()

    assert directory.find(hash_secret(lost.secret)) is None


async def test_only_changes_are_announced(database: Database, sync: KeyCacheSync) -> None:
    announced: list[bool] = []
    sync.listen(lambda: announced.append(True))

    await sync.look()
    assert not announced
    await Management(SqlManagementRepository(database)).create_key(NewKey(name="new"), ACTOR)
    await sync.look()

    assert announced == [True]


async def test_the_end_waits_for_no_look(sync: KeyCacheSync) -> None:
    waiting = asyncio.create_task(sync.look_for_new())
    await asyncio.sleep(0)

    await sync.stop()

    await waiting


@pytest.mark.parametrize(
    ("secret", "may_be"),
    [
        ("lr_live_" + "x" * 43, True),
        ("lr_mgmt_" + "-_9" + "x" * 40, True),
        ("lr_live_" + "x" * 42, False),
        ("lr_live_" + "x" * 44, False),
        ("lr_live_" + "x" * 42 + "ü", False),
        ("sk-" + "x" * 48, False),
        ("", False),
        (None, False),
    ],
)
def test_only_what_looks_like_a_key_is_looked_for(secret: str | None, may_be: bool) -> None:
    assert may_be_new(secret) is may_be
