"""Publishes the health of providers as services of `grpc.health.v1`, one per provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from grpc_health.v1.health import aio
from grpc_health.v1.health_pb2 import HealthCheckResponse

from arouter.health.board import HealthBoard, ProviderState


class ProviderHealth:
    """A background task that waits for the board to report that a provider has become available or unavailable.

    Args:
        board: The health of the providers.
        servicer: The health service, which is updated for `provider/<id>`.
        providers: The ids of the enabled providers.
    """

    def __init__(self, board: HealthBoard, servicer: aio.HealthServicer, providers: Iterable[str]) -> None:
        self._board = board
        self._servicer = servicer
        self._providers = tuple(providers)
        self._gone: set[str] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        board.listen(lambda _: self._changed.set())

    def configure(self, providers: Iterable[str]) -> None:
        """Replaces the providers; removed ones are published as unknown."""
        before, self._providers = self._providers, tuple(providers)
        self._gone = (self._gone | set(before)) - set(self._providers)
        self._changed.set()

    async def start(self) -> None:
        """Publishes the state of every provider and starts the task."""
        await self._publish()
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stops the task and publishes NOT_SERVING for every provider."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for provider in self._providers:
            await self._servicer.set(_service(provider), HealthCheckResponse.NOT_SERVING)

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._publish()

    async def _publish(self) -> None:
        for provider in self._providers:
            unavailable = self._board.provider_state(provider, time.monotonic()) is ProviderState.UNAVAILABLE
            status = HealthCheckResponse.NOT_SERVING if unavailable else HealthCheckResponse.SERVING
            await self._servicer.set(_service(provider), status)
        for provider in self._gone:
            await self._servicer.set(_service(provider), HealthCheckResponse.SERVICE_UNKNOWN)


def _service(provider: str) -> str:
    return f"provider/{provider}"
