"""Two services that share PostgreSQL and Valkey are one to their callers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any, NamedTuple

import grpc
import pytest

from arouter.v1 import key_pb2, key_service_pb2, model_service_pb2
from arouter.v1.key_service_pb2_grpc import KeyServiceStub
from emulator import Emulator
from support.postgres import Postgres
from support.stack import MANAGEMENT_KEY, PROVIDER_KEY, Stack, running, started
from support.typed import TIMEOUT, Client, chat_request
from support.valkey import valkey_running

PRICES = {"prompt": 1000.0, "completion": 1000.0}
OPERATOR = {"metadata": (("authorization", f"Bearer {MANAGEMENT_KEY}"),), "timeout": TIMEOUT}


@pytest.fixture(scope="module")
def services(
    provider: Emulator, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, Stack]]:
    folder = tmp_path_factory.mktemp("two")
    row = {"id": "paid", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY]}
    row["models"] = [{"name": "text", "prices": PRICES}, {"name": "gated", "prices": PRICES}]
    config = {"providers": [row], "limits": {"timeout": 30, "when_down": "closed"}}
    with ExitStack() as parts:
        valkey = parts.enter_context(valkey_running())
        environment = {"AROUTER_DATABASE_URL": postgres.new_database(), "AROUTER_REDIS_URL": valkey.url}
        with started(folder / "migrate", None, ("migrate",), environment) as migration:
            assert migration.wait() == 0, migration.log
        first, second = (
            parts.enter_context(running(folder / name, config, ("serve",), environment)) for name in ("one", "two")
        )
        yield first, second


class Both(NamedTuple):
    """Clients of both services, and what manages their keys."""

    clients: tuple[Client, Client]
    keys: KeyServiceStub

    async def key(self, **fields: Any) -> tuple[str, dict[str, Any]]:
        """Makes a key that both know; returns its hash and a call's options."""
        made = await self.keys.CreateKey(
            key_service_pb2.CreateKeyRequest(key=key_pb2.Key(name="a test's", **fields)), **OPERATOR
        )
        options = {"metadata": (("authorization", f"Bearer {made.key}"),), "timeout": TIMEOUT}
        for client in self.clients:
            while await code(client.models.ListModels(model_service_pb2.ListModelsRequest(), **options)) is not None:
                pass  # Each question is a round trip; a new key is known within 5 s.
        return made.data.hash, options


async def code(call: Any) -> grpc.StatusCode | None:
    """Returns what a call failed with, or None."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return None


@pytest.fixture
async def both(services: tuple[Stack, Stack], emulator: Emulator) -> AsyncIterator[Both]:
    async with AsyncExitStack() as channels:
        opened = [await channels.enter_async_context(stack.async_channel()) for stack in services]
        first, second = (Client(stack, channel) for stack, channel in zip(services, opened, strict=True))
        yield Both((first, second), KeyServiceStub(opened[0]))


async def test_a_limit_of_fifty_lets_fifty_through(both: Both, emulator: Emulator) -> None:
    _, options = await both.key(rate_limit=key_pb2.RateLimit(requests_per_minute=50))

    calls = [both.clients[index % 2].chat.ChatCompletion(chat_request("paid/text"), **options) for index in range(200)]
    codes = await asyncio.gather(*map(code, calls))

    assert codes.count(None) == 50
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 150
    assert len(emulator.calls) == 50


async def test_a_spending_limit_is_exceeded_by_one_reservation_at_most(both: Both, emulator: Emulator) -> None:
    whole = await both.clients[0].chat.ChatCompletion(
        chat_request("paid/text"), metadata=(await both.key())[1]["metadata"], timeout=TIMEOUT
    )
    price = whole.usage.cost
    _, options = await both.key(limit=price * 10)

    codes: list[grpc.StatusCode | None] = []
    async with asyncio.timeout(TIMEOUT):
        # What is reserved holds others back until it is settled, so that a round may let few of its calls through.
        while codes.count(None) < 10:
            calls = [
                both.clients[index % 2].chat.ChatCompletion(chat_request("paid/text", max_tokens=100), **options)
                for index in range(10)
            ]
            codes += await asyncio.gather(*map(code, calls))
    codes += [await code(client.chat.ChatCompletion(chat_request("paid/text"), **options)) for client in both.clients]

    assert set(codes) == {None, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes[-2:] == [grpc.StatusCode.RESOURCE_EXHAUSTED] * 2
    assert codes.count(None) <= 11
    assert len(emulator.calls) == codes.count(None) + 1


async def test_a_key_revoked_at_one_stops_at_the_other(both: Both) -> None:
    hash_, options = await both.key()

    await both.keys.DeleteKey(key_service_pb2.DeleteKeyRequest(hash=hash_), **OPERATOR)

    async with asyncio.timeout(5):
        while await code(both.clients[1].chat.ChatCompletion(chat_request("paid/text"), **options)) is None:
            pass
    refused = await code(both.clients[1].chat.ChatCompletion(chat_request("paid/text"), **options))
    assert refused is grpc.StatusCode.UNAUTHENTICATED
