"""Keeps usage records in files until the database has them, so that they survive the process.

A process locks the file that it writes to (`flock`), and the lock ends with the process. A file that can be locked
therefore belongs to a process that has ended, and `recovery.py` reads it.
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
"""Size from which a new file is begun."""

_RETRY_INTERVAL = 1.0
"""Seconds from a failed write to the next attempt."""

_LOCK_TRIES = 10
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Segment:
    """One file of a journal.

    Attributes:
        path: The file's path.
        descriptor: The file descriptor, open for appending and locked; -1 once it is closed.
        size: Bytes of complete frames.
        pending: Records in it that the database does not have.
        synced: Bytes that have been flushed to the disk; -1 before the first flush.
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
    """The journal of this process. Appending never raises: a call does not fail because a disk is full.

    Args:
        folder: The folder for the files of all processes; it is created if it is missing.
        database: The name of the database that the records are meant for.
        max_bytes: See the attribute.

    Attributes:
        max_bytes: Maximum size of all files together, in bytes.
        missed: Number of records that were not written to a file.
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
        """Writes the records of a call; returns the file that they are in, or None if they were not written.

        From then on they survive the end of the process, but not necessarily a crash of the machine.
        """
        segment = self._current or self._begin()
        if segment is None:
            self.missed += len(records)
            return None
        try:
            frame = encode_records(records)
            size = len(frame)
        except (ValueError, OverflowError):
            # The database rejects such a record too, and the usage writer logs that.
            self.missed += len(records)
            return None
        if self._bytes + size > self.max_bytes:
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
        segment.size += size
        segment.pending += len(records)
        self._bytes += size
        return segment

    def release(self, segments: Sequence[Segment | None]) -> None:
        """Records that the database has one more record of each segment; removes segments that are no longer needed."""
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
        """Begins another file if the current one has grown large or was deleted from outside."""
        current = self._current
        if current is not None and (current.size >= _SEGMENT_BYTES or not os.fstat(current.descriptor).st_nlink):
            self._full.append(current)
            self._current = None
            self._begin()

    async def sync(self) -> None:
        """Flushes everything to the disk. Does not block the event loop."""
        for segment in [*self._full, *([self._current] if self._current else [])]:
            size = segment.size
            if segment.synced == size or segment.descriptor < 0:
                continue
            try:
                # A copy of the descriptor is used because the file may be removed and closed meanwhile.
                await asyncio.to_thread(_sync, os.dup(segment.descriptor), self.folder if segment.synced < 0 else None)
            except OSError as error:
                _log.warning("usage journal: %s could not be flushed to the disk: %s", segment.path, error.strerror)
            segment.synced = size

    def close(self) -> None:
        """Removes the files that are no longer needed, and leaves the others to the next process."""
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
        """Begins a file and makes it the current one; returns None if that is not possible now."""
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
        # Frames after an incomplete one would not be found, so the file is truncated to its complete frames.
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
                "usage records are not written to the journal in %s (AROUTER_STATE_DIR) and would be lost if the "
                "process were killed before they are in the database: %s",
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
    """Creates and locks a file, and writes its header.

    Raises:
        OSError: The file cannot be created, locked or written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for _ in range(_LOCK_TRIES):
        path = folder / f"{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Before the lock is taken, a recovery may take the empty file for one that was left behind, and remove it.
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
    """Locks a file while it is open; returns False if another process has locked it.

    Raises:
        OSError: The file system does not support locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, frame: bytes) -> None:
    """Writes a frame. If it raises OSError, a part of the frame may have been written."""
    written = os.write(descriptor, frame)
    while written < len(frame):
        # A short write mostly means that the disk is full; the next write raises the error.
        written += os.write(descriptor, frame[written:])


def _sync(descriptor: int, folder: Path | None) -> None:
    """Flushes a file, and its folder if the file is new; closes the descriptor."""
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
