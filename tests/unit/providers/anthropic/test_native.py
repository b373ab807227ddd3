"""Requests of the Messages API that are passed on, and those that are not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson
import pytest

from arouter.chat.native import NativeChunk
from arouter.chat.sealed_reasoning import seal, seal_detail, unseal_detail
from arouter.dialects.messages.request import decode_request
from arouter.providers.adapter import WireRequest
from arouter.providers.anthropic.adapter import AnthropicAdapter
from judges.anthropic import event, message

ADAPTER = AnthropicAdapter()
OPUS_4_8, SONNET_4_5, OPUS_5_5, KIMI = "claude-opus-4-8", "claude-sonnet-4-5", "claude-opus-5-5", "kimi-k3"
HI = [{"role": "user", "content": "hi"}]
TEXT = {"type": "text", "text": "Yes."}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"b": 1, "a": 2}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}
TOOL = {"name": "look", "input_schema": {"type": "object"}}
KIMIS = {"type": "reasoning.text", "format": "anthropic-kimi-v1", "signature": "K"}


def encode(model: str, headers: dict[str, str] | None = None, **members: Any) -> tuple[dict[str, Any], WireRequest]:
    body = {"model": "p/m", "max_tokens": 9, "messages": HI, **members}
    before = deepcopy(body)
    wire = ADAPTER.encode(decode_request(body, headers or {}), model)
    assert body == before
    return orjson.loads(wire.body or b""), wire


def assistant(*blocks: Any) -> list[Any]:
    return [*HI, {"role": "assistant", "content": list(blocks)}, *HI]


def test_a_request_is_passed_on_with_its_headers() -> None:
    members: dict[str, Any] = {
        "messages": [*HI, {"role": "system", "content": "s"}],
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": []},
        "tools": [{"type": "web_search_20260318", "name": "web_search"}],
        "tomorrow": {"b": 1, "a": [None]},
        "stream": True,
    }
    headers = {"anthropic-beta": "context-management-2025-06-27", "anthropic-version": "2026-10-21"}
    sent, wire = encode(OPUS_4_8, headers, **members)

    assert sent == {"model": OPUS_4_8, "max_tokens": 9, **members}
    assert (wire.path, wire.dropped, wire.headers) == ("/v1/messages", (), headers)
    assert wire.reader is not None


def test_what_concerns_the_account_is_withheld() -> None:
    sent, wire = encode(OPUS_4_8, speed="fast", user_profile_id="u", fallbacks=[{"model": "x"}])

    assert sent == {"model": OPUS_4_8, "max_tokens": 9, "messages": HI}
    assert set(wire.dropped) == {"speed", "user_profile_id", "fallbacks"}


SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "C"}
REDACTED = {"type": "redacted_thinking", "data": "C"}
OF_KIMI = {"type": "thinking", "thinking": "Hm.", "signature": seal_detail(KIMIS)}
UNSIGNED = {"type": "thinking", "thinking": "Hm.", "signature": ""}
THOUGHTS: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = [
    (OPUS_4_8, SIGNED, SIGNED),
    (OPUS_4_8, REDACTED, REDACTED),
    (OPUS_4_8, OF_KIMI, None),
    (OPUS_4_8, UNSIGNED, None),
    (OPUS_4_8, {**SIGNED, "signature": seal("x")[:-3]}, None),
    (KIMI, SIGNED, None),
    (KIMI, OF_KIMI, {**OF_KIMI, "signature": "K"}),
    (KIMI, UNSIGNED, UNSIGNED),
]


@pytest.mark.parametrize(("model", "thought", "accepted"), THOUGHTS)
def test_a_model_gets_the_thoughts_of_its_own_family(
    model: str, thought: dict[str, Any], accepted: dict[str, Any] | None
) -> None:
    sent, wire = encode(model, messages=assistant(thought, TEXT))

    assert sent["messages"] == assistant(*([accepted] if accepted else []), TEXT)
    assert wire.dropped == (() if accepted else ("messages[].content[].thinking",))


def test_ids_of_other_models_are_replaced_in_calls_and_results() -> None:
    call, result = {**CALL, "id": "call:1/é"}, {**RESULT, "tool_use_id": "call:1/é"}
    turns = [*HI, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    sent, _ = encode(OPUS_4_8, messages=turns, tools=[TOOL])

    [_, calling, answering] = sent["messages"]
    assert calling["content"][0]["id"] == answering["content"][0]["tool_use_id"] != "call:1/é"
    assert calling["content"][0]["id"].startswith("toolu_")


TRANSLATED: list[tuple[str, dict[str, Any]]] = [
    (SONNET_4_5, {"messages": [*HI, {"role": "system", "content": "s"}]}),
    (SONNET_4_5, {"thinking": {"type": "adaptive"}, "max_tokens": 4096}),
    (SONNET_4_5, {"output_config": {"effort": "high"}, "max_tokens": 4096}),
    (OPUS_4_8, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
    (OPUS_5_5, {"tools": [TOOL], "tool_choice": {"type": "any"}}),
    (OPUS_4_8, {"messages": [*HI, {"role": "assistant", "content": "The answer is ("}]}),
    (KIMI, {"messages": [*HI, {"role": "system", "content": "s"}]}),
    (KIMI, {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
    (
        SONNET_4_5,
        {
            "messages": [
                *HI,
                {"role": "assistant", "content": [OF_KIMI, CALL]},
                {"role": "user", "content": [RESULT]},
            ],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 4096,
            "tools": [TOOL],
        },
    ),
]


@pytest.mark.parametrize(("model", "members"), TRANSLATED, ids=str)
def test_what_a_model_does_not_support_is_translated(model: str, members: dict[str, Any]) -> None:
    sent, wire = encode(model, **members)

    assert wire.reader is None
    assert all(turn["role"] != "system" for turn in sent["messages"]) or model == OPUS_4_8


def test_other_vendors_get_what_all_of_them_take() -> None:
    headers = {"anthropic-beta": "context-management-2025-06-27", "anthropic-version": "2023-06-01"}
    sent, wire = encode(KIMI, headers, context_management={"edits": []}, temperature=0.5)

    assert sent == {"model": KIMI, "max_tokens": 9, "messages": HI, "temperature": 0.5}
    assert (wire.dropped, wire.headers) == (("context_management",), {})


def test_thoughts_of_others_are_sealed_on_the_way_to_the_client() -> None:
    _, wire = encode(KIMI)
    assert wire.reader is not None
    whole = wire.reader.decode(message(SIGNED, TEXT, model=KIMI))
    decoder = wire.reader.stream_decoder()
    opened = {"type": "message_start", "message": orjson.loads(message(model=KIMI, stop_reason=None))}
    deltas = [
        opened,
        {"type": "content_block_start", "index": 0, "content_block": {**SIGNED, "thinking": "", "signature": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "C"}},
    ]
    [*_, chunk] = [chunk for each in deltas for chunk in decoder.feed(event(each))]

    [block, _] = whole.native["content"]  # type: ignore[attr-defined]
    sealed = {"type": "reasoning.text", "format": "anthropic-kimi-v1", "signature": "C"}
    assert unseal_detail(block["signature"]) == sealed
    assert isinstance(chunk, NativeChunk)
    assert unseal_detail(chunk.native[-1][1]["delta"]["signature"]) == sealed


def test_tokens_are_counted_without_the_parameters_of_a_response() -> None:
    chat = decode_request({"model": "p/m", "messages": HI, "tools": [TOOL], "stream": True}, {}, counting=True)
    wire = ADAPTER.encode_count(chat, OPUS_4_8)

    assert wire is not None
    assert wire.path == "/v1/messages/count_tokens"
    assert orjson.loads(wire.body or b"") == {"model": OPUS_4_8, "messages": HI, "tools": [TOOL]}
    assert wire.reader is not None
    assert wire.reader.decode(b'{"input_tokens": 7}') == {"input_tokens": 7}
    assert ADAPTER.encode_count(chat, KIMI) is None
