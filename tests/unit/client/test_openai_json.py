"""The client's conversions agree with the service's, and lose nothing on the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from unit.rpc import typed_builder
from unit.rpc.answers import CHUNK, COMPLETION
from unit.rpc.openai_types import object_fields, values

from arouter.client import ConversionError, from_openai, to_openai
from arouter.rpc.typed.chunk import chunk_to_proto
from arouter.rpc.typed.request import request_to_dict
from arouter.rpc.typed.response import completion_to_proto
from arouter.v1.chat_message_pb2 import ChatMessage
from arouter.v1.chat_service_pb2 import (
    ChatCompletionRequest,
    ChatCompletionResponse,
    StreamChatCompletionResponse,
)
from arouter.v1.chat_tool_pb2 import FunctionCall, ToolCallDelta
from arouter.v1.embedding_service_pb2 import (
    CreateEmbeddingsRequest,
    CreateEmbeddingsResponse,
    EmbeddingUsage,
    TokenList,
)
from judges.openai_answers import answer_faults, stream_faults
from support.docs import ROOT
from support.every_field import DOCUMENT, typed_request

WIRE = ROOT / "tests/wire"
ANSWERS = {
    "every field": COMPLETION,
    **{
        str(path.parent.relative_to(WIRE)): {"created": 1, **json.loads(path.read_text())}
        for path in sorted(WIRE.glob("*/*/response.openai.json"))
        if '"choices"' in path.read_text()
    },
}
STREAMS = {
    str(path.parent.relative_to(WIRE)): [
        {"created": 1, **json.loads(line)} for line in path.read_text().splitlines() if '"choices"' in line
    ]
    for path in sorted(WIRE.glob("*/*/stream.openai.jsonl"))
}
CHUNKS = [CHUNK, *(chunk for stream in STREAMS.values() for chunk in stream)]
PARAMETERS = object_fields(CompletionCreateParamsBase)
EMBEDDINGS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}],
    "model": "emu/embed",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}


def test_a_request_with_every_field_is_the_message_that_the_service_reads() -> None:
    typed = typed_request("me")

    assert to_openai(typed) == request_to_dict(typed) == DOCUMENT | {"user": "me"}
    read = from_openai(ChatCompletionRequest, DOCUMENT | {"user": "me"})
    assert json.loads(read.extra_body) == json.loads(typed.extra_body)
    read.extra_body = typed.extra_body
    assert read == typed


@pytest.mark.parametrize("parameter", sorted(PARAMETERS))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_parameter_of_the_sdk_comes_back_as_it_was(parameter: str, data: st.DataObject) -> None:
    annotation = list[str] if parameter == "stop" else PARAMETERS[parameter]
    value = data.draw(values(annotation).filter(lambda drawn: drawn or parameter != "model"))
    body = {"model": "openai/gpt-5.4", "messages": [{"role": "user", "content": "Hello"}], parameter: value}

    read = from_openai(ChatCompletionRequest, body)

    # Not the messages themselves: a number in a JSON text may be written in two ways (1e-07, 1e-7).
    assert request_to_dict(read) == request_to_dict(typed_builder.typed_request(body))
    assert to_openai(read) == body


@pytest.mark.parametrize("name", ANSWERS)
def test_a_completion_is_the_message_that_the_service_sends(name: str) -> None:
    document = ANSWERS[name]
    typed = completion_to_proto(document)

    assert from_openai(ChatCompletionResponse, document) == typed
    assert from_openai(ChatCompletionResponse, to_openai(typed)) == typed
    assert answer_faults(to_openai(typed)) == []


def test_chunks_are_the_messages_that_the_service_sends() -> None:
    for document in CHUNKS:
        typed = chunk_to_proto(document)

        assert from_openai(StreamChatCompletionResponse, document) == typed
        assert from_openai(StreamChatCompletionResponse, to_openai(typed)) == typed


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_as_right_as_it_was(name: str) -> None:
    written = [to_openai(from_openai(StreamChatCompletionResponse, chunk)) for chunk in STREAMS[name]]

    assert faults(written) == faults(STREAMS[name])


def faults(chunks: list[dict[str, Any]]) -> list[str]:
    return stream_faults([*(json.dumps(chunk).encode() for chunk in chunks), b"[DONE]"])


@pytest.mark.parametrize(
    ("texts", "field"),
    [
        ("one", {"input": ["one"]}),
        (["one", "two"], {"input": ["one", "two"]}),
        ([1, 2], {"token_input": [TokenList(tokens=[1, 2])]}),
        ([[1], [2, 3]], {"token_input": [TokenList(tokens=[1]), TokenList(tokens=[2, 3])]}),
    ],
    ids=["text", "texts", "tokens", "token lists"],
)
def test_texts_to_embed_have_four_forms(texts: Any, field: dict[str, Any]) -> None:
    document = {"model": "m", "input": texts, "encoding_format": "base64", "task_type": "RETRIEVAL_QUERY"}

    typed = from_openai(CreateEmbeddingsRequest, document)

    assert typed == CreateEmbeddingsRequest(model="m", extra_body='{"task_type":"RETRIEVAL_QUERY"}', **field)
    assert from_openai(CreateEmbeddingsRequest, to_openai(typed)) == typed


def test_embeddings_are_lists_of_numbers_or_their_bytes() -> None:
    as_bytes = {**EMBEDDINGS, "data": [{"object": "embedding", "index": 0, "embedding": "AAAAPwAAgL8="}]}

    typed = from_openai(CreateEmbeddingsResponse, EMBEDDINGS)

    assert list(typed.data[0].embedding) == [0.5, -1.0]
    assert typed.usage == EmbeddingUsage(prompt_tokens=2, total_tokens=2)
    assert from_openai(CreateEmbeddingsResponse, as_bytes) == typed
    assert to_openai(typed) == EMBEDDINGS
    CreateEmbeddingResponse.model_validate(to_openai(typed), strict=True)


def test_the_first_piece_of_a_call_has_its_type() -> None:
    first = ToolCallDelta(index=0, id="call_1", function=FunctionCall(name="f"))
    later = ToolCallDelta(index=0, function=FunctionCall(arguments="{}"))

    assert to_openai(first) == {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    assert to_openai(later) == {"index": 0, "function": {"arguments": "{}"}}


@pytest.mark.parametrize(
    ("kind", "document", "path"),
    [
        (ChatCompletionRequest, {"messages": "hi"}, "messages: must be a list"),
        (ChatCompletionRequest, {"messages": ["hi"]}, "messages[0]: must be an object"),
        (ChatCompletionRequest, {"messages": [{"role": "boss"}]}, "messages[0].role: 'boss'"),
        (ChatCompletionRequest, {"temperature": "hot"}, "temperature: "),
        (ChatCompletionRequest, {"max_tokens": 2**40}, "max_tokens: "),
        (ChatCompletionRequest, {"logit_bias": {"1": "x"}}, "logit_bias.1: "),
        (ChatCompletionRequest, {"stop": [1]}, "stop[0]: "),
        (ChatCompletionRequest, {"response_format": {"type": "grammar"}}, "response_format: has none of"),
        (ChatCompletionRequest, {"stream_options": {"loud": True}}, "stream_options.loud: "),
        (ChatCompletionRequest, {"plugins": [{"id": "web"}]}, "plugins[0].id: 'web'"),
        (ChatCompletionRequest, {"audio": {"format": "mp3", "voice": {}}}, "audio.voice: "),
        (ChatMessage, {"role": "user", "content": 1}, "content: must be a list"),
        (ChatMessage, {"role": "user", "content": [{"type": "text", "text": 1}]}, "content[0].text: "),
        (CreateEmbeddingsResponse, {"data": [{"embedding": "?"}]}, "data[0].embedding: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_member_is_named(kind: type[Message], document: dict[str, Any], path: str) -> None:
    with pytest.raises(ConversionError) as raised:
        from_openai(kind, document)

    assert str(raised.value).startswith(path)
