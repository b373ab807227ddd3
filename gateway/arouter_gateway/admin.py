"""Envoy's admin interface on its Unix socket, and how a gateway stops through it without losing a call."""

from __future__ import annotations

import http.client
import socket
import time
from pathlib import Path

_TIMEOUT = 5.0
_POLL = 0.1
_OPEN_CALLS = "http.gateway.downstream_rq_active"
"""Envoy's counter of the calls that the listener for clients (`stat_prefix: gateway`) has in flight."""


class AdminError(Exception):
    """The admin interface does not answer as expected."""


class Admin:
    """The admin interface of one Envoy.

    Args:
        path: Its socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def open_calls(self) -> int:
        """Returns how many calls of clients are in flight.

        Raises:
            AdminError: As each method here.
        """
        answer = self._ask("GET", f"/stats?filter=^{_OPEN_CALLS}$")
        name, _, value = answer.strip().partition(": ")
        if name != _OPEN_CALLS:
            raise AdminError(f"Envoy has no {_OPEN_CALLS}: is this a gateway of ARouter?")
        return int(value)

    def drain(self) -> None:
        """Fails the health check and tells clients, with each answer, to connect anew, which then leads elsewhere.

        Goes on to take connections: who sends clients here needs time to find out.
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
    """Drains a gateway, and returns how many calls are left: none, unless the time is up.

    Args:
        admin: Of the gateway.
        at_least: Seconds to go on in any case, for those who send clients here to find out.
        at_most: Seconds after which no call is waited for any longer.

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
