"""`arouter gateway`: the Envoy configuration by itself."""

from __future__ import annotations

from pathlib import Path

import click

from arouter.cli.settings import config_errors, read_settings


@click.group()
def gateway() -> None:
    """Render or validate the configuration of the Envoy gateway."""


@gateway.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder.  [default: state folder/gateway]"
)
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="Folder where Envoy will find it, for what is rendered elsewhere.  [default: --out]",
)
def render(out: Path | None, run_dir: Path | None) -> None:
    """Write envoy.yaml and what it needs, and print its path."""
    click.echo(_render(out, run_dir))


@gateway.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder.  [default: state folder/gateway]"
)
def validate(out: Path | None) -> None:
    """Render, then check with Envoy itself and against Envoy's typed protos.

    The latter needs the development packages (`make lint` installs them) and is left out without them.
    """
    from arouter_gateway.validate import ConfigurationError, validate

    path = _render(out)
    try:
        complete = validate(path)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{path}: valid" + ("" if complete else " for Envoy (the typed check needs the package xds-protos)"))


def _render(out: Path | None, run_dir: Path | None = None) -> Path:
    from arouter.server.gateway_settings import gateway_settings
    from arouter_gateway.render import render

    with config_errors():
        config, environment = read_settings()
        try:
            return render(gateway_settings(config, environment), out or environment.state_dir / "gateway", run_dir)
        except OSError as error:
            raise click.ClickException(f"cannot write the gateway's configuration: {error}") from error
