"""The typed chat methods and the model methods, by the generated client, against the real service."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.protobuf import json_format

from arouter.v1 import chat_message_pb2, model_service_pb2
from emulator import Emulator
from emulator.answers import CREATED, REASONING, TEXT, TOOL_CALLS, USAGE
from emulator.scenarios import MEGABYTE
from support.ports import HOST
from support.stack import Stack
from support.typed import Client, chat_request


@pytest.fixture(params=["direct", "through Envoy"])
def client(request: pytest.FixtureRequest, stack: Stack, emulator: Emulator) -> Iterator[Client]:
    """A client of the service itself and one of the gateway's port: both doors speak gRPC."""
    with stack.channel(stack.port if request.param == "through Envoy" else None) as channel:
        yield Client(stack, channel)


def test_a_completion(client: Client) -> None:
    response = client.chat.ChatCompletion(chat_request(), **client.options)

    assert response.id.startswith("gen-")
    assert response.model == "emu/text"
    assert response.created == CREATED
    assert len(response.choices) == 1
    assert response.choices[0].message.role == chat_message_pb2.ROLE_ASSISTANT
    assert response.choices[0].message.content == TEXT
    assert response.choices[0].finish_reason == "stop"
    assert response.system_fingerprint == "fp_emulated"
    assert json_format.MessageToDict(response.usage, preserving_proto_field_name=True) == USAGE.model_dump(
        exclude_unset=True
    )


def test_a_stream_ends_with_its_usage(client: Client) -> None:
    *chunks, last = client.chat.StreamChatCompletion(chat_request(), **client.options)

    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == TEXT
    assert [chunk.choices[0].HasField("finish_reason") for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[0].choices[0].delta.role == chat_message_pb2.ROLE_ASSISTANT
    assert not last.choices
    assert last.usage.total_tokens == USAGE.total_tokens
    assert {(chunk.id, chunk.model) for chunk in chunks} == {(last.id, "emu/text")}


def test_tool_calls(client: Client) -> None:
    message = client.chat.ChatCompletion(chat_request("emu/tools"), **client.options).choices[0].message

    calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls]
    assert tuple(calls) == TOOL_CALLS
    assert message.WhichOneof("content_form") is None


def test_streamed_parallel_tool_calls(client: Client) -> None:
    calls: dict[int, list[str]] = {}
    for chunk in client.chat.StreamChatCompletion(chat_request("emu/tools"), **client.options):
        for choice in chunk.choices:
            for piece in choice.delta.tool_calls:
                call = calls.setdefault(piece.index, ["", "", ""])
                call[0] += piece.id
                call[1] += piece.function.name
                call[2] += piece.function.arguments

    assert tuple(tuple(call) for call in calls.values()) == TOOL_CALLS


def test_reasoning_content(client: Client) -> None:
    message = client.chat.ChatCompletion(chat_request("emu/reasoning"), **client.options).choices[0].message
    chunks = list(client.chat.StreamChatCompletion(chat_request("emu/reasoning"), **client.options))

    assert message.reasoning_content == "".join(REASONING)
    thoughts = [choice.delta.reasoning_content for chunk in chunks for choice in chunk.choices]
    assert "".join(thoughts) == "".join(REASONING)


def test_the_first_words_arrive_while_the_provider_is_still_writing(client: Client, emulator: Emulator) -> None:
    stream = client.chat.StreamChatCompletion(chat_request("emu/gated", user="typed first words"), **client.options)

    received = ""
    while "Hello" not in received:
        received += next(stream).choices[0].delta.content
    emulator.call("typed first words").release()

    assert received + "".join(c.choices[0].delta.content for c in stream if c.choices) == TEXT


def test_a_request_of_9_mb_works(client: Client, emulator: Emulator) -> None:
    text = "x" * (9 * MEGABYTE)

    client.chat.ChatCompletion(chat_request(text=text), **client.options)

    assert emulator.calls[-1].json["messages"][0]["content"] == text


def test_a_big_answer_arrives_whole(client: Client) -> None:
    response = client.chat.ChatCompletion(chat_request("emu/11mb"), **client.options)

    assert response.choices[0].message.content == "x" * (11 * MEGABYTE)


def test_models(client: Client, emulator: Emulator) -> None:
    listing = client.models.ListModels(model_service_pb2.ListModelsRequest(), **client.options)
    one = client.models.GetModel(model_service_pb2.GetModelRequest(model="emu/text"), **client.options)

    assert listing.object == "list"
    assert [m.id for m in listing.data if m.owned_by == "emu"] == sorted(f"emu/{name}" for name in emulator.models)
    assert (one.id, one.object, one.created, one.owned_by) == ("emu/text", "model", CREATED, "emu")


async def test_the_asyncio_client(stack: Stack, emulator: Emulator) -> None:
    async with stack.async_channel() as channel:
        client = Client(stack, channel)
        response = await client.chat.ChatCompletion(chat_request(), **client.options)
        chunks = [c async for c in client.chat.StreamChatCompletion(chat_request(), **client.options)]

    assert response.choices[0].message.content == TEXT
    assert "".join(c.choices[0].delta.content for c in chunks if c.choices) == TEXT


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_the_key_may_come_in_either_metadata(stack: Stack, emulator: Emulator, header: str) -> None:
    metadata = {"authorization": (header, f"Bearer {stack.key}"), "x-api-key": (header, stack.key)}[header]
    with grpc.insecure_channel(f"{HOST}:{stack.grpc_port}") as channel:
        response = Client(stack, channel).chat.ChatCompletion(chat_request(), metadata=(metadata,), timeout=30)

    assert response.choices[0].message.content == TEXT
