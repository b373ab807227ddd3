"""Gemini's requests in canonical form, member by member."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from arouter.chat.gemini_forms import NO_SIGNATURE
from arouter.chat.request import ChatRequest
from arouter.dialects.gemini.dialect import GeminiDialect
from arouter.errors import ARouterError, Failure

DIALECT = GeminiDialect()
HI = [{"role": "user", "parts": [{"text": "hi"}]}]


def decode(**members: Any) -> ChatRequest:
    return DIALECT.decode({"model": "google/gemini", "contents": HI, **members}, {}, stream=False)


def body(**members: Any) -> dict[str, Any]:
    found = decode(**members).body
    assert found.pop("model") == "google/gemini"
    return found


def messages(*contents: Any, **members: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body(contents=list(contents), **members)["messages"]
    return found


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def model(*parts: Any) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


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


UNSERVED = {
    "safetySettings": ({"safetySettings": [{"category": "X"}]}, "safetySettings"),
    "labels": ({"labels": {"a": "b"}}, "labels"),
    "tool": ({"tools": [{"codeExecution": {}}]}, "tools[].codeExecution"),
    "search option": ({"tools": [{"googleSearch": {"excludeDomains": ["x"]}}]}, "tools[].googleSearch.excludeDomains"),
    "config": ({"generationConfig": {"mediaResolution": "LOW"}}, "generationConfig.mediaResolution"),
    "mime type": ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "generationConfig.responseMimeType"),
    "part": ({"contents": [user({"text": "a", "videoMetadata": {"fps": 1}})]}, "contents[].parts[].videoMetadata"),
    "mode": (
        {"toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}}},
        "toolConfig.functionCallingConfig.mode",
    ),
}


@pytest.mark.parametrize("name", UNSERVED)
def test_what_can_be_left_out_is_named(name: str) -> None:
    members, expected = UNSERVED[name]
    request = decode(**members)

    assert (request.unserved, request.unserved_natively, request.native_only) == ((expected,), (), ())


NATIVE_ONLY = {
    "cache": ({"cachedContent": "cachedContents/1"}, "cachedContent"),
    "upload": (
        {"contents": [user({"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}})]},
        "contents[0].parts[0].fileData.fileUri",
    ),
    "part": ({"contents": [user({"hologram": {}, "smell": {"a": 1}})]}, "contents[0].parts[0].smell"),
}


@pytest.mark.parametrize("name", NATIVE_ONLY)
def test_what_cannot_be_left_out_is_for_google_alone(name: str) -> None:
    members, expected = NATIVE_ONLY[name]

    assert decode(**members).native_only == (expected,)


def test_the_native_body_is_the_clients_without_what_is_the_routers() -> None:
    sent = {"contents": HI, "safetySettings": [{"a": "b"}], "provider": {"order": ["google"]}, "models": ["a/b"]}
    before = orjson.dumps(sent)
    request = DIALECT.decode({**sent, "model": "models/gemini"}, {}, stream=True)

    assert orjson.dumps(sent) == before
    assert request.native is not None
    assert request.native.body == {"contents": HI, "safetySettings": [{"a": "b"}]}
    assert [each.text for each in request.preferences.models] == ["gemini", "a/b"]
    assert request.preferences.order == ("google",)
    assert request.stream


DEEP = orjson.loads('{"a":' * 400 + "1" + "}" * 400)
REFUSED: dict[str, tuple[dict[str, Any], str | None]] = {
    "no contents": ({"contents": None}, "contents"),
    "empty contents": ({"contents": []}, "contents"),
    "a text as contents": ({"contents": "hi"}, "contents"),
    "a role": ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "contents[0].role"),
    "an empty part": ({"contents": [user({})]}, "contents[0].parts[0]"),
    "a number as text": ({"contents": [user({"text": 1})]}, "contents[0].parts[0].text"),
    "an image without type": (
        {"contents": [user({"inlineData": {"data": "QQ=="}})]},
        "contents[0].parts[0].inlineData.mimeType",
    ),
    "a call without name": ({"contents": [*HI, model({"functionCall": {}})]}, "contents[1].parts[0].functionCall.name"),
    "a call of the user": ({"contents": [user({"functionCall": {"name": "f"}})]}, "contents[0].parts[0].functionCall"),
    "a result without call": (
        {"contents": [user({"functionResponse": {"name": "f", "response": {}}})]},
        "contents[0].parts[0].functionResponse.name",
    ),
    "a deep call": (
        {"contents": [*HI, model({"functionCall": {"name": "f", "args": DEEP}})]},
        "contents[1].parts[0].functionCall.args",
    ),
    "a deep result": (
        {
            "contents": [
                *HI,
                model({"functionCall": {"name": "f"}}),
                user({"functionResponse": {"name": "f", "response": DEEP}}),
            ]
        },
        "contents[2].parts[0].functionResponse.response",
    ),
    "temperature": ({"generationConfig": {"temperature": 3}}, "generationConfig.temperature"),
    "a word as number": ({"generationConfig": {"topK": "many"}}, "generationConfig.topK"),
    "a budget": (
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": -2}}},
        "generationConfig.thinkingConfig.thinkingBudget",
    ),
    "a level": (
        {"generationConfig": {"thinkingConfig": {"thinkingLevel": "X"}}},
        "generationConfig.thinkingConfig.thinkingLevel",
    ),
    "a schema": ({"generationConfig": {"responseSchema": {"type": 1}}}, "generationConfig.responseSchema.type"),
    "a mode": ({"toolConfig": {"functionCallingConfig": {"mode": "X"}}}, "toolConfig.functionCallingConfig.mode"),
    "a tool without name": ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
    "tools": ({"tools": "x"}, "tools"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_named_by_the_clients_path(name: str) -> None:
    members, param = REFUSED[name]
    with pytest.raises(ARouterError) as refused:
        decode(**members)

    assert (refused.value.failure, refused.value.param) == (Failure.INVALID_REQUEST, param)
