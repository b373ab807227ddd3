"""Implements `arouter up`: the local model, the service and Envoy, started and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import click

from arouter.accounts.built_in import development_secret
from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.schema import Config
from arouter.providers.provider import wants_local_model
from arouter.server.banner import banner, shown_key
from arouter.server.gateway_settings import gateway_settings
from arouter.server.ports import check_ports, service_ports
from arouter.server.processes.children import Child, stop_timeout
from arouter.server.processes.heartbeat import TIMEOUT
from arouter.server.processes.hung import kill_hung
from arouter.server.processes.signals import handle_signals
from arouter.server.tls.certificates import checked_files
from arouter_gateway.process import envoy_command
from arouter_gateway.render import render

_START_TIMEOUT = 60.0
"""Seconds after which a start that is not healthy is aborted."""

_POLL = 0.05

_STOP_ORDER = ("service", "gateway", "local")
_COLOURS = {"local": "magenta", "service": "cyan", "gateway": "yellow"}


class _PartDiedError(Exception):
    """A process has ended by itself."""

    def __init__(self, part: Child) -> None:
        last = "\n".join(f"  {line}" for line in part.last_lines) or "  (it printed nothing)"
        super().__init__(f"{part.name} exited with status {part.exit_status}. Its last lines:\n{last}")


def run_up(config: Config, environment: Environment) -> int:
    """Runs everything until Ctrl-C, SIGTERM or the end of the terminal; returns the exit status.

    Raises:
        ConfigError: A port is in use, or a requirement is missing.
    """
    gateway_ports = {
        "AROUTER_PORT": environment.port,
        "AROUTER_GATEWAY_METRICS_PORT": environment.gateway_metrics_port,
    }
    check_ports(environment.listen_address, gateway_ports | service_ports(environment))
    _check_tls(config, environment)
    return asyncio.run(_Up(config, environment).run())


class _Up:
    def __init__(self, config: Config, environment: Environment) -> None:
        self._config = config
        self._environment = environment
        self._url = f"{'http' if config.gateway.tls is None else 'https'}://127.0.0.1:{environment.port}"
        # Never through a proxy from the environment.
        self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=_client_context(environment)))
        self._key = development_secret(environment).reveal()
        # The key is passed on, so that all processes use the same one.
        self._variables = {**environment.variables, "AROUTER_DEV_KEY": self._key, "PYTHONUNBUFFERED": "1"}
        # The service's stderr is a pipe, but its output is shown on our terminal.
        self._variables["AROUTER_LOG_FORMAT"] = environment.log_format
        self._parts: list[Child] = []
        self._text = ""

    async def run(self) -> int:
        stop, hurry = asyncio.Event(), asyncio.Event()
        handle_signals(
            lambda: (hurry if stop.is_set() else stop).set(),
            # The other processes read no configuration.
            lambda: self._signal_service(signal.SIGHUP),
        )
        stopping = asyncio.create_task(stop.wait())
        running = asyncio.create_task(self._run())
        try:
            await asyncio.wait({stopping, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
        except _PartDiedError as error:
            click.secho(f"\n{error}", fg="red", err=True)
            return 1
        else:
            with contextlib.suppress(OSError):
                click.echo("\nStopping. Press Ctrl-C again to abort open calls.", err=True)
            return 0
        finally:
            running.cancel()
            await asyncio.wait({running})
            await self._stop(hurry)
            stopping.cancel()

    async def _run(self) -> None:
        """Starts the processes, prints the banner, and waits until one of them dies.

        Raises:
            _PartDiedError: A process died.
            ConfigError: A process cannot be started.
        """
        if wants_local_model(self._config, self._environment):
            local = await self._start("local", [sys.executable, "-m", "arouter.embedded"])
            address = await local.first_line()
            if address is None or not address.startswith("http://"):
                await local.wait()
                raise _PartDiedError(local)
            self._variables["AROUTER_LOCAL_URL"] = address
        await self._start("service", [sys.executable, "-m", "arouter", "serve", "--linked"], linked=True)
        await self._start("gateway", envoy_command(self._render()))
        announced = asyncio.create_task(self._announce())
        watching = asyncio.create_task(kill_hung(self._parts, _report_hung))
        deaths = {asyncio.create_task(part.wait()): part for part in self._parts}
        try:
            await asyncio.wait({announced, *deaths}, return_when=asyncio.FIRST_COMPLETED)
            if announced.done():
                await announced
                await asyncio.wait(deaths, return_when=asyncio.FIRST_COMPLETED)
            raise _PartDiedError(next(part for death, part in deaths.items() if death.done()))
        finally:
            for task in (announced, watching, *deaths):
                task.cancel()

    def _render(self) -> Path:
        folder = self._environment.state_dir / "gateway"
        try:
            return render(gateway_settings(self._config, self._environment, is_local=True), folder)
        except OSError as error:
            raise ConfigError(f"{folder}: {error.strerror} (AROUTER_STATE_DIR sets the folder)") from error

    async def _start(self, name: str, command: Sequence[str], *, linked: bool = False) -> Child:
        # Only the service needs the keys.
        variables = self._variables if name == "service" else _without_secrets(self._variables)
        try:
            part = await Child.start(
                name, command, variables, _print_line, text="" if linked else None, on_text=self._on_text
            )
        except OSError as error:
            raise ConfigError(f"cannot start {name} ({command[0]}): {error}") from error
        self._parts.append(part)
        return part

    def _on_text(self, text: str) -> None:
        self._text = text

    async def _announce(self) -> None:
        """Waits until the gateway is healthy, then prints how to use it."""
        deadline = asyncio.get_running_loop().time() + _START_TIMEOUT
        while await asyncio.to_thread(self._get, "/healthz") is None:
            if asyncio.get_running_loop().time() > deadline:
                raise ConfigError(f"not healthy after {_START_TIMEOUT:.0f} s; see the lines above for the reason")
            await asyncio.sleep(_POLL)
        models = await asyncio.to_thread(self._get, "/v1/models")
        listed = json.loads(models)["data"] if models else []
        if not listed:
            click.echo("No model is available yet: no model list could be read. See the lines above.", err=True)
        model = listed[0]["id"] if listed else "provider/model"
        key = shown_key(self._environment, self._key, secret=not sys.stdout.isatty())
        click.echo(banner(self._url, key, self._environment.grpc_port, model))

    def _get(self, path: str) -> bytes | None:
        """Returns the gateway's response body, or None if the status is not 200."""
        request = Request(self._url + path, headers={"authorization": f"Bearer {self._key}"})  # noqa: S310
        try:
            with self._opener.open(request, timeout=5) as answer:
                body: bytes = answer.read()
                return body
        except OSError:
            return None

    async def _stop(self, hurry: asyncio.Event) -> None:
        """Stops the service first, so that open calls can end through the gateway to the model behind them."""
        timeout = stop_timeout(self._config, self._environment, self._text)
        hurrying = asyncio.create_task(self._hurry(hurry))
        for part in sorted(self._parts, key=lambda part: _STOP_ORDER.index(part.name)):
            await part.stop(timeout)
        hurrying.cancel()

    async def _hurry(self, hurry: asyncio.Event) -> None:
        await hurry.wait()
        # The other processes stop in order: the service's last messages go through the gateway.
        self._signal_service(signal.SIGTERM)

    def _signal_service(self, number: signal.Signals) -> None:
        for part in self._parts:
            if part.name == "service":
                part.signal(number)


def _check_tls(config: Config, environment: Environment) -> None:
    """Checks that the TLS settings of the processes, and of the health check, match.

    Raises:
        ConfigError: They do not match; or a file of the gateway is invalid, which Envoy would report only in its log.
    """
    server, service, gateway = config.server.tls, config.gateway.service_tls, config.gateway.tls
    if (server is None) != (service is None):
        raise ConfigError("server.tls and gateway.service_tls must be set together: the gateway calls the service")
    if service is not None:
        if server is not None and server.client_ca is not None and service.certificate is None:
            raise ConfigError("gateway.service_tls: requires a certificate, because server.tls.client_ca is set")
        checked_files("gateway.service_tls", service)
    if gateway is not None:
        if gateway.client_ca is not None and (environment.tls_cert is None or environment.tls_key is None):
            raise ConfigError(
                "gateway.tls.client_ca: `arouter up` calls the gateway too; set AROUTER_TLS_CERT and AROUTER_TLS_KEY"
            )
        checked_files("gateway.tls", gateway)


def _client_context(environment: Environment) -> ssl.SSLContext:
    """Returns the TLS context for calls to the gateway. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Our own child on our own machine, at an address that its certificate need not contain.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if environment.tls_cert is not None:
        try:
            context.load_cert_chain(environment.tls_cert, environment.tls_key, password="")
        except OSError as error:
            raise ConfigError(f"AROUTER_TLS_CERT, AROUTER_TLS_KEY: cannot be used: {error.strerror}") from error
    return context


def _without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONUNBUFFERED")
    return {name: variables[name] for name in kept if name in variables}


def _report_hung(part: Child, killed: bool, stacks: list[str]) -> None:
    for line in stacks:
        _print_line(part.name, line)
    _print_line(part.name, f"did not respond for {TIMEOUT:.0f} s and {'is killed' if killed else 'has recovered'}")


def _print_line(name: str, line: str) -> None:
    # The reader of stderr may have exited (`arouter up 2>&1 | head`, a terminal), which is no reason to stop.
    with contextlib.suppress(OSError):
        click.echo(f"{click.style(f'{name:>8} |', fg=_COLOURS[name])} {line}", err=True)
