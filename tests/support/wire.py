"""A wire between this machine and a host of our own: a network namespace, reached over a pair of virtual devices.

Needs root and Debian's iproute2; `possible` says whether both are there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_IP = shutil.which("ip")
possible = _IP is not None and os.geteuid() == 0


class Wire:
    """A wire.

    Attributes:
        here: The address of this end.
        there: The address of the other.
        enter: What runs a command at the other end.
    """

    def __init__(self) -> None:
        number = os.getpid() % 16384
        self._name = f"arouter{number}"
        # Of the block that RFC 2544 keeps for tests.
        block = f"198.{18 + number // 8192}.{number // 64 % 128 + 128}"
        self.here = f"{block}.{number % 64 * 4 + 1}"
        self.there = f"{block}.{number % 64 * 4 + 2}"
        self.enter = (str(_IP), "netns", "exec", self._name)

    def lay(self) -> None:
        """Makes the other host and the wire."""
        self._ip("netns", "add", self._name)
        self._ip("link", "add", self._name, "type", "veth", "peer", "name", "eth0", "netns", self._name)
        self._ip("address", "add", f"{self.here}/30", "dev", self._name)
        self._ip("-n", self._name, "address", "add", f"{self.there}/30", "dev", "eth0")
        self._ip("-n", self._name, "link", "set", "lo", "up")
        self._ip("-n", self._name, "link", "set", "eth0", "up")
        self._ip("link", "set", self._name, "up")

    def cut(self) -> None:
        """Loses whatever is sent, in both directions, without a word."""
        self._ip("-n", self._name, "link", "set", "eth0", "down")

    def mend(self) -> None:
        """Undoes `cut`."""
        self._ip("-n", self._name, "link", "set", "eth0", "up")

    def remove(self) -> None:
        """Removes the wire and the other host."""
        self._ip("netns", "delete", self._name)

    def _ip(self, *arguments: str) -> None:
        subprocess.run([str(_IP), *arguments], check=True, capture_output=True, text=True)


@contextmanager
def laid() -> Iterator[Wire]:
    """Lays a wire for as long as the context lasts."""
    wire = Wire()
    wire.lay()
    try:
        yield wire
    finally:
        wire.remove()
