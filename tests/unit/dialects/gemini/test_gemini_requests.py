"""Gemini's requests in canonical form, member by member."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from unit.dialects.gemini.values import HI, body, messages, model, user

from arouter.chat.gemini_forms import NO_SIGNATURE

CONFIG = {
    "temperature": (0.5, {"temperature": 0.5}),
    "topP": (0.9, {"top_p": 0.9}),
    "topK": (64.0, {"top_k": 64}),
    "candidateCount": (2, {"n": 2}),
    "maxOutputTokens": ("100", {"max_tokens": 100}),
    "stopSequences": (["a", "b"], {"stop": ["a", "b"]}),
    "seed": (7, {"seed": 7}),
    "presencePenalty": (1, {"presence_penalty": 1}),
    "frequencyPenalty": (-1, {"frequency_penalty": -1}),
    "responseLogprobs": (True, {"logprobs": True}),
    "logprobs": (3, {"top_logprobs": 3}),
    "responseModalities": (["TEXT", "IMAGE"], {"modalities": ["text", "image"]}),
    "responseMimeType": ("application/json", {"response_format": {"type": "json_object"}}),
    "speechConfig": (
        {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        {"audio": {"voice": "Kore", "format": "pcm16"}},
    ),
}


@pytest.mark.parametrize("name", CONFIG)
def test_generation_config(name: str) -> None:
    value, expected = CONFIG[name]

    assert body(generationConfig={name: value}) == {"messages": [{"role": "user", "content": "hi"}], **expected}


def test_names_in_snake_case() -> None:
    found = body(
        system_instruction={"parts": {"text": "be kind"}},
        generation_config={"max_output_tokens": 5, "thinking_config": {"thinking_level": "low"}},
        tools=[{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        tool_config={"function_calling_config": {"mode": "any"}},
    )

    assert found == {
        "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}],
        "max_tokens": 5,
        "reasoning": {"effort": "low", "exclude": True},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": "required",
    }


THINKING = [
    ({"thinkingBudget": 8192, "includeThoughts": True}, {"max_tokens": 8192, "exclude": False}),
    ({"thinkingBudget": 0}, {"effort": "none"}),
    ({"thinkingBudget": -1}, {"enabled": True, "exclude": True}),
    ({"includeThoughts": True}, {"enabled": True, "exclude": False}),
    ({"thinkingLevel": "HIGH", "includeThoughts": True}, {"effort": "high", "exclude": False}),
    ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("config", "reasoning"), THINKING, ids=str)
def test_thinking(config: dict[str, Any], reasoning: dict[str, Any] | None) -> None:
    assert body(generationConfig={"thinkingConfig": config}).get("reasoning") == reasoning


def test_a_schema_of_openapi_becomes_json_schema_in_the_order_of_its_properties() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "b": {"type": "INTEGER", "format": "int32", "minimum": 1},
            "a": {"type": "STRING", "nullable": True, "enum": ["x"], "format": "enum", "maxLength": "5"},
            "snake_name": {"any_of": [{"type": "STRING"}, {"type": "TYPE_UNSPECIFIED"}], "nullable": True},
            "c": {"type": "ARRAY", "items": {"type": "NUMBER"}, "min_items": "1", "example": [1]},
        },
        "required": ["a"],
        "propertyOrdering": ["a", "b"],
    }
    found = body(generationConfig={"responseSchema": schema})["response_format"]["json_schema"]["schema"]

    assert list(found["properties"]) == ["a", "b", "snake_name", "c"]
    assert found == {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"], "enum": ["x", None], "maxLength": 5},
            "b": {"type": "integer", "format": "int32", "minimum": 1},
            "snake_name": {"anyOf": [{"type": "string"}, {}, {"type": "null"}]},
            "c": {"type": "array", "items": {"type": "number"}, "minItems": 1, "examples": [[1]]},
        },
        "required": ["a"],
    }


CHOICES: list[tuple[dict[str, Any], Any]] = [
    ({"mode": "AUTO"}, "auto"),
    ({"mode": "ANY"}, "required"),
    ({"mode": "NONE"}, "none"),
    ({"mode": "VALIDATED"}, "auto"),
    ({"mode": "ANY", "allowedFunctionNames": ["f"]}, {"type": "function", "function": {"name": "f"}}),
    (
        {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
        {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": name}} for name in "fg"],
            },
        },
    ),
]


@pytest.mark.parametrize(("config", "choice"), CHOICES, ids=str)
def test_tool_choice(config: dict[str, Any], choice: Any) -> None:
    assert body(toolConfig={"functionCallingConfig": config})["tool_choice"] == choice


def test_a_tool_loop() -> None:
    called = {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
    plain = {"functionCall": {"name": "g"}}
    results = user(
        {"text": "and now?"},
        {"functionResponse": {"name": "g", "response": {"output": "plain"}}},
        {"functionResponse": {"id": "c1", "name": "f", "response": {"error": "no"}}},
    )
    found = messages(*HI, model({"text": "Let me"}), model({"text": " see."}, called, plain), results)

    assert found[1:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a":1}'},
                    "extra_content": {"google": {"thought_signature": "c2ln"}},
                },
                {"id": "call_1", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "plain"},
        {"role": "tool", "tool_call_id": "c1", "content": '{"error":"no"}'},
        {"role": "user", "content": "and now?"},
    ]


def test_calls_of_one_function_without_ids_are_answered_in_order() -> None:
    call, result = {"functionCall": {"name": "f"}}, {"functionResponse": {"name": "f", "response": {"output": "1"}}}
    found = messages(*HI, model(call, call), {"role": "function", "parts": [result, result]})

    assert [each["tool_call_id"] for each in found[2:]] == ["call_1", "call_2"]


def test_thoughts_signatures_and_code() -> None:
    said = model(
        {"text": "hm", "thought": True, "thoughtSignature": "c2ln"},
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"text": "one", "thoughtSignature": "c2ln"},
    )
    [_, message] = messages(*HI, said)

    assert message == {
        "role": "assistant",
        "content": "\n```python\nprint(1)\n```\none",
        "reasoning_content": "hm",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "google-gemini-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": "c2ln", "format": "google-gemini-v1", "index": 1},
        ],
    }


def test_a_seal_is_read_once_however_deep_it_is() -> None:
    sealed = base64.b64encode(b'arouter:[{"a":' + b"[" * 400 + b"]" * 400 + b"}]").decode()
    part = {"text": "a", "thoughtSignature": sealed}
    [*_, said] = messages(*HI, model(part), model(part))

    assert said["content"] == "aa"
    assert len(said["reasoning_details"]) == 1


def test_the_placeholder_of_a_signature_is_none() -> None:
    [_, message] = messages(*HI, model({"functionCall": {"name": "f"}, "thoughtSignature": NO_SIGNATURE}))

    assert "extra_content" not in message["tool_calls"][0]


MEDIA = [
    ({"inlineData": {"mimeType": "image/png", "data": "QUJD"}}, "image_url", {"url": "data:image/png;base64,QUJD"}),
    ({"inline_data": {"mime_type": "audio/mpeg", "data": "QUJD"}}, "input_audio", {"data": "QUJD", "format": "mp3"}),
    ({"inlineData": {"mimeType": "video/mp4", "data": "A-_B"}}, "video_url", {"url": "data:video/mp4;base64,A+/B"}),
    (
        {"inlineData": {"mimeType": "application/pdf", "data": "QUJD", "displayName": "a.pdf"}},
        "file",
        {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"},
    ),
    ({"fileData": {"mimeType": "image/png", "fileUri": "https://x/y"}}, "image_url", {"url": "https://x/y"}),
]


@pytest.mark.parametrize(("part", "kind", "value"), MEDIA, ids=str)
def test_media(part: dict[str, Any], kind: str, value: dict[str, Any]) -> None:
    [message] = messages(user({"text": "see"}, part))

    assert message["content"] == [{"type": "text", "text": "see"}, {"type": kind, kind: value}]


def test_media_in_a_function_response() -> None:
    response = {
        "id": "c",
        "name": "f",
        "response": {"a": 1},
        "parts": [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}],
    }
    found = messages(*HI, model({"functionCall": {"id": "c", "name": "f"}}), user({"functionResponse": response}))

    assert found[-1]["content"] == [
        {"type": "text", "text": '{"a":1}'},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
    ]


def test_a_web_search_is_one_of_any_vendor() -> None:
    assert body(tools=[{"googleSearch": {}}])["web_search_options"] == {}
