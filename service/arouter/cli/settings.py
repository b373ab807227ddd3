"""What every command starts from: the environment and the configuration, with errors for people."""

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
    """Turns a `ConfigError` into one line on stderr and exit status 1."""
    try:
        yield
    except ConfigError as error:
        raise click.ClickException(str(error)) from error


def read_settings(file: Path | None = None, text: str = "") -> tuple[Config, Environment]:
    """Returns the configuration and the environment.

    Args:
        file: Read instead of what AROUTER_CONFIG names.
        text: The content of what AROUTER_CONFIG names, if that is not to be read; else empty.

    Raises:
        ConfigError: One of them cannot be used.
    """
    environment = read_environment()
    if file is not None:
        environment = replace(environment, config_path=file)
    if text and environment.config_path is not None:
        return parse_file(environment.config_path, text, environment.variables), environment
    return load_config(environment.config_path, environment.variables), environment
