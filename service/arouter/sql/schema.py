"""Migrates the schema. It runs in a separate process, so that workers need not load Alembic."""

from __future__ import annotations

from sqlalchemy import Connection

from arouter.sql.database import Database
from arouter.sql.revision import HEAD, is_head


async def migrate(database: Database, revision: str = HEAD) -> None:
    """Runs the missing migrations up to `revision` in one transaction; concurrent runs wait for each other.

    Raises:
        ConfigError: The database belongs to a newer release.
        StoreError: The database failed or is not available.
    """
    if not is_head(await database.revision()):
        async with database.begin_alone() as connection:
            await connection.run_sync(_upgrade, revision)


def _upgrade(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "arouter.sql:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
