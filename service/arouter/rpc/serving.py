"""Publishes in `grpc.health.v1` whether the service can answer calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from grpc_health.v1.health import aio
from grpc_health.v1.health_pb2 import HealthCheckResponse

LIVENESS = "liveness"
"""The health service of the process itself: SERVING while its event loop runs, even if it waits for dependencies."""

_INTERVAL = 0.5
"""Seconds between two checks."""


class ServingStatus:
    """A background task that checks whether the service can answer.

    Args:
        servicer: The health service to update.
        services: The names that share the status.
        can_answer: Returns whether the service can answer, without waiting.
    """

    def __init__(self, servicer: aio.HealthServicer, services: Iterable[str], can_answer: Callable[[], bool]) -> None:
        self._servicer = servicer
        self._services = tuple(services)
        self._can_answer = can_answer
        self._task: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Publishes that the process is alive but does not serve yet."""
        await self._servicer.set(LIVENESS, HealthCheckResponse.SERVING)
        await self._report(can_answer=False)

    async def start(self) -> None:
        """Publishes SERVING and starts the task."""
        await self._report(can_answer=True)
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stops the task and publishes NOT_SERVING."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._report(can_answer=False)

    async def _follow(self) -> None:
        reported = True
        while True:
            await asyncio.sleep(_INTERVAL)
            can_answer = self._can_answer()
            if can_answer != reported:
                reported = can_answer
                await self._report(can_answer=can_answer)

    async def _report(self, *, can_answer: bool) -> None:
        status = HealthCheckResponse.SERVING if can_answer else HealthCheckResponse.NOT_SERVING
        for service in self._services:
            await self._servicer.set(service, status)
