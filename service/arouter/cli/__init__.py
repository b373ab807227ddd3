"""The `arouter` command. Each subcommand imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import click

from arouter import __version__
from arouter.cli.accounts import accounts
from arouter.cli.audit import audit
from arouter.cli.check_config import check_config
from arouter.cli.client import chat, models
from arouter.cli.explain import explain
from arouter.cli.gateway import gateway
from arouter.cli.keys import keys
from arouter.cli.service import migrate, serve, up, worker
from arouter.cli.usage import usage

_ENVIRONMENT = """\b
Environment:
  AROUTER_CONFIG      path of arouter.yaml; none is needed
  AROUTER_PORT        the gateway's port (8080)
  AROUTER_GRPC_PORT   the service's port (50051)
  AROUTER_LISTEN_ADDRESS
                      the IP address that both listen on (127.0.0.1)
  AROUTER_SERVICES    where the gateway finds the service: host:port[,host:port]
  AROUTER_METRICS_PORT
                      where the service shows its metrics; else nowhere
  AROUTER_GATEWAY_ADMIN
                      path of a socket for Envoy's admin interface; else there is none
  AROUTER_GATEWAY_METRICS_PORT
                      where the gateway shows its metrics and readiness; needs the one before
  AROUTER_HEALTH_PORT the service's health in plain text, for probes; none by default
  AROUTER_TLS_CA, AROUTER_TLS_CERT, AROUTER_TLS_KEY
                      what `arouter models`, `chat` and `explain` believe and show
  AROUTER_STATE_DIR   where state is kept (./var)
  AROUTER_DEV_KEY     the development key; else one is made and kept in the state folder
  AROUTER_MGMT_KEY    the operator's management key; `arouter keys` makes others
  AROUTER_DATABASE_URL
                      a PostgreSQL database; else an SQLite file in the state folder
  AROUTER_REDIS_URL   Valkey or Redis, where several processes count limits together
  AROUTER_LOG_FORMAT  json or console; else console on a terminal
  AROUTER_LOG_LEVEL   debug, info, warning, error or critical (info)
  OTEL_EXPORTER_OTLP_ENDPOINT
                      an OpenTelemetry collector, http://host:port, for traces; else there are none
"""


@click.group(epilog=_ENVIRONMENT, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="arouter")
def main() -> None:
    """Every model behind one OpenAI-compatible URL and one typed gRPC API."""


for _command in (
    up,
    serve,
    migrate,
    worker,
    models,
    chat,
    explain,
    keys,
    accounts,
    usage,
    audit,
    check_config,
    gateway,
):
    main.add_command(_command)
