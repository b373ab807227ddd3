"""Takes records from calls at once, and writes them in batches from a task of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from itertools import islice

from arouter.errors import StoreError
from arouter.ledger.record import UsageRecord
from arouter.ledger.store import LedgerStore

FLUSH_INTERVAL = 0.5
"""Seconds between two writes: what a process that is killed can lose."""

KEPT_DAYS = 90
"""Days for which single records are kept (docs.arouter.ai: get-generation)."""

_BATCH = 500
_LAST_RETRY = 5.0
_FORGET_INTERVAL = 3600.0
_log = logging.getLogger(__name__)


class Ledger:
    """A bounded queue in front of the store. A call never waits for it.

    Args:
        store: Where records end.
        capacity: See the attribute.

    Attributes:
        capacity: Records that wait at most, while the store is away.
        shed: Records lost because that many waited.
        written: Records that the store has.
    """

    def __init__(self, store: LedgerStore, capacity: int) -> None:
        self.shed = 0
        self.written = 0
        self._store = store
        self.capacity = capacity
        self._waiting: deque[UsageRecord] = deque()
        self._unsure = False  # Whether the last write may have worked without our learning of it.
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._forgot_at = 0.0

    @property
    def waiting(self) -> int:
        """Records not written yet."""
        return len(self._waiting)

    def put(self, record: UsageRecord) -> None:
        """Takes a record, or counts it as shed."""
        if len(self._waiting) < self.capacity:
            self._waiting.append(record)
            return
        if not self.shed:
            _log.error("usage records are lost from now on: %d wait for the database", self.capacity)
        self.shed += 1

    def start(self) -> None:
        """Starts the task that writes."""
        self._task = asyncio.create_task(self._follow())

    async def close(self, patience: float) -> None:
        """Writes what waits, and ends the task. What is not written after `patience` seconds is lost, and said so."""
        if self._task is None:
            return
        self._closing.set()
        _, late = await asyncio.wait({self._task}, timeout=patience)
        if late:
            self._task.cancel()
            await asyncio.wait(late)
        if self._waiting:
            _log.error("%d usage records are lost: the database could not be written", len(self._waiting))

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

    async def _write(self) -> None:
        """Writes what waits. What comes meanwhile is for the next time: a busy service would never stop writing."""
        for _ in range(0, len(self._waiting), _BATCH):
            batch = list(islice(self._waiting, _BATCH))
            again, self._unsure = self._unsure, True
            try:
                await self._store.add(batch, again=again)
            except StoreError:
                raise
            except Exception:
                # A record that the database cannot hold must not cost the others theirs.
                _log.exception("a batch of usage records could not be written; they are written one by one")
                await self._write_singly(batch)
            else:
                self.written += len(batch)
            self._unsure = False
            for _ in batch:
                self._waiting.popleft()

    async def _write_singly(self, batch: list[UsageRecord]) -> None:
        for record in batch:
            try:
                await self._store.add([record], again=True)
            except StoreError:
                raise
            except Exception:
                self.shed += 1
                _log.exception("the usage record of %s is lost", record.generation_id)
            else:
                self.written += 1

    async def _forget(self) -> None:
        """Removes, now and then, what is older than is promised."""
        if time.monotonic() - self._forgot_at >= _FORGET_INTERVAL or not self._forgot_at:
            await self._store.forget(int((time.time() - KEPT_DAYS * 86_400) * 1000))
            self._forgot_at = time.monotonic()
