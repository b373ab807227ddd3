"""Loads the environment and the configuration for commands, with user-friendly errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from msgspec.structs import replace

from arouter.config.environment import Environment, read_environment
from arouter.config.load import ConfigError, load_config, parse_file
from arouter.config.schema import Config


@contextmanager
def config_errors() -> Iterator[None]:
    """Converts a `ConfigError` to one line on stderr and exit status 1."""
    try:
        yield
    except ConfigError as error:
        raise click.ClickException(str(error)) from error


def read_settings(
    file: Path | None = None, text: str = "", *, needs_providers: bool = True
) -> tuple[Config, Environment]:
    """Returns the configuration and the environment.

    Args:
        file: Read in place of the file in AROUTER_CONFIG.
        text: The content of the file in AROUTER_CONFIG, if the file is not to be read; else empty.
        needs_providers: As for `load_config`.

    Raises:
        ConfigError: The configuration or the environment is invalid.
    """
    environment = read_environment()
    if file is not None:
        environment = replace(environment, config_path=file)
    if text and environment.config_path is not None:
        return parse_file(environment.config_path, text, environment.variables), environment
    config = load_config(environment.config_path, environment.variables, needs_providers=needs_providers)
    return config, environment
