"""Any conversation that OpenAI's format allows is translated whole, or refused with a 400 that names a parameter."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arouter.chat.request import ChatRequest, check_body
from arouter.errors import ARouterError, Failure
from arouter.providers import tool_ids, tool_names
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.sse import ServerSentEvent
from arouter.providers.tool_ids import portable_ids
from judges.anthropic import faults

ADAPTER = AnthropicAdapter()
MODELS = ["claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-4-8", "claude-sonnet-5-5", "claude-opus-5-5", "glm-5"]

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
said = texts.filter(str.strip)
ids = said.map(lambda text: f"call_{text}") | said
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
)
json_objects = st.dictionaries(texts, json_values, max_size=2)


def parts(*kinds: str) -> st.SearchStrategy[Any]:
    of = {
        "text": st.builds(lambda text: {"type": "text", "text": text}, texts),
        "refusal": st.builds(lambda text: {"type": "refusal", "refusal": text}, texts),
        "image": st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}),
        "file": st.just({"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "f"}}),
        "audio": st.just({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}),
    }
    return texts | st.lists(st.one_of(*(of[kind] for kind in kinds)), min_size=1, max_size=3)


arguments = json_objects.map(lambda value: orjson.dumps(value).decode())
calls = st.builds(
    lambda id_, name, text: {"id": id_, "type": "function", "function": {"name": name, "arguments": text}},
    ids,
    said,
    texts | arguments,
)
details = st.fixed_dictionaries(
    {"type": st.sampled_from(["reasoning.text", "reasoning.encrypted", "reasoning.summary"])},
    optional={
        "text": texts,
        "data": texts,
        "signature": texts,
        "id": st.integers(0, 5).map(lambda place: f"content-{place}") | texts,
        "format": st.sampled_from(["anthropic-claude-v1", "anthropic-glm-v1", "google-gemini-v1"]),
    },
)
messages = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "developer"]), "content": parts("text")}),
    st.fixed_dictionaries(
        {"role": st.just("user"), "content": parts("text", "image", "file", "audio")}, optional={"name": said}
    ),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "content": st.none() | parts("text", "refusal")},
        optional={
            "tool_calls": st.lists(calls, max_size=3),
            "refusal": st.none() | texts,
            "reasoning_content": texts,
            "reasoning_details": st.lists(details, max_size=3),
        },
    ),
    st.fixed_dictionaries({"role": st.just("tool"), "tool_call_id": ids, "content": parts("text", "image")}),
)
parameters = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(1, 5000),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "stop": texts | st.lists(texts, max_size=4),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"]),
        "reasoning": st.fixed_dictionaries({}, optional={"max_tokens": st.integers(1, 9000), "exclude": st.booleans()}),
        "parallel_tool_calls": st.booleans(),
        "tool_choice": st.sampled_from(["none", "auto", "required"]),
        "tools": st.lists(
            st.builds(lambda name: {"type": "function", "function": {"name": name}}, said), min_size=1, max_size=2
        ),
        "n": st.sampled_from([1, 2]),
        "seed": st.integers(),
        "user": said,
    },
)


def texts_of(message: dict[str, Any]) -> list[str]:
    """Returns every text of a message that is not blank."""
    content = message["content"]
    found = [content] if isinstance(content, str) else [p.get("text", p.get("refusal")) for p in content or []]
    return [text for text in [*found, message.get("refusal")] if text and text.strip()]


def inexpressible(body: dict[str, Any]) -> bool:
    """Says whether a request is one of the few that Anthropic's protocol has no words for."""
    conversation = body["messages"]
    kinds = [part["type"] for message in conversation for part in message["content"] or [] if isinstance(part, dict)]
    silent = not any(
        texts_of(message) or message["role"] == "tool" or message.get("tool_calls") for message in conversation
    )
    return (
        "input_audio" in kinds
        or body.get("n") == 2
        or (body.get("tool_choice") == "required" and not body.get("tools"))
        or (silent and not {"image_url", "file"} & set(kinds))
    )


def thoughts_of(message: dict[str, Any], model: str) -> list[dict[str, Any]]:
    """Returns the thoughts that go back to a model."""
    return [
        detail
        for detail in message.get("reasoning_details", [])
        if detail.get("format") in (None, "anthropic-glm-v1" if model == "glm-5" else "anthropic-claude-v1")
        and detail.get({"reasoning.text": "signature", "reasoning.encrypted": "data"}.get(detail["type"], ""))
    ]


def leaves(value: Any) -> list[Any]:
    """Returns every string in a JSON value."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def blocks(sent: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    turns = [turn["content"] for turn in sent["messages"]]
    return [block for content in [sent.get("system", []), *turns] for block in content if block["type"] == kind]


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(conversation=st.lists(messages, min_size=1, max_size=6), more=parameters)
def test_a_conversation_is_kept_whole_or_refused(
    model: str, conversation: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    body = {"model": "m", "messages": conversation, **more}
    check_body(body)
    request = ChatRequest(body, stream=True, include_usage=True)
    if inexpressible(body):
        with pytest.raises(ARouterError) as caught:
            ADAPTER.encode(request, model)
        assert caught.value.failure is Failure.INVALID_REQUEST
        assert caught.value.param
        return

    wire = ADAPTER.encode(request, model)

    sent = orjson.loads(wire.body)
    assert faults(sent) == []
    assert ("seed" in wire.dropped) == ("seed" in more)
    strings = leaves(sent)
    for message in conversation:
        # A last turn of the assistant is sent without white space at its end.
        assert all(text in strings or text.rstrip() in strings for text in texts_of(message))
    portable = portable_ids(conversation, tool_ids.ANTHROPIC)
    asked = [call for message in portable for call in message.get("tool_calls", [])]
    assert [(use["id"], use["name"]) for use in blocks(sent, "tool_use")] == [
        (call["id"], tool_names.ANTHROPIC.name(call["function"]["name"])) for call in asked
    ]
    results = [message["tool_call_id"] for message in portable if message["role"] == "tool"]
    assert [block["tool_use_id"] for block in blocks(sent, "tool_result")] == results
    # An answer of thoughts alone is left out.
    speaking = [message for message in conversation if texts_of(message) or message.get("tool_calls")]
    thoughts = [detail for message in speaking for detail in thoughts_of(message, model)]
    assert len(blocks(sent, "thinking") + blocks(sent, "redacted_thinking")) == len(thoughts)
    check_order(sent)


def check_order(sent: dict[str, Any]) -> None:
    """Checks Anthropic's rules on the order of turns and blocks."""
    before = None
    assert len(sent["messages"]) > 0
    for turn in sent["messages"]:
        kinds = [block["type"] for block in turn["content"]]
        assert turn["role"] != before
        assert kinds
        if turn["role"] == "system":
            assert before == "user"
        if turn["role"] == "user":
            results = kinds.count("tool_result")
            assert kinds[:results] == ["tool_result"] * results
        if turn["role"] == "user" and before == "system":
            pytest.fail("a system turn must be the last or be followed by an assistant's")
        before = turn["role"]
    budget = sent.get("thinking", {}).get("budget_tokens")
    assert budget is None or 1024 <= budget < sent["max_tokens"]


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(["text", "thinking", "redacted_thinking", "tool_use", "x"]), fields=json_objects)
def test_decodes_a_block_of_any_fields(kind: str, fields: dict[str, Any]) -> None:
    block = {"citations": [fields], "thinking": 1, "signature": fields, **fields, "type": kind}
    whole = {"content": [block], "stop_reason": "end_turn", "stop_details": fields, "usage": fields}
    events = [
        {"type": "message_start", "message": fields},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": block},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {**fields, "stop_reason": "end_turn"}, "usage": fields},
        {"type": "message_stop"},
    ]
    decoder = ADAPTER.stream_decoder()

    ADAPTER.decode(orjson.dumps(whole))
    for each in events:
        decoder.feed(ServerSentEvent(orjson.dumps(each)))

    assert decoder.done
