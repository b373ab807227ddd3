"""Addresses and ports; these may already be somebody else's."""

from __future__ import annotations

import errno
import socket

from arouter.config.environment import Environment
from arouter.config.load import ConfigError


def endpoint(address: str, port: int) -> str:
    """Returns how an IP address and a port are written together."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def check_service_ports(environment: Environment) -> None:
    """Checks that the ports of the service can be listened on. Raises ConfigError."""
    check_free(environment.listen_address, environment.grpc_port, "AROUTER_GRPC_PORT")
    if environment.health_port is not None:
        if environment.health_port == environment.grpc_port:
            raise ConfigError(f"AROUTER_GRPC_PORT and AROUTER_HEALTH_PORT are both {environment.grpc_port}")
        check_free(environment.listen_address, environment.health_port, "AROUTER_HEALTH_PORT")


def check_free(address: str, port: int, variable: str) -> None:
    """Checks that a port can be listened on.

    Bound without `SO_REUSEPORT`, so that a second ARouter is an error and does not quietly take half of the calls.

    Raises:
        ConfigError: It cannot; the message names the variable that moves it.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            reason = "is already in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
            raise ConfigError(f"port {port} {reason}; set {variable} to another one") from error
