"""`arouter models` and `arouter chat`: a gRPC client in a few lines, and the example of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
import grpc

from arouter.cli.settings import config_errors
from arouter.config.dev_key import client_key
from arouter.config.environment import read_environment

key_option = click.option("--key", help="The API key.  [default: $AROUTER_KEY, else the development key]")


@click.command()
@click.option("--target", help="host:port of the service.  [default: 127.0.0.1:$AROUTER_GRPC_PORT]")
@key_option
def models(target: str | None, key: str | None) -> None:
    """List the models that the key may use."""
    from arouter.v1 import model_service_pb2, model_service_pb2_grpc

    with connection(target, key) as (channel, metadata):
        service = model_service_pb2_grpc.ModelServiceStub(channel)
        for model in service.ListModels(model_service_pb2.ListModelsRequest(), metadata=metadata).data:
            click.echo(model.id)


@click.command()
@click.argument("prompt")
@click.option("--model", help="A model id as `arouter models` lists it.  [default: the first of them]")
@click.option("--target", help="host:port of the service.  [default: 127.0.0.1:$AROUTER_GRPC_PORT]")
@key_option
def chat(prompt: str, model: str | None, target: str | None, key: str | None) -> None:
    """Stream the answer to PROMPT."""
    from arouter.v1 import (
        chat_message_pb2,
        chat_service_pb2,
        chat_service_pb2_grpc,
        model_service_pb2,
        model_service_pb2_grpc,
    )

    with connection(target, key) as (channel, metadata):
        if model is None:
            listed = model_service_pb2_grpc.ModelServiceStub(channel).ListModels(
                model_service_pb2.ListModelsRequest(), metadata=metadata
            )
            if not listed.data:
                raise click.ClickException("no model is listed; is a provider configured, and can it be reached?")
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
def connection(target: str | None, key: str | None) -> Iterator[tuple[grpc.Channel, tuple[tuple[str, str]]]]:
    """Yields a channel to the service and the metadata with the key; a failed call ends the command with one line."""
    with config_errors():
        environment = read_environment()
        key = key or client_key(environment).reveal()
        target = target or f"127.0.0.1:{environment.grpc_port}"
    # Never through a proxy that the environment may name: it would see the key.
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            yield channel, (("authorization", f"Bearer {key}"),)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code is grpc.StatusCode.UNAVAILABLE and not error.trailing_metadata():
                details = f"no service at {target}; is `arouter up` running?"
            raise click.ClickException(f"{code.name}: {details}") from error
