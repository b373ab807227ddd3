"""Requests whose canonical form differs from them, and what of them is named or refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from arouter.chat.request import ChatRequest
from arouter.dialects.messages.betas import FEATURES
from arouter.dialects.messages.request import decode_request
from arouter.errors import ARouterError
from support.docs import ROOT

HI = [{"role": "user", "content": "hi"}]
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
IMAGE_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
LOOK = {"name": "look", "input_schema": {"type": "object", "$schema": "https://json-schema.org/draft/2020-12/schema"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
BASH = {"type": "bash_20250124", "name": "bash"}


def decode(**members: Any) -> ChatRequest:
    return decode_request({"model": "p/m", "max_tokens": 9, "messages": HI, **members}, {})


def from_user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def test_texts_stay_texts_and_results_precede_the_rest() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [IMAGE], "is_error": True}
    decoded = decode(
        system="S",
        messages=[
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {}}]},
            {"role": "user", "content": [{"type": "text", "text": "So?"}, result]},
            {"role": "system", "content": "Be brief."},
        ],
    )

    call = {"id": "t", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    assert decoded.body["messages"] == [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t", "content": [IMAGE_PART], "is_error": True},
        {"role": "user", "content": "So?"},
        {"role": "system", "content": "Be brief."},
    ]
    assert decoded.unserved == ()


OPTIONS: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    ({"thinking": {"type": "adaptive"}}, {"reasoning_effort": "high"}, ()),
    ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "max"}, ()),
    ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"reasoning": {"max_tokens": 2048}}, ()),
    ({"thinking": {"type": "enabled"}}, {"reasoning_effort": "high"}, ()),
    (
        {"thinking": {"type": "adaptive", "display": "omitted"}},
        {"reasoning": {"exclude": True}, "reasoning_effort": "high"},
        (),
    ),
    ({"thinking": {"type": "disabled"}}, {"reasoning_effort": "none"}, ()),
    (
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}},
        {"reasoning_effort": "none"},
        ("output_config.effort",),
    ),
    (
        {"output_config": {"effort": "low", "task_budget": 3}},
        {"reasoning_effort": "low"},
        ("output_config.task_budget",),
    ),
    ({"max_tokens": 0}, {"max_tokens": 1}, ("max_tokens",)),
    ({"stop_sequences": ["x"], "top_k": 3}, {"stop": ["x"], "top_k": 3}, ()),
    ({"metadata": {"user_id": "u" * 64}}, {"user": "u" * 64}, ()),
    (
        {"metadata": {"user_id": "u" * 150}},
        {"user": "816752062318c8f216b0d347163d40e917a8c522ce07be3d0ebc80db6132fc5b"},
        (),
    ),
    ({"service_tier": "auto"}, {}, ()),
    ({"tools": [], "tool_choice": {"type": "auto"}}, {}, ()),
    (
        {"context_management": {"edits": []}, "container": "c", "mcp_servers": [{"name": "m"}], "betas": None},
        {},
        ("context_management", "container", "mcp_servers"),
    ),
    ({"provider": {"order": ["a"]}, "models": ["a/b"]}, {}, ()),
]


@pytest.mark.parametrize(("members", "canonical", "unserved"), OPTIONS)
def test_options(members: dict[str, Any], canonical: dict[str, Any], unserved: tuple[str, ...]) -> None:
    decoded = decode(**members)

    expected = {"model": "p/m", "max_tokens": 9, "messages": HI, **canonical}
    assert (decoded.body, decoded.unserved) == (expected, unserved)
    assert decoded.native is not None
    assert "provider" not in decoded.native.body


OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


@pytest.mark.parametrize("place", ["output_config", "output_format"])
@pytest.mark.parametrize(("required", "strict"), [(["a"], {"strict": True}), ([], {})])
def test_a_schema_is_strict_for_others_where_they_can_be(
    place: str, required: list[str], strict: dict[str, bool]
) -> None:
    schema = {**OBJECT, "required": required}
    wanted = {"type": "json_schema", "schema": schema}
    decoded = decode(**{place: {"format": wanted} if place == "output_config" else wanted})

    described = {"name": "response", "schema": schema, **strict}
    assert decoded.body["response_format"] == {"type": "json_schema", "json_schema": described}


LOOK_TOOL = {"type": "function", "function": {"name": "look", "parameters": LOOK["input_schema"]}}
TOOLS: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    ({"tools": [LOOK, SEARCH]}, {"tools": [LOOK_TOOL]}, ("tools[].web_search_20250305",)),
    # Without it the response would be to a different question: providers refuse its type.
    ({"tools": [SEARCH]}, {"tools": [SEARCH]}, ()),
    (
        {"tools": [LOOK, SEARCH], "tool_choice": {"type": "tool", "name": "web_search"}},
        {"tools": [LOOK_TOOL, SEARCH], "tool_choice": {"type": "tool", "name": "web_search"}},
        (),
    ),
    ({"tools": [LOOK, BASH]}, {"tools": [LOOK_TOOL, BASH]}, ()),
    (
        {"tools": [LOOK], "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": True}},
        {
            "tools": [LOOK_TOOL],
            "tool_choice": {"type": "function", "function": {"name": "look"}},
            "parallel_tool_calls": False,
        },
        (),
    ),
    (
        {"tools": [{**LOOK, "type": "custom", "strict": True, "allowed_callers": ["direct"]}]},
        {"tools": [{**LOOK_TOOL, "function": {**LOOK_TOOL["function"], "strict": True}}]},
        ("tools[].allowed_callers",),
    ),
]


@pytest.mark.parametrize(("members", "canonical", "unserved"), TOOLS, ids=str)
def test_tools(members: dict[str, Any], canonical: dict[str, Any], unserved: tuple[str, ...]) -> None:
    decoded = decode(**members)

    rest = {name: value for name, value in decoded.body.items() if name not in ("model", "max_tokens", "messages")}
    assert (rest, decoded.unserved) == (canonical, unserved)


def test_a_document_of_blocks_is_its_blocks() -> None:
    source = {"type": "content", "content": [{"type": "text", "text": "A"}, IMAGE]}
    decoded = decode(**from_user({"type": "document", "source": source, "title": "T", "context": "C"}))

    text = {"type": "text", "text": "A"}
    assert decoded.body["messages"][0]["content"] == [{"type": "text", "text": "T"}, text, IMAGE_PART]
    assert decoded.unserved == ("messages[].content[].context",)


def test_a_search_result_is_its_text() -> None:
    found = {
        "type": "search_result",
        "source": "https://a.test",
        "title": "T",
        "content": [{"type": "text", "text": "A"}],
    }

    assert decode(**from_user(found)).body["messages"][0]["content"] == "T\nhttps://a.test\n\nA"


def test_what_anthropics_servers_did_is_named_and_the_text_remains() -> None:
    blocks = [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        {"type": "text", "text": "Found.", "citations": [{"type": "web_search_result_location"}]},
    ]
    decoded = decode(messages=[*HI, {"role": "assistant", "content": blocks}, *HI])

    assert decoded.body["messages"][1] == {"role": "assistant", "content": "Found."}
    place = "messages[].content[]."
    assert decoded.unserved == (f"{place}server_tool_use", f"{place}web_search_tool_result", f"{place}citations")


def test_thoughts_without_a_signature_are_text_alone() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    text = {"type": "text", "text": "Yes."}
    decoded = decode(messages=[*HI, {"role": "assistant", "content": [thought, text]}])

    assert decoded.body["messages"][1] == {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": "9"}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    (from_user({"type": "text"}), "messages[0].content[0].text"),
    (from_user({"text": "x"}), "messages[0].content[0].type"),
    (from_user({"type": "image", "source": {"type": "url"}}), "messages[0].content[0].source.url"),
    (from_user({"type": "image", "source": {"type": "smell"}}), "messages[0].content[0].source.type"),
    (from_user({"type": "tool_result", "content": "x"}), "messages[0].content[0].tool_use_id"),
    (
        from_user({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image"}]}),
        "messages[0].content[0].content[0].source",
    ),
    ({"system": [{"type": "image"}]}, "system[0].type"),
    ({"temperature": 1.5}, "temperature"),
    ({"tools": [{"name": "look"}]}, "tools[0].input_schema"),
    ({"tool_choice": {"type": "tool"}, "tools": [LOOK]}, "tool_choice.name"),
    ({"thinking": {"type": "enabled", "budget_tokens": 0}}, "thinking.budget_tokens"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ({"stream": "yes"}, "stream"),
]


@pytest.mark.parametrize(("members", "param"), INVALID, ids=str)
def test_what_is_invalid_is_named_by_the_clients_path(members: dict[str, Any], param: str) -> None:
    with pytest.raises(ARouterError) as refused:
        decode(**members)

    assert refused.value.param == param
    assert param in refused.value.message


HEADERS = [
    ({}, ()),
    ({"anthropic-version": "2023-06-01"}, (("anthropic-version", "2023-06-01"),)),
    ({"anthropic-version": "x\r\ny: z"}, ()),
    (
        {"anthropic-beta": "claude-code-20250219, context-1m-2025-08-07,files-api-2025-04-14,oauth-2025-04-20,x"},
        (("anthropic-beta", "claude-code-20250219,context-1m-2025-08-07"),),
    ),
    ({"anthropic-beta": "fast-mode-2026-02-01"}, ()),
]


@pytest.mark.parametrize(("headers", "forwarded"), HEADERS, ids=str)
def test_only_features_of_one_request_are_forwarded(headers: dict[str, str], forwarded: Any) -> None:
    native = decode_request({"model": "p/m", "max_tokens": 9, "messages": HI}, headers).native

    assert native is not None
    assert native.headers == forwarded


def test_counting_needs_no_limit() -> None:
    decoded = decode_request({"model": "p/m", "messages": HI}, {}, counting=True)

    assert decoded.body == {"model": "p/m", "messages": HI}


def test_the_page_names_the_forwarded_features() -> None:
    page = (ROOT / "docs/messages.md").read_text("utf-8")
    [listed] = re.findall(r"in any version: (.*?)\. Other", page, re.DOTALL)

    assert set(re.findall(r"`([^`]+)`", listed)) == FEATURES
