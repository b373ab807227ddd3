"""Validates a rendered configuration: first against the types of Envoy's API, then with Envoy itself.

The first check reports the path of an error and knows all fields; the second knows what Envoy's extensions accept.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format

from arouter_gateway.process import envoy_command

_TIMEOUT = 60.0
_KNOWN_WARNING = "connect_grpc_bridge/v3/config.proto' marked as work-in-progress"
"""docs/decisions/0019."""


class ConfigurationError(Exception):
    """Envoy would reject the configuration; the message says where and why."""


def validate(config_path: Path) -> bool:
    """Validates a rendered configuration; takes a few seconds.

    Returns:
        Whether it was also checked against Envoy's typed protos, which requires the package `xds-protos`.

    Raises:
        ConfigurationError: The configuration is invalid.
        OSError: It cannot be read, or Envoy cannot be started.
    """
    typed = importlib.util.find_spec("envoy.config") is not None
    if typed:
        check_types(config_path.read_text(encoding="utf-8"))
    check_with_envoy(config_path)
    return typed


def check_types(text: str) -> None:
    """Parses the configuration as Envoy's `Bootstrap`, and each `typed_config` as its declared type.

    Raises:
        ConfigurationError: It is not YAML, or has an unknown field or a value of the wrong type.
    """
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"not YAML: {error}") from error
    for type_url in sorted(set(_type_urls(config))):
        _register(type_url)
    # By name, because these packages have no type stubs; here, because the import takes a second.
    bootstrap: Any = importlib.import_module("envoy.config.bootstrap.v3.bootstrap_pb2")
    try:
        json_format.ParseDict(config, bootstrap.Bootstrap())
    except json_format.ParseError as error:
        raise ConfigurationError(str(error)) from error


def check_with_envoy(config_path: Path) -> None:
    """Validates the configuration with Envoy, which does not listen.

    Raises:
        ConfigurationError: Envoy rejects it, or warns, for example of a deprecated field.
        OSError: Envoy cannot be started.
    """
    command = [*envoy_command(config_path, concurrency=1, component_log_level="misc:warning"), "--mode", "validate"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)  # noqa: S603 - ours
    warnings = "".join(line for line in done.stderr.splitlines(keepends=True) if _KNOWN_WARNING not in line)
    if done.returncode or warnings:
        raise ConfigurationError(f"Envoy rejects {config_path}:\n{warnings or done.stdout}")


def _type_urls(node: object) -> Iterator[str]:
    """Yields all values of `@type` in the configuration."""
    if isinstance(node, dict):
        if isinstance(node.get("@type"), str):
            yield node["@type"]
        for value in node.values():
            yield from _type_urls(value)
    elif isinstance(node, list):
        for value in node:
            yield from _type_urls(value)


def _register(type_url: str) -> None:
    """Imports the modules of a type's package, which registers the type with protobuf.

    Raises:
        ConfigurationError: The package does not exist.
    """
    package = type_url.rpartition("/")[2].rpartition(".")[0]
    try:
        modules = importlib.import_module(package)
    except ImportError as error:
        raise ConfigurationError(f"unknown type {type_url}") from error
    for module in pkgutil.iter_modules(modules.__path__):
        if module.name.endswith("_pb2"):
            importlib.import_module(f"{package}.{module.name}")
