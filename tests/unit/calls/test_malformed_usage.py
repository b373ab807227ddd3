"""Usage that a provider gets wrong is an estimate, marked as one, and costs the same in the answer and on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.accounts.units import NANOS
from arouter.calls.usage_records import charged_usage, usage_records
from arouter.chat.usage import MAX_TOKENS, Usage, estimate_document, read_counts
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.providers.adapter import Adapter
from arouter.providers.driver import Upstream
from arouter.providers.provider import Provider, build_providers
from arouter.providers.sse import ServerSentEvent
from arouter.rpc.typed.answer import usage as typed_usage
from arouter.v1.chat_completion_pb2 import CompletionUsage
from support.calls import Caller, chat_of
from support.raw_provider import Connection, RawProvider, once, raw_provider

PROTOCOLS = ("openai", "anthropic", "gemini")
COUNTS = {
    "openai": ("usage", "prompt_tokens", "completion_tokens"),
    "anthropic": ("usage", "input_tokens", "output_tokens"),
    "gemini": ("usageMetadata", "promptTokenCount", "candidatesTokenCount"),
}
DETAILS = {
    "openai": ("prompt_tokens_details", {"cached_tokens": "many"}),
    "anthropic": ("cache_read_input_tokens", -1),
    "gemini": ("cachedContentTokenCount", 2**31),
}
MALFORMED = [2**31, 2**32, 2**63, 2**64, -1, 1.5, 10.0, "9", True, {}, {"total": 3}, [], [9]]
TEXT = "Hello, this is an answer."


def whole(protocol: str, used: Any) -> bytes:
    name = COUNTS[protocol][0]
    documents: dict[str, dict[str, Any]] = {
        "openai": {"choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}}]},
        "anthropic": {"type": "message", "content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn"},
        "gemini": {"candidates": [{"content": {"parts": [{"text": TEXT}]}, "finishReason": "STOP", "index": 0}]},
    }
    return json.dumps({**documents[protocol], name: used}).encode()


def streamed(protocol: str, used: Any) -> Iterator[bytes]:
    """Yields the data of a stream's events."""
    match protocol:
        case "openai":
            chunk = {"choices": [{"index": 0, "delta": {"content": TEXT}, "finish_reason": "stop"}]}
            yield json.dumps(chunk).encode()
            yield json.dumps({"choices": [], "usage": used}).encode()
            yield b"[DONE]"
        case "anthropic":
            events: list[dict[str, Any]] = [
                {"type": "message_start", "message": {"type": "message", "usage": used}},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": used},
                {"type": "message_stop"},
            ]
            yield from (json.dumps(event).encode() for event in events)
        case _:
            yield whole(protocol, used)


def row(protocol: str, url: str) -> Provider:
    text = f"providers: [{{id: raw, protocol: {protocol}, base_url: '{url}'}}]"
    [provider] = build_providers(parse_config(text, {}), read_environment({}))
    return provider


def answer_of(body: bytes, kind: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def wrong_usages() -> Iterator[Any]:
    for protocol in PROTOCOLS:
        _, prompt, completion = COUNTS[protocol]
        detail, wrong = DETAILS[protocol]
        for value in MALFORMED:
            yield pytest.param(protocol, {prompt: value, completion: 7}, id=f"{protocol} prompt {value!r}")
            yield pytest.param(protocol, {prompt: 7, completion: value}, id=f"{protocol} completion {value!r}")
        yield pytest.param(protocol, {prompt: 2**31 - 1, completion: 2**31, detail: None}, id=f"{protocol} sum")
        yield pytest.param(protocol, {prompt: 5, completion: 7, detail: wrong}, id=f"{protocol} detail")
        yield pytest.param(protocol, {prompt: None, completion: None, "other": 1}, id=f"{protocol} null")
        yield pytest.param(protocol, {prompt: 0, completion: 0}, id=f"{protocol} zeros")


async def check(raw: RawProvider, protocol: str, stream: bool, *, estimated: bool) -> Usage:
    provider = row(protocol, raw.provider.base_url)
    upstream = Upstream(max_connections=1)
    caller = Caller(provider, upstream)
    call = await caller.call(stream=stream)
    await upstream.close()

    assert call.failure is None
    [record] = usage_records(call, call.started)
    assert record.estimated is estimated
    assert caller.told.get("estimated", False) is estimated
    assert caller.told["cost"] == record.cost / NANOS > 0
    told = (caller.told["prompt_tokens"], caller.told["completion_tokens"])
    assert told == record.usage[:2]
    assert all(0 <= count <= MAX_TOKENS for count in record.usage)
    return record.usage


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("protocol", "used"), list(wrong_usages()))
async def test_it_is_estimated_and_costs_what_is_recorded(protocol: str, used: Any, stream: bool) -> None:
    if stream:
        body = b"".join(b"data: %b\n\n" % data for data in streamed(protocol, used))
        answer = answer_of(body, "text/event-stream")
    else:
        answer = answer_of(whole(protocol, used), "application/json")
    async with raw_provider(lambda connection, _: once(answer, connection)) as raw:
        await check(raw, protocol, stream, estimated=True)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_what_is_well_formed_is_charged_as_it_is(protocol: str, stream: bool) -> None:
    _, prompt, completion = COUNTS[protocol]
    used = {prompt: 11, completion: 7}

    async def handle(connection: Connection, _number: int) -> None:
        if stream:
            body = b"".join(b"data: %b\n\n" % data for data in streamed(protocol, used))
            await once(answer_of(body, "text/event-stream"), connection)
        else:
            await once(answer_of(whole(protocol, used), "application/json"), connection)

    async with raw_provider(handle) as raw:
        assert await check(raw, protocol, stream, estimated=False) == Usage(11, 7)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
COUNT = st.sampled_from([*MALFORMED, None, 0, 5, MAX_TOKENS]) | JSON
NAMES = {
    "openai": ("prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details",
               "completion_tokens_details"),
    "anthropic": ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
                  "output_tokens_details"),
    "gemini": ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount",
               "promptTokensDetails", "cachedContentTokenCount"),
}  # fmt: skip
ADAPTERS: dict[str, Adapter] = {protocol: row(protocol, "http://x").adapter for protocol in PROTOCOLS}


@given(st.data(), st.sampled_from(PROTOCOLS), st.booleans())
def test_no_usage_raises_or_overflows(data: st.DataObject, protocol: str, stream: bool) -> None:
    used = data.draw(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES[protocol], COUNT)))
    # What is no JSON to orjson, NaN, is the whole answer's failure.
    used = json.loads(json.dumps(used), parse_constant=lambda _: None)
    adapter = ADAPTERS[protocol]
    if stream:
        decoder = adapter.stream_decoder()
        for event in streamed(protocol, used):
            decoder.feed(ServerSentEvent(event))
        document = decoder.usage
    else:
        document = adapter.decode(whole(protocol, used)).get("usage")

    usage, estimated = charged_usage(*read_counts(document), chat_of(row(protocol, "http://x")), 25)

    assert all(type(count) is int and 0 <= count <= MAX_TOKENS for count in usage)
    assert usage.prompt_tokens + usage.completion_tokens > 0
    told = estimate_document(usage) if estimated else document
    assert told is not None
    CompletionUsage(**(typed_usage(told) or {}))
