"""Takes records from calls at once, and writes them in batches from a task of its own."""

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
from arouter.ledger.journal import Journal, Segment
from arouter.ledger.record import KEPT_DAYS, UsageRecord
from arouter.ledger.recovery import Recovery
from arouter.ledger.store import LedgerStore
from arouter.ledger.writing import BATCH, write_batch

FLUSH_INTERVAL = 0.5
"""Seconds between two writes to the database."""

_UPKEEP_INTERVAL = 1.0
"""Seconds between two flushes of the journal to the disk, if they are wanted."""

_LAST_RETRY = 2.0
"""Seconds between two tries at most. Writes are to work 5 seconds after the database does (docs/operation.md)."""

_FORGET_INTERVAL = 3600.0
_log = logging.getLogger(__name__)


class Ledger:
    """A bounded queue in front of the store, and a journal that survives the process. A call never waits for the store.

    Args:
        store: Where records end.
        journal: Where they are until then.
        recovery: Writes what processes that were killed had in their journals.
        config: See `UsageConfig`.

    Attributes:
        written: Records that the store has.
    """

    def __init__(self, store: LedgerStore, journal: Journal, recovery: Recovery, config: UsageConfig) -> None:
        self.written = 0
        self._shed = 0
        self._store = store
        self._journal = journal
        self._recovery = recovery
        self.configure(config)
        self._waiting: deque[tuple[UsageRecord, Segment | None]] = deque()
        self._unsure = False  # Whether the last write may have worked without our learning of it.
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._upkeep: asyncio.Task[None] | None = None
        self._forgot_at = 0.0

    @property
    def waiting(self) -> int:
        """Records not written yet."""
        return len(self._waiting)

    @property
    def shed(self) -> int:
        """Records that were lost."""
        return self._shed + self._recovery.lost

    @property
    def unjournalled(self) -> int:
        """Records that could not be written to the journal."""
        return self._journal.missed

    @property
    def recovered(self) -> int:
        """Records of processes that have ended, which the database did not have."""
        return self._recovery.recovered

    def oldest_age(self, now: float) -> float:
        """Returns for how many seconds the oldest record that is not in the database has waited; 0 if there is none.

        Args:
            now: In seconds since the epoch.
        """
        since = [self._recovery.waiting_since or now]
        if self._waiting:
            since.append(self._waiting[0][0].ended_ms / 1000)
        return max(now - min(since), 0.0)

    def configure(self, config: UsageConfig) -> None:
        """Takes other bounds and another policy."""
        self._capacity = config.queue
        self._fsync = config.fsync == "interval"
        self._journal.max_bytes = config.max_journal_bytes

    def put(self, records: Sequence[UsageRecord]) -> None:
        """Takes the records of a call, or counts them as lost. Never raises.

        They are in the journal when this returns, unless it cannot be written: before a call's end is sent to its
        client, its records are put.
        """
        if not records:
            return
        if len(self._waiting) + len(records) > self._capacity:
            if not self._shed:
                _log.error("usage records are lost from now on: %d wait for the database", len(self._waiting))
            self._shed += len(records)
            return
        segment = self._journal.append(records)
        for record in records:
            self._waiting.append((record, segment))

    async def start(self) -> None:
        """Writes what others have left, and starts the tasks."""
        self._journal.open()
        await self._recovery.start()
        self._task = asyncio.create_task(self._follow())
        self._upkeep = asyncio.create_task(self._keep_up())

    async def close(self, patience: float) -> None:
        """Writes what waits, and ends the tasks. What is not written after `patience` seconds stays in the journal."""
        if self._task is None or self._upkeep is None:
            return
        await self._recovery.stop()
        self._closing.set()
        _, late = await asyncio.wait({self._task}, timeout=patience)
        for task in (*late, self._upkeep):
            task.cancel()
        await asyncio.wait({self._task, self._upkeep})
        self._journal.close()
        if self._waiting:
            lost = sum(segment is None for _, segment in self._waiting)
            _log.error(
                "the database could not be written: %d usage records stay in %s for the next start, %d are lost",
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
                _log.warning("usage records wait for the database (%d): %s", len(self._waiting), error)
                # Not hurried by the closing: a database that is away is not back at once.
                await asyncio.sleep(retry)
                retry = min(retry * 2, _LAST_RETRY)
                continue
            retry = FLUSH_INTERVAL
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_INTERVAL):
                    await self._closing.wait()

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(_UPKEEP_INTERVAL)
            self._journal.rotate()
            if self._fsync:
                await self._journal.sync()

    async def _write(self) -> None:
        """Writes what waits. What comes meanwhile is for the next time: a busy service would never stop writing."""
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
        """Removes, now and then, what is older than is promised."""
        if time.monotonic() - self._forgot_at >= _FORGET_INTERVAL or not self._forgot_at:
            await self._store.forget(int((time.time() - KEPT_DAYS * 86_400) * 1000))
            self._forgot_at = time.monotonic()
