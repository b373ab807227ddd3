"""Connections to PostgreSQL that survive a switchover: each is checked before use, and replaced if it is stale.

Prepared statements are unnamed and there is no session state, so that a pooler in transaction mode can be used
(PgBouncer's documentation, "Feature matrix").
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from sqlalchemy import URL
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError

from arouter.sql.postgres_url import SERVER_SETTINGS, SYSTEM_ROOTS, TLS_PARAMETERS, places

if TYPE_CHECKING:
    import asyncpg

CHECK_TIMEOUT = 2.0
"""Seconds that the check of an idle connection may take."""

MAX_CONNECTION_AGE = 60
"""Seconds after which a connection is replaced, because its host name may have another address by then."""

_ROLE = """\
DO $$ BEGIN
  IF pg_catalog.pg_is_in_recovery() THEN RAISE cannot_connect_now USING MESSAGE = 'the server is a standby';
  ELSIF current_setting('transaction_read_only')::bool THEN RAISE read_only_sql_transaction; END IF;
END $$"""
"""Fails on a server that does not accept writes. One message: a pooler cannot split it between servers."""

_STALE = frozenset(
    {
        "25006",  # read_only_sql_transaction: the server has become a standby
        "26000",  # invalid_sql_statement_name: a pooler has changed servers
        "42P05",  # duplicate_prepared_statement: the same
    }
)
_STALE_CLASSES = ("08", "57P")
"""The classes of connection exceptions and operator interventions: shutdown, crash, start-up (appendix A)."""

_Role = Literal["primary", "read-only"]


class Connector:
    """Opens and checks the connections of a pool.

    Args:
        url: The URL from `parse_postgres_url`.
        timeout: Seconds that opening a connection, with all hosts together, and one statement may take.

    Attributes:
        connect_timeout: Seconds that opening a connection takes at most; the URL can set more than `timeout`.
    """

    def __init__(self, url: URL, timeout: float) -> None:
        query = {name: value for name, value in url.query.items() if isinstance(value, str)}
        self._places = places(url)
        own = float(query.get("connect_timeout", 0))
        self._host_timeout = own or timeout / len(self._places)
        self.connect_timeout = max(timeout, own * len(self._places))
        self._options: dict[str, Any] = {
            "user": url.username,
            "password": url.password,
            "database": url.database,
            "passfile": query.get("passfile"),
            "command_timeout": timeout,
            "statement_cache_size": 0,
            "server_settings": {"application_name": "arouter"} | _only(query, SERVER_SETTINGS),
        }
        if query.get("sslrootcert") == SYSTEM_ROOTS:
            self._options["ssl"] = _trusting_system(query)
        else:
            # asyncpg accepts the files only in a URL.
            self._options["ssl"] = query.get("ssl")
            self._options["dsn"] = f"postgresql:///?{urlencode(_only(query, TLS_PARAMETERS))}"

    async def connect(self) -> asyncpg.Connection[Any]:
        """Opens a connection to the first host that accepts writes, else to a read-only one that is not a standby.

        A standby is not even used for reads, because its data may be out of date.

        Raises:
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: No host can be used; the last error.
        """
        from asyncpg import InterfaceError, PostgresError

        read_only: asyncpg.Connection[Any] | None = None
        failures: list[Exception] = []
        for host, port in self._places:
            try:
                async with asyncio.timeout(self._host_timeout):
                    connection, role = await self._connect_to(host, port)
            except (OSError, TimeoutError, PostgresError, InterfaceError) as error:
                failures.append(error)
                continue
            if role == "primary":
                if read_only is not None:
                    read_only.terminate()
                return connection
            if read_only is None:
                read_only = connection
            else:
                connection.terminate()
        if read_only is not None:
            return read_only
        raise failures[-1]

    async def _connect_to(self, host: str, port: int) -> tuple[asyncpg.Connection[Any], _Role]:
        import asyncpg

        connection = await asyncpg.connect(host=host, port=port, **self._options)
        try:
            await connection.execute(_ROLE)
        except asyncpg.ReadOnlySQLTransactionError:
            return connection, "read-only"
        except BaseException:
            connection.terminate()
            raise
        return connection, "primary"


def check_before_use(connection: Any, record: Any, _proxy: object) -> None:
    """Replaces a pooled connection, and all that are as old, if it no longer works or no longer accepts writes.

    A listener of the pool's event `checkout`.
    """
    if not record.info.get("is_used"):
        record.info["is_used"] = True
        return
    try:
        connection.run_async(lambda driver: driver.execute(_ROLE, timeout=CHECK_TIMEOUT))
    except Exception as error:
        # Without an orderly close, which would wait for a server that does not respond.
        connection.driver_connection.terminate()
        raise InvalidatePoolError from error


def note_stale(context: ExceptionContext) -> None:
    """Replaces all connections after an error that shows that the server has changed.

    A listener of the engine's event `handle_error`.
    """
    sqlstate = str(getattr(context.original_exception, "sqlstate", ""))
    if sqlstate in _STALE or sqlstate.startswith(_STALE_CLASSES):
        context.is_disconnect = True


def _trusting_system(query: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if "sslcert" in query:
        context.load_cert_chain(query["sslcert"], query.get("sslkey"), query.get("sslpassword"))
    return context


def _only(query: dict[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name in names}
