"""A value of any type in place of any member of a request is read, or is an error that names the client's mistake."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from arouter.dialects.completions.dialect import CompletionsDialect
from arouter.dialects.dialect import Dialect
from arouter.dialects.gemini.dialect import GeminiDialect
from arouter.dialects.messages.dialect import MessagesDialect
from arouter.dialects.responses.dialect import ResponsesDialect
from arouter.errors import ARouterError

Json = dict[str, Any]

_VALUES: tuple[Any, ...] = (None, True, 1.5, "", "x", [], {}, [None], [[]], [{}], {"type": None}, {"type": []}, ["a"])
_ROUTING: Json = {
    "models": ["a"],
    "provider": {"order": ["x"], "sort": {"by": "price"}, "max_price": {"prompt": 1}, "preferred_max_latency": 1},
    "plugins": [{"id": "auto-router", "allowed_models": ["*"]}],
}
_SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
_IMAGE = "data:image/png;base64,aGk="

_MESSAGES: Json = {
    **_ROUTING,
    "model": "m",
    "max_tokens": 1,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "t"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                {
                    "type": "document",
                    "title": "t",
                    "source": {
                        "type": "content",
                        "content": [
                            {"type": "text", "text": "d"},
                            {"type": "image", "source": {"type": "url", "url": "https://x"}},
                        ],
                    },
                },
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "r"}]},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "tool_use", "id": "i", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text", "text": "r"}]}],
        },
    ],
    "tools": [{"type": "custom", "name": "f", "description": "d", "input_schema": _SCHEMA}],
    "tool_choice": {"type": "tool", "name": "f"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": _SCHEMA}},
    "metadata": {"user_id": "u"},
    "stop_sequences": ["a"],
}
_GEMINI: Json = {
    **_ROUTING,
    "model": "m",
    "systemInstruction": {"parts": [{"text": "s"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "t"}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "r"}}}]},
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"a": {"type": "STRING", "format": "enum", "enum": ["x"], "nullable": True}},
                        "propertyOrdering": ["a"],
                    },
                }
            ],
            "googleSearch": {},
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "responseMimeType": "application/json",
        "responseSchema": {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}]}, "minItems": "1"},
        "responseModalities": ["TEXT"],
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 100},
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "v"}}},
    },
}
_RESPONSES: Json = {
    **_ROUTING,
    "model": "m",
    "instructions": "i",
    "input": [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "t"}, {"type": "input_image", "image_url": _IMAGE}],
        },
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "e"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "t"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "r"}]},
        {"type": "custom_tool_call", "call_id": "d", "name": "c", "input": "x"},
    ],
    "tools": [
        {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f", "parameters": _SCHEMA}]},
        {"type": "web_search", "user_location": {"type": "approximate", "city": "x"}},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f", "namespace": "n"}],
    },
    "reasoning": {"effort": "low"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": _SCHEMA}, "verbosity": "low"},
    "include": ["reasoning.encrypted_content"],
    "stream_options": {"include_obfuscation": False},
}
_COMPLETIONS: Json = {
    "provider": _ROUTING["provider"],
    "model": "m",
    "prompt": "p",
    "stop": ["x"],
    "stream_options": {"include_usage": True},
}


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every object and array with each of its keys or indices."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (MessagesDialect(), _MESSAGES),
        (MessagesDialect(counting=True), _MESSAGES),
        (GeminiDialect(), _GEMINI),
        (ResponsesDialect(), _RESPONSES),
        (CompletionsDialect(), _COMPLETIONS),
    ],
    ids=["messages", "count_tokens", "gemini", "responses", "completions"],
)
def test_no_value_of_a_member_breaks_a_dialect(dialect: Dialect, body: Json) -> None:
    dialect.decode(body, {}, stream=True)
    for holder, key in list(_places(body)):
        right = holder[key]
        for value in _VALUES:
            holder[key] = value
            with contextlib.suppress(ARouterError):
                dialect.decode(body, {}, stream=True)
        holder[key] = right
