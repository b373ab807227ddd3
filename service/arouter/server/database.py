"""Prepares the database. Imports SQLAlchemy only to migrate, because not every process needs it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.errors import StoreError
from arouter.sql.revision import HEAD, is_head, make_sqlite, sqlite_path

if TYPE_CHECKING:
    from arouter.sql.database import Database

_FIRST_RETRY = 0.25
_LAST_RETRY = 2.0
"""Seconds between two attempts; doubled from the first to the last."""

_MIGRATION_TIMEOUT = 30.0
"""Seconds for which a failed migration is retried: the database may be in the middle of a switchover."""

_MIGRATION_RETRY = 1.0

_log = logging.getLogger(__name__)


def prepare_database(environment: Environment) -> None:
    """Creates and migrates the SQLite file, if that is the database. A shared database is migrated by its operator.

    Raises:
        ConfigError: The file cannot be created or migrated, or belongs to a newer release.
    """
    if environment.database_url is not None:
        return
    path = sqlite_path(environment.state_dir)
    if is_head(make_sqlite(path)):
        return
    # In a separate process, so that its imports do not stay in memory.
    command = [sys.executable, "-m", "arouter", "migrate"]
    done = subprocess.run(command, env=environment.variables, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise ConfigError(f"failed to migrate {path}: {done.stderr.strip()}")


async def run_migrations(environment: Environment) -> str:
    """Migrates the database to the current schema and returns its revision.

    Raises:
        ConfigError: The database belongs to a newer release, cannot be created, or was unreachable or read-only for 30
        seconds.
    """
    from arouter.sql.database import Database, database_url
    from arouter.sql.schema import migrate

    if environment.database_url is None:
        make_sqlite(sqlite_path(environment.state_dir))
    database = Database(database_url(environment.database_url, environment.state_dir))
    deadline = time.monotonic() + _MIGRATION_TIMEOUT
    try:
        while True:
            try:
                await migrate(database)
            except StoreError as error:
                if time.monotonic() > deadline:
                    raise ConfigError(f"the database cannot be migrated: {error}") from error
                _log.warning("failed to migrate the database, retrying: %s", error)
            else:
                return HEAD
            await asyncio.sleep(_MIGRATION_RETRY)
    finally:
        await database.close()


async def wait_for_schema(database: Database) -> None:
    """Waits until the database is reachable and has the current schema.

    Raises:
        ConfigError: The database belongs to a newer release.
    """
    retry = _FIRST_RETRY
    while True:
        try:
            revision = await database.revision()
            if is_head(revision):
                return
            _log.warning("the database has schema %s: waiting for `arouter migrate`", revision or "none")
        except StoreError as error:
            _log.warning("waiting for the database: %s", error)
        await asyncio.sleep(retry)
        retry = min(retry * 2, _LAST_RETRY)
