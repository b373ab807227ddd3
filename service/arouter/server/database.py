"""Sees to it that the database can be used. Imports SQLAlchemy only to migrate: not every process needs it."""

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
"""Seconds between two tries; doubled from the first to the last."""

_MIGRATION_TIMEOUT = 30.0
"""Seconds in which a migration that the database refuses is begun again: it may be in the middle of a switchover."""

_MIGRATION_RETRY = 1.0

_log = logging.getLogger(__name__)


def prepare_database(environment: Environment) -> None:
    """Makes and migrates the SQLite file, if that is the database. One that others share is its owner's to migrate.

    Raises:
        ConfigError: It cannot be made or migrated, or belongs to a newer release.
    """
    if environment.database_url is not None:
        return
    path = sqlite_path(environment.state_dir)
    if is_head(make_sqlite(path)):
        return
    # In a process of its own: what it imports would stay.
    command = [sys.executable, "-m", "arouter", "migrate"]
    done = subprocess.run(command, env=environment.variables, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise ConfigError(f"{path} could not be migrated: {done.stderr.strip()}")


async def run_migrations(environment: Environment) -> str:
    """Brings the database's schema up to date, and returns its revision.

    Raises:
        ConfigError: It belongs to a newer release, cannot be made, or could not be reached or written for 30 seconds.
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
                _log.warning("the database cannot be migrated yet: %s", error)
            else:
                return HEAD
            await asyncio.sleep(_MIGRATION_RETRY)
    finally:
        await database.close()


async def wait_for_schema(database: Database) -> None:
    """Returns once the database is there with the right schema.

    Raises:
        ConfigError: It belongs to a newer release.
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
