"""Envoy's admin interface, on its Unix socket."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from support.rest import TIMEOUT


class EnvoyAdmin(NamedTuple):
    """The admin interface.

    Attributes:
        path: Of its socket; short, as the kernel wants it.
    """

    path: Path

    def stat(self, name: str) -> int:
        """Returns a counter or gauge; 0 for one that is not there yet."""
        found = dict(line.split(": ", 1) for line in self.get(f"/stats?filter=^{name}$").splitlines())
        return int(found.get(name, 0))

    def get(self, path: str) -> str:
        connection = _Connection("envoy", timeout=TIMEOUT)
        connection.path = self.path
        connection.request("GET", path)
        with connection.getresponse() as response:
            assert response.status == 200
            text = response.read().decode()
        connection.close()
        return text


class _Connection(http.client.HTTPConnection):
    path: Path

    @override
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self.path))
