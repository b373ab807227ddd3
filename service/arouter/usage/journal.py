"""Keeps usage records in files until the database has them, so that they survive the process.

A file that is written to is locked (`flock`), and the lock ends with the process: a file that can be locked belongs to
a process that has ended, and `recovery.py` reads it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arouter.usage.journal_format import encode_header, encode_records
from arouter.usage.record import UsageRecord

SUFFIX = ".journal"

_SEGMENT_BYTES = 4 * 1024 * 1024
"""Size at which a new file is begun."""

_RETRY_INTERVAL = 1.0
"""Seconds after a failed write in which no other is tried."""

_LOCK_TRIES = 10
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Segment:
    """One file of a journal.

    Attributes:
        path: Of the file.
        descriptor: Open for appending, and locked; -1 once it is closed.
        size: Bytes of whole frames.
        pending: Records in it that the database does not have.
        synced: Bytes that are known to be on the disk.
    """

    path: Path
    descriptor: int
    size: int = 0
    pending: int = 0
    synced: int = -1

    def close(self) -> None:
        """Closes the file, which unlocks it."""
        os.close(self.descriptor)
        self.descriptor = -1


class Journal:
    """The files of this process. Appending never raises: a call does not fail because a disk is full.

    Args:
        folder: For the files of all processes; made if it is missing.
        database: Names the database that the records are meant for.
        max_bytes: See the attribute.

    Attributes:
        max_bytes: Size that the files may have together.
        missed: Records that were not written to a file.
    """

    def __init__(self, folder: Path, database: str, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.missed = 0
        self.folder = folder
        self._header = encode_header(database)
        self._current: Segment | None = None
        self._full: list[Segment] = []
        self._bytes = 0
        self._retry_at = 0.0
        self._failing = False

    def open(self) -> None:
        """Begins the first file. A failure is logged; `append` tries again."""
        self._begin()

    def append(self, records: Sequence[UsageRecord]) -> Segment | None:
        """Writes the records of a call; returns the file they are in, or None if they are in none.

        Once this returns, the end of the process does not lose them. A crash of the machine may.
        """
        segment = self._current or self._begin()
        if segment is None:
            self.missed += len(records)
            return None
        try:
            frame = encode_records(records)
        except (ValueError, OverflowError):
            # The database will not take it either, and the ledger says so.
            self.missed += len(records)
            return None
        if self._bytes + len(frame) > self.max_bytes:
            self.missed += len(records)
            self._report("usage.max_journal_bytes is reached")
            return None
        try:
            _write(segment.descriptor, frame)
        except OSError as error:
            self.missed += len(records)
            self._fail(error)
            return None
        if self._failing:
            self._failing = False
            _log.warning("usage records are written to the journal again; %d were not", self.missed)
        segment.size += len(frame)
        segment.pending += len(records)
        self._bytes += len(frame)
        return segment

    def release(self, segments: Sequence[Segment | None]) -> None:
        """Notes that the database has one record of each of these segments; removes what is not needed any more."""
        for segment in segments:
            if segment is not None:
                segment.pending -= 1
        for segment in [full for full in self._full if not full.pending]:
            self._full.remove(segment)
            self._remove(segment)
        current = self._current
        if current is not None and not current.pending and current.size > len(self._header):
            self._empty(current)

    def rotate(self) -> None:
        """Begins another file if the current one has grown large or was deleted by someone else."""
        current = self._current
        if current is not None and (current.size >= _SEGMENT_BYTES or not os.fstat(current.descriptor).st_nlink):
            self._full.append(current)
            self._current = None
            self._begin()

    async def sync(self) -> None:
        """Has the operating system write everything to the disk. Does not block the event loop."""
        for segment in [*self._full, *([self._current] if self._current else [])]:
            size = segment.size
            if segment.synced == size or segment.descriptor < 0:
                continue
            try:
                # A copy of the descriptor: the file may be removed meanwhile.
                await asyncio.to_thread(_sync, os.dup(segment.descriptor), self.folder if segment.synced < 0 else None)
            except OSError as error:
                _log.warning("usage journal: %s could not be flushed to the disk: %s", segment.path, error.strerror)
            segment.synced = size

    def close(self) -> None:
        """Removes the files that are not needed, and leaves the others to the next process."""
        if self._current is not None:
            self._full.append(self._current)
            self._current = None
        for segment in self._full:
            if segment.pending:
                segment.close()
            else:
                self._remove(segment)
        self._full.clear()

    def _begin(self) -> Segment | None:
        """Begins a file and makes it the current one; None if that is not possible now."""
        if time.monotonic() < self._retry_at:
            return None
        try:
            segment = _create(self.folder, self._header)
        except OSError as error:
            self._fail(error)
            return None
        self._bytes += segment.size
        self._current = segment
        return segment

    def _fail(self, error: OSError) -> None:
        self._retry_at = time.monotonic() + _RETRY_INTERVAL
        self._report(error.strerror or type(error).__name__)
        if self._current is None:
            return
        # Frames behind an incomplete one would not be found: the file ends with the last whole one.
        segment, self._current = self._current, None
        with contextlib.suppress(OSError):
            os.ftruncate(segment.descriptor, segment.size)
        if segment.pending:
            self._full.append(segment)
        else:
            self._remove(segment)

    def _report(self, reason: str) -> None:
        """Logs the first failure after a success."""
        if not self._failing:
            self._failing = True
            _log.error(
                "usage records are not written to the journal in %s (AROUTER_STATE_DIR), and are lost if the process "
                "is killed before the database has them: %s",
                self.folder,
                reason,
            )

    def _empty(self, segment: Segment) -> None:
        try:
            os.ftruncate(segment.descriptor, len(self._header))
        except OSError as error:
            self._fail(error)
            return
        self._bytes -= segment.size - len(self._header)
        segment.size = len(self._header)

    def _remove(self, segment: Segment) -> None:
        with contextlib.suppress(OSError):
            segment.path.unlink(missing_ok=True)
        segment.close()
        self._bytes -= segment.size


def _create(folder: Path, header: bytes) -> Segment:
    """Makes, locks and begins a file.

    Raises:
        OSError: It cannot be made, locked or written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for _ in range(_LOCK_TRIES):
        path = folder / f"{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # A recovery that was quicker takes the empty file for one that was left behind, and removes it.
            if lock(descriptor) and os.fstat(descriptor).st_nlink:
                _write(descriptor, header)
                return Segment(path, descriptor, len(header))
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        os.close(descriptor)
    raise OSError(errno.EAGAIN, "no file could be locked")


def lock(descriptor: int) -> bool:
    """Locks a file for as long as it is open; returns False if it is locked elsewhere.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, frame: bytes) -> None:
    """Writes all of a frame. Raises OSError; a part of the frame may be written then."""
    written = os.write(descriptor, frame)
    while written < len(frame):
        # Mostly a disk that is full: the next write says why.
        written += os.write(descriptor, frame[written:])


def _sync(descriptor: int, folder: Path | None) -> None:
    """Flushes a file, and the folder in which it is new; closes the descriptor."""
    try:
        os.fdatasync(descriptor)
        if folder is not None:
            entry = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(entry)
            finally:
                os.close(entry)
    finally:
        os.close(descriptor)
