"""Gemini's API beside the generation of content: models, counts, paths, errors."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from google import genai
from google.genai import types

from emulator import Emulator
from emulator.answers import COUNT
from matrix.provider import PROTOCOLS, native_name
from support.ports import HOST
from support.stack import Stack

HI = json.dumps({"contents": [{"parts": [{"text": "Say hello."}]}]}).encode()
TEXTS = {protocol: f"{protocol}/{native_name(each, 'text')}" for protocol, each in PROTOCOLS.items()}


def test_models(translated: Stack) -> None:
    options = types.HttpOptions(base_url=f"http://{HOST}:{translated.port}", api_version="v1beta")
    with genai.Client(api_key=translated.key, vertexai=False, http_options=options) as client:
        listed = [model.name for model in client.models.list(config={"page_size": 3})]
        model = client.models.get(model=TEXTS["anthropic"])
        counted = client.models.count_tokens(model=TEXTS["anthropic"], contents="Say hello.")
    with translated.rest() as rest:
        expected = [f"models/{each['id']}" for each in rest.get("/v1/models").json["data"]]

    assert listed == expected
    assert model.name == f"models/{TEXTS['anthropic']}"
    assert "generateContent" in (model.supported_actions or [])
    assert counted.total_tokens == COUNT


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_a_count_says_that_it_is_an_estimate(translated: Stack, version: str) -> None:
    path = f"/{version}/models/{TEXTS['openai']}:countTokens"
    whole = json.dumps({"generateContentRequest": json.loads(HI)}).encode()
    with translated.rest() as rest:
        counts = [rest.request("POST", path, body) for body in (HI, whole)]

    assert [answer.status for answer in counts] == [200, 200]
    assert counts[0].json == counts[1].json
    assert counts[0].headers["x-arouter-estimated"] == "true"


def test_google_counts_its_own(translated: Stack) -> None:
    with translated.rest() as rest:
        counted = rest.request("POST", f"/v1beta/models/{TEXTS['gemini']}:countTokens", HI)

    assert counted.json["totalTokens"] == COUNT
    assert "x-arouter-estimated" not in counted.headers


@pytest.mark.parametrize("path", [TEXTS["openai"], quote(TEXTS["openai"], safe=""), f"models/{TEXTS['openai']}"])
@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_the_slash_of_an_id_is_raw_or_escaped(translated: Stack, path: str, version: str) -> None:
    with translated.rest() as rest:
        answer = rest.request("POST", f"/{version}/models/{path}:generateContent", HI)

    assert answer.status == 200, answer.body
    assert answer.json["modelVersion"] == TEXTS["openai"]


def test_a_stream_without_events_is_an_array(translated: Stack) -> None:
    path = f"/v1beta/models/{TEXTS['anthropic']}:streamGenerateContent"
    with translated.rest() as rest:
        answer = rest.request("POST", path, HI)
        events = rest.request("POST", f"{path}?alt=sse", HI).body.split(b"\n\n")[:-1]

    assert answer.headers["content-type"].startswith("application/json")
    assert len(answer.json) == len(events) > 1
    assert answer.json[-1]["candidates"][0]["finishReason"] == "STOP"


def errors_of(answer: Any) -> tuple[int, str, str]:
    error = answer.json["error"]
    return error["code"], error["status"], error["details"][0]["reason"]


def test_errors_in_googles_envelope(translated: Stack) -> None:
    bad = json.dumps({"contents": [{"parts": [{"text": 1}]}]}).encode()
    cached = json.dumps({**json.loads(HI), "cachedContent": "cachedContents/1"}).encode()
    with translated.rest() as rest:
        invalid = rest.request("POST", f"/v1beta/models/{TEXTS['openai']}:generateContent", bad)
        unknown = rest.request("POST", "/v1beta/models/openai/nothing:generateContent", HI)
        native = rest.request("POST", f"/v1beta/models/{TEXTS['openai']}:streamGenerateContent?alt=sse", cached)
        passed = rest.request("POST", f"/v1beta/models/{TEXTS['gemini']}:generateContent", cached)
        missing = rest.get("/v1beta/models/openai/nothing")
        keyless = rest.request("POST", "/v1beta/models/a:generateContent", HI, {"authorization": None})

    assert errors_of(invalid) == (400, "INVALID_ARGUMENT", "INVALID_REQUEST")
    assert invalid.json["error"]["details"][1]["fieldViolations"][0]["field"] == "contents[0].parts[0].text"
    assert errors_of(unknown) == errors_of(missing) == (404, "NOT_FOUND", "MODEL_NOT_FOUND")
    assert errors_of(native) == (400, "INVALID_ARGUMENT", "INVALID_REQUEST")
    assert "cachedContent" in native.json["error"]["message"]
    assert passed.status == 200
    assert keyless.json["error"]["status"] == "UNAUTHENTICATED"


def test_what_is_left_out_is_named_unless_google_gets_it(translated: Stack, speakers: Emulator) -> None:
    body = json.dumps({**json.loads(HI), "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT"}]}).encode()
    with translated.rest() as rest:
        told = rest.request("POST", f"/v1beta/models/{TEXTS['openai']}:generateContent", body)
        native = rest.request("POST", f"/v1beta/models/{TEXTS['gemini']}:generateContent", body)

    assert told.headers["x-arouter-dropped-params"] == "safetySettings"
    assert "x-arouter-dropped-params" not in native.headers
    assert speakers.calls[-1].json == json.loads(body)
