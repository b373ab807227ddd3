"""One worker, from start to shutdown: the composition root."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

from arouter.config.environment import Environment
from arouter.config.schema import Config
from arouter.providers.provider import Provider
from arouter.server.database import wait_for_schema
from arouter.server.grpc_server import GrpcServer
from arouter.server.parts import build_parts
from arouter.server.reload.reconfigure import reconfigure
from arouter.server.reload.reload import ConfigReload

if TYPE_CHECKING:
    from arouter.server.metrics import Metrics

_LIST_TIMEOUT = 2.0
"""Seconds that start-up waits for the providers' own model lists; late lists are read in the background."""

_REFUSALS = 1.0
"""Seconds in which new calls get UNAVAILABLE before connections get GOAWAY."""

_LAST_STATUS = 1.0
"""Seconds for calls to send their status after they are settled."""

_log = logging.getLogger(__name__)


class App:
    """One worker.

    Args:
        config: The configuration of the service.
        environment: The environment of the process.
        share_port: Whether other processes listen on the same ports (`SO_REUSEPORT`).

    Attributes:
        reload: Applies a changed configuration.

    Raises:
        ConfigError: `config` or `environment` is invalid.
    """

    def __init__(self, config: Config, environment: Environment, *, share_port: bool) -> None:
        self._config = config
        self._metrics = _metrics(environment, share_port) if environment.metrics_port else None
        observers = (self._metrics.observe,) if self._metrics else ()
        self._parts = build_parts(config, environment, observers)
        self._server = GrpcServer(config, environment, self._parts, share_port=share_port)
        self.reload = ConfigReload(config, environment, self._configure)

    async def start(self) -> None:
        """Waits for the database, reads the model lists and sets the status to SERVING.

        Raises:
            ConfigError: A port cannot be opened; the database belongs to a newer release.
        """
        address = await self._server.bind()
        if self._metrics is not None:
            self._metrics.start(self._parts, self.reload)
        if not self._parts.catalogue.providers:
            _log.warning("no provider is enabled: set a provider's key variable, or name one in AROUTER_CONFIG")
        await wait_for_schema(self._parts.database)
        await self._parts.start(_LIST_TIMEOUT)
        self.reload.start()
        await self._server.serve()
        _log.info("serving on %s", address)

    async def stop(self, hurry: asyncio.Event) -> None:
        """Sets NOT_SERVING, refuses new calls after the configured delay, lets the others finish, closes everything.

        Calls may take the configured grace period, which ends early when `hurry` is set. Health watches and other
        endless streams do not delay shutdown.
        """
        await self.reload.stop()
        await self._server.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.server.drain_delay):
                await hurry.wait()
        await self._drain(hurry)
        await self._parts.stop()
        if self._metrics is not None:
            await self._metrics.stop()
        await self._parts.close()
        await self._server.close()

    async def _drain(self, hurry: asyncio.Event) -> None:
        grace, admission = self._config.server.drain_grace, self._parts.admission
        admission.close()
        _log.info("draining: %d calls in flight", admission.in_flight)
        idle = asyncio.ensure_future(admission.idle())
        hurried = asyncio.ensure_future(hurry.wait())
        # First our own refusals, then GOAWAY, which makes clients reconnect: a call sent at that moment is CANCELLED.
        refusing = min(_REFUSALS, grace)
        await asyncio.wait({idle, hurried}, timeout=refusing, return_when=asyncio.FIRST_COMPLETED)
        # Longer than the grace period, at the end of which calls send their error.
        stopped = asyncio.ensure_future(self._server.stop(grace + _LAST_STATUS))
        await asyncio.wait({stopped, idle, hurried}, timeout=grace - refusing, return_when=asyncio.FIRST_COMPLETED)
        if not idle.done():
            _log.warning("ending %d calls still in flight", admission.in_flight)
            admission.expire()
        await self._server.stop(_LAST_STATUS)
        for waiter in (stopped, idle, hurried):
            waiter.cancel()

    async def _configure(self, config: Config, providers: Collection[Provider]) -> None:
        self._config = config
        await reconfigure(self._parts, self._server, config, providers)


def _metrics(environment: Environment, share_port: bool) -> Metrics:
    # Imported only where it is used: prometheus_client is slow to import.
    from arouter.server.metrics import Metrics

    return Metrics(environment.listen_address, None if share_port else environment.metrics_port)
