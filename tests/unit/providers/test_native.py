"""Responses of a provider that speaks the client's dialect: canonical for the router, unchanged for the client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.chat.native import NativeChunk, NativeCompletion
from arouter.errors import Failure, ProviderError
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.native import NativeReader
from arouter.providers.sse import SseParser

READER = NativeReader(AnthropicAdapter())
TEXT = "Hello there"
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": TEXT, "citations": None}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
    "a_member_of_tomorrow": {"kept": True},
}
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
STREAM = b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in EVENTS)


def test_a_whole_response_is_kept() -> None:
    completion = READER.decode(json.dumps(MESSAGE).encode())

    assert isinstance(completion, NativeCompletion)
    assert completion.native == MESSAGE
    assert completion["choices"][0]["message"]["content"] == TEXT


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=5))
def test_every_event_of_a_stream_is_kept_in_order(cuts: list[int]) -> None:
    decoder, parser = READER.stream_decoder(), SseParser(10_000)
    chunks: list[dict[str, Any]] = []
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), len(STREAM)], strict=True):
        for event in parser.feed(STREAM[first:last]):
            chunks += decoder.feed(event)

    kept = [each for chunk in chunks if isinstance(chunk, NativeChunk) for each in chunk.native]
    assert kept == [(event["type"], event) for event in EVENTS]
    assert decoder.done
    assert decoder.usage is not None
    texts = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert "".join(texts) == TEXT


def test_a_stream_that_breaks_off_is_an_error() -> None:
    decoder = READER.stream_decoder()
    for event in SseParser(10_000).feed(STREAM[: STREAM.index(b"event: message_delta")]):
        decoder.feed(event)

    with pytest.raises(ProviderError):
        decoder.finish()


def test_errors_are_those_of_the_protocol() -> None:
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}}

    assert READER.decode_error(429, json.dumps(body).encode(), 3).failure is Failure.RATE_LIMITED
