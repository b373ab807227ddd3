"""Runs one service process until it is told to stop."""

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
        config: Of the service.
        environment: Of the process.
        link: Where heartbeats go once it serves; None if no process of ours has started this one.
        share_port: Whether other processes listen on the same ports.

    Raises:
        ConfigError: The service cannot start as configured.
    """
    configure_logs(environment.log_format, environment.log_level)
    _raise_file_limit()
    uvloop.run(_serve(config, environment, link, share_port))


async def _serve(config: Config, environment: Environment, link: ChildLink | None, share_port: bool) -> None:
    stop, hurry = asyncio.Event(), asyncio.Event()
    beating: asyncio.Task[None] | None = None

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    # The loop calls nobody before there is an app.
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
        # From here on the event loop takes its handlers down; a late signal must not turn a good end into a bad one.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def _raise_file_limit() -> None:
    """Takes as many file descriptors as are allowed: each open stream holds two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
