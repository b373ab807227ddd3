"""Another server becomes the primary: counts stay, nothing counts twice, and calls are soon checked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from arouter.accounts.keys import AuthenticatedKey
from arouter.errors import ARouterError, Failure
from arouter.limits.limiter import Limiter
from arouter.limits.valkey import entry
from arouter.limits.worst_case import WorstCase
from support.ports import HOST, free_ports
from support.valkey import ValkeyServer, valkey_running

from .conftest import MakeKey, MakeLimiter, recovered

WORST = WorstCase(10, 10)
CONNECTIONS = 16
ALLOWED = 100


class MovingName:
    """A name that follows the primary, as a Kubernetes Service does: connections that are open stay where they are."""

    def __init__(self) -> None:
        self.port = free_ports(1)[0]
        self.target = 0
        self._copying: set[asyncio.Task[None]] = set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._copy(source, sink))
            self._copying.add(task)
            task.add_done_callback(self._copying.discard)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
        sink.close()

    async def finished(self) -> None:
        if self._copying:
            await asyncio.wait(self._copying)


@pytest.fixture
async def name() -> AsyncIterator[MovingName]:
    name = MovingName()
    async with await asyncio.start_server(name.connect, HOST, name.port):
        yield name


@pytest.fixture
def servers() -> Iterator[tuple[ValkeyServer, ValkeyServer]]:
    """A primary and its replica."""
    with ExitStack() as stack:
        options = ("--repl-diskless-sync-delay", "0")
        primary, replica = (stack.enter_context(valkey_running(*options)) for _ in range(2))
        replica.replicate(primary)
        yield primary, replica


async def call(limiter: Limiter, key: AuthenticatedKey) -> bool:
    """Makes a call of 1 nano-USD, and says whether it was let in."""
    try:
        reservation = await limiter.reserve(key, WORST)
    except ARouterError as error:
        if error.failure is Failure.RATE_LIMITED:
            return False
        raise
    reservation.settle(1, 1)
    return True


async def test_connections_to_the_old_primary_are_given_up(
    make_limiter: MakeLimiter, make_key: MakeKey, servers: tuple[ValkeyServer, ValkeyServer], name: MovingName
) -> None:
    """The old primary stays up and its connections open. No call is lost, and each counts once."""
    old, new = servers
    name.target = old.port
    limiter, key = make_limiter(f"valkey://{HOST}:{name.port}"), make_key(requests_per_day=ALLOWED, limit=10**6)
    assert all(await asyncio.gather(*(call(limiter, key) for _ in range(CONNECTIONS))))
    await limiter.settled()
    old.command("WAIT", 1, 5000)

    new.command("REPLICAOF", "NO", "ONE")
    name.target = new.port
    old.replicate(new)
    for _ in range(3):
        assert all(await asyncio.gather(*(call(limiter, key) for _ in range(CONNECTIONS))))
        await limiter.settled()

    assert limiter.unchecked == 0
    calls = 4 * CONNECTIONS
    window = await limiter._windows.look(key, limiter.now())
    assert window.day is not None
    assert window.day.remaining == ALLOWED - calls
    assert new.command("HGETALL", entry(key.hash, "money", "1970-01-01")) == {b"spent": str(calls).encode()}
    await limiter.close()
    await name.finished()


async def test_a_name_that_follows_late_costs_no_restart(
    make_limiter: MakeLimiter, make_key: MakeKey, servers: tuple[ValkeyServer, ValkeyServer], name: MovingName
) -> None:
    old, new = servers
    name.target = old.port
    limiter, key = make_limiter(f"valkey://{HOST}:{name.port}"), make_key(requests_per_day=ALLOWED, limit=10**6)
    await asyncio.gather(*(call(limiter, key) for _ in range(CONNECTIONS)))
    await limiter.settled()

    new.command("REPLICAOF", "NO", "ONE")
    old.replicate(new)
    await asyncio.gather(*(call(limiter, key) for _ in range(CONNECTIONS)))
    assert limiter.unchecked > 0

    name.target = new.port
    await recovered(limiter, key)
    await limiter.close()
    await name.finished()


async def test_a_primary_that_hangs_is_left(
    make_limiter: MakeLimiter, make_key: MakeKey, servers: tuple[ValkeyServer, ValkeyServer], name: MovingName
) -> None:
    """Nothing tells of the connections that are open: one that times out gives all of them up."""
    old, new = servers
    name.target = old.port
    limiter = make_limiter(f"valkey://{HOST}:{name.port}", timeout=1.0)
    key = make_key(requests_per_day=ALLOWED, limit=10**6)
    await asyncio.gather(*(call(limiter, key) for _ in range(CONNECTIONS)))
    await limiter.settled()

    with old.halted():
        new.command("REPLICAOF", "NO", "ONE")
        name.target = new.port
        await call(limiter, key)
        await recovered(limiter, key)
        before = limiter.unchecked
        await asyncio.gather(*(call(limiter, key) for _ in range(CONNECTIONS)))
        assert limiter.unchecked == before
    await limiter.close()
    await name.finished()


@pytest.mark.parametrize("reason", ["READONLY", "LOADING", "MASTERDOWN"])
async def test_a_server_that_serves_no_call_yet_is_used_once_it_does(
    make_limiter: MakeLimiter,
    make_key: MakeKey,
    servers: tuple[ValkeyServer, ValkeyServer],
    caplog: pytest.LogCaptureFixture,
    reason: str,
) -> None:
    old, new = servers
    limiter, key = make_limiter(new.url), make_key(requests_per_day=ALLOWED)
    if reason == "MASTERDOWN":
        new.command("CONFIG", "SET", "replica-serve-stale-data", "no")
        old.stop()
        new.wait_until(lambda: new.command("INFO", "replication")["master_link_status"] == "down")
    elif reason == "LOADING":
        old.command("EVAL", "for i = 1, 3000 do redis.call('SET', i, string.rep('x', 100)) end", 0)
        for option, value in (("key-load-delay", 200), ("loading-process-events-interval-bytes", 1024)):
            new.command("CONFIG", "SET", option, value)
        new.command("REPLICAOF", "NO", "ONE")
        new.command("FLUSHALL")
        new.command("REPLICAOF", HOST, old.port)
        new.wait_until(lambda: new.command("INFO", "persistence")["loading"] == 1)

    await call(limiter, key)

    assert limiter.unchecked == 1
    assert reason in caplog.text
    new.wait_until(lambda: new.command("INFO", "persistence")["loading"] == 0)
    new.command("REPLICAOF", "NO", "ONE")
    await recovered(limiter, key)


async def test_scripts_that_the_server_has_forgotten_are_sent_again(
    make_limiter: MakeLimiter, make_key: MakeKey, servers: tuple[ValkeyServer, ValkeyServer]
) -> None:
    limiter, key = make_limiter(servers[0].url), make_key(requests_per_minute=2, limit=1000)
    await call(limiter, key)

    servers[0].command("SCRIPT", "FLUSH")
    await call(limiter, key)

    assert not await call(limiter, key)
    assert limiter.unchecked == 0


async def test_the_primary_that_sentinel_knows_is_used(
    make_limiter: MakeLimiter, make_key: MakeKey, servers: tuple[ValkeyServer, ValkeyServer], tmp_path: Path
) -> None:
    old, new = servers
    settings = tmp_path / "sentinel.conf"
    settings.write_text(f"sentinel monitor main {HOST} {old.port} 1\nsentinel down-after-milliseconds main 500\n")
    with valkey_running(str(settings), "--sentinel") as sentinel:
        away = free_ports(1)[0]
        url = f"valkey+sentinel://{HOST}:{away},{HOST}:{sentinel.port}/main/0"
        limiter, key = make_limiter(url), make_key(requests_per_day=ALLOWED, limit=10**6)
        # It promotes no replica before that has told it about itself.
        sentinel.wait_until(
            lambda: any(b"ok" in replica for replica in sentinel.command("SENTINEL", "REPLICAS", "main"))
        )
        assert all(await asyncio.gather(*(call(limiter, key) for _ in range(CONNECTIONS))))
        await limiter.settled()
        assert limiter.unchecked == 0
        old.command("WAIT", 1, 5000)

        sentinel.command("SENTINEL", "FAILOVER", "main")
        sentinel.wait_until(lambda: f"{new.port}".encode() in sentinel.command("SENTINEL", "PRIMARY", "main"))

        await recovered(limiter, key)
        found = await limiter._windows.look(key, limiter.now())
        assert found.day is not None
        assert ALLOWED - found.day.remaining > CONNECTIONS
        assert new.command("INFO", "replication")["role"] == "master"
        await limiter.close()
