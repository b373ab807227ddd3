"""`arouter models` and `arouter chat`, on the Python client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arouter.accounts.built_in import client_key
from arouter.cli.settings import config_errors
from arouter.config.environment import read_environment

if TYPE_CHECKING:
    from arouter.client import Client, Tls

_FILE = click.Path(dir_okay=False, path_type=Path)
_CONNECTION = (
    click.option("--target", help="Address of the service, host:port.  [default: 127.0.0.1:$AROUTER_GRPC_PORT]"),
    click.option(
        "--key", help="API key.  [default: $AROUTER_KEY, else with --tls-cert none, else the development key]"
    ),
    click.option("--tls-ca", type=_FILE, help="Use TLS and trust this CA.  [default: $AROUTER_TLS_CA]"),
    click.option("--tls-cert", type=_FILE, help="Client certificate.  [default: $AROUTER_TLS_CERT]"),
    click.option("--tls-key", type=_FILE, help="Private key of --tls-cert.  [default: $AROUTER_TLS_KEY]"),
)
_Command = TypeVar("_Command", bound=Callable[..., Any])


def connection_options(command: _Command) -> _Command:
    """Adds the options that `connection` takes to a command."""
    for option in reversed(_CONNECTION):
        command = option(command)
    return command


@click.command()
@connection_options
def models(**access: Any) -> None:
    """List the models that the key may use."""
    with connection(**access) as client:
        for model in client.list_models():
            click.echo(model.id)


@click.command()
@click.argument("prompt")
@click.option("--model", help="Model id, as in `arouter models`.  [default: the first one]")
@connection_options
def chat(prompt: str, model: str | None, **access: Any) -> None:
    """Stream the response to PROMPT."""
    from arouter.v1.chat_message_pb2 import ROLE_USER, ChatMessage
    from arouter.v1.chat_service_pb2 import ChatCompletionRequest

    with connection(**access) as client:
        if model is None:
            listed = client.list_models()
            if not listed:
                raise click.ClickException("no model is available; is a provider configured and reachable?")
            model = listed[0].id
        request = ChatCompletionRequest(model=model, messages=[ChatMessage(role=ROLE_USER, content=prompt)])
        with client.stream_chat(request) as stream:
            for chunk in stream:
                for choice in chunk.choices:
                    click.echo(choice.delta.content, nl=False)
        click.echo()


@contextmanager
def connection(
    target: str | None, key: str | None, tls_ca: Path | None, tls_cert: Path | None, tls_key: Path | None
) -> Iterator[Client]:
    """Yields a client of the service. A failed call ends the command with one line."""
    from arouter.client import CallError, Client, UnavailableError

    with config_errors():
        environment = read_environment()
    target = target or f"127.0.0.1:{environment.grpc_port}"
    ca, cert, own_key = tls_ca or environment.tls_ca, tls_cert or environment.tls_cert, tls_key or environment.tls_key
    if (cert is None) != (own_key is None) or (cert is not None and ca is None):
        raise click.UsageError("--tls-cert requires --tls-key, and both require --tls-ca.")
    if key is None and (cert is None or environment.key is not None):
        with config_errors():
            key = client_key(environment).reveal()
    with Client(target, key=key, tls=_tls(ca, cert, own_key)) as client:
        try:
            yield client
        except CallError as error:
            message = error.message
            if isinstance(error, UnavailableError) and not error.reason:
                message = f"no service at {target}; is `arouter up` running? ({message})"
            raise click.ClickException(f"{error.status.name}: {message}") from error


def _tls(ca: Path | None, cert: Path | None, key: Path | None) -> Tls | bool:
    from arouter.client import Tls

    if ca is None:
        return False
    try:
        own = (cert.read_bytes(), key.read_bytes()) if cert is not None and key is not None else (None, None)
        return Tls(ca.read_bytes(), *own)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
