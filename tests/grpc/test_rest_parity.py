"""A request sent through REST and through typed gRPC reaches the provider as the same JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from arouter.client import to_openai
from arouter.providers.vendor_members import ANY
from emulator import Emulator
from support.every_field import DOCUMENT, typed_request
from support.rest import Rest, events
from support.stack import Stack
from support.typed import Client, chat_request

EMPTY = ("reasoning_content", "")


@pytest.fixture
def client(stack: Stack, emulator: Emulator) -> Iterator[Client]:
    with stack.channel() as channel:
        yield Client(stack, channel)


def schemas(document: Any) -> list[str]:
    """Returns the JSON Schemas of a request as text, in which key order counts."""
    return [
        json.dumps(document["response_format"]["json_schema"]["schema"]),
        json.dumps(document["tools"][0]["function"]["parameters"]),
    ]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_both_doors_reach_the_provider_as_the_same_json(
    rest: Rest, client: Client, emulator: Emulator, stream: bool
) -> None:
    method = client.chat.StreamChatCompletion if stream else client.chat.ChatCompletion
    answer = method(typed_request("typed"), **client.options)
    if stream:
        list(answer)
    assert rest.chat(DOCUMENT | {"user": "rest"} | ({"stream": True} if stream else {})).status == 200

    by_grpc, by_rest = emulator.call("typed").json, emulator.call("rest").json
    assert by_grpc | {"user": "rest"} == by_rest
    assert schemas(by_grpc) == schemas(by_rest) == schemas(DOCUMENT)
    assert list(by_grpc["vendor"]) == list(DOCUMENT["vendor"])


def test_through_rest_the_provider_reads_the_document_as_it_was_written(rest: Rest, emulator: Emulator) -> None:
    document = DOCUMENT | {"user": "as written"}

    assert rest.chat(document).status == 200

    sent = document | {"model": "text"}
    ANY.strip(sent, {})  # members of other vendors
    assert json.dumps(emulator.call("as written").json) == json.dumps(sent)


@pytest.mark.parametrize("model", ["emu/text", "emu/tools", "emu/reasoning"])
def test_both_doors_answer_with_the_same_json(rest: Rest, client: Client, emulator: Emulator, model: str) -> None:
    """As the Python client writes it. In it, null, an empty reasoning and a missing one are the same."""
    document = {"model": model, "messages": [{"role": "user", "content": "hi"}]}

    by_rest = rest.chat(document)
    by_grpc = client.chat.ChatCompletion(chat_request(model), **client.options)
    streamed_by_rest = rest.chat({**document, "stream": True, "stream_options": {"include_usage": True}})
    streamed_by_grpc = client.chat.StreamChatCompletion(chat_request(model), **client.options)

    assert said(to_openai(by_grpc)) == said(by_rest.json)
    *chunks, done = events(streamed_by_rest.body)
    assert done == b"[DONE]"
    assert [said(to_openai(chunk)) for chunk in streamed_by_grpc] == [said(json.loads(chunk)) for chunk in chunks]


def said(document: dict[str, Any]) -> Any:
    return without_empty({**document, "id": ""})


def without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_empty(item) for name, item in value.items() if item is not None and (name, item) != EMPTY}
    return [without_empty(item) for item in value] if isinstance(value, list) else value
