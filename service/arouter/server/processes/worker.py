"""Runs one service process until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal

import uvloop

from arouter.config.environment import Environment
from arouter.config.schema import Config
from arouter.server.app import App
from arouter.server.logs import configure_logs
from arouter.server.processes.link import ChildLink
from arouter.server.processes.signals import handle_signals


def run_worker(config: Config, environment: Environment, link: ChildLink | None, *, share_port: bool) -> None:
    """Serves until SIGTERM or SIGINT, then drains. A second signal ends the draining. SIGHUP reloads the configuration.

    Args:
        config: The configuration.
        environment: The environment of the process.
        link: Receives heartbeats once the process serves; None if it was not started by a parent of ours.
        share_port: Whether other processes listen on the same ports.

    Raises:
        ConfigError: The service cannot start with this configuration.
    """
    configure_logs(environment.log_format, environment.log_level)
    _raise_file_limit()
    uvloop.run(_serve(config, environment, link, share_port))


async def _serve(config: Config, environment: Environment, link: ChildLink | None, share_port: bool) -> None:
    stop, hurry = asyncio.Event(), asyncio.Event()
    beating: asyncio.Task[None] | None = None

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    # The event loop runs no handler before the app exists.
    handle_signals(on_signal, lambda: app.reload.request())
    app = App(config, environment, share_port=share_port)
    try:
        starting, stopping = asyncio.create_task(app.start()), asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            if link is not None:
                beating = asyncio.create_task(link.beat(app.reload))
        await stopping
    finally:
        starting.cancel()
        await app.stop(hurry)
        if beating is not None:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
        # The event loop removes its handlers from here on; a late signal must not change the exit status.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def _raise_file_limit() -> None:
    """Raises the limit of file descriptors to the maximum: each open stream uses two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
