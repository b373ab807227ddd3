"""The database: connections, transactions and errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Dialect, Table, event, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from arouter.config.secret import Secret
from arouter.errors import StoreError, invalid_request
from arouter.sql.postgres import MAX_CONNECTION_AGE, Connector, check_before_use, note_stale
from arouter.sql.postgres_url import parse_postgres_url, shown_places
from arouter.sql.revision import sqlite_path

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_TIMEOUT = 5
"""Seconds that a connection, a lock or a statement may take; in PostgreSQL also a transaction as a whole."""

_DATA_EXCEPTION = "22"
"""The class of PostgreSQL's error codes for invalid values (PostgreSQL documentation, appendix A)."""

_ADVISORY_LOCK = 0x41526F75746572
"""The number of the advisory lock in PostgreSQL: "ARouter" in ASCII."""


class Database:
    """A pool of connections.

    Args:
        url: The URL from `database_url`.

    Attributes:
        is_sqlite: Whether it is SQLite.
        statements: Number of statements that were sent.
    """

    def __init__(self, url: URL) -> None:
        self.statements = 0
        self.is_sqlite = url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"pool_size": 2, "max_overflow": 2, "hide_parameters": True}
        if self.is_sqlite:
            self._place = str(url.database)
            # With a file, only taking the first lock waits, and it has its own timeout.
            self._timeout = None
            self._engine = create_async_engine(
                url, pool_timeout=_TIMEOUT, connect_args={"timeout": _TIMEOUT}, **options
            )
            event.listen(self._engine.sync_engine, "connect", _prepare_sqlite)
        else:
            self._place = shown_places(url)
            connector = Connector(url, _TIMEOUT)
            self._timeout = connector.connect_timeout
            self._engine = create_async_engine(
                URL.create(url.drivername),
                connect_args={"async_creator_fn": connector.connect, "prepared_statement_cache_size": 0},
                pool_recycle=MAX_CONNECTION_AGE,
                pool_timeout=self._timeout,
                **options,
            )
            event.listen(self._engine.sync_engine, "checkout", check_before_use)
            event.listen(self._engine.sync_engine, "handle_error", note_stale)
        event.listen(self._engine.sync_engine, "before_cursor_execute", self._count)

    @property
    def name(self) -> str:
        """The database without credentials and options; just `sqlite` for SQLite, whose folder identifies it."""
        return "sqlite" if self.is_sqlite else f"postgresql://{self._place}/{self._engine.url.database}"

    @property
    def dialect(self) -> Dialect:
        """The SQL dialect."""
        return self._engine.dialect

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Yields a connection in a transaction, which is committed at the end, or rolled back on an error.

        Raises:
            StoreError: The database or the connection failed, or the transaction took too long.
            ARouterError: INVALID_REQUEST for a text that PostgreSQL cannot store, such as one with NUL.
        """
        async with self._begin(self._timeout) as connection:
            yield connection

    @asynccontextmanager
    async def begin_alone(self) -> AsyncIterator[AsyncConnection]:
        """Does the same as `begin` for one process at a time; others wait. Only single statements have a timeout.

        Raises:
            StoreError: See `begin`; or waiting took too long.
        """
        async with self._begin(None) as connection:
            # Python's sqlite3 does not begin a transaction before a CREATE TABLE by itself.
            lock = "BEGIN IMMEDIATE" if self.is_sqlite else f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"
            await connection.exec_driver_sql(lock)
            yield connection

    async def revision(self) -> str | None:
        """Returns the schema's revision, or None if there is no schema yet.

        Raises:
            StoreError: The database cannot be reached.
        """
        async with self.begin() as connection:
            if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
                return None
            revision: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            return revision

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _begin(self, patience: float | None) -> AsyncIterator[AsyncConnection]:
        try:
            async with asyncio.timeout(patience), self._engine.begin() as connection:
                try:
                    yield connection
                except asyncio.CancelledError:
                    if not self.is_sqlite:
                        # The server may no longer respond: a rollback would wait for as long again.
                        await connection.invalidate()
                    raise
        except DBAPIError as error:
            if str(getattr(error.orig, "sqlstate", None)).startswith(_DATA_EXCEPTION):
                raise invalid_request("A value contains a character that cannot be stored.") from error
            raise StoreError(f"{self._place}: {_reason(error)}") from error
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise StoreError(f"{self._place}: {_reason(error)}") from error

    def _count(self, *_: object) -> None:
        self.statements += 1


def database_url(url: Secret | None, state_dir: Path) -> URL:
    """Returns the database's URL: `AROUTER_DATABASE_URL`, or that of a file in the state folder by default.

    Raises:
        ConfigError: See `parse_postgres_url`.
    """
    if url is None:
        return URL.create("sqlite+aiosqlite", database=str(sqlite_path(state_dir)))
    return parse_postgres_url(url.reveal())


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # Readers do not wait for the writer. A crash of the machine may lose the last transactions but not the file.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def insert(dialect: Dialect, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Returns an INSERT with `on_conflict_…`, which both databases support but SQLAlchemy's generic one lacks."""
    # Only the needed dialect is imported: PostgreSQL's is a twentieth of all imports of `arouter serve`.
    if dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def _reason(error: Exception) -> str:
    """Returns one line without the statement, values and address that the libraries put into their messages."""
    if not isinstance(error, DBAPIError):
        return type(error).__name__
    cause = error.orig.__cause__ or error.orig if error.orig is not None else error
    return f"{type(cause).__name__}: {str(cause).partition(chr(10))[0]}"
