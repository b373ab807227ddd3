"""What `docs/channels.md` promises to the channels of grpcio; tests/clients/channels has those of other libraries."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc import Compression, StatusCode

from arouter.v1 import model_service_pb2
from emulator import Emulator
from emulator.answers import TEXT
from emulator.scenarios import MEGABYTE, RETRY_AFTER
from support.http2_frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    Connection,
    call_headers,
    frame,
    header_block,
)
from support.ports import HOST
from support.relay import relaying
from support.service_config import SERVICE_CONFIG
from support.stack import GRPC_OPTIONS, Stack
from support.typed import TIMEOUT, Client, chat_request, refusal

LIST = model_service_pb2.ListModelsRequest()
COMPRESSED, PLAIN = b"\x01", b"\x00"

Ask = Callable[..., tuple[StatusCode, str]]


@pytest.fixture(params=["service", "gateway"])
def port(request: pytest.FixtureRequest, stack: Stack) -> int:
    return stack.port if request.param == "gateway" else stack.grpc_port


def sync_ask(stack: Stack, port: int, request: Any, options: tuple[Any, ...] = GRPC_OPTIONS, **call: Any) -> Any:
    with grpc.insecure_channel(f"{HOST}:{port}", options) as channel:
        client = Client(stack, channel)
        try:
            client.chat.ChatCompletion(request, **{**client.options, **call})
        except grpc.RpcError as error:
            return error.code(), error.details()
    return StatusCode.OK, ""


def aio_ask(stack: Stack, port: int, request: Any, options: tuple[Any, ...] = GRPC_OPTIONS, **call: Any) -> Any:
    async def ask() -> Any:
        async with grpc.aio.insecure_channel(f"{HOST}:{port}", options) as channel:
            client = Client(stack, channel)
            try:
                await client.chat.ChatCompletion(request, **{**client.options, **call})
            except grpc.aio.AioRpcError as error:
                return error.code(), error.details()
        return StatusCode.OK, ""

    return asyncio.run(ask())


@pytest.fixture(params=["sync service", "sync gateway", "aio service"])
def ask(request: pytest.FixtureRequest, stack: Stack, emulator: Emulator) -> Ask:
    api, door = request.param.split()
    call = sync_ask if api == "sync" else aio_ask
    port = stack.grpc_port if door == "service" else stack.port
    return lambda *args, **options: call(stack, port, *args, **options)


# --- Sizes and compression --------------------------------------------------------------------------------------------


def test_a_request_that_is_too_large_is_refused_with_its_size(ask: Ask) -> None:
    code, details = ask(chat_request(text="x" * (11 * MEGABYTE)))

    assert code is StatusCode.RESOURCE_EXHAUSTED
    assert details.startswith("SERVER: Received message larger than max (115343")


def test_a_compressed_request_is_limited_by_its_uncompressed_size(ask: Ask) -> None:
    code, details = ask(chat_request(text="x" * (11 * MEGABYTE)), compression=Compression.Gzip)

    assert (code, details) == (StatusCode.RESOURCE_EXHAUSTED, "Decompressed message larger than max")


@pytest.mark.parametrize("compression", [Compression.Gzip, Compression.Deflate])
def test_a_request_may_be_compressed(ask: Ask, emulator: Emulator, compression: Compression) -> None:
    assert ask(chat_request(text="x" * MEGABYTE), compression=compression) == (StatusCode.OK, "")
    assert emulator.calls[-1].json["messages"][0]["content"] == "x" * MEGABYTE


def test_the_client_limits_responses_unless_told_otherwise(ask: Ask) -> None:
    code, details = ask(chat_request("emu/11mb"), ())

    assert code is StatusCode.RESOURCE_EXHAUSTED
    assert "CLIENT: Received message larger than max" in details
    assert ask(chat_request("emu/11mb"), (("grpc.max_receive_message_length", 64 * MEGABYTE),)) == (StatusCode.OK, "")


def raw_list(stack: Stack, port: int, flag: bytes, *headers: tuple[str, str]) -> tuple[bytes, bytes]:
    """Lists models with a message and headers by hand; returns all headers, and all messages, of the response."""
    with Connection(port) as connection:
        stream = connection.next_stream()
        block = call_headers("/arouter.v1.ModelService/ListModels", *stack.metadata, *headers)
        data = flag + struct.pack(">I", 0)
        connection.send(frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, END_STREAM, stream, data))
        received = {HEADERS: b"", DATA: b""}
        while got := connection.read(10):
            kind, flags, of, payload = got
            if of == stream:
                received[kind] += payload
                if flags & END_STREAM:
                    break
        return received[HEADERS], received[DATA]


def test_responses_are_not_compressed(stack: Stack, port: int) -> None:
    _, messages = raw_list(stack, port, PLAIN, ("grpc-accept-encoding", "gzip"))

    assert messages[:1] == PLAIN


def test_another_compression_is_refused(stack: Stack) -> None:
    headers, _ = raw_list(stack, stack.grpc_port, COMPRESSED, ("grpc-encoding", "br"))

    assert header_block([("grpc-status", "13")])[1:] in headers
    assert b"Error parsing 'grpc-encoding' metadata" in headers


# --- Deadlines --------------------------------------------------------------------------------------------------------


def test_a_deadline_ends_the_providers_call(ask: Ask, emulator: Emulator) -> None:
    code, _ = ask(chat_request("emu/hang"), timeout=1)

    assert code is StatusCode.DEADLINE_EXCEEDED
    assert emulator.calls[-1].disconnected.wait(5)


# --- Retries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout", "pushback"), [(TIMEOUT, f"{RETRY_AFTER}000"), (None, f"{RETRY_AFTER}000"), (10, "-1")]
)
def test_the_channel_is_told_when_to_retry(
    stack: Stack, port: int, emulator: Emulator, timeout: float | None, pushback: str
) -> None:
    with stack.channel(port) as channel:
        client = Client(stack, channel)
        with pytest.raises(grpc.RpcError) as caught:
            client.chat.ChatCompletion(chat_request("emu/status-429"), **client.options | {"timeout": timeout})

    assert refusal(caught.value).retry_after == int(RETRY_AFTER)
    assert dict(caught.value.trailing_metadata())["grpc-retry-pushback-ms"] == pushback


def policy(*codes: str, service: str, throttling: Any = None) -> tuple[tuple[str, Any], ...]:
    """Returns channel options with a retry policy that hardly waits by itself."""
    retry = {"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.01s", "backoffMultiplier": 1}
    method = {"name": [{"service": service}], "retryPolicy": {**retry, "retryableStatusCodes": codes}}
    config = {"methodConfig": [method], **({"retryThrottling": throttling} if throttling else {})}
    return (*GRPC_OPTIONS, ("grpc.service_config", json.dumps(config)))


@pytest.mark.parametrize(("throttling", "calls"), [({}, 3), ({"maxTokens": 2, "tokenRatio": 0.1}, 1)])
def test_each_retry_of_a_chat_is_a_call_of_the_provider(
    stack: Stack, emulator: Emulator, throttling: dict[str, Any], calls: int
) -> None:
    """Unless throttling forbids it, as here after half of two tokens."""
    options = policy("UNAVAILABLE", service="arouter.v1.ChatService", throttling=throttling)

    assert sync_ask(stack, stack.grpc_port, chat_request("emu/status-503"), options)[0] is StatusCode.UNAVAILABLE
    assert len(emulator.calls) == calls


def test_it_does_not_retry_if_the_deadline_would_pass(ask: Ask, emulator: Emulator) -> None:
    options = policy("RESOURCE_EXHAUSTED", service="arouter.v1.ChatService")

    assert ask(chat_request("emu/status-429"), options, timeout=5) == (
        StatusCode.RESOURCE_EXHAUSTED,
        "emulated failure 429",
    )
    assert len(emulator.calls) == 1


def test_with_the_service_config_of_the_docs_reads_survive_a_lost_connection_and_chats_are_not_repeated(
    stack: Stack, port: int, emulator: Emulator
) -> None:
    options = (*GRPC_OPTIONS, ("grpc.service_config", json.dumps(SERVICE_CONFIG)))
    options = (*options, ("grpc.initial_reconnect_backoff_ms", 100))
    with relaying(port) as relay, grpc.insecure_channel(f"ipv4:{HOST}:{relay.port}", options) as channel:
        client = Client(stack, channel)
        chat = client.chat.ChatCompletion.future(chat_request("emu/gated"), **client.options)
        emulator.wait_for(lambda: emulator.calls)
        relay.cut()
        with pytest.raises(grpc.RpcError) as caught:
            chat.result()
        listed = client.models.ListModels.future(LIST, **client.options)
        with pytest.raises(grpc.RpcError) as refused:
            client.chat.ChatCompletion(chat_request(), **client.options)
        relay.mend()

        assert listed.result().data
        answer = client.chat.ChatCompletion(chat_request(), **client.options, wait_for_ready=True)

    assert caught.value.code() is refused.value.code() is StatusCode.UNAVAILABLE
    assert answer.choices[0].message.content == TEXT
    assert [call.model for call in emulator.calls] == ["gated", "text"]
