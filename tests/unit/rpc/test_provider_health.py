"""Providers' health is published when it changes, and only then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from grpc_health.v1.health import aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from arouter.health.board import HealthBoard
from arouter.health.origin import Origin
from arouter.rpc.provider_health import ProviderHealth

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN

ORIGIN = Origin("key", {})


class Published:
    """A board, and what is published of its providers `acme` and `other`."""

    def __init__(self) -> None:
        self.board = HealthBoard()
        self._servicer = aio.HealthServicer()
        self.publisher = ProviderHealth(self.board, self._servicer, ["acme", "other"])

    async def fail(self) -> None:
        for _ in range(3):
            call = self.board.begin("acme/model", "acme#1", time.monotonic(), ORIGIN)
            assert call is not None
            call.failed(time.monotonic())
        await self._settle()

    async def succeed(self) -> None:
        call = self.board.begin("acme/another", "acme#1", time.monotonic(), ORIGIN)
        assert call is not None
        call.succeeded(time.monotonic())
        await self._settle()

    async def configure(self, *providers: str) -> None:
        self.publisher.configure(providers)
        await self._settle()

    async def all(self, *providers: str) -> list[int]:
        names = [f"provider/{name}" for name in providers or ("acme", "other")]
        return [(await self._servicer.Check(HealthCheckRequest(service=name), None)).status for name in names]

    async def _settle(self) -> None:
        # One turn of the loop wakes the task, the next one lets it publish.
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def published() -> AsyncIterator[Published]:
    published = Published()
    await published.publisher.start()
    yield published
    await published.publisher.stop()


async def test_all_are_serving_at_the_start(published: Published) -> None:
    """Nothing bad is known of them."""
    assert await published.all() == [SERVING, SERVING]


async def test_one_that_fails_is_not_serving_until_it_succeeds(published: Published) -> None:
    """The other is as it was."""
    await published.fail()
    assert await published.all() == [NOT_SERVING, SERVING]

    await published.succeed()
    assert await published.all() == [SERVING, SERVING]


async def test_other_providers_take_their_place(published: Published) -> None:
    """One that is gone is not known; one that comes back is as any other."""
    await published.configure("other", "new")
    assert await published.all("acme", "other", "new") == [UNKNOWN, SERVING, SERVING]

    await published.configure("acme")
    assert await published.all("acme", "other", "new") == [SERVING, UNKNOWN, UNKNOWN]


async def test_none_is_serving_after_the_end(published: Published) -> None:
    """A watching client goes elsewhere before the service does."""
    await published.publisher.stop()

    assert await published.all() == [NOT_SERVING, NOT_SERVING]
