"""`arouter gateway`: Envoy and its configuration by themselves."""

from __future__ import annotations

from pathlib import Path

import click

from arouter.cli.settings import config_errors, read_settings


@click.group()
def gateway() -> None:
    """Run and drain the Envoy gateway, render and validate its configuration."""


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


@gateway.command()
def run() -> None:
    """Render the configuration and become Envoy.

    AROUTER_SERVICES says where the service is. On SIGTERM Envoy stops at once; `arouter gateway drain` comes before.
    """
    import os

    from arouter_gateway.process import envoy_command

    program, *arguments = envoy_command(_render(None))
    os.execv(program, [program, *arguments])  # noqa: S606 -- no shell is wanted


@gateway.command()
@click.option("--at-least", type=click.FloatRange(0), default=5.0, show_default=True, help="Seconds to go on anyway.")
@click.option(
    "--at-most", type=click.FloatRange(0), default=600.0, show_default=True, help="Seconds to wait for calls."
)
def drain(at_least: float, at_most: float) -> None:
    """Send clients elsewhere, and return when no call is open.

    Needs AROUTER_GATEWAY_ADMIN, as the gateway itself does. /healthz and /ready fail from the beginning.
    """
    from arouter_gateway.admin import Admin, AdminError
    from arouter_gateway.admin import drain as drain_gateway

    with config_errors():
        _, environment = read_settings()
    if environment.gateway_admin is None:
        raise click.ClickException("AROUTER_GATEWAY_ADMIN is not set: it names the socket of Envoy's admin interface")
    try:
        left = drain_gateway(Admin(environment.gateway_admin), at_least=at_least, at_most=at_most)
    except AdminError as error:
        raise click.ClickException(str(error)) from error
    if left:
        raise click.ClickException(f"{left} calls are still open after {at_most:g} s")


def _render(out: Path | None, run_dir: Path | None = None) -> Path:
    from arouter.server.gateway_settings import gateway_settings
    from arouter_gateway.render import render

    with config_errors():
        config, environment = read_settings()
        try:
            return render(gateway_settings(config, environment), out or environment.state_dir / "gateway", run_dir)
        except OSError as error:
            raise click.ClickException(f"cannot write the gateway's configuration: {error}") from error
