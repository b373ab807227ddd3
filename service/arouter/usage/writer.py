"""Queues the records of calls, and writes them to the store in batches from a background task."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections import deque
from collections.abc import Sequence
from itertools import islice

from arouter.config.schema import UsageConfig
from arouter.errors import StoreError
from arouter.periodic import PeriodicTask
from arouter.usage.batches import BATCH, write_batch
from arouter.usage.journal import Journal, Segment
from arouter.usage.record import KEPT_DAYS, UsageRecord
from arouter.usage.recovery import Recovery
from arouter.usage.repository import UsageRepository

FLUSH_INTERVAL = 0.5
"""Seconds between two writes to the database."""

_UPKEEP_INTERVAL = 1.0
"""Seconds between two flushes of the journal to the disk, if they are configured."""

_LAST_RETRY = 2.0
"""Seconds between two tries at most. Writes are to work 5 seconds after the database does (docs/operation.md)."""

_FORGET_INTERVAL = 3600.0
_log = logging.getLogger(__name__)


class UsageWriter:
    """A bounded queue in front of the store, and a journal that survives the process. A call never waits for the store.

    Args:
        store: Stores the records.
        journal: Keeps the records until the store has them.
        recovery: Writes the records in the journals of processes that have ended.
        config: See `UsageConfig`.

    Attributes:
        written: Number of records that the store has.
    """

    def __init__(self, store: UsageRepository, journal: Journal, recovery: Recovery, config: UsageConfig) -> None:
        self.written = 0
        self._shed = 0
        self._store = store
        self._journal = journal
        self._recovery = recovery
        self.configure(config)
        self._waiting: deque[tuple[UsageRecord, Segment | None]] = deque()
        self._unsure = False  # Whether the last write may have succeeded although it raised an error.
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._upkeep = PeriodicTask("keep the usage journal", self._keep_up, _UPKEEP_INTERVAL)
        self._forgot_at = 0.0

    @property
    def waiting(self) -> int:
        """Number of records that wait for the store."""
        return len(self._waiting)

    @property
    def shed(self) -> int:
        """Number of records that were lost."""
        return self._shed + self._recovery.lost

    @property
    def unjournalled(self) -> int:
        """Number of records that could not be written to the journal."""
        return self._journal.missed

    @property
    def recovered(self) -> int:
        """Number of records of processes that have ended that were missing in the database."""
        return self._recovery.recovered

    def oldest_age(self, now: float) -> float:
        """Returns the seconds for which the oldest waiting record has waited for the database; 0 if none waits.

        Args:
            now: The time in seconds since the epoch.
        """
        since = [self._recovery.waiting_since or now]
        if self._waiting:
            since.append(self._waiting[0][0].ended_ms / 1000)
        return max(now - min(since), 0.0)

    def configure(self, config: UsageConfig) -> None:
        """Applies another configuration."""
        self._capacity = config.queue
        self._fsync = config.fsync == "interval"
        self._journal.max_bytes = config.max_journal_bytes

    def put(self, records: Sequence[UsageRecord]) -> None:
        """Queues the records of a call, or counts them as lost if the queue is full. Never raises.

        They are in the journal when this returns, unless it cannot be written. It is called before the end of the
        answer is sent to the client.
        """
        if not records:
            return
        if len(self._waiting) + len(records) > self._capacity:
            if not self._shed:
                _log.error("usage records are lost from now on: %d are waiting for the database", len(self._waiting))
            self._shed += len(records)
            return
        segment = self._journal.append(records)
        for record in records:
            self._waiting.append((record, segment))

    async def start(self) -> None:
        """Recovers the records of processes that have ended, and starts the tasks."""
        self._journal.open()
        await self._recovery.start()
        self._task = asyncio.create_task(self._follow())
        self._upkeep.start(delay=_UPKEEP_INTERVAL)

    async def close(self, patience: float) -> None:
        """Writes the queue and ends the tasks. After `patience` seconds, what is left stays in the journal."""
        if self._task is None:
            return
        await self._recovery.stop()
        self._closing.set()
        _, late = await asyncio.wait({self._task}, timeout=patience)
        for task in late:
            task.cancel()
        await asyncio.wait({self._task})
        await self._upkeep.stop()
        self._journal.close()
        if self._waiting:
            lost = sum(segment is None for _, segment in self._waiting)
            _log.error(
                "failed to write to the database: %d usage records stay in %s for the next start, %d are lost",
                len(self._waiting) - lost,
                self._journal.folder,
                lost,
            )

    async def _follow(self) -> None:
        retry = FLUSH_INTERVAL
        while self._waiting or not self._closing.is_set():
            try:
                await self._write()
                await self._forget()
            except StoreError as error:
                _log.warning("%d usage records are waiting for the database: %s", len(self._waiting), error)
                # Closing does not shorten this: an unavailable database is not available again at once.
                await asyncio.sleep(retry)
                retry = min(retry * 2, _LAST_RETRY)
                continue
            retry = FLUSH_INTERVAL
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_INTERVAL):
                    await self._closing.wait()

    async def _keep_up(self) -> None:
        self._journal.rotate()
        if self._fsync:
            await self._journal.sync()

    async def _write(self) -> None:
        """Writes the records that are queued now. Later ones wait for the next run, so that each run ends."""
        for _ in range(0, len(self._waiting), BATCH):
            batch = list(islice(self._waiting, BATCH))
            again, self._unsure = self._unsure, True
            together = functools.partial(self._store.add, again=again)
            singly = functools.partial(self._store.add, again=True)
            _, lost = await write_batch([record for record, _ in batch], together, singly)
            self._unsure = False
            self.written += len(batch) - lost
            self._shed += lost
            for _ in batch:
                self._waiting.popleft()
            self._journal.release([segment for _, segment in batch])

    async def _forget(self) -> None:
        """Removes the records that are too old to be kept, once per interval."""
        if time.monotonic() - self._forgot_at >= _FORGET_INTERVAL or not self._forgot_at:
            await self._store.forget(int((time.time() - KEPT_DAYS * 86_400) * 1000))
            self._forgot_at = time.monotonic()
