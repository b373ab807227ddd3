"""A provider's own events in a client's stream: whatever their names, each is one event."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from arouter.chat.native import NativeChunk
from arouter.dialects.dialect import Dialect
from arouter.dialects.gemini.dialect import GeminiDialect
from arouter.dialects.messages.dialect import MessagesDialect
from arouter.dialects.responses.dialect import ResponsesDialect
from arouter.providers.sse import ServerSentEvent, SseParser

Json = dict[str, Any]

DIALECTS: list[tuple[Dialect, Json]] = [
    (
        MessagesDialect(),
        {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]},
    ),
    (ResponsesDialect(), {"model": "m", "input": "hi"}),
]
EVENTS: list[tuple[str, Json, bytes]] = [
    ("ping", {"type": "ping"}, b"ping"),
    ("", {"type": "ping"}, b"ping"),
    ("other", {"type": "ping"}, b"ping"),
    ("ping", {}, b"ping"),
    ("", {}, b""),
    ("", {"type": None}, b""),
    ("", {"type": "a\n\ndata: {}\r\n\rb"}, b"adata: {}b"),
]


def passed(dialect: Dialect, body: Json, name: str, data: Json) -> list[ServerSentEvent]:
    native = NativeChunk({"id": "gen-1", "model": "p/m", "choices": []}, [(name, data)])
    return SseParser(10_000).feed(dialect.events(dialect.decode(body, {}, stream=True)).encode([native]))


@pytest.mark.parametrize(("name", "data", "expected"), EVENTS, ids=str)
@pytest.mark.parametrize(("dialect", "body"), DIALECTS, ids=lambda value: getattr(value, "name", ""))
def test_events_are_named_by_their_type(dialect: Dialect, body: Json, name: str, data: Json, expected: bytes) -> None:
    [event] = passed(dialect, body, name, data)

    assert (event.event, orjson.loads(event.data)) == (expected, data)


@pytest.mark.parametrize(("name", "data"), [each[:2] for each in EVENTS], ids=str)
def test_geminis_events_have_no_names(name: str, data: Json) -> None:
    body = {"model": "m", "contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    [event] = passed(GeminiDialect(), body, name, data)

    assert (event.event, orjson.loads(event.data)) == (b"", {**data, "modelVersion": "p/m"})
