"""A call that a client saw finished is in usage, once, whatever is killed afterwards."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from arouter.accounts.units import NANOS
from arouter.config.secret import Secret
from arouter.sql.database import Database, database_url
from arouter.sql.schema import migrate
from arouter.v1.key_service_pb2 import GetCurrentKeyRequest
from emulator import Emulator
from support.keys import add_key
from support.kill_clients import GrpcClients, request
from support.kills import TARGETS, Killed, books, kill_again_and_again, until_recorded
from support.ledger import recorded
from support.metrics import scrape
from support.ports import free_ports
from support.postgres import Postgres
from support.stack import running
from support.typed import Client, chat_request, refusal

PRICES = {"prompt": 3.0, "completion": 15.0}
COST = round((11 * 3.0 + 7 * 15.0) / 1e6 * NANOS)
"""What each call costs, in nano-USD: 11 and 7 tokens."""

DISK_LEFT = 700
NOT_WRITTEN = "usage records are not written to the journal"
AGAIN = "usage records are written to the journal again"
"""Bytes: two or three records."""


@pytest.fixture
def priced(config: dict[str, Any], emulator: Emulator) -> dict[str, Any]:
    """A configuration in which calls cost something."""
    [row] = [row for row in config["providers"] if row["id"] == "emu"]
    models = [{"name": name, "prices": PRICES} for name in ("text", "status-500")]
    return {"providers": [{**row, "models": models}]}


@pytest.fixture
async def url(postgres: Postgres, tmp_path: Path) -> str:
    """A migrated PostgreSQL database."""
    url = postgres.new_database()
    database = Database(database_url(Secret(url), tmp_path))
    await migrate(database)
    await database.close()
    return url


@pytest.fixture
async def database(url: str, tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(database_url(Secret(url), tmp_path))
    yield database
    await database.close()


async def test_nothing_is_lost_or_doubled(priced: dict[str, Any], tmp_path: Path) -> None:
    result = await kill_again_and_again(tmp_path / "killed", priced, list(TARGETS))

    assert result.exact, result
    assert result.broken


async def test_nothing_is_lost_or_doubled_on_postgresql(priced: dict[str, Any], url: str, tmp_path: Path) -> None:
    result = await kill_again_and_again(tmp_path / "killed", priced, ["worker", "service"], url=url, seed=1)

    assert result.exact, result


async def test_what_was_spent_before_a_kill_counts_after_it(
    priced: dict[str, Any], emulator: Emulator, tmp_path: Path
) -> None:
    """The service is killed as soon as its client has the end of an answer, before the RPC itself has ended."""
    fallback = {"model": "emu/status-500", "models": ["emu/text"]}
    with running(tmp_path, priced, ("serve",)) as stack:
        secret = add_key(tmp_path / "state", limit_nanos=4 * COST)
        async with stack.async_channel() as channel:
            client = Client(stack, channel, secret)
            await known(client)
            await client.chat.ChatCompletion(chat_request(), **client.options)
            await client.chat.CreateUnaryChatCompletion(request(stream=False, **fallback), **client.options)
            assert [chunk async for chunk in client.chat.StreamChatCompletion(chat_request(), **client.options)]
            data = b""
            async for piece in client.chat.CreateChatCompletion(request(stream=True), **client.options):
                data += piece.data
                if data.endswith(b"[DONE]\n\n"):
                    stack.process.send_signal(signal.SIGKILL)
                    break
        await asyncio.to_thread(stack.process.wait)

    (tmp_path / "again").mkdir()
    with running(tmp_path, priced, ("serve",)) as stack:
        rows = recorded(tmp_path)
        async with stack.async_channel() as channel:
            client = Client(stack, channel, secret)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await client.chat.ChatCompletion(chat_request(), **client.options)

    assert Counter(row["status"] for row in rows if row["attempt"] == 1) == {"ok": 3, "failed": 1}
    assert [row["cost_nanos"] for row in rows if row["status"] == "ok"] == [COST] * 4
    assert refusal(refused.value).reason == "SPENDING_LIMIT"


async def test_a_full_disk_is_said_and_costs_no_call(
    priced: dict[str, Any], url: str, database: Database, tmp_path: Path
) -> None:
    [metrics] = free_ports(1)
    service = Killed(tmp_path / "full", priced, 2, {"AROUTER_DATABASE_URL": url, "AROUTER_METRICS_PORT": str(metrics)})
    try:
        await asyncio.to_thread(service.start)
        unlimited = psutil.RLIM_INFINITY
        workers = service.workers()
        async with GrpcClients(service.port).calling(8) as load:
            await load.more(50)
            for worker in workers:
                worker.rlimit(psutil.RLIMIT_FSIZE, (DISK_LEFT, unlimited))
            await asyncio.to_thread(service.process.wait_until, lambda: unjournalled(metrics) > 0, "counted")
            await load.more(100)
            for worker in workers:
                worker.rlimit(psutil.RLIMIT_FSIZE, (unlimited, unlimited))
            await asyncio.to_thread(service.process.wait_until, lambda: said_again(service.process.log), "said again")
            # From now on a kill loses nothing again.
            await load.more(50)
        assert not load.broken
        await asyncio.to_thread(service.stop)
        await until_recorded(database, load.finished)
        found = await books(database)
        assert found.recorded == found.summed
        # A file that the database has emptied takes some more, so a process may say it twice.
        assert NOT_WRITTEN in service.process.log
        assert "File too large" in service.process.log
    finally:
        service.end()


def said_again(log: str) -> bool:
    """Whether each process that has said that it does not write has also said that it does again."""
    return log.count(AGAIN) == log.count(NOT_WRITTEN) > 0


async def known(client: Client) -> None:
    """Waits until the service has seen the client's key, and what that may spend."""
    async with asyncio.timeout(10):
        while not await is_limited(client):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # It looks once a second.


async def is_limited(client: Client) -> bool:
    try:
        answer = await client.keys.GetCurrentKey(GetCurrentKeyRequest(), **client.options)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
            raise
        return False
    return answer.data.limit > 0


def unjournalled(port: int) -> float:
    return scrape(port)("arouter_usage_records_unjournalled_total")
