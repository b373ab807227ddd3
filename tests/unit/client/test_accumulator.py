"""Every part of a streamed completion adds up. Extra fields: `rpc/test_typed_chunk.py`."""

from __future__ import annotations

import json

import pytest
from unit.client.test_openai_json import STREAMS, faults
from unit.rpc.answers import CHUNK

from arouter.client import Accumulator, accumulate, from_openai, to_openai
from arouter.v1.chat_completion_pb2 import MessageDelta, StreamChoice
from arouter.v1.chat_message_pb2 import ROLE_ASSISTANT, Audio
from arouter.v1.chat_service_pb2 import ChatCompletionResponse, StreamChatCompletionResponse
from arouter.v1.chat_tool_pb2 import FunctionCall
from arouter.v1.route_pb2 import RouteTrace
from judges.openai_answers import accumulated, answer_faults

ENDED = [name for name, chunks in STREAMS.items() if faults(chunks) == []]
"""The streams that a provider did not break off."""


def chunk(**delta: object) -> StreamChatCompletionResponse:
    return StreamChatCompletionResponse(choices=[StreamChoice(delta=MessageDelta(**delta))])  # type: ignore[arg-type]


def test_one_chunk_with_every_field_is_the_completion() -> None:
    whole = to_openai(accumulate([from_openai(StreamChatCompletionResponse, CHUNK)]))

    [choice], [expected] = whole.pop("choices"), CHUNK["choices"]
    calls = [{name: item for name, item in call.items() if name != "index"} for call in expected["delta"]["tool_calls"]]
    assert choice == {
        **{name: item for name, item in expected.items() if name != "delta"},
        "message": {**expected["delta"], "tool_calls": calls},
    }
    without = {name: item for name, item in CHUNK.items() if name not in ("choices", "obfuscation")}
    assert whole == without | {"object": "chat.completion"}


@pytest.mark.parametrize("name", ENDED)
def test_streams_add_up_as_in_openais_sdk(name: str) -> None:
    whole = to_openai(accumulate(from_openai(StreamChatCompletionResponse, chunk) for chunk in STREAMS[name]))

    assert answer_faults(whole) == []
    for choice, expected in zip(whole["choices"], accumulated(STREAMS[name])["choices"], strict=True):
        assert choice["message"]["content"] == (expected["message"]["content"] or choice["message"]["content"])
        assert choice["finish_reason"] == expected["finish_reason"]
        calls = [call["function"] for call in choice["message"].get("tool_calls") or ()]
        assert calls == [
            {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
            for call in expected["message"]["tool_calls"] or ()
        ]


def test_audio_and_the_older_function_call_add_up() -> None:
    message = (
        accumulate(
            [
                chunk(audio=Audio(id="a", data="AA"), function_call=FunctionCall(name="f")),
                chunk(audio=Audio(data="BB", transcript="Hi", expires_at=5), function_call=FunctionCall(arguments="{")),
                chunk(function_call=FunctionCall(arguments="}")),
            ]
        )
        .choices[0]
        .message
    )

    assert message.role == ROLE_ASSISTANT
    assert message.audio == Audio(id="a", data="AABB", transcript="Hi", expires_at=5)
    assert message.function_call == FunctionCall(name="f", arguments="{}")


def test_what_is_said_of_the_whole_is_kept_once() -> None:
    first = StreamChatCompletionResponse(
        id="1", model="m", extra_fields_json='{"provider":"x"}', route=RouteTrace(requested_models=["m"])
    )
    last = StreamChatCompletionResponse(id="1", model="m", extra_fields_json='{"provider":"x"}')
    last.usage.total_tokens = 3

    whole = accumulate([first, last])

    assert (whole.id, whole.extra_fields_json, whole.usage.total_tokens) == ("1", '{"provider":"x"}', 3)
    assert whole.route == first.route


def test_the_state_so_far_can_be_read_again_and_again() -> None:
    accumulator = Accumulator()
    assert accumulator.completion() == ChatCompletionResponse()

    accumulator.add(chunk(content="a", extra_fields_json='{"x":"1"}'))
    before = accumulator.completion()
    accumulator.add(chunk(content="b", extra_fields_json='{"x":"2"}'))

    assert before.choices[0].message.content == "a"
    message = accumulator.completion().choices[0].message
    assert (message.content, message.extra_fields_json) == ("ab", '{"x":"12"}')


@pytest.mark.parametrize("extra", ["{", "[1]", "NaN", "[" * 100_000])
@pytest.mark.parametrize("of", ["chunk", "choice", "delta"])
def test_what_is_no_object_ends_no_iteration(of: str, extra: str) -> None:
    chunks = [
        StreamChatCompletionResponse(extra_fields_json=extra),
        StreamChatCompletionResponse(choices=[StreamChoice(extra_fields_json=extra)]),
        chunk(extra_fields_json=extra),
    ]
    accumulator = Accumulator()
    for _ in range(2):
        accumulator.add(chunks[["chunk", "choice", "delta"].index(of)])

    with pytest.raises(ValueError):  # noqa: PT011 -- also json's own
        accumulator.completion()


def test_entries_are_found_by_their_index() -> None:
    """20,000 entries, each of which was compared with all others, took a minute."""
    entries = [{"index": index, "text": "a", "format": "b"} for index in range(20_000)]
    whole = accumulate([chunk(extra_fields_json=json.dumps({"x": entries}))] * 2)

    [choice] = whole.choices
    assert json.loads(choice.message.extra_fields_json)["x"] == [{**entry, "text": "aa"} for entry in entries]
