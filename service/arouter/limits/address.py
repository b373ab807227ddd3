"""Reads `AROUTER_REDIS_URL`: the address of one server, or of Sentinels that know the primary."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from valkey.asyncio.connection import ConnectionPool
from valkey.asyncio.sentinel import Sentinel, SentinelConnectionPool
from valkey.exceptions import ValkeyError

from arouter.config.load import ConfigError
from arouter.config.secret import Secret

_VARIABLE = "AROUTER_REDIS_URL"
_PLAIN = ("redis", "rediss", "valkey", "valkeys")
_SENTINEL = ("redis+sentinel", "valkey+sentinel")
_SENTINEL_PORT = 26_379
_SENTINEL_TIMEOUT = 0.1
"""Seconds that a Sentinel may take to respond before the next one is asked."""

_OPTIONS = frozenset(
    {
        "client_name",
        "db",
        "health_check_interval",
        "protocol",
        "socket_connect_timeout",
        "socket_keepalive",
        "socket_timeout",
        "ssl_ca_certs",
        "ssl_ca_data",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_ciphers",
        "ssl_keyfile",
    }
)
"""Supported options after `?`. Retries are not supported: a command whose reply is lost would count twice."""

_SENTINEL_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})


class Pool(NamedTuple):
    """The connections to one primary. Each connection resolves the address when it connects.

    Attributes:
        connections: The connection pool.
        close: Closes all connections.
    """

    connections: ConnectionPool
    close: Callable[[], Awaitable[None]]


def open_pool(url: Secret) -> Pool:
    """Returns the connection pool for a URL. It does not connect yet.

    Raises:
        ConfigError: The URL is invalid or not supported.
    """
    parts = _parts(url)
    try:
        pool = _sentinel_pool(parts) if parts.scheme in _SENTINEL else _plain_pool(url)
        pool.connections.make_connection()  # Checks the options; it does not connect.
    except (ValueError, TypeError, ValkeyError) as error:
        raise ConfigError(f"{_VARIABLE}: not a URL of Valkey or Redis, or an option of it has a wrong value") from error
    return pool


def storage_place(url: Secret) -> str:
    """Returns the part of a URL that names the server, `host:port/number`, without credentials.

    Raises:
        ConfigError: See `open_pool`.
    """
    open_pool(url)
    parts = urlsplit(url.reveal())
    place = f"{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"the primary that Sentinel knows at {place}" if parts.scheme in _SENTINEL else place


def _parts(url: Secret) -> SplitResult:
    """Returns a URL's parts, after those checks that the client library does not make."""
    try:
        parts = urlsplit(url.reveal())
    except ValueError as error:
        raise ConfigError(f"{_VARIABLE}: not a URL") from error
    if parts.scheme.endswith("+cluster"):
        raise ConfigError(
            f"{_VARIABLE}: {parts.scheme}:// is not supported: limits are counted on one primary. A cluster of one"
            " shard works as valkey://host:port; for failover use valkey+sentinel://, or a name that follows the"
            " primary"
        )
    if parts.scheme in ("rediss+sentinel", "valkeys+sentinel"):
        raise ConfigError(
            f"{_VARIABLE}: {parts.scheme}:// (Sentinel with TLS) is not supported: use valkey+sentinel://, or"
            " valkeys:// with a name that follows the primary"
        )
    if parts.scheme not in _PLAIN + _SENTINEL:
        schemes = ", ".join(f"{scheme}://" for scheme in _PLAIN)
        raise ConfigError(
            f"{_VARIABLE}: expected {schemes} host:port/number, or valkey+sentinel://host:port,…/primary/number"
        )
    allowed = _OPTIONS | _SENTINEL_OPTIONS if parts.scheme in _SENTINEL else _OPTIONS
    for option in parse_qs(parts.query):
        if option not in allowed:
            raise ConfigError(
                f"{_VARIABLE}: an option after '?' is not supported; these are: {', '.join(sorted(allowed))}"
            )
    number = parts.path.strip("/")
    if parts.scheme in _PLAIN and number and not number.isdecimal():
        raise ConfigError(f"{_VARIABLE}: expected the number of a database after the host, such as /0")
    return parts


def _plain_pool(url: Secret) -> Pool:
    # No timeouts here: one timeout covers all commands of a call.
    pool = ConnectionPool.from_url(url.reveal(), socket_timeout=None, socket_connect_timeout=None)
    return Pool(pool, pool.disconnect)


def _sentinel_pool(parts: SplitResult) -> Pool:
    primary, _, number = parts.path.strip("/").partition("/")
    if not primary or (number and not number.isdecimal()):
        raise ConfigError(f"{_VARIABLE}: expected valkey+sentinel://host:port,host:port/primary/number")
    options: dict[str, Any] = {name: values[0] for name, values in parse_qs(parts.query).items()}
    of_sentinel: dict[str, Any] = {
        name.removeprefix("sentinel_"): options.pop(name) for name in _SENTINEL_OPTIONS & options.keys()
    }
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    sentinel = Sentinel(
        [_address(host) for host in hosts.split(",")],
        sentinel_kwargs={
            "socket_timeout": _SENTINEL_TIMEOUT,
            "socket_connect_timeout": _SENTINEL_TIMEOUT,
            **of_sentinel,
        },
    )
    options |= {"username": unquote(user) or None, "password": unquote(password) or None}
    if number:
        options["db"] = int(number)
    pool = SentinelConnectionPool(primary, sentinel, socket_timeout=None, socket_connect_timeout=None, **options)

    async def close() -> None:
        await pool.disconnect()
        for each in sentinel.sentinels:
            await each.aclose()

    return Pool(pool, close)


def _address(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("a host is missing")
    return parts.hostname, parts.port or _SENTINEL_PORT
