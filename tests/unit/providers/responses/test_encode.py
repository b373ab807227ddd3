"""Requests for OpenAI's Responses API, as the SDK's types have them, say what the canonical ones do."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arouter.chat.native import NativeRequest
from arouter.chat.request import ChatRequest
from arouter.dialects.responses.dialect import ResponsesDialect
from arouter.errors import ARouterError, Failure
from arouter.providers.adapter import WireRequest
from arouter.providers.native import NativeReader
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.presets import PRESETS
from judges.responses import faults

JsonObject = dict[str, Any]

OPENAI = OpenAIAdapter(PRESETS["openai"].quirks)
PRO = "gpt-5-pro"
USER = [{"role": "user", "content": "hi"}]

texts = st.text(min_size=1, max_size=8)
images = st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}})
files = st.just({"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"}})
parts = st.lists(st.builds(lambda text: {"type": "text", "text": text}, texts) | images | files, min_size=2, max_size=4)
encrypted = {"type": "reasoning.encrypted", "data": "gAAA", "format": "openai-responses-v1", "id": "rs_1"}
summary = {"type": "reasoning.summary", "summary": "Hm.", "format": "openai-responses-v1", "id": "rs_1"}


@st.composite
def turns(draw: st.DrawFn) -> list[JsonObject]:
    """Returns messages of a user, the assistant, and results of its calls."""
    answer: JsonObject = {"role": "assistant", "content": draw(st.none() | texts)}
    if draw(st.booleans()):
        answer["reasoning_content"] = "Hm."
        answer["reasoning_details"] = [{**summary, "index": 0}, {**encrypted, "index": 1}]
    ids = [f"call_{draw(st.uuids())}"[:40] for _ in range(draw(st.integers(0, 2)))]
    if ids:
        function = {"name": "look", "arguments": draw(st.sampled_from(("{}", '{"a": "ü"}')))}
        answer["tool_calls"] = [{"id": id_, "type": "function", "function": function} for id_ in ids]
    elif answer["content"] is None:
        answer["content"] = "x"
    results = [{"role": "tool", "tool_call_id": id_, "content": draw(texts | parts)} for id_ in ids]
    return [{"role": "user", "content": draw(texts | parts)}, answer, *results]


@st.composite
def bodies(draw: st.DrawFn) -> JsonObject:
    instructions = draw(st.sampled_from(([], [{"role": "system", "content": "Be brief."}])))
    messages = [*instructions, *(each for turn in draw(st.lists(turns(), min_size=1, max_size=3)) for each in turn)]
    body: JsonObject = {"model": "m", "messages": messages}
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    function = {"name": "look", "description": "Looks.", "parameters": schema, "strict": draw(st.booleans())}
    optional = {
        "tools": [{"type": "function", "function": function}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_completion_tokens": 100,
        "reasoning_effort": "high",
        "verbosity": "low",
        "parallel_tool_calls": False,
        "metadata": {"a": "b"},
        "safety_identifier": "user-1",
        "prompt_cache_key": "key",
        "service_tier": "flex",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}},
    }
    body |= {name: value for name, value in optional.items() if draw(st.booleans())}
    if "tools" in body:
        named = {"type": "function", "function": {"name": "look"}}
        allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}}
        choice = draw(st.sampled_from((None, "required", "none", named, allowed)))
        body |= {"tool_choice": choice} if choice else {}
    return body


def encode(body: JsonObject, model: str = PRO, **options: Any) -> WireRequest:
    return OPENAI.encode(ChatRequest(body, stream=False, include_usage=True), model, **options)


def sent(body: JsonObject, model: str = PRO) -> JsonObject:
    wire = encode(body, model)
    assert wire.path == "/responses"
    document: JsonObject = orjson.loads(wire.body or b"")
    return document


@settings(max_examples=60)
@given(bodies())
def test_the_dialect_reads_the_same_request(body: JsonObject) -> None:
    wire = encode(body)
    document = orjson.loads(wire.body or b"")

    assert faults(document) == []
    assert wire.dropped == ()
    assert (document["store"], document["model"]) == (False, PRO)
    request = ResponsesDialect().decode(document, {})
    assert request.body == {**body, "model": PRO}
    assert (request.unserved, request.native_only) == ((), ())


def test_a_custom_tool_stays_one() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}
    call = {"id": "c", "type": "custom", "custom": {"name": "patch", "input": "x"}}
    result = {"role": "tool", "tool_call_id": "c", "content": "y"}
    messages = [*USER, {"role": "assistant", "tool_calls": [call]}, result]
    tools = [{"type": "custom", "custom": {"name": "patch", "format": grammar}}]
    document = sent({"messages": messages, "tools": tools})

    assert document["tools"] == [
        {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}}
    ]
    assert document["input"][1:] == [
        {"type": "custom_tool_call", "input": "x", "call_id": "c", "name": "patch"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "y"},
    ]


def test_a_web_search() -> None:
    place = {"type": "approximate", "approximate": {"city": "Zürich"}}
    document = sent({"messages": USER, "web_search_options": {"search_context_size": "low", "user_location": place}})

    tool = {
        "type": "web_search",
        "search_context_size": "low",
        "user_location": {"type": "approximate", "city": "Zürich"},
    }
    assert document["tools"] == [tool]


def test_deep_research_gets_a_tool_to_search_with() -> None:
    assert sent({"messages": USER}, "o3-deep-research")["tools"] == [{"type": "web_search"}]
    assert "tools" not in sent({"messages": USER}, "computer-use-preview")


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"reasoning_effort": "low"}, {"effort": "low"}),
        ({"reasoning_effort": "low", "include_reasoning": True}, {"effort": "low", "summary": "auto"}),
        ({"reasoning": {"effort": "high"}}, {"effort": "high", "summary": "auto"}),
        ({"reasoning": {"effort": "high", "exclude": True}}, {"effort": "high"}),
        ({"reasoning": {"enabled": False}}, {"effort": "none"}),
    ],
)
def test_reasoning(fields: JsonObject, reasoning: JsonObject) -> None:
    assert sent({"messages": USER, **fields})["reasoning"] == reasoning


def test_what_the_api_lacks_is_named() -> None:
    dropped = encode({"messages": [{**USER[0], "name": "ann"}], "seed": 1, "stop": ["x"], "n": 1}).dropped

    assert dropped == ("messages[].name", "seed", "stop")


@pytest.mark.parametrize("fields", [{"n": 2}, {"functions": [{"name": "f"}]}])
def test_what_would_change_the_question_is_refused(fields: JsonObject) -> None:
    with pytest.raises(ARouterError) as refused:
        encode({"messages": USER, **fields})

    assert refused.value.param == next(iter(fields))


def test_an_include_that_was_refused_is_left_out() -> None:
    assert encode({"messages": USER}).added == {"include"}
    assert "include" not in orjson.loads(encode({"messages": USER}, without=frozenset({"include"})).body or b"")


def native(body: JsonObject) -> ChatRequest:
    return ResponsesDialect().decode({"model": "m", "input": "hi", **body}, {})


def test_a_native_request_passes_as_it_is() -> None:
    body = {"store": True, "new": [1, {"a": None}], "provider": {"sort": "price"}, "stream": False}
    wire = OPENAI.encode(native(body), "gpt-4o")

    assert orjson.loads(wire.body or b"") == {"model": "gpt-4o", "input": "hi", "store": False, "new": [1, {"a": None}]}
    assert isinstance(wire.reader, NativeReader)


def test_a_native_request_that_is_too_deep_is_refused() -> None:
    deep = orjson.loads("[" * 400 + "]" * 400)
    with pytest.raises(ARouterError) as refused:
        OPENAI.encode(native({"new": deep}), "gpt-4o")

    assert refused.value.failure is Failure.INVALID_REQUEST


@pytest.mark.parametrize("model", ["gpt-4o-audio-preview", "gpt-4o-search-preview-2025-03-11"])
def test_a_model_with_chat_completions_alone_gets_those(model: str) -> None:
    wire = OPENAI.encode(native({}), model)

    assert (wire.path, wire.reader) == ("/chat/completions", None)
    with pytest.raises(ARouterError) as refused:
        OPENAI.encode(native({"input": [{"type": "local_shell_call"}]}), model)
    assert refused.value.param == "input[0]"


def test_a_request_of_another_dialect_is_translated() -> None:
    request = ChatRequest(
        {"messages": USER}, stream=False, include_usage=True, native=NativeRequest("messages", {"model": "m"})
    )

    assert OPENAI.encode(request, "gpt-4o").path == "/chat/completions"
    assert OPENAI.encode(request, PRO).path == "/responses"
    assert OpenAIAdapter().encode(native({}), "gpt-4o").path == "/chat/completions"
