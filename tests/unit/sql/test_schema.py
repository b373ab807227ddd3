"""The schema: its revisions, and that migrations make what the tables say."""

from __future__ import annotations

import re
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from arouter.accounts.repository import KeyQuery
from arouter.catalogue.repository import StoredList
from arouter.config.load import ConfigError
from arouter.config.secret import Secret
from arouter.providers.adapter import ListedModel
from arouter.sql.catalogue import SqlCatalogueRepository
from arouter.sql.database import Database, database_url
from arouter.sql.key_cache import SqlKeyCacheRepository
from arouter.sql.management import SqlManagementRepository
from arouter.sql.revision import HEAD, is_head, make_sqlite, sqlite_path
from arouter.sql.schema import migrate
from arouter.sql.tables import metadata

OLD_KEY = """
    INSERT INTO keys (hash, name, label, key_type, disabled, created_at, updated_at, revision)
    VALUES (:hash, 'x', 'x', 'management', false, 20, 20, :revision)
"""
OLD_EVENT = """
    INSERT INTO audit_events (revision, position, created_ms, action, resource, key_hash, actor)
    VALUES (:revision, 0, 20000, 'create', 'key', :hash, '{}')
"""


async def test_an_empty_database_gets_the_tables(empty_database: Database) -> None:
    assert await empty_database.revision() is None
    await migrate(empty_database)
    await migrate(empty_database)

    assert await empty_database.revision() == HEAD
    async with empty_database.begin() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    assert differences == []


async def test_the_schema_before_is_brought_up_to_date_with_what_it_holds(empty_database: Database) -> None:
    await migrate(empty_database, "0001")
    catalogue = SqlCatalogueRepository(empty_database)
    await catalogue.see("p", ["m"], 5)
    await catalogue.replace("p", [ListedModel("m", 3)], 5)

    await migrate(empty_database)

    assert await catalogue.load() == {"p": StoredList([ListedModel("m", 3)], {"m": 5})}
    assert "default" in (await SqlKeyCacheRepository(empty_database).changes(0)).accounts


async def test_accounts_made_before_there_were_default_models_have_none(empty_database: Database) -> None:
    await migrate(empty_database, "0002")

    await migrate(empty_database)

    [account] = (await SqlKeyCacheRepository(empty_database).changes(0)).accounts.values()
    assert account is not None
    assert (account.id, account.default_model) == ("default", None)


async def test_keys_made_before_their_order_was_kept_are_in_the_audit_logs_order(empty_database: Database) -> None:
    await migrate(empty_database, "0005")
    async with empty_database.begin() as connection:
        for revision, digit in enumerate("312", 1):
            await connection.execute(text(OLD_KEY), {"hash": digit * 64, "revision": revision})
            await connection.execute(text(OLD_EVENT), {"hash": digit * 64, "revision": revision})

    await migrate(empty_database)

    query = KeyQuery(account=None, include_disabled=True, before=None, offset=0, at_most=9)
    assert [key.hash[0] for key in await SqlManagementRepository(empty_database).list_keys(query)] == list("213")


def test_head_is_alembics_own() -> None:
    config = Config()
    config.set_main_option("script_location", "arouter.sql:migrations")

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_newer_schema_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"schema 9999, which is newer than this ARouter's"):
        is_head("9999")


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = sqlite_path(tmp_path / "state")

    assert make_sqlite(path) == HEAD
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = sqlite_path(tmp_path)
    path.write_text("something else entirely, but long enough to be taken for a header of a hundred bytes " * 3)

    with pytest.raises(ConfigError, match=r"arouter\.db: file is not a database"):
        make_sqlite(path)


async def test_a_new_file_has_what_the_migrations_make(tmp_path: Path) -> None:
    made, migrated = sqlite_path(tmp_path / "made"), sqlite_path(tmp_path)
    make_sqlite(made)
    database = Database(database_url(None, tmp_path))
    await migrate(database)
    await database.close()

    assert dump(made) == dump(migrated)


def dump(path: Path) -> set[str]:
    """Returns what makes a database of its own, without white space and the times of its making."""
    with closing(sqlite3.connect(path)) as connection:
        return {re.sub(r"\s|(?<!\d)\d{10}(?!\d)", "", line) for line in connection.iterdump()}


def test_a_file_is_made_once_by_many_at_once(tmp_path: Path) -> None:
    path = sqlite_path(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(make_sqlite, [path] * 8)) == {HEAD}


def test_a_revision_is_read_without_sqlalchemy(tmp_path: Path) -> None:
    path = sqlite_path(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
    connection.close()

    assert make_sqlite(path) == "0001"


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://u:secret@h/d",
        "sqlite:///x.db",
        "postgresql//x",
        "postgresql://u:secret@h:port/d",
        "postgresql://",
        "postgresql://h/d?secret=1",
    ],
)
def test_another_database_is_refused_without_showing_its_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="AROUTER_DATABASE_URL") as caught:
        database_url(Secret(url), tmp_path)

    assert "secret@" not in str(caught.value)


def test_postgresql_is_known_by_both_its_names(tmp_path: Path) -> None:
    for scheme in ("postgresql", "postgres"):
        url = database_url(Secret(f"{scheme}://u:p@h:5/d"), tmp_path)
        assert url.render_as_string(hide_password=False) == "postgresql+asyncpg://u:p@h:5/d"


@pytest.mark.parametrize("mode", ["disable", "require", "verify-full"])
def test_libpqs_sslmode_is_understood(tmp_path: Path, mode: str) -> None:
    url = database_url(Secret(f"postgresql://u:p@h/d?sslmode={mode}&channel_binding=require"), tmp_path)

    assert dict(url.query) == {"ssl": mode}
