"""`arouter models` and `arouter chat`: a minimal gRPC client, which also serves as an example."""

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
    import grpc

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
    from arouter.v1 import model_service_pb2, model_service_pb2_grpc

    with connection(**access) as (channel, metadata):
        service = model_service_pb2_grpc.ModelServiceStub(channel)
        for model in service.ListModels(model_service_pb2.ListModelsRequest(), metadata=metadata).data:
            click.echo(model.id)


@click.command()
@click.argument("prompt")
@click.option("--model", help="Model id, as in `arouter models`.  [default: the first one]")
@connection_options
def chat(prompt: str, model: str | None, **access: Any) -> None:
    """Stream the response to PROMPT."""
    from arouter.v1 import (
        chat_message_pb2,
        chat_service_pb2,
        chat_service_pb2_grpc,
        model_service_pb2,
        model_service_pb2_grpc,
    )

    with connection(**access) as (channel, metadata):
        if model is None:
            listed = model_service_pb2_grpc.ModelServiceStub(channel).ListModels(
                model_service_pb2.ListModelsRequest(), metadata=metadata
            )
            if not listed.data:
                raise click.ClickException("no model is available; is a provider configured and reachable?")
            model = listed.data[0].id
        request = chat_service_pb2.ChatCompletionRequest(
            model=model,
            messages=[chat_message_pb2.ChatMessage(role=chat_message_pb2.ROLE_USER, content=prompt)],
        )
        for piece in chat_service_pb2_grpc.ChatServiceStub(channel).StreamChatCompletion(request, metadata=metadata):
            for choice in piece.choices:
                click.echo(choice.delta.content, nl=False)
        click.echo()


@contextmanager
def connection(
    target: str | None, key: str | None, tls_ca: Path | None, tls_cert: Path | None, tls_key: Path | None
) -> Iterator[tuple[grpc.Channel, tuple[tuple[str, str], ...]]]:
    """Yields a channel to the service and the metadata with the key. A failed call ends the command with one line."""
    import grpc

    with config_errors():
        environment = read_environment()
    target = target or f"127.0.0.1:{environment.grpc_port}"
    ca, cert, own_key = tls_ca or environment.tls_ca, tls_cert or environment.tls_cert, tls_key or environment.tls_key
    if (cert is None) != (own_key is None) or (cert is not None and ca is None):
        raise click.UsageError("--tls-cert requires --tls-key, and both require --tls-ca.")
    if key is None and (cert is None or environment.key is not None):
        with config_errors():
            key = client_key(environment).reveal()
    with _channel(target, ca, cert, own_key) as channel:
        try:
            yield channel, () if key is None else (("authorization", f"Bearer {key}"),)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code is grpc.StatusCode.UNAVAILABLE and not error.trailing_metadata():
                details = f"no service at {target}; is `arouter up` running? ({details})"
            raise click.ClickException(f"{code.name}: {details}") from error


def _channel(target: str, ca: Path | None, cert: Path | None, key: Path | None) -> grpc.Channel:
    import grpc

    # Never through a proxy from the environment: it would see the key.
    options = [("grpc.enable_http_proxy", 0)]
    if ca is None:
        return grpc.insecure_channel(target, options)
    try:
        files = [path.read_bytes() for path in (ca, key, cert) if path is not None]
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(*files), options)
