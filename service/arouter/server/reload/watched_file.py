"""Detects changes of a file, whether it is written in place, replaced, or reached by a symbolic link."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class _FileState(NamedTuple):
    """The state of the file that the path resolves to."""

    device: int
    inode: int
    size: int
    changed: int


class WatchedFile:
    """A file that is changed by others. Its methods may block and must not run on an event loop.

    Args:
        path: Its path. Links are resolved each time, including those of a mounted Kubernetes ConfigMap.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: _FileState | None = None
        self._last = self._read_state()

    def has_changed(self) -> bool:
        """Returns whether the file must be read: it has changed since it was read, but not since the last poll.

        The latter because a file that is being written may be incomplete or absent.
        """
        found, last = self._read_state(), self._last
        self._last = found
        return found == last and found != self._known

    def note(self) -> None:
        """Records the state of the file; must be called before it is read."""
        # Before the read, so that a write during the read is detected by the next poll.
        self._known = self._last = self._read_state()

    def _read_state(self) -> _FileState | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return _FileState(found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns)
