"""Over typed gRPC, a provider gets back what it signed in an earlier turn, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from arouter.client import accumulate
from arouter.v1.chat_message_pb2 import ROLE_ASSISTANT, ROLE_TOOL, ROLE_USER, ChatMessage
from arouter.v1.chat_service_pb2 import ChatCompletionRequest
from arouter.v1.chat_tool_pb2 import FunctionDefinition, Tool
from support.golden import WIRE, Golden
from support.stack import Stack, running
from support.typed import Client

WEATHER = Tool(
    function=FunctionDefinition(name="get_weather", parameters_json='{"type":"object"}'),
    extra_fields_json='{"cache_control":{"type":"ephemeral"}}',
)


@pytest.fixture(scope="module")
def golden() -> Iterator[Golden]:
    with Golden() as server:
        yield server


@pytest.fixture(scope="module")
def translated(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    config = {"providers": [golden.row("anthropic"), golden.row("gemini")]}
    with running(tmp_path_factory.mktemp("signed"), config, ("serve",)) as stack:
        yield stack


@pytest.fixture
def client(translated: Stack) -> Iterator[Client]:
    with translated.channel() as channel:
        yield Client(translated, channel)


def answer(client: Client, model: str, conversation: list[ChatMessage], *, stream: bool) -> ChatMessage:
    request = ChatCompletionRequest(model=model, messages=conversation, tools=[WEATHER], reasoning_effort="high")
    if stream:
        return accumulate(client.chat.StreamChatCompletion(request, **client.options)).choices[0].message
    return client.chat.ChatCompletion(request, **client.options).choices[0].message


def second_turn(client: Client, model: str, *, stream: bool) -> ChatMessage:
    """Takes two turns with the tool's result in between, and returns the answer of the first."""
    question = ChatMessage(role=ROLE_USER, content="Weather in Zürich?")
    first = answer(client, model, [question], stream=stream)
    results = [ChatMessage(role=ROLE_TOOL, tool_call_id=call.id, content="rain") for call in first.tool_calls]
    follow_up = results or [ChatMessage(role=ROLE_USER, content="Again.")]
    answer(client, model, [question, first, *follow_up], stream=stream)
    return first


def received(protocol: str, case: str) -> Any:
    return json.loads((WIRE / protocol / case / "response.wire.json").read_text("utf-8"))


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("case", ["reasoning", "reasoning_tool_call"])
def test_anthropic_gets_its_signed_blocks_back(client: Client, golden: Golden, case: str, stream: bool) -> None:
    first = second_turn(client, f"anthropic/{case}", stream=stream)

    sent = golden.seen[-1][2]
    assert first.role == ROLE_ASSISTANT
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "user"]
    assert sent["messages"][1]["content"] == received("anthropic", case)["content"]
    assert sent["tools"][0]["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("case", ["reasoning", "tool_call", "parallel_tool_calls"])
def test_gemini_gets_its_thought_signatures_back(client: Client, golden: Golden, case: str, stream: bool) -> None:
    first = second_turn(client, f"gemini/{case}", stream=stream)

    _, model, results = golden.seen[-1][2]["contents"]
    parts = received("gemini", case)["candidates"][0]["content"]["parts"]
    assert [signature(part) for part in parts if signature(part)]
    assert [signature(part) for part in model["parts"]] == [
        signature(part) for part in parts if not part.get("thought")
    ]
    assert called(model["parts"]) == called(parts)
    assert len(called(parts)) == len(first.tool_calls)
    assert results["role"] == "user"


def signature(part: Any) -> str | None:
    return part.get("thoughtSignature")


def called(parts: list[Any]) -> list[tuple[str, Any]]:
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    return [(call["name"], call.get("args", {})) for call in calls]
