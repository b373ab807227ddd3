"""Events are those of OpenAI's API, in its order, and add up to the whole response, however the chunks are cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arouter.chat.native import NativeChunk, NativeCompletion
from arouter.dialects.responses.dialect import ResponsesDialect
from arouter.errors import ARouterError, Failure
from judges import responses

JsonObject = dict[str, Any]

DIALECT = ResponsesDialect()
TOOLS = [
    {"type": "function", "name": "look", "parameters": {"type": "object"}},
    {"type": "namespace", "name": "agents", "description": "Agents.", "tools": [{"type": "function", "name": "spawn"}]},
    {"type": "custom", "name": "patch"},
]
REQUEST = DIALECT.decode({"model": "m", "input": "hi", "tools": TOOLS, "stream": True}, {})
HEAD: JsonObject = {"id": "gen-1", "created": 1_700_000_000, "model": "vendor/model", "object": "chat.completion.chunk"}

texts = st.text(min_size=1, max_size=12)
arguments = st.dictionaries(st.text(max_size=3), st.text(max_size=4) | st.integers(0, 9), max_size=3)


def call(name: str, said: str, number: int, extra: Any) -> JsonObject:
    signed = {"extra_content": extra} if extra else {}
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": said}, **signed}


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@st.composite
def completions(draw: st.DrawFn) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": draw(st.none() | texts)}
    if thoughts := draw(st.none() | texts):
        message["reasoning_content"] = thoughts
    if draw(st.booleans()):
        message["reasoning_details"] = [
            {
                "type": "reasoning.text",
                "text": draw(texts),
                "signature": "s",
                "format": "f",
                "id": "content-0",
                "index": 0,
            },
            {"type": "reasoning.encrypted", "data": draw(texts), "format": "f", "id": "content-1", "index": 1},
        ]
    if refusal := draw(st.none() | texts):
        message["refusal"] = refusal
    if draw(st.booleans()):
        message["images"] = [{"index": 0, "type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]
    extras = st.none() | st.just({"google": {"thought_signature": "sig"}})
    names = draw(st.lists(st.sampled_from(("look", "agents__spawn", "patch", "unknown")), max_size=3))
    if names:
        message["tool_calls"] = [
            call(
                name,
                compact({"input": draw(texts)} if name == "patch" else draw(arguments)),
                number,
                draw(extras),
            )
            for number, name in enumerate(names)
        ]
    reason = draw(st.sampled_from(("stop", "tool_calls", "length", "content_filter")))
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage}


def pieces(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[JsonObject, list[list[JsonObject]]]:
    """Returns a completion, and its chunks: texts cut anywhere, empty deltas, other choices, in reads of any size."""
    completion = draw(completions())
    choice = completion["choices"][0]
    message = choice["message"]
    deltas: list[JsonObject] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in pieces(draw, message.get("reasoning_content", ""))]
    for detail in message.get("reasoning_details", ()):
        deltas.append({"reasoning_details": [detail]})
    deltas += [{"content": piece} for piece in pieces(draw, message["content"] or "")]
    deltas += [{"refusal": piece} for piece in pieces(draw, message.get("refusal") or "")]
    deltas += [{"images": [image]} for image in message.get("images", ())]
    for index, each in enumerate(message.get("tool_calls", ())):
        first, *rest = pieces(draw, each["function"]["arguments"])
        begun = {**each, "index": index, "function": {"name": each["function"]["name"], "arguments": first}}
        deltas.append({"tool_calls": [begun]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in rest]
    chunks = [{**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    for at in draw(st.lists(st.integers(0, len(chunks)), max_size=2)):
        noise = draw(st.sampled_from(([], [{"index": 0, "delta": {}}], [{"index": 1, "delta": {"content": "no"}}])))
        chunks.insert(at, {**HEAD, "choices": noise})
    chunks.append({**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    chunks.append({**HEAD, "choices": [], "usage": completion["usage"]})
    ends = [*sorted(draw(st.lists(st.integers(0, len(chunks)), max_size=4))), len(chunks)]
    return completion, [chunks[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def streamed(reads: list[list[JsonObject]]) -> bytes:
    encoder = DIALECT.events(REQUEST)
    return b"".join([*map(encoder.encode, reads), encoder.finish()])


@settings(max_examples=50)
@given(streams())
def test_every_cut_of_the_stream_gives_the_whole(case: tuple[JsonObject, list[list[JsonObject]]]) -> None:
    completion, reads = case
    final = responses.added_up(responses.events(streamed(reads)))

    assert final == DIALECT.encode(completion, REQUEST)


@settings(max_examples=50)
@given(completions())
def test_nothing_is_lost_on_the_way_back(completion: JsonObject) -> None:
    output = DIALECT.encode(completion, REQUEST)["output"]
    asked = DIALECT.decode({"model": "m", "input": output, "tools": TOOLS}, {})
    [message] = asked.body["messages"]
    expected = dict(completion["choices"][0]["message"])
    refusal = expected.pop("refusal", None)
    if refusal is not None:
        parts = [{"type": "text", "text": expected["content"]}] if expected["content"] else []
        expected["content"] = [*parts, {"type": "refusal", "refusal": refusal}]
    if not any(
        expected.get(name) for name in ("content", "reasoning_content", "reasoning_details", "images", "tool_calls")
    ):
        expected["content"] = message["content"]

    assert message == expected
    assert asked.unserved == ()


def test_details_that_arrive_in_pieces_are_joined() -> None:
    opened = {"type": "reasoning.text", "format": "f", "id": "content-0", "index": 0, "text": "a"}
    details = [opened, {"type": "reasoning.text", "index": 0, "text": "b"}]
    details.append({"type": "reasoning.text", "index": 0, "signature": "sig"})
    reads = [[{**HEAD, "choices": [{"index": 0, "delta": {"reasoning_details": [each]}}]}] for each in details]
    final = responses.added_up(responses.events(streamed(reads)))
    [message] = DIALECT.decode({"model": "m", "input": final["output"]}, {}).body["messages"]

    assert message["reasoning_details"] == [{**opened, "text": "ab", "signature": "sig"}]


def test_calls_whose_deltas_alternate() -> None:
    def piece(index: int, **function: str) -> JsonObject:
        more = {"id": f"c{index}", "type": "function"} if "name" in function else {}
        call = {"index": index, **more, "function": function}
        return {**HEAD, "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}

    chunks = [
        piece(0, name="look", arguments='{"a'),
        piece(1, name="look", arguments='{"b'),
        piece(0, arguments='":1}'),
    ]
    final = responses.added_up(responses.events(streamed([[*chunks, piece(1, arguments='":2}')]])))

    assert [(item["call_id"], item["arguments"]) for item in final["output"]] == [("c0", '{"a":1}'), ("c1", '{"b":2}')]


def test_what_follows_complete_arguments_is_no_other_call() -> None:
    chunks = [
        {"tool_calls": [{"index": 0, **call("look", "{}", 0, None)}]},
        {"tool_calls": [{"index": 1, **call("look", "{}", 1, None)}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": " "}}]},
    ]
    read = [{**HEAD, "choices": [{"index": 0, "delta": delta}]} for delta in chunks]
    final = responses.added_up(responses.events(streamed([read])))

    assert [item["call_id"] for item in final["output"]] == ["call_0", "call_1"]


def test_annotations_before_and_after_the_end_of_their_text() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
    flat = {"type": "url_citation", **cited["url_citation"]}  # type: ignore[dict-item]
    head = [{**HEAD, "choices": [{"index": 0, "delta": {"content": "x"}}]}]
    late = {
        "tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    }
    between = [{**HEAD, "choices": [{"index": 0, "delta": late}]}]
    tail = [{**HEAD, "choices": [{"index": 0, "delta": {"annotations": [cited]}}]}]
    for reads in ([head, tail], [head, between, tail]):
        final = responses.added_up(responses.events(streamed(reads)))
        assert final["output"][0]["content"][0]["annotations"] == [flat]


def test_a_response_that_says_nothing_has_an_empty_message() -> None:
    final = responses.added_up(responses.events(streamed([])))

    assert [(item["type"], item["content"]) for item in final["output"]] == [("message", [])]


@pytest.mark.parametrize("before", [0, 1], ids=["at once", "midway"])
def test_a_failure(before: int) -> None:
    error = ARouterError(Failure.PROVIDER_ERROR, "It broke.")
    encoder = DIALECT.events(REQUEST)
    data = encoder.encode([{**HEAD, "choices": [{"index": 0, "delta": {"content": "x"}}]}] * before)
    stream = responses.events(data + encoder.fail(error))

    assert [event["sequence_number"] for event in stream] == list(range(len(stream)))
    failure = next(event for event in stream if event["type"] == "error")
    assert (failure["code"], failure["message"], failure["param"]) == ("provider_error", "It broke.", None)
    assert failure["error"] == {
        "type": "server_error", "code": "provider_error", "message": "It broke.", "param": None
    }  # fmt: skip
    assert stream[-1]["type"] == "response.failed"
    assert stream[-1]["response"]["status"] == "failed"
    assert stream[-1]["response"]["error"] == {"code": "server_error", "message": "It broke."}


def test_a_providers_own_events_pass_with_our_model() -> None:
    created = {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "model": "gpt", "x": 1}}
    delta = {"type": "response.new_kind.delta", "sequence_number": 1, "delta": "hi"}
    native = NativeChunk({**HEAD, "choices": []}, [("response.created", created), ("", delta)])
    encoder = DIALECT.events(REQUEST)
    plain = {**HEAD, "choices": [{"index": 0, "delta": {"content": "hi"}}]}
    stream = responses.events(encoder.encode([native, plain]) + encoder.finish())

    assert stream == [{**created, "response": {"id": "resp_1", "model": "vendor/model", "x": 1}}, delta]
    error, failed = responses.events(encoder.fail(ARouterError(Failure.PROVIDER_TIMEOUT, "Late.")))
    assert (error["sequence_number"], failed["sequence_number"], failed["response"]["id"]) == (2, 3, "resp_1")


def test_a_providers_own_response_passes_with_our_model() -> None:
    completion = NativeCompletion({**HEAD, "choices": []}, {"id": "resp_1", "model": "gpt", "output": [], "x": 1})

    assert DIALECT.encode(completion, REQUEST) == {"id": "resp_1", "model": "vendor/model", "output": [], "x": 1}


def test_usage_has_its_details() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
        "cost": 0.5,
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "length"}
    final = DIALECT.encode({**HEAD, "choices": [choice], "usage": usage}, REQUEST)

    assert final["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 14,
        "cost": 0.5,
    }
    assert (final["status"], final["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert final["output"][-1]["status"] == "incomplete"


def test_log_probabilities_are_with_their_text() -> None:
    token = {"token": "x", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "x", "logprob": -0.5}]}
    shown = {**token, "bytes": [], "top_logprobs": [{"token": "x", "logprob": -0.5, "bytes": []}]}
    choice = {"index": 0, "delta": {"content": "x"}, "logprobs": {"content": [token]}, "finish_reason": None}
    stream = responses.events(streamed([[{**HEAD, "choices": [choice]}]]))

    assert next(event for event in stream if event["type"].endswith("text.delta"))["logprobs"] == [shown]
    assert responses.added_up(stream)["output"][0]["content"][0]["logprobs"] == [shown]
