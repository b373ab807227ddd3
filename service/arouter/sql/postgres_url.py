"""Parses `AROUTER_DATABASE_URL` for PostgreSQL: libpq's connection URIs and parameters.

Source: PostgreSQL's documentation, "Database Connection Control Functions" (libpq-connect). Unsupported parameters are
rejected by name. Error messages contain no values, which may be secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, unquote

from sqlalchemy import URL

from arouter.config.load import ConfigError

DEFAULT_PORT = 5432

SYSTEM_ROOTS = "system"
"""The value of `sslrootcert` for the certificate authorities of the operating system."""

TLS_PARAMETERS = frozenset(
    {
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
    }
)
"""Parameters that asyncpg supports itself, in addition to `sslmode`, which it calls `ssl`."""

SERVER_SETTINGS = frozenset({"application_name", "options"})
"""Parameters that are sent to the server when a connection is opened."""

_FORMAT = re.compile(
    r"postgres(?:ql)?(?:\+\w+)?://"
    r"(?:(?P<user>[^:/@]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<hosts>[^/?]*)"
    r"(?:/(?P<dbname>[^?]*))?"
    r"(?:\?(?P<query>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>\d*))?")
_EXPECTED = "expected postgresql://user:password@host/name"
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")


def parse_postgres_url(text: str) -> URL:
    """Returns the URL with checked parameters, for `Connector`.

    A single TCP host is the URL's host. Several hosts, or a folder of Unix sockets, are in its query as `host` and
    `port`, with the same number of entries.

    Raises:
        ConfigError: It is not a PostgreSQL URL, or a parameter is not supported or has an invalid value.
    """
    match = _FORMAT.fullmatch(text)
    if match is None:
        _refuse(_EXPECTED if "://" in text else "not a database URL")
    query = _parameters(match["query"] or "")
    user, password, dbname = (
        query.pop(name, "") or unquote(match[name] or "") for name in ("user", "password", "dbname")
    )
    hosts, ports = _places(match["hosts"], query.pop("host", ""), query.pop("port", ""))
    if not hosts or not dbname:
        _refuse(_EXPECTED)
    if query.get("sslrootcert") == SYSTEM_ROOTS and query.setdefault("ssl", "verify-full") != "verify-full":
        _refuse_value("sslrootcert", "a file, or system together with sslmode=verify-full")
    is_plain = len(hosts) == 1 and not hosts[0].startswith("/")
    return URL.create(
        "postgresql+asyncpg",
        username=user or None,
        password=password or None,
        host=hosts[0] if is_plain else None,
        port=ports[0] if is_plain and ports[0] != DEFAULT_PORT else None,
        database=dbname,
        query=query if is_plain else {**query, "host": hosts, "port": tuple(map(str, ports))},
    )


def places(url: URL) -> list[tuple[str, int]]:
    """Returns the hosts of a parsed URL, each with its port, in the order in which they are tried."""
    if url.host is not None:
        return [(url.host, url.port or DEFAULT_PORT)]
    return [(host, int(port)) for host, port in zip(url.query["host"], url.query["port"], strict=True)]


def shown_places(url: URL) -> str:
    """Returns the hosts of a parsed URL for logs and messages."""
    return ", ".join(f"{host}:{port}" for host, port in places(url))


def _parameters(query: str) -> dict[str, str]:
    """Returns the parameters under asyncpg's names. A repeated `host` is a list; of others the last one counts."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in ("host", "port") and name in found:
            found[name] += f",{value}"
        elif name in _IGNORED:
            _IGNORED[name](name, value)
        elif name in _CHECKS:
            _CHECKS[name](name, value)
            found[_RENAMED.get(name, name)] = value
        else:
            _refuse(f"the parameter {name!r} is not supported. Supported are: {', '.join(sorted(_CHECKS))}")
    return found


def _places(authority: str, hosts: str, ports: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Returns the hosts and their ports. As in libpq, `host` in the query takes precedence over the URL's host."""
    found = [_place(each) for each in (hosts or unquote(authority)).split(",") if each]
    given = [_port(each) for each in ports.split(",")] if ports else []
    if len(given) not in (0, 1, len(found)):
        _refuse_value("port", "one, or as many as there are hosts")
    given = given * len(found) if len(given) == 1 else given or [DEFAULT_PORT] * len(found)
    return (
        tuple(host for host, _ in found),
        tuple(own or port for (_, own), port in zip(found, given, strict=True)),
    )


def _place(text: str) -> tuple[str, int | None]:
    if text.startswith("/"):
        return text, None
    match = _HOST.fullmatch(text)
    if match is None:
        _refuse_value("host", "host:port, with an IPv6 address in brackets, or a folder of Unix sockets")
    return match["ipv6"] or match["name"], _port(match["port"]) if match["port"] else None


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 65536):
        _refuse_value("port", "a number from 1 to 65535")
    return int(text)


def _any(_name: str, _value: str) -> None:
    """Accepts any value."""


def _one_of(*allowed: str) -> Callable[[str, str], None]:
    def check(name: str, value: str) -> None:
        if value not in allowed:
            _refuse_value(name, f"one of {', '.join(allowed)}")

    return check


def _file(name: str, value: str) -> None:
    if not (name == "sslrootcert" and value == SYSTEM_ROOTS) and not Path(value).is_file():
        _refuse_value(name, "the path of a file that exists")


def _seconds(name: str, value: str) -> None:
    if not (value.isdecimal() and int(value) < 3600):
        _refuse_value(name, "whole seconds, less than 3600; 0 for the default")


def _primary(name: str, value: str) -> None:
    if value not in ("any", "primary", "read-write"):
        _refuse_value(name, "any, primary or read-write: ARouter writes")


_CHECKS: Mapping[str, Callable[[str, str], None]] = {
    "application_name": _any,
    "connect_timeout": _seconds,
    "dbname": _any,
    "host": _any,
    "options": _any,
    "passfile": _file,
    "password": _any,
    "port": _any,
    "ssl": _one_of(*_MODES),
    "ssl_max_protocol_version": _one_of(*_TLS_VERSIONS),
    "ssl_min_protocol_version": _one_of(*_TLS_VERSIONS),
    "sslcert": _file,
    "sslcrl": _file,
    "sslkey": _file,
    "sslmode": _one_of(*_MODES),
    "sslnegotiation": _one_of("postgres", "direct"),
    "sslpassword": _any,
    "sslrootcert": _file,
    "user": _any,
}

_RENAMED = {"sslmode": "ssl"}

_IGNORED: Mapping[str, Callable[[str, str], None]] = {
    # asyncpg does not support channel binding. It is not rejected, because hosting providers put it into their URLs.
    "channel_binding": _any,
    "client_encoding": _one_of("auto", "UTF8", "utf8", "UTF-8", "utf-8"),
    "gssencmode": _one_of("disable", "prefer"),
    # Every connection is checked for a primary anyway.
    "target_session_attrs": _primary,
}


def _refuse_value(name: str, expected: str) -> NoReturn:
    _refuse(f"the parameter '{name}': expected {expected}")


def _refuse(reason: str) -> NoReturn:
    raise ConfigError(f"AROUTER_DATABASE_URL: {reason}")
