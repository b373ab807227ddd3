"""Notices that a file is another one, however it was replaced: written, renamed over, or behind a symbolic link."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class _Look(NamedTuple):
    """What the real file behind the path looked like."""

    device: int
    inode: int
    size: int
    changed: int


class WatchedFile:
    """A file that others change. Its methods may block: not for an event loop.

    Args:
        path: Where it is. Links are followed anew at each look, those of a mounted Kubernetes ConfigMap included.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: _Look | None = None
        self._last = self._look()

    def has_changed(self) -> bool:
        """Says whether it is to be read: it is not what it was then, and has stayed as it is since the last look.

        The latter because a file that somebody is writing is there in part, or not at all.
        """
        found, last = self._look(), self._last
        self._last = found
        return found == last and found != self._known

    def note(self) -> None:
        """Notes that it is read now."""
        # Before it is: what is written meanwhile is seen at the next look.
        self._known = self._last = self._look()

    def _look(self) -> _Look | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return _Look(found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns)
