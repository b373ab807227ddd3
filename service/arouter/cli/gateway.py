"""`arouter gateway`: runs and configures Envoy."""

from __future__ import annotations

from pathlib import Path

import click

from arouter.cli.settings import config_errors, read_settings
from arouter.config.environment import read_environment


@click.group()
def gateway() -> None:
    """Run and drain the Envoy gateway, render and validate its configuration."""


@gateway.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Output folder.  [default: state folder/gateway]"
)
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="Folder that Envoy will read from, if it differs from the output folder.  [default: --out]",
)
def render(out: Path | None, run_dir: Path | None) -> None:
    """Write envoy.yaml and its files, and print its path."""
    click.echo(_render(out, run_dir))


@gateway.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Output folder.  [default: state folder/gateway]"
)
def validate(out: Path | None) -> None:
    """Render the configuration and validate it with Envoy and against Envoy's protos.

    The latter requires the development packages (`make lint` installs them) and is skipped without them.
    """
    from arouter_gateway.validate import ConfigurationError, validate

    path = _render(out)
    try:
        complete = validate(path)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{path}: valid" + ("" if complete else " for Envoy (the check against its protos requires xds-protos)"))


@gateway.command()
def run() -> None:
    """Render the configuration and replace this process by Envoy.

    AROUTER_SERVICES is the address of the service. On SIGTERM Envoy stops at once; run `arouter gateway drain` before.
    """
    import os

    from arouter_gateway.process import envoy_command

    program, *arguments = envoy_command(_render(None))
    os.execv(program, [program, *arguments])  # noqa: S606 -- runs without a shell


@gateway.command()
@click.option("--at-least", type=click.FloatRange(0), default=5.0, show_default=True, help="Minimum seconds to wait.")
@click.option(
    "--at-most", type=click.FloatRange(0), default=600.0, show_default=True, help="Maximum seconds to wait for calls."
)
def drain(at_least: float, at_most: float) -> None:
    """Fail the health checks, and return when no call is open.

    Requires AROUTER_GATEWAY_ADMIN, as for the gateway. /healthz and /ready fail from the beginning.
    """
    from arouter_gateway.admin import Admin, AdminError
    from arouter_gateway.admin import drain as drain_gateway

    with config_errors():
        environment = read_environment()
    if environment.gateway_admin is None:
        raise click.ClickException(
            "AROUTER_GATEWAY_ADMIN is not set: it is the path of the socket of Envoy's admin interface"
        )
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
        # The gateway has no use for providers' keys, and its pods do not have them.
        config, environment = read_settings(needs_providers=False)
        try:
            return render(gateway_settings(config, environment), out or environment.state_dir / "gateway", run_dir)
        except OSError as error:
            raise click.ClickException(f"cannot write the gateway's configuration: {error}") from error
