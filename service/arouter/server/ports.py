"""Checks addresses and ports, which other processes may already use."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

from arouter.config.environment import Environment
from arouter.config.load import ConfigError


def endpoint(address: str, port: int) -> str:
    """Formats an IP address with a port."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def check_service_ports(environment: Environment) -> None:
    """Checks that the service's ports are distinct and can be bound. Raises ConfigError."""
    check_ports(environment.listen_address, service_ports(environment))


def service_ports(environment: Environment) -> dict[str, int | None]:
    """Returns the service's ports by the variables that set them."""
    return {
        "AROUTER_GRPC_PORT": environment.grpc_port,
        "AROUTER_METRICS_PORT": environment.metrics_port,
        "AROUTER_HEALTH_PORT": environment.health_port,
    }


def check_ports(address: str, ports: Mapping[str, int | None]) -> None:
    """Checks that ports, given by the variables that set them, are distinct and can be bound; None is ignored.

    Raises:
        ConfigError: A port is used twice or cannot be bound.
    """
    taken: dict[int, str] = {}
    for variable, port in ports.items():
        if port is not None:
            if port in taken:
                raise ConfigError(f"{taken[port]} and {variable} are both {port}")
            taken[port] = variable
            check_free(address, port, variable)


def check_free(address: str, port: int, variable: str) -> None:
    """Checks that a port can be bound.

    Bound without `SO_REUSEPORT`, so that a second ARouter is an error and does not silently receive half of the calls.

    Raises:
        ConfigError: The port cannot be bound; the message names the variable that sets it.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            reason = "is already in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
            raise ConfigError(f"port {port} {reason}; set {variable} to another one") from error
