"""Makes a Python process of ours hang: a thread keeps the interpreter's lock, as a bug in a C extension would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_SITECUSTOMIZE = """
import ctypes, os, pathlib, threading, time

def wait():
    path = pathlib.Path(__file__).with_name(str(os.getpid()))
    while not path.exists():
        time.sleep(0.05)  # Polls for the file by which another process reaches this one.
    seconds = int(path.read_text())
    path.rename(path.with_suffix(".begun"))
    ctypes.PyDLL(None).sleep(seconds)  # Without giving up the lock.
    path.with_suffix(".over").touch()

threading.Thread(target=wait, daemon=True).start()
"""


class Hanging:
    """Lets processes hang that were started with its variables.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables of such a process."""
        return {"PYTHONPATH": str(self._folder)}

    def hang(self, pid: int, seconds: int) -> None:
        """Has a process hang."""
        draft = self._folder / f"{pid}.draft"
        draft.write_text(str(seconds))
        draft.rename(self._folder / str(pid))

    def is_over(self, pid: int) -> bool:
        """Says whether a process has hung and goes on."""
        return (self._folder / f"{pid}.over").exists()
