"""Publishes in `grpc.health.v1` whether the service can answer calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from grpc_health.v1.health import aio
from grpc_health.v1.health_pb2 import HealthCheckResponse

from arouter.periodic import PeriodicTask

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
        self._reported = False
        self._task = PeriodicTask("publish the serving status", self._check, _INTERVAL)

    async def prepare(self) -> None:
        """Publishes that the process is alive but does not serve yet."""
        await self._servicer.set(LIVENESS, HealthCheckResponse.SERVING)
        await self._report(can_answer=False)

    async def start(self) -> None:
        """Publishes SERVING and starts the task."""
        await self._report(can_answer=True)
        self._task.start(delay=_INTERVAL)

    async def stop(self) -> None:
        """Stops the task and publishes NOT_SERVING."""
        await self._task.stop()
        await self._report(can_answer=False)

    async def _check(self) -> None:
        can_answer = self._can_answer()
        if can_answer != self._reported:
            await self._report(can_answer=can_answer)

    async def _report(self, *, can_answer: bool) -> None:
        self._reported = can_answer
        status = HealthCheckResponse.SERVING if can_answer else HealthCheckResponse.NOT_SERVING
        for service in self._services:
            await self._servicer.set(service, status)
