"""Reloads `arouter.yaml` while calls are in flight: on SIGHUP, and when the file has changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from arouter.config.environment import Environment
from arouter.config.load import ConfigError, parse_file, read_file
from arouter.config.schema import Config
from arouter.periodic import PeriodicTask
from arouter.providers.provider import Provider, build_providers
from arouter.server.reload.config_diff import gateway_changes, restart_changes
from arouter.server.reload.losses import check_losses, removed
from arouter.server.reload.watched_file import WatchedFile

POLL_INTERVAL = 1.0
"""Polling interval in seconds. A changed file is read once two polls have found it in the same state."""

_log = logging.getLogger(__name__)

Apply = Callable[[Config, tuple[Provider, ...]], Awaitable[None]]
"""Applies a configuration and its providers."""


class _Change(NamedTuple):
    """A valid configuration, its providers, and what it removes from the one in use."""

    config: Config
    providers: tuple[Provider, ...]
    removed: list[str]


class _Read(NamedTuple):
    """What was read from the file: text or read error, and the configuration or the reason why it is invalid."""

    text: str
    meaning: _Change | ConfigError


class ConfigReload:
    """A background task that watches the file. An invalid file changes nothing.

    Args:
        config: The initial configuration.
        environment: The environment of the process. It does not change, and neither do the values of `${VAR}`.
        apply: Applies a valid configuration.

    Attributes:
        last_failed: Whether the file, as last read, is invalid.
        applied_at: When the configuration in use was applied, in seconds since the epoch.
        text_in_use: The content of the file that was last applied; None if that was before this process.
        taken: Set when `text_in_use` changes. Cleared by the waiter.
    """

    def __init__(self, config: Config, environment: Environment, apply: Apply) -> None:
        self.last_failed = False
        self.applied_at = time.time()
        self._started_with = config
        self.text_in_use: str | None = None
        self.taken = asyncio.Event()
        self._in_use = config
        self._environment = environment
        self._apply = apply
        self._text: str | None = None
        self._requested = False
        self._file: WatchedFile | None = None
        path = environment.config_path
        self._task = (
            None if path is None else PeriodicTask("watch the configuration", partial(self._poll, path), POLL_INTERVAL)
        )

    def request(self) -> None:
        """Requests a read of the file, whether or not it has changed."""
        if self._task is None:
            _log.info("no configuration file to reload: AROUTER_CONFIG is not set")
        else:
            self._requested = True
            self._task.wake()

    def start(self) -> None:
        """Starts the task, if there is a file."""
        if self._task is not None:
            self._task.start()

    async def stop(self) -> None:
        """Stops the task."""
        if self._task is not None:
            await self._task.stop()

    async def _poll(self, path: Path) -> None:
        is_new = self._file is None
        if self._file is None:
            self._file = await asyncio.to_thread(WatchedFile, path)
        file = self._file
        requested, self._requested = self._requested, False
        if requested or (not is_new and await asyncio.to_thread(file.has_changed)):
            try:
                await self._take(path, await asyncio.to_thread(self._read, path, file), requested)
            except Exception:
                # A bug of ours; a later file may still succeed.
                self.last_failed = True
                _log.exception("failed to reload the configuration")

    def _read(self, path: Path, file: WatchedFile) -> _Read:
        """Reads and parses the file. Blocks, so it must run in a thread."""
        file.note()
        try:
            text = read_file(path)
        except ConfigError as error:
            return _Read(str(error), error)
        try:
            config = parse_file(path, text, self._environment.variables, self._in_use)
            providers = build_providers(config, self._environment)
            before = build_providers(self._in_use, self._environment)
            check_losses(path, before, config, providers)
            return _Read(text, _Change(config, providers, removed(self._in_use, config, before, providers)))
        except ConfigError as error:
            return _Read(text, error)

    async def _take(self, path: Path, read: _Read, requested: bool) -> None:
        same, self._text = read.text == self._text, read.text
        if isinstance(read.meaning, ConfigError):
            self.last_failed = True
            if not same:
                _log.error("the configuration is unchanged, because the file is invalid: %s", read.meaning)
            elif requested:
                _log.warning("%s is unchanged and still invalid", path)
            return
        recovered, self.last_failed = self.last_failed, False
        config, providers, gone = read.meaning
        if config == self._in_use:
            self.text_in_use = read.text
            if requested or recovered:
                _log.info("%s matches the configuration in use", path)
            return
        await self._apply(config, providers)
        self._in_use, self.applied_at, self.text_in_use = config, time.time(), read.text
        self.taken.set()
        _log.info("%s has been applied", path)
        if gone:
            _log.warning("no longer configured: %s", ", ".join(gone))
        if fields := restart_changes(self._started_with, config):
            _log.warning("takes effect after a restart: %s", ", ".join(fields))
        if fields := gateway_changes(self._started_with, config):
            _log.warning("takes effect after the gateway is rendered again and restarted: %s", ", ".join(fields))
