"""Brings the schema up to date. For a process of its own, because Alembic is more than a worker should hold."""

from __future__ import annotations

from sqlalchemy import Connection

from arouter.sql.database import Database
from arouter.sql.revision import HEAD, is_head


async def migrate(database: Database, revision: str = HEAD) -> None:
    """Runs the migrations that are missing up to `revision`, in one transaction; two at once wait for each other.

    Raises:
        ConfigError: It belongs to a newer release.
        StoreError: The database cannot be reached, or refused.
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
