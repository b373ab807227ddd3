"""Error replies of the store: each concerns its own call, and what the server cannot do is said at the start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from arouter.accounts.keys import AuthenticatedKey
from arouter.config.load import ConfigError
from arouter.config.secret import Secret
from arouter.errors import ARouterError
from arouter.limits.address import storage_place
from arouter.limits.limiter import Limiter
from arouter.limits.valkey import entry
from arouter.limits.worst_case import WorstCase
from support.ports import HOST
from support.valkey import ValkeyServer, valkey_running

from .conftest import MakeKey, MakeLimiter

WORST = WorstCase(10, 10)


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    with valkey_running() as server:
        yield server


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A cluster of one server, which serves no slots yet."""
    with valkey_running("--cluster-enabled", "yes", "--cluster-config-file", str(tmp_path / "nodes.conf")) as server:
        yield server


async def is_checked(limiter: Limiter, key: AuthenticatedKey) -> bool:
    """Makes a call and says whether it was checked, and not let through or refused for want of the store."""
    before = limiter.unchecked + limiter.denied
    with contextlib.suppress(ARouterError):
        (await limiter.reserve(key, WORST)).settle(1, 1)
    await limiter.settled(0.1)
    return limiter.unchecked + limiter.denied == before


@pytest.mark.parametrize("when_down", ["open", "closed"])
@pytest.mark.parametrize(
    ("rates", "parts"),
    [
        ({"requests_per_minute": 9}, ["minute"]),
        ({"limit": 1000}, ["money", "1970-01-01"]),
        ({"limit": 1000, "tokens_per_minute": 9000}, ["money", "1970-01-01"]),  # two commands in one write
    ],
)
async def test_an_entry_of_a_wrong_type_concerns_its_key_alone(
    make_limiter: MakeLimiter,
    make_key: MakeKey,
    server: ValkeyServer,
    caplog: pytest.LogCaptureFixture,
    when_down: str,
    rates: dict[str, int],
    parts: list[str],
) -> None:
    limiter, broken, other = make_limiter(server.url, when_down=when_down), make_key(**rates), make_key(**rates)
    server.command("SET", entry(broken.hash, *parts), "what")

    for _ in range(3):
        assert not await is_checked(limiter, broken)
        assert await is_checked(limiter, other)

    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "WRONGTYPE" in errors[0]
    assert f"delete the entry: {entry(broken.hash, *parts)}" in errors[0]
    assert ":tokens:" not in errors[0]
    server.command("DEL", entry(broken.hash, *parts))
    assert await is_checked(limiter, broken)


async def test_a_hold_that_is_refused_does_not_keep_others_waiting(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer
) -> None:
    limiter, broken, other = make_limiter(server.url, timeout=0.25), make_key(limit=1000), make_key(limit=5)
    await limiter.start()
    under_way = [await limiter.reserve(key, WORST) for key in (broken, other)]
    name = entry(broken.hash, "money", "1970-01-01")
    server.command("DEL", name)
    server.command("SET", name, "what")

    with server.halted():
        for reservation in under_way:
            reservation.settle(1, 1)
        await asyncio.wait(limiter._tasks, return_when=asyncio.FIRST_COMPLETED)

    fields = {name: int(amount) for name, amount in await period(server, other, limiter) if name != "spent"}
    assert sum(fields.values()) == 0


async def period(server: ValkeyServer, key: AuthenticatedKey, limiter: Limiter) -> list[tuple[str, str]]:
    """Returns a key's money, once nothing of it is held or the limiter no longer tries."""
    for _ in range(100):
        found = server.command("HGETALL", entry(key.hash, "money", "1970-01-01"))
        fields = [(name.decode(), amount.decode()) for name, amount in found.items()]
        if [name for name, _ in fields] == ["spent"]:
            break
        await limiter.settled(0.05)
    return fields


async def test_a_full_store_refuses_calls_one_by_one(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    limiter, key = make_limiter(server.url), make_key(requests_per_day=1000, limit=1000)
    assert await is_checked(limiter, key)

    server.command("CONFIG", "SET", "maxmemory", 1)
    for _ in range(3):
        assert not await is_checked(limiter, key)
    server.command("CONFIG", "SET", "maxmemory", 0)

    assert await is_checked(limiter, key)
    assert [("OOM" in record.message, "maxmemory" in record.message) for record in caplog.records] == [(True, True)]


@pytest.mark.parametrize(
    ("rule", "works"),
    [
        ("-script", True),
        ("-@all +eval +evalsha +time +get +incrby +del +expire +pexpire +lindex +lpop +rpop +rpush +llen"
         " +hget +hset +hsetnx +hdel +hincrby +hgetall +select", True),
        ("-eval -evalsha", False),
        ("-hincrby", False),
        ("resetkeys ~other:*", False),
    ],
)  # fmt: skip
async def test_what_the_user_may_not_do_is_said_at_the_start(
    make_limiter: MakeLimiter,
    make_key: MakeKey,
    server: ValkeyServer,
    caplog: pytest.LogCaptureFixture,
    rule: str,
    works: bool,
) -> None:
    """Without SCRIPT it works; the commands of docs/operation.md are enough."""
    server.command("ACL", "SETUSER", "router", "on", ">secret", "~arouter:*", "+@all", *rule.split())
    limiter = make_limiter(server.url.replace("//", "//router:secret@"))

    await limiter.start()

    messages = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert [("NOPERM" in message, "docs/operation.md" in message) for message in messages] == [(True, True)] * (
        not works
    )
    if works:
        assert await is_checked(limiter, make_key(requests_per_minute=9, requests_per_day=9, limit=1000))


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (("//", "//router:wrong@"), "user and password"),
        (("/0", "/99"), "database number"),
    ],
)
async def test_what_can_never_work_is_said_at_the_start(
    make_limiter: MakeLimiter,
    make_key: MakeKey,
    server: ValkeyServer,
    caplog: pytest.LogCaptureFixture,
    change: tuple[str, str],
    advice: str,
) -> None:
    limiter = make_limiter(server.url.replace(*change))

    await limiter.start()

    assert [(record.levelno, advice in record.message) for record in caplog.records] == [(logging.ERROR, True)]
    assert "wrong" not in caplog.text.replace("WRONGPASS", "")
    assert not await is_checked(limiter, make_key(requests_per_day=9))


async def test_a_missing_password_is_said_at_the_start(
    make_limiter: MakeLimiter, server: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.command("CONFIG", "SET", "requirepass", "secret")

    await make_limiter(server.url).start()

    assert [(record.levelno, "user and password" in record.message) for record in caplog.records] == [
        (logging.ERROR, True)
    ]


async def test_another_kind_of_server_is_said_at_the_start(
    make_limiter: MakeLimiter, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as other:
        await make_limiter(f"valkey://{HOST}:{other.sockets[0].getsockname()[1]}").start()

    assert [(record.levelno, "not Valkey or Redis" in record.message) for record in caplog.records] == [
        (logging.ERROR, True)
    ]


async def test_a_store_that_is_away_at_the_start_is_waited_for_by_no_one(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    limiter = make_limiter(server.url)

    await limiter.start()

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert not await is_checked(limiter, make_key(requests_per_day=9))


# --- Clusters ---------------------------------------------------------------------------------------------------------


async def test_a_cluster_of_one_shard_counts(
    make_limiter: MakeLimiter, make_key: MakeKey, cluster: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.serve_slots(0, 16_383)
    limiter, key = (
        make_limiter(cluster.url),
        make_key(requests_per_minute=3, requests_per_day=9, tokens_per_minute=1000, limit=1000),
    )

    await limiter.start()
    for _ in range(3):
        assert await is_checked(limiter, key)

    with pytest.raises(ARouterError, match="3 requests per minute is reached"):
        await limiter.reserve(key, WORST)
    assert not caplog.records


async def test_a_cluster_of_several_shards_is_said_at_the_start(
    make_limiter: MakeLimiter, make_key: MakeKey, cluster: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys that are elsewhere are not checked; the others are."""
    cluster.serve_slots(0, 8191)
    limiter = make_limiter(cluster.url)

    await limiter.start()

    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    keys = [make_key(requests_per_day=9) for _ in range(20)]
    here = [cluster.command("CLUSTER", "KEYSLOT", entry(key.hash)) < 8192 for key in keys]
    assert [await is_checked(limiter, key) for key in keys] == here


# --- Addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+cluster://:secret@h:1", "cluster:// is not supported"),
        ("valkey+cluster://:secret@h:1,i:2", "cluster:// is not supported"),
        ("valkeys+sentinel://:secret@h:1/primary", "Sentinel with TLS"),
        ("valkey+sentinel://:secret@h:1", "/primary/number"),
        ("valkey+sentinel://:secret@h:1/primary/x", "/primary/number"),
        ("valkey+sentinel://:secret@/primary", "not a URL"),
        ("valkey://:secret@h:1/x", "number of a database"),
        ("valkey://:secret@h:1/0?retry_on_timeout=yes", "option"),
        ("valkey://:secret@h:1/0?socket_timeout=x", "option"),
        ("unix:///tmp/secret", "expected redis://"),
        ("sentinel://:secret@h:1", "expected redis://"),
    ],
)
def test_an_address_that_cannot_work_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(ConfigError, match="AROUTER_REDIS_URL: ") as caught:
        storage_place(Secret(url))

    assert why in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("valkeys://user:secret@h:1/2?ssl_cert_reqs=none", "h:1/2"),
        ("redis+sentinel://user:secret@h:1,i:2/p/3", "the primary that Sentinel knows at h:1,i:2/p/3"),
    ],
)
def test_a_place_is_shown_without_its_credentials(url: str, place: str) -> None:
    assert storage_place(Secret(url)) == place
