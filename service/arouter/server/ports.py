"""Ports that may already be somebody else's."""

from __future__ import annotations

import errno
import socket

from arouter.config.load import ConfigError


def check_free(port: int, variable: str) -> None:
    """Checks that a loopback port can be listened on.

    Bound without `SO_REUSEPORT`, so that a second ARouter is an error and does not quietly take half of the calls.

    Raises:
        ConfigError: It cannot; the message names the variable that moves it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = "is already in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
            raise ConfigError(f"port {port} {reason}; set {variable} to another one") from error
