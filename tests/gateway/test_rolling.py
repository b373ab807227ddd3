"""Two gateways, two services, PostgreSQL and Valkey under steady load: each part is replaced, and no client notices."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from emulator import Call, Emulator, answers, wire
from support.cluster import Balancer, Gateway, Service
from support.load import Load
from support.ports import HOST
from support.postgres import Postgres
from support.stack import PROVIDER_KEY, started
from support.valkey import valkey_running

USERS = 12
PACE = 0.02
"""Seconds between two words: calls are in flight at any time."""


async def paced(call: Call) -> web.StreamResponse:
    """Takes its time, streamed or not."""
    pieces = wire.events(answers.text_chunks(call.model, answers.WORDS, usage=call.wants_usage))
    if not call.wants_stream:
        await asyncio.sleep(PACE * len(pieces))
        return wire.document(answers.completion(call.model))
    async with wire.stream(call) as response:
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(PACE)
    return response


class Cluster(NamedTuple):
    """All that runs."""

    services: list[Service]
    gateways: list[Gateway]


@pytest.fixture(scope="module")
def cluster(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as parts:
        provider = parts.enter_context(Emulator({"paced": paced}))
        row = {"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": ["paced"]}
        # As deploy/kubernetes has it: longer than the gateway's health check takes.
        config: dict[str, Any] = {"providers": [row], "server": {"drain_delay": 2}}
        valkey = parts.enter_context(valkey_running())
        shared = {"AROUTER_DATABASE_URL": postgres.new_database(), "AROUTER_REDIS_URL": valkey.url}
        with started(folder / "migrate", None, ("migrate",), shared) as migration:
            assert migration.wait() == 0, migration.log
        services = [Service(folder / f"service{number}", config, shared) for number in range(2)]
        found = [service.address for service in services]
        gateways = [Gateway(folder / f"gateway{number}", config, found) for number in range(2)]
        for part in (*services, *gateways):
            parts.callback(part.end)
            part.start()
        yield Cluster(services, gateways)


@pytest.fixture
async def load(cluster: Cluster) -> AsyncIterator[Load]:
    async with Balancer(cluster.gateways).running() as balancer:
        load = Load(f"http://{HOST}:{balancer.port}/v1/chat/completions", "emu/paced", answers.TEXT)
        async with load.running(USERS):
            await load.more(2)
            yield load


async def test_each_service_is_replaced_without_a_failed_call(cluster: Cluster, load: Load) -> None:
    for service in cluster.services:
        await asyncio.to_thread(service.stop)
        await load.more(2)
        await asyncio.to_thread(service.start)
        await load.more(2)

    assert load.failed == []


async def test_each_gateway_is_replaced_without_a_failed_call(cluster: Cluster, load: Load) -> None:
    for gateway in cluster.gateways:
        await asyncio.to_thread(gateway.stop)
        await load.more(2)
        await asyncio.to_thread(gateway.start)
        await load.more(2)

    assert load.failed == []


async def test_a_service_that_is_killed_takes_only_its_own_calls_along(cluster: Cluster, load: Load) -> None:
    victim = cluster.services[0]
    await asyncio.to_thread(victim.kill)
    gone = time.monotonic()
    await load.more(5)
    lost = load.failed
    await asyncio.to_thread(victim.start)
    await load.more(5)

    assert load.failed == lost
    for answer in lost:
        assert answer.started < gone
        if answer.status == 200:  # a stream that had begun breaks off, so that no SDK takes it for whole
            assert answer.stream
            assert "[DONE]" not in answer.body
        else:
            assert answer.status == 503
            assert json.loads(answer.body)["error"]["code"] == "unavailable"
