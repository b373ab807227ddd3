"""Opens the metrics port."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client.registry import Collector

from arouter.config.load import ConfigError
from arouter.server.ports import endpoint
from arouter.telemetry.port import MetricsPort


def open_metrics_port(address: str, port: int, counted: Collector, pids: Callable[[], Mapping[str, int]]) -> None:
    """Opens the port until the process ends. Takes the arguments of `MetricsPort`.

    Raises:
        ConfigError: The port cannot be bound.
    """
    try:
        MetricsPort(address, port, counted, pids)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {endpoint(address, port)} (AROUTER_METRICS_PORT): {error.strerror}"
        ) from error
