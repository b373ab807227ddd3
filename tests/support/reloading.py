"""Changes the configuration of a running stack, in the ways in which people and Kubernetes do."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from support.stack import Stack

IN_USE = "has been applied"
REFUSED = "the configuration is unchanged, because the file is invalid"


class Reloading:
    """The `arouter.yaml` of a stack.

    Args:
        stack: The stack.
        workers: Processes that read the file.
    """

    def __init__(self, stack: Stack, workers: int = 1) -> None:
        self.path = stack.folder / "arouter.yaml"
        self._process = stack.process
        self._workers = workers
        self._numbers = itertools.count()

    def write(self, config: Mapping[str, Any] | str) -> None:
        """Writes into the file."""
        self.path.write_text(_text(config), "utf-8")

    def rename(self, config: Mapping[str, Any] | str) -> None:
        """Puts another file in its place, as editors do."""
        other = self.path.with_name("arouter.yaml.new")
        other.write_text(_text(config), "utf-8")
        other.rename(self.path)

    def swap(self, config: Mapping[str, Any] | str) -> None:
        """Puts another folder behind the link that the file is behind, as the kubelet does with a ConfigMap."""
        version = self.path.parent / f"..{next(self._numbers)}"
        version.mkdir()
        (version / self.path.name).write_text(_text(config), "utf-8")
        data = self.path.parent / "..data"
        _link(data, Path(version.name))
        if not self.path.is_symlink():
            _link(self.path, Path("..data") / self.path.name)

    def hang_up(self) -> None:
        """Sends SIGHUP to the command alone."""
        self._process.send_signal(signal.SIGHUP)

    def apply(self, config: Mapping[str, Any] | str) -> None:
        """Has the configuration taken by SIGHUP, and waits until it is."""
        expected = self.taken + self._workers
        self.write(config)
        self.hang_up()
        self.wait_taken(expected)

    def refuse(self, text: str) -> str:
        """Has a configuration refused; returns the line that says why."""
        before = self.refusals
        self.write(text)
        self.hang_up()
        self._process.wait_until(lambda: len(self.refusals) == len(before) + self._workers, "refused")
        return self.refusals[-1]

    @property
    def taken(self) -> int:
        """How often a process has taken a configuration."""
        return self._process.log.count(IN_USE)

    @property
    def refusals(self) -> list[str]:
        """The lines that say that a file cannot be used."""
        return [line for line in self._process.log.splitlines() if REFUSED in line]

    def wait_taken(self, count: int) -> None:
        """Waits until configurations have been taken so often."""
        self._process.wait_until(lambda: self.taken >= count, f"{count} times another configuration")
        assert self.taken == count


def _text(config: Mapping[str, Any] | str) -> str:
    return config if isinstance(config, str) else yaml.safe_dump(dict(config))


def _link(path: Path, target: Path) -> None:
    draft = path.with_name(f"{path.name}_tmp")
    draft.symlink_to(target)
    draft.replace(path)
