"""Publishes how the providers are doing as services of `grpc.health.v1`, one a provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from grpc_health.v1.health import aio
from grpc_health.v1.health_pb2 import HealthCheckResponse

from arouter.health.board import HealthBoard, ProviderState


class ProviderHealth:
    """One background task, which sleeps until the board says that a provider has become available or unavailable.

    Args:
        board: Knows how the providers are doing.
        servicer: Is told, as `provider/<id>`.
        providers: The ids of those that are on.
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
        """Publishes other providers from now on; of those that are gone, that they are not known."""
        before, self._providers = self._providers, tuple(providers)
        self._gone = (self._gone | set(before)) - set(self._providers)
        self._changed.set()

    async def start(self) -> None:
        """Publishes every provider as it is, and starts the task."""
        await self._publish()
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Ends the task, and says NOT_SERVING for every provider."""
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
