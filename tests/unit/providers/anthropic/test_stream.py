"""The stream decoder against events that the golden files do not have."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from arouter.errors import Failure, ProviderError
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.anthropic.stream import AnthropicStreamDecoder
from arouter.providers.sse import ServerSentEvent
from judges.anthropic import event, message

ADAPTER = AnthropicAdapter()
START = {"type": "message_start", "message": {**orjson.loads(message()), "stop_reason": None}}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
HI = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
CLOSE = {"type": "content_block_stop", "index": 0}
END = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 9},
}
STOP = {"type": "message_stop"}
TOOL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


def raw(data: Any) -> ServerSentEvent:
    return ServerSentEvent(data if isinstance(data, bytes) else orjson.dumps(data))


def feed(*events: Any) -> tuple[AnthropicStreamDecoder, list[dict[str, Any]]]:
    decoder = ADAPTER.stream_decoder()
    chunks = []
    for each in events:
        chunks += decoder.feed(raw(each))
    return decoder, chunks


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]


def opened(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def json_delta(index: int, json: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": json}}


def test_the_events_of_these_tests_are_anthropics() -> None:
    for each in (START, TEXT, HI, CLOSE, END, STOP, opened(0, TOOL), json_delta(0, "{")):
        event(each)


def test_knows_when_it_is_done_and_what_was_used() -> None:
    decoder, chunks = feed(START, {"type": "ping"}, TEXT, HI, CLOSE, END)
    assert not decoder.done
    assert decoder.usage == {**chunks_usage(10, 9)}

    (last,) = decoder.feed(raw(STOP))

    assert decoder.done
    assert decoder.finish() == []
    assert (last["choices"], last["usage"]) == ([], decoder.usage)
    assert deltas(chunks) == [{"role": "assistant", "content": None}, {"content": "Hi"}, {}]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "stop"]


def chunks_usage(prompt: int, completion: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    }


def test_knows_the_prompts_usage_from_the_first_event() -> None:
    assert feed(START)[0].usage == chunks_usage(10, 5)


def test_the_end_may_correct_the_usage_of_the_start() -> None:
    end = {**END, "usage": {"output_tokens": 9, "input_tokens": 12, "cache_read_input_tokens": None}}

    assert feed(START, end)[0].usage == chunks_usage(12, 9)


def test_tool_calls_count_from_zero_whatever_stands_before_them() -> None:
    second = {**TOOL, "id": "toolu_2", "name": "g"}
    _, chunks = feed(
        START, TEXT, HI, CLOSE,
        opened(1, TOOL), json_delta(1, '{"a"'), json_delta(1, ":1}"), {**CLOSE, "index": 1},
        opened(2, second), json_delta(2, ""), {**CLOSE, "index": 2},
    )  # fmt: skip

    calls = [delta["tool_calls"] for delta in deltas(chunks) if "tool_calls" in delta]
    assert calls == [
        [{"index": 0, "id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": '{"a"'}}],
        [{"index": 0, "function": {"arguments": ":1}"}}],
        [{"index": 1, "id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": ""}}],
        [{"index": 1, "function": {"arguments": "{}"}}],
    ]


def test_blocks_may_be_interleaved() -> None:
    _, chunks = feed(
        START, opened(0, TOOL), opened(1, {**TOOL, "id": "toolu_2"}), json_delta(1, '{"b":2}'), json_delta(0, '{"a":1}')
    )

    calls = [delta["tool_calls"][0] for delta in deltas(chunks) if "tool_calls" in delta]
    assert [(call["index"], call["function"]["arguments"]) for call in calls[2:]] == [(1, '{"b":2}'), (0, '{"a":1}')]


def test_a_servers_habit_of_sending_a_block_with_its_content_is_understood() -> None:
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi"}}
    whole_call = opened(1, {**TOOL, "input": {"a": 1}})

    _, chunks = feed(START, block, CLOSE, whole_call, {**CLOSE, "index": 1}, END)

    assert deltas(chunks)[1] == {"content": "Hi"}
    assert deltas(chunks)[3] == {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_passes_over_what_it_does_not_know() -> None:
    unknown = {"type": "content_block_delta", "index": 0, "delta": {"type": "sparkle_delta", "sparkle": 1}}
    searched = opened(1, {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}})
    _, chunks = feed(START, TEXT, unknown, {"type": "sparkle"}, searched, json_delta(1, "{}"), {**CLOSE, "index": 1})

    assert deltas(chunks) == [{"role": "assistant", "content": None}]


@pytest.mark.parametrize("kind", [None, "sparkle_error", 5])
def test_an_error_of_unknown_type_is_the_providers(kind: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        feed(START, {"type": "error", "error": {"type": kind, "message": "why"}})

    assert caught.value.failure is Failure.PROVIDER_ERROR


@pytest.mark.parametrize(
    "events",
    [
        [b"{"],
        [b"[]"],
        [{}],
        [{"type": "message_start"}],
        [TEXT],
        [HI],
        [STOP],
        [START, STOP],
        [START, HI],
        [START, TEXT, {**HI, "index": 1}],
        [START, TEXT, {**HI, "delta": None}],
        [START, {**TEXT, "index": "0"}],
        [START, {"type": "message_delta"}],
    ],
)
def test_refuses_a_stream_that_breaks_the_protocol(events: list[Any]) -> None:
    with pytest.raises(ProviderError) as caught:
        feed(*events)

    assert caught.value.failure is Failure.PROVIDER_BAD_RESPONSE


@pytest.mark.parametrize("events", [[], [START], [START, TEXT, HI, CLOSE], [START, TEXT, HI, CLOSE, END]])
def test_a_stream_without_its_stop_is_cut(events: list[Any]) -> None:
    decoder, _ = feed(*events)

    with pytest.raises(ProviderError) as caught:
        decoder.finish()

    assert caught.value.failure is Failure.PROVIDER_BAD_RESPONSE


def test_a_calls_input_that_cannot_be_written_is_no_answer() -> None:
    """Such as orjson reads, and does not write; found by fuzzing."""
    text = orjson.dumps({"type": "content_block_start", "index": 0, "content_block": {**TOOL, "input": {"a": None}}})
    opening = text.replace(b"null", b"[" * 300 + b"]" * 300)

    decoder, _ = feed(START, opening)
    with pytest.raises(ProviderError, match="nested too deeply") as caught:
        decoder.feed(raw(CLOSE))

    assert caught.value.failure is Failure.PROVIDER_BAD_RESPONSE
    with pytest.raises(ProviderError, match="nested too deeply"):
        ADAPTER.decode(message(content=[{**TOOL, "input": {"a": "deep"}}]).replace(b'"deep"', b"[" * 300 + b"]" * 300))
