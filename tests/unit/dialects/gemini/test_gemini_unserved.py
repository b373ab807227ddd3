"""What of Gemini's requests is left out, only for Google, or refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from unit.dialects.gemini.values import DIALECT, HI, decode, model, user

from arouter.errors import ARouterError, Failure

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
