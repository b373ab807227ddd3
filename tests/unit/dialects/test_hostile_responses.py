"""A value of any type in place of any member of a provider's response breaks no client's response."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from arouter.chat.chunks import Chunk
from arouter.dialects.dialect import Dialect
from arouter.dialects.gemini.dialect import GeminiDialect
from arouter.dialects.messages.dialect import MessagesDialect
from arouter.dialects.readable import readable
from arouter.dialects.responses.dialect import ResponsesDialect
from arouter.errors import ProviderError
from arouter.providers.adapter import Reader
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.responses.reader import ResponsesReader
from arouter.providers.sse import SseParser

Json = dict[str, Any]

_VALUES: tuple[Any, ...] = (None, True, 1.5, "x", [], {}, [None], [{}], ["a"])

_SAID: Json = {
    "role": "assistant",
    "content": "c",
    "refusal": "r",
    "reasoning_content": "r",
    "reasoning_details": [{"type": "reasoning.text", "text": "r", "signature": "s", "format": "f", "index": 0}],
    "images": [{"index": 0, "type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}],
    "audio": {"id": "a", "data": "aGk=", "transcript": "t"},
    "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0}}],
    "tool_calls": [{"index": 0, "id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
_CHAT: Json = {
    "id": "i",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": {
                "content": [{"token": "a", "logprob": -1.0, "top_logprobs": [{"token": "a", "logprob": -1.0}]}]
            },
        }
    ],
    "usage": {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
}
_RESPONSE: Json = {
    "id": "r",
    "created_at": 1,
    "status": "completed",
    "model": "m",
    "output": [
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "e"},
        {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": "{}"},
    ],
    "usage": {"input_tokens": 1, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}},
}
_EVENTS: list[Json] = [
    {"type": "response.created", "response": {**_RESPONSE, "status": "in_progress", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "r", "summary": []}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "s"},
    {"type": "response.output_item.done", "output_index": 0, "item": _RESPONSE["output"][0]},
    {"type": "response.output_item.added", "output_index": 1, "item": {**_RESPONSE["output"][1], "content": []}},
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "x"},
    {"type": "response.output_item.done", "output_index": 1, "item": _RESPONSE["output"][1]},
    {"type": "response.output_item.added", "output_index": 2, "item": {**_RESPONSE["output"][2], "arguments": ""}},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{}"},
    {"type": "response.output_item.done", "output_index": 2, "item": _RESPONSE["output"][2]},
    {"type": "response.completed", "response": _RESPONSE},
]


def _chat(member: str) -> Json:
    value: Json = json.loads(json.dumps(_CHAT))
    value["choices"][0][member] = _SAID
    return value


def _odd(value: Any) -> Iterator[None]:
    """Yields after each replacement of a member somewhere in `value`, which is undone."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        right = value[key]
        for wrong in _VALUES:
            value[key] = wrong
            yield
        value[key] = right
        yield from _odd(right)


def _named(chunk: Chunk) -> Chunk:
    """Gives a chunk what the router gives it."""
    chunk["model"] = "m"
    chunk.setdefault("id", "i")
    return readable(chunk)


def _whole(reader: Reader, value: Any, dialect: Dialect, request: Any) -> None:
    with suppress(ProviderError):
        dialect.encode(_named(reader.decode(json.dumps(value).encode())), request)


def _streamed(reader: Reader, value: Any, dialect: Dialect, request: Any) -> None:
    decoder, encoder = reader.stream_decoder(), dialect.events(request)
    events = value if isinstance(value, list) else [value]
    with suppress(ProviderError):
        for event in SseParser(100_000).feed(b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in events)):
            encoder.encode([_named(chunk) for chunk in decoder.feed(event)])
        encoder.encode([_named(chunk) for chunk in decoder.finish()])
        encoder.finish()


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (MessagesDialect(), {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "c"}]}),
        (GeminiDialect(), {"model": "m", "contents": {"parts": {"text": "t"}}}),
        (ResponsesDialect(), {"model": "m", "input": "i"}),
    ],
    ids=["messages", "gemini", "responses"],
)
@pytest.mark.parametrize(
    ("reader", "value", "run"),
    [
        (OpenAIAdapter(), _chat("message"), _whole),
        (OpenAIAdapter(), _chat("delta"), _streamed),
        (ResponsesReader(), _RESPONSE, _whole),
        (ResponsesReader(), _EVENTS, _streamed),
    ],
    ids=["chat", "chat-stream", "responses", "responses-stream"],
)
def test_no_value_of_a_providers_member_breaks_a_response(
    reader: Reader, value: Any, run: Callable[..., None], dialect: Dialect, body: Json
) -> None:
    request = dialect.decode(body, {}, stream=run is _streamed)
    value = json.loads(json.dumps(value))
    run(reader, value, dialect, request)
    for _ in _odd(value):
        run(reader, value, dialect, request)


def test_what_is_well_formed_stays() -> None:
    document = _chat("message")

    assert readable(document) is document


def test_only_what_is_malformed_is_left_out() -> None:
    document = _chat("message")
    document["choices"][0]["message"] = {**_SAID, "refusal": 5, "images": [{"image_url": None}]}
    document["usage"] = {"prompt_tokens": 1, "completion_tokens": "x"}

    message = readable(document)["choices"][0]["message"]

    assert message == {name: value for name, value in _SAID.items() if name not in ("refusal", "images")}
    assert readable(document)["usage"] == {"prompt_tokens": 1}
