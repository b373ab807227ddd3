"""The `arouter` command. Each subcommand is imported when it is used, and imports its dependencies when it runs."""

from __future__ import annotations

import importlib

import click
from typing_extensions import override

_MODULES = {
    "up": "service",
    "serve": "service",
    "migrate": "service",
    "worker": "service",
    "models": "client",
    "chat": "client",
    "explain": "explain",
    "keys": "keys",
    "accounts": "accounts",
    "usage": "usage",
    "audit": "audit",
    "check-config": "check_config",
    "gateway": "gateway",
}
"""By subcommand, the module of this package that has a function of its name."""

_ENVIRONMENT = """\b
Environment:
  AROUTER_CONFIG      path of arouter.yaml (optional)
  AROUTER_PORT        the gateway's port (8080)
  AROUTER_GRPC_PORT   the service's port (50051)
  AROUTER_LISTEN_ADDRESS
                      IP address that both listen on (127.0.0.1)
  AROUTER_SERVICES    addresses of the service for the gateway: host:port[,host:port]
  AROUTER_METRICS_PORT
                      port of the service's metrics (disabled)
  AROUTER_GATEWAY_ADMIN
                      path of a Unix socket for Envoy's admin interface (disabled)
  AROUTER_GATEWAY_METRICS_PORT
                      port of the gateway's metrics and readiness (disabled);
                      requires AROUTER_GATEWAY_ADMIN
  AROUTER_HEALTH_PORT port of the service's health in plain text, for probes (disabled)
  AROUTER_CHANNELZ    path of a Unix socket for channelz: the service's connections (disabled)
  AROUTER_TLS_CA, AROUTER_TLS_CERT, AROUTER_TLS_KEY
                      trusted CA and client certificate of `arouter models`, `chat` and `explain`
  AROUTER_STATE_DIR   folder for state (./var)
  AROUTER_DEV_KEY     the development key; by default one is created in the state folder
  AROUTER_MGMT_KEY    the operator's management key; `arouter keys` creates others
  AROUTER_DATABASE_URL
                      PostgreSQL database; by default an SQLite file in the state folder
  AROUTER_REDIS_URL   Valkey or Redis server that counts limits for all processes
  AROUTER_LOG_FORMAT  json or console; by default console on a terminal, otherwise json
  AROUTER_LOG_LEVEL   debug, info, warning, error or critical (info)
  OTEL_EXPORTER_OTLP_ENDPOINT
                      OpenTelemetry collector for traces, http://host:port (disabled)
"""


class _Commands(click.Group):
    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_MODULES)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _MODULES:
            return _imported(cmd_name)
        for name in _MODULES:
            self.add_command(_imported(name))  # Click suggests one of these.
        return None


def _imported(name: str) -> click.Command:
    command: click.Command = getattr(importlib.import_module(f"arouter.cli.{_MODULES[name]}"), name.replace("-", "_"))
    return command


@click.group(cls=_Commands, epilog=_ENVIRONMENT, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="arouter", prog_name="arouter")
def main() -> None:
    """Every model behind one OpenAI-compatible URL and one typed gRPC API."""
