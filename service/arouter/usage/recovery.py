"""Writes the records in the journals of processes that have ended to the database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arouter.errors import StoreError
from arouter.periodic import PeriodicTask
from arouter.usage.batches import BATCH, write_batch
from arouter.usage.journal import SUFFIX, lock
from arouter.usage.journal_format import FORMAT, Contents, decode
from arouter.usage.record import KEPT_DAYS, UsageRecord
from arouter.usage.repository import UsageRepository

DAMAGED_SUFFIX = ".damaged"

_LOOK_INTERVAL = 2.0
"""Seconds between two searches for journals of processes that have ended."""

_LAST_RETRY = 30.0
_log = logging.getLogger(__name__)


class Recovery:
    """A background task that searches for journals of processes that have ended.

    Args:
        folder: The folder with the journals of all processes.
        database: The name of the database; journals with records for another database are skipped.
        store: Stores the records.

    Attributes:
        recovered: Number of records in journals that were missing in the database.
        lost: Number of records that the database rejected or that are too old.
        waiting_since: When the last record was written to the oldest journal that waits for the database, in seconds
            since the epoch; None if no journal waits.
    """

    def __init__(self, folder: Path, database: str, store: UsageRepository) -> None:
        self.recovered = 0
        self.lost = 0
        self.waiting_since: float | None = None
        self._folder = folder
        self._database = database
        self._store = store
        self._skipped: set[Path] = set()
        self._interval = _LOOK_INTERVAL
        self._task = PeriodicTask("recover usage records", self._look_again, _LOOK_INTERVAL)

    async def start(self) -> None:
        """Searches once, so that the spending of keys is known before calls are admitted, and starts the task."""
        self._task.start(delay=await self._look_again())

    async def stop(self) -> None:
        """Ends the task. A journal that is not written completely is left to the next process."""
        await self._task.stop()

    async def _look_again(self) -> float:
        """Searches, and returns the seconds until the next search."""
        self._interval = _LOOK_INTERVAL if await self._look() else min(self._interval * 2, _LAST_RETRY)
        return self._interval

    async def _look(self) -> bool:
        """Writes all journals that can be claimed; returns False if the database was not available."""
        for path in self._journals():
            try:
                await self._recover(path)
            except StoreError as error:
                _log.warning("usage records of a process that has ended are waiting for the database: %s", error)
                with contextlib.suppress(OSError):
                    self.waiting_since = min(path.stat().st_mtime, self.waiting_since or time.time())
                return False
            except OSError as error:
                self._skip(path, error.strerror or type(error).__name__)
        self.waiting_since = None
        return True

    def _journals(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix == SUFFIX)
        except OSError:  # `Journal` logs errors of its folder.
            return []

    async def _recover(self, path: Path) -> None:
        """Writes the records of one journal and removes it, unless its process is running.

        Raises:
            StoreError: The database is not available.
            OSError: The file cannot be read.
        """
        with _claimed(path) as descriptor:
            if descriptor is None:
                return
            contents = await asyncio.to_thread(_read, descriptor)
            header = contents.header
            if header is not None and header.format != FORMAT:
                self._skip(path, f"it was written by another release (format {header.format})")
                return
            if header is not None and header.database != self._database:
                self._skip(path, f"its records are meant for another database, {header.database}")
                return
            if contents.records:
                await self._write(path, contents.records)
            self._end(path, contents)

    async def _write(self, path: Path, records: list[UsageRecord]) -> None:
        oldest = int((time.time() - KEPT_DAYS * 86_400) * 1000)
        # The database has forgotten older records, so it is not known whether they have been counted.
        known = [record for record in records if record.created_ms >= oldest]
        self.lost += len(records) - len(known)
        before = self.recovered
        for start in range(0, len(known), BATCH):
            batch = known[start : start + BATCH]
            written, lost = await write_batch(batch, self._store.recover, self._store.recover)
            self.recovered += written
            self.lost += lost
        _log.info(
            "recovered %s: %d usage records, %d of them were missing in the database",
            path.name,
            len(records),
            self.recovered - before,
        )

    def _end(self, path: Path, contents: Contents) -> None:
        if contents.damaged:
            kept = path.with_suffix(DAMAGED_SUFFIX)
            _log.error("%s is damaged: %d bytes could not be read; it is kept as %s", path, contents.unread, kept.name)
            path.rename(kept)
        else:
            path.unlink()

    def _skip(self, path: Path, reason: str) -> None:
        if path not in self._skipped:
            self._skipped.add(path)
            _log.warning("the usage journal %s is skipped: %s", path, reason)


@contextmanager
def _claimed(path: Path) -> Iterator[int | None]:
    """Yields the file, locked; None if its process is running, or another process has just recovered it.

    Raises:
        OSError: The file cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor if lock(descriptor) and os.fstat(descriptor).st_nlink else None
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Contents:
    data = bytearray()
    while piece := os.read(descriptor, 1 << 20):
        data += piece
    return decode(bytes(data))
