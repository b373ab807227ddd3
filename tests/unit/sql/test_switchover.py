"""What becomes of connections when the database's servers change under them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from arouter.config.secret import Secret
from arouter.errors import StoreError
from arouter.sql.database import Database, database_url
from support.ports import HOST, free_ports
from support.postgres import Postgres, running_postgres
from support.relay import Relay, relaying

PROMISED = 5.0
"""Seconds in which writes work again once there is a primary (docs/operation.md)."""

INSERT = text("INSERT INTO notes VALUES (:note)")


class Notes:
    """A table in a database, as ARouter reaches it."""

    def __init__(self, url: str, tmp_path: Path) -> None:
        self.database = Database(database_url(Secret(url), tmp_path))

    async def add(self, note: str) -> None:
        async with self.database.begin() as connection:
            await connection.execute(INSERT, {"note": note})

    async def add_at_once(self, *notes: str) -> None:
        """Uses as many connections."""
        await asyncio.gather(*map(self.add, notes))

    async def add_soon(self, note: str) -> None:
        """Tries until it works, for as long as is promised."""
        deadline = time.monotonic() + PROMISED
        while True:
            try:
                return await self.add(note)
            except StoreError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)

    async def all(self) -> list[str]:
        async with self.database.begin() as connection:
            return list(await connection.scalars(text("SELECT note FROM notes")))

    async def sessions(self, count: int) -> set[int]:
        """Returns the server's ids of so many pooled connections."""
        async with AsyncExitStack() as held:
            connections = [await held.enter_async_context(self.database.begin()) for _ in range(count)]
            return {int(await each.scalar(text("SELECT pg_backend_pid()"))) for each in connections}


@pytest.fixture
def primary() -> Iterator[Postgres]:
    """A server of the test's own, which it may stop for good."""
    with running_postgres() as server:
        server.run("CREATE TABLE notes (note TEXT)")
        yield server


@pytest.fixture
def standby(primary: Postgres) -> Iterator[Postgres]:
    with primary.standby() as server:
        yield server


@pytest.fixture
def name(postgres: Postgres) -> str:
    """A database of the server that all tests share."""
    name = postgres.new_database().rpartition("/")[2]
    postgres.run("CREATE TABLE notes (note TEXT)", name)
    return name


@pytest.fixture
def relay(postgres: Postgres) -> Iterator[Relay]:
    """The way to that server."""
    with relaying(postgres.port) as relay:
        yield relay


def url(*ports: int, name: str = "postgres") -> str:
    return f"postgresql://postgres@{','.join(f'{HOST}:{port}' for port in ports)}/{name}"


async def test_the_next_host_is_taken_when_the_primary_is_another(
    primary: Postgres, standby: Postgres, tmp_path: Path
) -> None:
    either_order = [
        Notes(url(*ports), tmp_path) for ports in ((primary.port, standby.port), (standby.port, primary.port))
    ]
    for notes in either_order:
        await notes.add_at_once("a", "b", "c")
    primary.stop()
    for notes in either_order:
        with pytest.raises(StoreError):
            await notes.add("lost, and said so")

    standby.promote()
    for notes in either_order:
        await notes.add_soon("d")

    for notes in either_order:
        assert sorted(await notes.all()) == sorted("abcabcdd")
        await notes.database.close()


async def test_a_name_that_moves_is_followed_though_the_old_server_still_answers(
    primary: Postgres, standby: Postgres, tmp_path: Path
) -> None:
    """Idle connections to a server that takes no writes any more are replaced before anyone uses them."""
    with relaying(primary.port) as relay:
        notes = Notes(url(relay.port), tmp_path)
        await notes.add_at_once("a", "b", "c")
        primary.refuse_writes()
        relay.to(standby.port)
        with pytest.raises(StoreError, match="the server is a standby"):
            await notes.all()
        standby.promote()

        await notes.add_at_once("d", "e", "f")

        assert sorted(await notes.all()) == sorted("abcdef")
        await notes.database.close()


async def test_a_transaction_that_meets_a_read_only_server_has_every_connection_replaced(
    postgres: Postgres, name: str, tmp_path: Path
) -> None:
    notes = Notes(url(postgres.port, name=name), tmp_path)
    await notes.add_at_once("a", "b")
    before = await notes.sessions(2)

    async def write() -> None:
        async with notes.database.begin() as connection:
            await connection.execute(text("SET TRANSACTION READ ONLY"))
            await connection.execute(INSERT, {"note": "refused"})

    with pytest.raises(StoreError, match="ReadOnly"):
        await write()

    assert await notes.sessions(2) & before == set()
    await notes.database.close()


async def test_connections_that_hang_are_replaced(relay: Relay, name: str, tmp_path: Path) -> None:
    notes = Notes(url(relay.port, name=name), tmp_path)
    await notes.add_at_once("a", "b", "c")
    relay.hang()

    await notes.add_soon("d")

    assert sorted(await notes.all()) == sorted("abcd")
    await notes.database.close()


async def test_a_transaction_that_hangs_is_given_up(relay: Relay, name: str, tmp_path: Path) -> None:
    notes = Notes(url(relay.port, name=name), tmp_path)
    await notes.add("a")

    async def write() -> None:
        async with notes.database.begin() as connection:
            relay.hang()
            await connection.execute(INSERT, {"note": "unknown"})

    began = time.monotonic()
    with pytest.raises(StoreError, match="Timeout"):
        await write()

    assert time.monotonic() - began < 4 * PROMISED
    await notes.add_soon("b")
    await notes.database.close()


async def test_a_shutdown_is_not_noticed_by_what_comes_after_it(postgres: Postgres, name: str, tmp_path: Path) -> None:
    """The sessions end as they do when the server is shut down (57P01)."""
    notes = Notes(url(postgres.port, name=name), tmp_path)
    await notes.add_at_once("a", "b", "c")
    postgres.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    await notes.add_at_once("d", "e", "f")

    assert sorted(await notes.all()) == sorted("abcdef")
    await notes.database.close()


async def test_a_primary_that_is_read_only_is_read(postgres: Postgres, name: str, tmp_path: Path) -> None:
    """Managed databases refuse writes when their disk is full. Keys are known nevertheless."""
    postgres.run("INSERT INTO notes VALUES ('a')", name)
    postgres.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    notes = Notes(url(postgres.port, name=name), tmp_path)

    for _ in range(2):
        assert await notes.all() == ["a"]
    with pytest.raises(StoreError, match="ReadOnly"):
        await notes.add("b")
    await notes.database.close()


async def test_hosts_that_do_not_answer_leave_time_for_the_next(
    postgres: Postgres, relay: Relay, name: str, tmp_path: Path
) -> None:
    [refusing] = free_ports(1)
    relay.hang_new()
    notes = Notes(url(refusing, relay.port, postgres.port, name=name), tmp_path)

    await notes.add("a")

    assert await notes.all() == ["a"]
    await notes.database.close()
