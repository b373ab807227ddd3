"""What holds for every conversation, and that nothing a client or a provider sends breaks the adapter."""

from __future__ import annotations

import base64
import contextlib
import re
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.providers.gemini.wire import ADAPTER

from arouter.chat.parameters import PARAMETERS
from arouter.chat.request import ChatRequest, check_body
from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.sse import ServerSentEvent
from judges.gemini import read_request

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
NAME = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True)
DATA = st.binary(max_size=6).map(lambda data: base64.b64encode(data).decode())
PART = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXT),
    st.builds(lambda data: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}, DATA),
    st.builds(lambda data: {"type": "input_audio", "input_audio": {"data": data or "AA==", "format": "mp3"}}, DATA),
)
WORDS = TEXT | st.lists(PART, min_size=1, max_size=3)
RESULT = TEXT | OBJECT.map(lambda value: orjson.dumps(value).decode()) | st.lists(PART, min_size=1, max_size=2)
ARGUMENTS = OBJECT.map(lambda value: orjson.dumps(value).decode()) | TEXT


@st.composite
def conversations(draw: Any) -> list[dict[str, Any]]:
    """A conversation as OpenAI takes it: every call has its result, in any order, before the next turn."""
    messages: list[dict[str, Any]] = []
    for turn in range(draw(st.integers(1, 4))):
        role = draw(st.sampled_from(["system", "developer", "user"]))
        messages.append({"role": role, "content": draw(TEXT if role != "user" else WORDS)})
        if not draw(st.booleans()):
            continue
        calls = [
            {"id": f"call_{turn}_{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for place, (name, arguments) in enumerate(draw(st.lists(st.tuples(NAME, ARGUMENTS), max_size=3)))
        ]
        message: dict[str, Any] = {"role": "assistant", "content": draw(TEXT if not calls else st.none() | TEXT)}
        if calls:
            message["tool_calls"] = calls
        messages.append(message)
        for call in draw(st.permutations(calls)):
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": draw(RESULT)})
    return messages


def texts_of(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content or [] if part["type"] == "text"]


def encode(body: dict[str, Any], model: str = "gemini-3.6-flash") -> bytes:
    return ADAPTER.encode(ChatRequest(body, stream=False, include_usage=False), model).body


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [value]


def is_kept(text: str, wire: Any, found: list[Any]) -> bool:
    """Says whether a text is there as it is, or as the object that it is the JSON of."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    return text in found or (isinstance(value, dict) and value in wire)


@given(conversations())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_keeps_every_text_call_and_id(messages: list[dict[str, Any]]) -> None:
    sent = encode({"model": "m", "messages": messages})
    read_request(sent)
    wire = orjson.loads(sent)
    found = leaves(wire)
    parts = [part for content in wire["contents"] for part in content["parts"]]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    objects = [call["args"] for call in calls] + [result["response"] for result in results]

    asked = [call for message in messages for call in message.get("tool_calls", ())]

    for message in messages:
        for text in texts_of(message["content"]):
            assert is_kept(text, objects, found)
    assert [(call["id"], call["name"]) for call in calls] == [(call["id"], call["function"]["name"]) for call in asked]
    for call in asked:
        assert is_kept(call["function"]["arguments"], objects, found)
    # In the order of the calls, whatever the client's.
    assert [(result["id"], result["name"]) for result in results] == [(call["id"], call["name"]) for call in calls]


@given(conversations())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_results_follow_their_calls_and_stand_alone(messages: list[dict[str, Any]]) -> None:
    contents = orjson.loads(encode({"model": "m", "messages": messages}))["contents"]

    for place, content in enumerate(contents):
        ids = [part["functionResponse"]["id"] for part in content["parts"] if "functionResponse" in part]
        if ids:
            before = [part["functionCall"]["id"] for part in contents[place - 1]["parts"] if "functionCall" in part]
            assert len(ids) == len(content["parts"])
            assert sorted(ids) == sorted(before)


ANYTHING = st.dictionaries(
    st.sampled_from(
        [
            *PARAMETERS,
            *("reasoning", "include_reasoning", "thinkingConfig", "safetySettings", "cached_content", "top_k", "other"),
        ]
    ),
    JSON,
    max_size=6,
)
MESSAGE_FIELDS = (
    *("content", "name", "tool_call_id", "tool_calls", "function_call", "refusal", "audio", "images"),
    *("reasoning_details", "extra_content"),
)
PART_TYPES = ("text", "refusal", "image_url", "video_url", "input_audio", "file", "other")
LIKELY = st.recursive(
    JSON,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.fixed_dictionaries(
            {"type": st.sampled_from([*PART_TYPES, "function", "custom", "json_schema", "allowed_tools"])},
            optional=dict.fromkeys(
                [
                    *PART_TYPES,
                    "function",
                    "custom",
                    "id",
                    "name",
                    "arguments",
                    "parameters",
                    "url",
                    "file_data",
                    "format",
                ],
                inner,
            ),
        )
        | st.fixed_dictionaries(
            {"format": st.just("google-gemini-v1")}, optional={"data": inner, "id": inner, "text": inner}
        )
    ),
    max_leaves=6,
)
ANY_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "function"])},
    optional=dict.fromkeys(MESSAGE_FIELDS, LIKELY),
)


def wrong_field(request: dict[str, Any]) -> str | None:
    """Returns the field for which a request is refused before it is translated."""
    try:
        check_body(request)
    except ARouterError as error:
        return re.split(r"[.\[]", str(error.param))[0]
    return None


@given(st.lists(ANY_MESSAGE, min_size=1, max_size=3), st.dictionaries(st.sampled_from([*PARAMETERS]), LIKELY), ANYTHING)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_refuses_with_a_400_or_translates(messages: list[Any], likely: dict[str, Any], body: dict[str, Any]) -> None:
    request = {**body, **likely, "model": "m", "messages": messages}
    while (field := wrong_field(request)) is not None:
        if field == "messages":
            return
        del request[field]
    refused: ARouterError | None = None
    try:
        encode(request)
    except ARouterError as error:
        refused = error

    assert refused is None or (refused.failure is Failure.INVALID_REQUEST and refused.param is not None)


def likely_answers() -> st.SearchStrategy[Any]:
    part = st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(["text", "thought", "thoughtSignature"], JSON),
            "functionCall": st.fixed_dictionaries({}, optional=dict.fromkeys(["id", "name", "args"], JSON)) | JSON,
            "inlineData": st.fixed_dictionaries({}, optional=dict.fromkeys(["mimeType", "data"], JSON)) | JSON,
            "executableCode": st.fixed_dictionaries({}, optional=dict.fromkeys(["language", "code"], JSON)),
        },
    )
    metadata = st.fixed_dictionaries(
        {},
        optional={
            "groundingChunks": st.lists(
                st.fixed_dictionaries({"web": OBJECT | st.just({"uri": "https://a"})}), max_size=2
            ),
            "groundingSupports": st.lists(
                st.fixed_dictionaries({"segment": OBJECT, "groundingChunkIndices": st.lists(JSON | st.integers(0, 2))}),
                max_size=2,
            ),
        },
    )
    candidate = st.fixed_dictionaries(
        {},
        optional={
            "content": st.fixed_dictionaries({"parts": st.lists(part, max_size=3) | JSON}) | JSON,
            "finishReason": st.sampled_from(["STOP", "SAFETY", "OTHER"]) | JSON,
            "index": JSON,
            "groundingMetadata": metadata | JSON,
            "logprobsResult": JSON,
        },
    )
    return st.fixed_dictionaries(
        {},
        optional={
            "candidates": st.lists(candidate, max_size=2) | JSON,
            "promptFeedback": st.fixed_dictionaries({}, optional={"blockReason": JSON}) | JSON,
            "usageMetadata": st.fixed_dictionaries(
                {}, optional=dict.fromkeys(["promptTokenCount", "totalTokenCount"], JSON)
            )
            | JSON,
            "responseId": JSON,
            "error": st.none() | JSON | st.fixed_dictionaries({"code": JSON, "details": st.lists(OBJECT)}),
        },
    )


@given(st.lists(likely_answers() | JSON, min_size=1, max_size=3))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_provider_sends_is_an_answer_or_its_error(documents: list[Any]) -> None:
    for document in documents:
        with contextlib.suppress(ProviderError):
            ADAPTER.decode(orjson.dumps(document))
        assert isinstance(ADAPTER.decode_error(400, orjson.dumps(document), None), ProviderError)
    decoder = ADAPTER.stream_decoder()
    with contextlib.suppress(ProviderError):
        for document in documents:
            orjson.dumps(decoder.feed(ServerSentEvent(orjson.dumps(document))))
        orjson.dumps(decoder.finish())


@given(st.lists(st.sampled_from(["Grüezi", " ", "你", "🙂", "\n"]), min_size=1, max_size=5))
def test_however_a_text_is_cut_it_is_the_same(pieces: list[str]) -> None:
    decoder = ADAPTER.stream_decoder()
    chunks = []
    for place, piece in enumerate(pieces):
        candidate: dict[str, Any] = {"content": {"parts": [{"text": piece}]}}
        if place == len(pieces) - 1:
            candidate["finishReason"] = "STOP"
        chunks += decoder.feed(ServerSentEvent(orjson.dumps({"candidates": [candidate]})))
    chunks += decoder.finish()

    said = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])

    assert said == "".join(pieces)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3.6-flash", "gemma-4-31b-it"])
@given(messages=conversations())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_only_models_that_insist_get_a_stand_in_for_a_signature(model: str, messages: list[dict[str, Any]]) -> None:
    contents = orjson.loads(encode({"model": "m", "messages": messages}, model))["contents"]
    signed = [part for content in contents for part in content["parts"] if "thoughtSignature" in part]

    assert bool(signed) == (
        model == "gemini-3.6-flash" and any("functionCall" in part for content in contents for part in content["parts"])
    )
