"""`arouter check-config`: validates a configuration."""

from __future__ import annotations

from pathlib import Path

import click

from arouter.cli.settings import config_errors, read_settings


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check_config(file: Path | None) -> None:
    """Check FILE (default: AROUTER_CONFIG) and show what is enabled.

    Reads the file and the environment as `arouter serve` does, but connects to nothing. An error is one line with exit
    status 1; valid but unlikely settings are warnings.
    """
    from arouter.server.check import check

    with config_errors():
        config, environment = read_settings(file)
        lines, warnings = check(config, environment)
    click.echo(f"{environment.config_path or 'no file'}: valid")
    for line in lines:
        click.echo(line)
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)
