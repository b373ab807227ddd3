"""The parameters of `AROUTER_DATABASE_URL`: each works, or is refused by its name."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from arouter.config.load import ConfigError
from arouter.config.secret import Secret
from arouter.errors import StoreError
from arouter.sql.database import Database, database_url
from arouter.sql.postgres_url import parse_postgres_url, places, shown_places
from support import pgbouncer
from support.ports import HOST
from support.postgres import Postgres, running_postgres
from support.tls import Authority, Folder


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://h/d", [("h", 5432)]),
        ("postgresql://u:p@h:6432/d", [("h", 6432)]),
        ("postgresql://u:p@[2001:db8::1]:6432/d", [("2001:db8::1", 6432)]),
        ("postgresql://u:p@one,two:6432/d", [("one", 5432), ("two", 6432)]),
        ("postgresql:///d?host=one:1,two:2", [("one", 1), ("two", 2)]),
        ("postgresql:///d?host=one:1&host=two:2", [("one", 1), ("two", 2)]),
        ("postgresql:///d?host=one,two&port=1,2", [("one", 1), ("two", 2)]),
        ("postgresql:///d?host=one,two&port=1", [("one", 1), ("two", 1)]),
        ("postgresql://other/d?host=one", [("one", 5432)]),
        ("postgresql:///d?host=/run/postgresql", [("/run/postgresql", 5432)]),
        ("postgresql://%2Frun%2Fpostgresql/d", [("/run/postgresql", 5432)]),
        ("postgresql:///?host=h&dbname=d&user=u&password=p", [("h", 5432)]),
    ],
)
def test_hosts_are_written_in_every_way_that_libpq_knows(url: str, expected: list[tuple[str, int]]) -> None:
    parsed = parse_postgres_url(url)

    assert places(parsed) == expected
    assert parsed.database == "d"


def test_hosts_are_shown_without_user_and_password() -> None:
    assert shown_places(parse_postgres_url("postgresql://u:p@one,two:2/d")) == "one:5432, two:2"


def test_user_and_password_may_hold_any_character() -> None:
    url = parse_postgres_url("postgresql://u%40x:p%2F%3A%40#?@h/d")

    assert (url.username, url.password) == ("u@x", "p/:@#?")


@pytest.mark.parametrize(
    ("parameter", "named"),
    [
        ("target_session_attrs=standby", "target_session_attrs"),
        ("target_session_attrs=prefer-standby", "target_session_attrs"),
        ("target_session_attrs=read-only", "target_session_attrs"),
        ("sslmode=secret", "sslmode"),
        ("sslrootcert=/missing/secret", "sslrootcert"),
        ("sslrootcert=system&sslmode=require", "sslrootcert"),
        ("sslcert=/missing/secret", "sslcert"),
        ("sslkey=/missing/secret", "sslkey"),
        ("sslcrl=/missing/secret", "sslcrl"),
        ("passfile=/missing/secret", "passfile"),
        ("sslnegotiation=secret", "sslnegotiation"),
        ("ssl_min_protocol_version=secret", "ssl_min_protocol_version"),
        ("connect_timeout=secret", "connect_timeout"),
        ("connect_timeout=-1", "connect_timeout"),
        ("port=secret", "port"),
        ("port=1,2", "port"),
        ("host=[secret", "host"),
        ("client_encoding=secret", "client_encoding"),
        ("gssencmode=require", "gssencmode"),
        *((f"{name}=secret", name) for name in ("hostaddr", "service", "keepalives", "tcp_user_timeout")),
        *((f"{name}=secret", name) for name in ("require_auth", "krbsrvname", "load_balance_hosts", "pgbouncer")),
        ("prepared_statement_cache_size=secret", "prepared_statement_cache_size"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(parameter: str, named: str) -> None:
    with pytest.raises(ConfigError, match=rf"^AROUTER_DATABASE_URL: the parameter '{named}'") as caught:
        parse_postgres_url(f"postgresql://user:secret@h/d?{parameter}")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", ["any", "primary", "read-write"])
def test_any_server_that_takes_writes_is_what_is_looked_for_anyway(value: str) -> None:
    assert places(parse_postgres_url(f"postgresql://one,two/d?target_session_attrs={value}"))


@given(st.text(max_size=40))
def test_nothing_else_is_raised(rest: str) -> None:
    """Whatever is written, it is a URL, or refused as such."""
    with suppress(ConfigError):
        parse_postgres_url(f"postgresql://{rest}")


async def ask(url: str, question: str, tmp_path: Path) -> object:
    database = Database(database_url(Secret(url), tmp_path))
    try:
        async with database.begin() as connection:
            return await connection.scalar(text(question))
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("query", "question", "answer"),
    [
        ("", "SHOW application_name", "arouter"),
        ("?application_name=shop", "SHOW application_name", "shop"),
        ("?options=-c%20work_mem%3D1MB%20-c%20geqo%3Doff", "SHOW work_mem", "1MB"),
        ("?connect_timeout=10&target_session_attrs=read-write&sslmode=disable", "SELECT 1", 1),
        ("?sslmode=prefer&gssencmode=disable&channel_binding=prefer&client_encoding=utf8", "SELECT 1", 1),
    ],
)
async def test_parameters_reach_the_server(
    postgres: Postgres, tmp_path: Path, query: str, question: str, answer: object
) -> None:
    assert await ask(postgres.new_database() + query, question, tmp_path) == answer


async def test_a_server_without_tls_is_not_called_where_tls_is_asked_for(postgres: Postgres, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="ConnectionError"):
        await ask(f"{postgres.new_database()}?sslmode=require", "SELECT 1", tmp_path)


async def test_unix_sockets_and_passfiles(tmp_path: Path) -> None:
    with running_postgres() as server:
        server.stop()
        server.settings = {"unix_socket_directories": str(server.folder)}
        server.start()
        server.run("CREATE ROLE shop LOGIN PASSWORD 'open sesame'")
        server.require_password_of("shop")
        passfile = tmp_path / "pgpass"
        passfile.write_text("*:*:*:shop:open sesame\n", "utf-8")
        passfile.chmod(0o600)
        socket = f"postgresql://shop@/postgres?host={server.folder}&port={server.port}"

        with pytest.raises(StoreError, match="password"):
            await ask(socket, "SELECT 1", tmp_path)
        assert await ask(f"{socket}&passfile={passfile}", "SELECT inet_client_addr()", tmp_path) is None


@pytest.mark.skipif(pgbouncer.PROGRAM is None, reason="PgBouncer is not installed; PostgreSQL's wheel has no TLS")
async def test_tls(postgres: Postgres, tmp_path: Path) -> None:
    authority, stranger = Authority(), Authority()
    server, client = authority.issue(), authority.issue()
    files = Folder(tmp_path / "client", client, authority.pem)
    strange = Folder(tmp_path / "strange", client, stranger.pem)
    settings = {
        "client_tls_sslmode": "verify-full",
        "client_tls_ca_file": "ca.crt",
        "client_tls_cert_file": "tls.crt",
        "client_tls_key_file": "tls.key",
    }
    kept = {"ca.crt": authority.pem, "tls.crt": server.certificate, "tls.key": server.key}
    with pgbouncer.running_pgbouncer(postgres.port, settings, kept) as port:
        url = f"postgresql://postgres@{HOST}:{port}/postgres?sslcert={files.certificate}&sslkey={files.key}"

        assert await ask(f"{url}&sslmode=verify-full&sslrootcert={files.ca}", "SELECT 1", tmp_path) == 1
        assert await ask(f"{url}&sslmode=require", "SELECT 1", tmp_path) == 1
        for parameters, failure in (
            (f"sslmode=verify-full&sslrootcert={strange.ca}", "SSLCertVerificationError"),
            ("sslrootcert=system", "SSLCertVerificationError"),
            ("sslmode=disable", "SSL required"),
        ):
            with pytest.raises(StoreError, match=failure):
                await ask(f"{url}&{parameters}", "SELECT 1", tmp_path)
