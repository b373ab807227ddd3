"""Counting a prompt's tokens at Google."""

from __future__ import annotations

import orjson

from arouter.chat.request import ChatRequest
from arouter.dialects.gemini.dialect import GeminiDialect
from arouter.providers.counting import encode_count
from arouter.providers.gemini.adapter import GeminiAdapter

ADAPTER = GeminiAdapter()


def test_a_request_of_any_dialect_is_counted() -> None:
    contents = [{"role": "user", "parts": [{"text": "hi"}]}]
    native = GeminiDialect().decode({"model": "google/g", "contents": contents}, {})
    chat = ChatRequest({"messages": [{"role": "user", "content": "hi"}]}, stream=False, include_usage=False)
    for request in (native, chat):
        wire = encode_count(ADAPTER, request, "gemini-3.6-flash")

        assert wire is not None
        assert wire.path == "/v1beta/models/gemini-3.6-flash:countTokens"
        assert orjson.loads(wire.body or b"") == {
            "generateContentRequest": {"model": "models/gemini-3.6-flash", "contents": contents}
        }
        assert wire.reader is not None
        assert wire.reader.decode(b'{"totalTokens": 7}') == {"input_tokens": 7}
