"""A client of Envoy's admin interface on its Unix socket, and graceful draining through it."""

from __future__ import annotations

import http.client
import socket
import time
from pathlib import Path

_TIMEOUT = 5.0
_POLL = 0.1
"""Seconds between two questions to Envoy, which has no way to tell us that the last call has ended."""
_OPEN_CALLS = "http.gateway.downstream_rq_active"
"""Envoy's gauge of the calls in flight on the listener for clients (`stat_prefix: gateway`)."""


class AdminError(Exception):
    """The admin interface did not answer as expected."""


class Admin:
    """The admin interface of an Envoy.

    Args:
        path: Its socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def open_calls(self) -> int:
        """Returns the number of client calls in flight.

        Raises:
            AdminError: As all methods here.
        """
        answer = self._ask("GET", f"/stats?filter=^{_OPEN_CALLS}$")
        name, _, value = answer.strip().partition(": ")
        if name != _OPEN_CALLS:
            raise AdminError(f"Envoy has no {_OPEN_CALLS}: is this an ARouter gateway?")
        return int(value)

    def drain(self) -> None:
        """Fails the health check, and asks clients, with each response, to reconnect, which leads to another gateway.

        New connections are still accepted, because load balancers need time to notice.
        """
        self._ask("POST", "/healthcheck/fail")

    def _ask(self, method: str, path: str) -> str:
        connection = _UnixConnection(self._path)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise AdminError(f"{self._path}: {error}") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise AdminError(f"{self._path}: {method} {path}: {answer.status} {text.strip()}")
        return text


def drain(admin: Admin, *, at_least: float, at_most: float) -> int:
    """Drains a gateway, and returns the number of calls still open: zero, unless `at_most` is exceeded.

    Args:
        admin: The gateway's admin interface.
        at_least: Minimum seconds to wait, for load balancers to notice.
        at_most: Maximum seconds to wait for calls.

    Raises:
        AdminError: The admin interface does not answer.
    """
    started = time.monotonic()
    admin.drain()
    while True:
        passed = time.monotonic() - started
        left = admin.open_calls()
        if passed >= at_most or (passed >= at_least and left == 0):
            return left
        time.sleep(_POLL)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(str(self._path))
