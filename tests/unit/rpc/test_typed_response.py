"""Completions of providers become typed responses, whatever the providers make of OpenAI's format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from unit.rpc.answers import CHUNK, COMPLETION, EXTRA_FIELDS, GARBAGE, spoiled
from unit.rpc.openai_types import JSON

from arouter.rpc.typed.chunk import chunk_to_proto
from arouter.rpc.typed.repair import repaired
from arouter.rpc.typed.response import completion_to_proto
from arouter.v1.chat_completion_pb2 import (
    Choice,
    CompletionTokensDetails,
    CompletionUsage,
    Logprobs,
    PromptTokensDetails,
    TokenLogprob,
    TopLogprob,
)
from arouter.v1.chat_message_pb2 import ROLE_ASSISTANT, Annotation, Audio, ChatMessage, UrlCitation
from arouter.v1.chat_moderation_pb2 import (
    Moderation,
    ModerationError,
    ModerationInputTypes,
    ModerationOutcome,
    ModerationResult,
    ModerationResults,
)
from arouter.v1.chat_service_pb2 import ChatCompletionResponse, StreamChatCompletionResponse
from arouter.v1.chat_tool_pb2 import CustomToolCall, FunctionCall, ToolCall

REQUEST_ONLY = {"ChatMessage.content_parts", "ChatMessage.tool_call_id"}
ROUTERS_OWN = {"ChatCompletionResponse.route", "StreamChatCompletionResponse.route", "CompletionUsage.estimated"}
"""What no provider says."""

TOKEN = {"token": "Hi", "logprob": -0.25, "bytes": b"Hi"}
WEATHER = FunctionCall(name="weather", arguments='{"city": "Paris"}')
TYPED = ChatCompletionResponse(
    id="chatcmpl-1",
    created=1754000000,
    model="gpt-5.4",
    choices=[
        Choice(
            index=1,
            message=ChatMessage(
                role=ROLE_ASSISTANT,
                content="Hi",
                name="Ada",
                reasoning_content="Hm.",
                refusal="No.",
                tool_calls=[
                    ToolCall(id="call_1", function=WEATHER, extra_fields_json=EXTRA_FIELDS["tool_call"]),
                    ToolCall(id="call_2", custom=CustomToolCall(name="sql", input="SELECT 1")),
                ],
                audio=Audio(id="audio_1", data="AAAA", expires_at=1754003600, transcript="Hi"),
                annotations=[
                    Annotation(url_citation=UrlCitation(url="https://example.com", title="Example", end_index=2))
                ],
                function_call=WEATHER,
                extra_fields_json=EXTRA_FIELDS["message"],
            ),
            finish_reason="tool_calls",
            logprobs=Logprobs(
                content=[
                    TokenLogprob(**TOKEN, top_logprobs=[TopLogprob(**TOKEN), TopLogprob(token="Oh", logprob=-9999)])
                ],
                refusal=[TokenLogprob(**TOKEN)],
            ),
            extra_fields_json=EXTRA_FIELDS["choice"],
        )
    ],
    usage=CompletionUsage(
        prompt_tokens=19,
        completion_tokens=10,
        total_tokens=29,
        prompt_tokens_details=PromptTokensDetails(
            cached_tokens=1, cache_write_tokens=2, audio_tokens=3, image_tokens=4, text_tokens=5
        ),
        completion_tokens_details=CompletionTokensDetails(
            reasoning_tokens=6,
            audio_tokens=7,
            text_tokens=8,
            accepted_prediction_tokens=9,
            rejected_prediction_tokens=10,
        ),
        cost=0.00125,
    ),
    service_tier="default",
    system_fingerprint="fp_1",
    metadata={"team": "search"},
    moderation=Moderation(
        input=ModerationOutcome(
            moderation_results=ModerationResults(
                model="omni-moderation-latest",
                results=[
                    ModerationResult(
                        flagged=True,
                        categories={"violence": True},
                        category_scores={"violence": 0.75},
                        category_applied_input_types={"violence": ModerationInputTypes(types=["text", "image"])},
                        model="omni-moderation-2024-09-26",
                    )
                ],
            )
        ),
        output=ModerationOutcome(error=ModerationError(code="timeout", message="Too slow.")),
    ),
    extra_fields_json=EXTRA_FIELDS["completion"],
)


def message_of(**message: Any) -> ChatMessage:
    return completion_to_proto({"choices": [{"index": 0, "message": message}]}).choices[0].message


def filled(message: Message) -> set[str]:
    """Returns the fields that are set in a message and in all below it."""
    found = set()
    for field, value in message.ListFields():
        found.add(f"{message.DESCRIPTOR.name}.{field.name}")
        for item in _messages(field, value):
            found |= filled(item)
    return found


def _messages(field: FieldDescriptor, value: Any) -> list[Message]:
    if field.message_type is None:
        return []
    if field.message_type.GetOptions().map_entry:
        return [item for item in value.values() if isinstance(item, Message)]
    return list(value) if field.is_repeated else [value]


def declared(message: Message) -> set[str]:
    """Returns the fields of each type that occurs in a message."""
    types = {name.split(".")[0] for name in filled(message)}
    seen = {message.DESCRIPTOR.name: message.DESCRIPTOR}
    pending = [message.DESCRIPTOR]
    while pending:
        for field in pending.pop().fields:
            inner = field.message_type
            if inner is not None and inner.name in types and inner.name not in seen:
                seen[inner.name] = inner
                pending.append(inner)
            elif inner is not None and inner.GetOptions().map_entry:
                pending.append(inner)
    return {f"{name}.{field.name}" for name, descriptor in seen.items() for field in descriptor.fields}


def test_every_part_of_a_completion_is_converted() -> None:
    assert completion_to_proto(COMPLETION) == TYPED


def test_the_samples_fill_every_field() -> None:
    for message in (completion_to_proto(COMPLETION), chunk_to_proto(CHUNK)):
        # A citation that starts at the beginning has a start of 0, which looks unset.
        assert declared(message) - filled(message) - REQUEST_ONLY - ROUTERS_OWN == {"UrlCitation.start_index"}


@pytest.mark.parametrize("convert", [completion_to_proto, chunk_to_proto])
def test_a_providers_route_is_not_the_routers(convert: Callable[[dict[str, Any]], Any]) -> None:
    """A member of that name is kept as any other that has no field."""
    message = convert({"id": "x", "choices": [], "route": {"candidates": [1]}})

    assert not message.HasField("route")
    assert message.extra_fields_json == '{"route":{"candidates":[1]}}'


def test_repairing_loses_nothing() -> None:
    mended = repaired(COMPLETION, ChatCompletionResponse.DESCRIPTOR)

    assert completion_to_proto(mended) == TYPED


def test_null_is_the_same_as_absent() -> None:
    fields = ["usage", "choices", "service_tier", "metadata", "moderation", "system_fingerprint", "id", "created"]
    message = dict.fromkeys(["refusal", "tool_calls", "audio", "annotations", "function_call", "role", "reasoning"])
    choice = {"index": 0, "message": {"content": "Hi", **message}, "logprobs": None, "finish_reason": None}

    assert completion_to_proto(dict.fromkeys(fields)) == completion_to_proto({}) == ChatCompletionResponse()
    assert completion_to_proto({"choices": [choice]}) == completion_to_proto(
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]}
    )


def test_null_content_differs_from_empty_content() -> None:
    assert not message_of(content=None).HasField("content")
    assert message_of(content="").HasField("content")
    assert not message_of(refusal=None).HasField("refusal")


def test_details_that_are_zero_are_set() -> None:
    usage = {"prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": None}, "cost": 0}

    typed = completion_to_proto({"usage": usage}).usage

    assert typed.HasField("cost")
    assert typed.prompt_tokens_details.HasField("cached_tokens")
    assert not typed.prompt_tokens_details.HasField("audio_tokens")


@pytest.mark.parametrize("reason", ["stop", "length", "end_turn", "SAFETY", "model_length"])
def test_any_finish_reason_is_kept(reason: str) -> None:
    assert completion_to_proto({"choices": [{"finish_reason": reason}]}).choices[0].finish_reason == reason


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_has_two_names(name: str) -> None:
    assert message_of(**{name: "Hm."}).reasoning_content == "Hm."
    assert message_of(reasoning_content="Hm.", reasoning="Hm.").reasoning_content == "Hm."
    assert not message_of(content="Hi").HasField("reasoning_content")


def test_unknown_fields_below_messages_are_ignored() -> None:
    completion = {
        **COMPLETION,
        "usage": {
            **COMPLETION["usage"],
            "queue_time": 0.01,
            "cost_details": {"upstream": 1},
            "prompt_tokens_details": {**COMPLETION["usage"]["prompt_tokens_details"], "video_tokens": 1},
        },
    }

    assert completion_to_proto(completion) == TYPED


@pytest.mark.parametrize(
    ("completion", "typed"),
    [
        ({"created": 1754000000.0}, {"created": 1754000000}),
        ({"created": "1754000000"}, {"created": 1754000000}),
        ({"id": 17, "model": "m"}, {"id": "17", "model": "m"}),
        ({"created": 1754000000.5, "id": "a"}, {"id": "a"}),
        ({"created": -1, "id": "a"}, {"id": "a"}),
        ({"created": 2**40, "id": "a"}, {"id": "a"}),
        ({"created": True, "id": "a"}, {"id": "a"}),
        ({"usage": {"cost": "0.5", "prompt_tokens": "x"}}, {"usage": {"cost": 0.5}}),
        ({"usage": "none", "id": "a"}, {"id": "a"}),
        ({"choices": "none", "id": "a"}, {"id": "a"}),
        ({"choices": [None, 1, {"index": 1}]}, {"choices": [{"index": 1, "message": {"role": ROLE_ASSISTANT}}]}),
        ({"metadata": {"a": "b", "c": ["d"]}}, {"metadata": {"a": "b"}}),
        ({"moderation": {"input": {"type": "error", "code": 1}}}, {"moderation": {"input": {"error": {"code": "1"}}}}),
    ],
    ids=str,
)
def test_malformed_values_are_converted_or_left_out(completion: dict[str, Any], typed: dict[str, Any]) -> None:
    assert completion_to_proto(completion) == ChatCompletionResponse(**typed)


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "thinking", "thinking": [{}]}, {"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]

    assert message_of(content=parts).content == "Hello"


def test_arguments_that_are_an_object_become_its_text() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": {"b": 1, "a": [2]}}}

    assert message_of(tool_calls=[call]).tool_calls[0].function.arguments == '{"b":1,"a":[2]}'


def test_a_tool_call_without_a_call_is_kept() -> None:
    assert message_of(tool_calls=[{"id": "c"}]).tool_calls[0] == ToolCall(id="c")


def test_tokens_without_bytes_have_none() -> None:
    bad = {"token": "x", "logprob": -1.0, "bytes": [300]}
    content = [{"token": "x", "logprob": -1.0, "bytes": None}, {"token": "x", "logprob": -1.0, "bytes": []}, bad]

    tokens = completion_to_proto({"choices": [{"logprobs": {"content": content}}]}).choices[0].logprobs.content

    assert [token.HasField("bytes") for token in tokens] == [False, True, False]


@pytest.mark.parametrize(
    ("sample", "convert"),
    [(COMPLETION, completion_to_proto), (CHUNK, chunk_to_proto)],
    ids=["completion", "chunk"],
)
def test_garbage_in_one_place_spoils_nothing_beside_it(sample: dict[str, Any], convert: Any) -> None:
    good = convert(sample)
    spoilt = spoiled(sample)
    assert len(spoilt) > 100 * len(GARBAGE) / 2

    for path, answer in spoilt:
        typed = convert(answer)
        if path[0] != "object":
            field = path[0] if path[0] in good.DESCRIPTOR.fields_by_name else "extra_fields_json"
            typed.ClearField(field)
            expected = type(good)()
            expected.CopyFrom(good)
            expected.ClearField(field)
            assert typed == expected, path
        else:
            assert typed == good, path


@settings(max_examples=300, deadline=None)
@given(answer=JSON)
def test_no_json_makes_the_conversion_fail(answer: Any) -> None:
    nested = {"choices": [{"message": answer, "delta": answer}], "usage": answer, "moderation": {"input": answer}}

    assert isinstance(completion_to_proto(answer), ChatCompletionResponse)
    assert isinstance(chunk_to_proto(answer), StreamChatCompletionResponse)
    assert len(completion_to_proto(nested).choices) == len(chunk_to_proto(nested).choices) == 1
