"""Requests that go through the canonical form to Anthropic arrive whole; streams give what complete responses do."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.dialects.messages import values

from arouter.chat.chunks import usage_chunk
from arouter.chat.request import ChatRequest, check_body
from arouter.dialects.messages.dialect import MessagesDialect
from arouter.dialects.messages.request import decode_request
from arouter.errors import ARouterError, Failure
from arouter.providers.anthropic.encode import encode_request
from judges.anthropic import faults
from judges.message_stream import events_of, message_of

DIALECT = MessagesDialect()
MODEL = "claude-opus-4-8"
REQUEST = ChatRequest({"model": "m", "messages": [], "stop": ["STOP"]}, stream=True, include_usage=True)
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

texts, said = values.texts, values.said


@SLOW
@given(values.requests)
def test_what_the_canonical_form_knows_reaches_anthropic_unchanged(request: dict[str, Any]) -> None:
    before = deepcopy(request)
    decoded = decode_request(request, {})
    check_body(decoded.body)
    sent, dropped = encode_request(decoded.body, MODEL, stream=decoded.stream)
    sent = orjson.loads(orjson.dumps(sent))

    assert request == before
    assert (decoded.unserved, dropped) == ((), ())
    expected = {**request, "model": MODEL}
    if "tools" not in request:
        expected.pop("tool_choice", None)
    if "output_config" in request:
        # An effort alone asks for thinking in canonical form.
        assert sent.pop("thinking")["type"] == "adaptive"
    assert sent == expected
    assert faults(sent) == []


json_things = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "source", "content", "role", "name", "input", "id", "tool_use_id"])
            | texts,
            inner
            | st.sampled_from(
                ["text", "image", "document", "tool_use", "tool_result", "thinking", "user", "assistant"]
            ),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@SLOW
@given(
    st.dictionaries(
        st.sampled_from(["messages", "system", "tools", "tool_choice", "thinking", "output_config", "metadata"]),
        json_things,
    ),
    st.lists(json_things, max_size=3),
)
def test_any_json_is_translated_or_refused_with_its_path(request: dict[str, Any], turns: list[Any]) -> None:
    request = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": turns}], **request}
    decoded, error = decoded_or_refused(request)

    if decoded is not None:
        check_body(decoded.body)
    else:
        assert error is not None
        assert error.failure is Failure.INVALID_REQUEST
        assert error.param
        assert error.param.partition(".")[0].partition("[")[0] in request


def decoded_or_refused(request: dict[str, Any]) -> tuple[ChatRequest | None, ARouterError | None]:
    try:
        return decode_request(request, {}), None
    except ARouterError as error:
        return None, error


CLAUDE = "anthropic-claude-v1"


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """A canonical message of an answer."""
    message: dict[str, Any] = {"role": "assistant", "content": draw(st.none() | said)}
    details: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 2))):
        format_ = draw(st.sampled_from([CLAUDE, "google-gemini-v1", None]))
        base = {"index": len(details), "format": format_}
        details.append(
            draw(
                st.builds(lambda text, more: {"type": "reasoning.text", "text": text, **more}, said, st.just({}))
                | st.builds(
                    lambda text, signature: {"type": "reasoning.text", "text": text, "signature": signature},
                    texts,
                    said,
                )
                | st.builds(lambda data: {"type": "reasoning.encrypted", "data": data}, said)
            )
            | base
        )
    if details:
        message["reasoning_details"] = details
        message["reasoning_content"] = "".join(detail.get("text", "") for detail in details)
    elif draw(st.booleans()):
        message["reasoning_content"] = draw(said)
    calls = []
    for index in range(draw(st.integers(0, 3))):
        given_ = draw(st.just("") | values.json_objects.map(values.arguments))
        call = {"id": f"call_{index}", "type": "function", "function": {"name": f"t{index}", "arguments": given_}}
        if draw(st.booleans()):
            call["extra_content"] = {"google": {"thought_signature": draw(said)}}
        calls.append(call)
    if calls:
        message["tool_calls"] = calls
    elif draw(st.booleans()):
        message["refusal"] = draw(said)
    return message


def pieces(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A completion, and the deltas of a stream with the same content, its calls side by side."""
    message = draw(messages())
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": draw(st.sampled_from([None, ""]))}]
    for detail in message.get("reasoning_details", ()):
        fixed = {name: value for name, value in detail.items() if name not in ("text", "signature")}
        last = {"signature": detail["signature"]} if "signature" in detail else {}
        for piece in pieces(draw, detail.get("text", "")):
            if piece and detail["type"] == "reasoning.text":
                deltas.append({"reasoning_content": piece, "reasoning_details": [{**fixed, "text": piece}]})
        if last or "data" in detail:
            deltas.append({"reasoning_details": [{**fixed, **last}]})
    if not message.get("reasoning_details"):
        deltas += [{"reasoning_content": piece} for piece in pieces(draw, message.get("reasoning_content", ""))]
    deltas += [{"content": piece} for piece in pieces(draw, message["content"] or "")]
    deltas += [{"refusal": piece} for piece in pieces(draw, message.get("refusal", ""))]
    started: list[dict[str, Any]] = []
    rest: list[list[dict[str, Any]]] = []
    for index, call in enumerate(message.get("tool_calls", ())):
        opening = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        started.append({"tool_calls": [opening]})
        rest.append(
            [
                {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
                for piece in pieces(draw, call["function"]["arguments"])
            ]
        )
    if draw(st.booleans()):
        deltas += started
        while any(rest):
            deltas.append(draw(st.sampled_from([each for each in rest if each])).pop(0))
    else:
        for opening, more in zip(started, rest, strict=True):
            deltas += [opening, *more]
    completion = {
        "id": "gen-1",
        "model": "p/m",
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": draw(st.sampled_from(["stop", "length", "content_filter"])),
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}},
    }
    return completion, deltas


def chunk(delta: dict[str, Any], reason: str | None = None, index: int = 0) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": reason}
    return {"id": "gen-1", "model": "p/m", "choices": [choice]}


@SLOW
@given(streams(), st.lists(st.integers(0, 3)))
def test_a_stream_gives_what_the_complete_response_gives(
    both: tuple[dict[str, Any], list[dict[str, Any]]], sizes: list[int]
) -> None:
    completion, deltas = both
    reason = completion["choices"][0]["finish_reason"]
    chunks = [chunk(delta) for delta in deltas] + [chunk({}, reason), chunk({"content": "another"}, "stop", index=1)]
    chunks.append(usage_chunk(chunks[0], completion["usage"]))
    encoder = DIALECT.events(REQUEST)
    data = b""
    for size in [*sizes, len(chunks)]:
        data += encoder.encode(chunks[:size])
        del chunks[:size]
    data += encoder.finish()

    streamed = message_of(events_of(data))
    whole = orjson.loads(orjson.dumps(DIALECT.encode(completion, REQUEST)))
    assert streamed == whole


@SLOW
@given(messages())
def test_no_call_and_no_signature_is_lost_on_the_way_back(message: dict[str, Any]) -> None:
    completion = {
        "id": "gen-1",
        "model": "p/m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": None,
    }
    answered = orjson.loads(orjson.dumps(DIALECT.encode(completion, REQUEST)))
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": answered["content"]}]
    [_, returned] = decode_request({"model": "m", "max_tokens": 5, "messages": turns}, {}).body["messages"]

    calls = message.get("tool_calls", [])
    assert [
        (call["id"], call["function"]["name"], orjson.loads(call["function"]["arguments"]))
        for call in returned.get("tool_calls", [])
    ] == [(call["id"], call["function"]["name"], orjson.loads(call["function"]["arguments"] or "{}")) for call in calls]
    signed = [
        (each["format"], each.get("signature") or each.get("data"))
        for each in message.get("reasoning_details", [])
        if each.get("signature") or each.get("data")
    ]
    of_calls = [
        ("google-gemini-v1", call["extra_content"]["google"]["thought_signature"])
        for call in calls
        if "extra_content" in call
    ]
    back = [
        (each.get("format"), each.get("signature") or each.get("data"))
        for each in returned.get("reasoning_details", [])
    ]
    assert back == signed + of_calls
    assert returned.get("reasoning_content", "") == message.get("reasoning_content", "")


@pytest.mark.parametrize("at", range(3))
def test_an_error_ends_the_stream_wherever_it_comes(at: int) -> None:
    encoder = DIALECT.events(REQUEST)
    data = encoder.encode([chunk({"content": "a"}) for _ in range(at)])
    data += encoder.fail(ARouterError(Failure.UNAVAILABLE, "Busy."))

    [*_, last] = events_of(data)
    assert last == {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}
