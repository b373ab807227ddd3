"""What vendors do differently, both ways, streamed and not: through the adapter of each vendor's own row."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson
import pytest

from arouter.chat.request import ChatRequest
from arouter.errors import ARouterError, ProviderError
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.presets import PRESETS
from arouter.providers.quirks import Quirks
from arouter.providers.sse import ServerSentEvent

Json = dict[str, Any]

USER: Json = {"role": "user", "content": "x"}
THOUGHT: Json = {"role": "assistant", "content": "a", "reasoning_content": "r"}
USAGE: Json = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
ROLE = {"role": "assistant"}
STREAM: Json = {"stream": True, "stream_options": {"include_usage": True}}


def vendor(id_: str) -> OpenAIAdapter:
    return OpenAIAdapter(PRESETS[id_].quirks)


def encode(id_: str, fields: Json, *, stream: bool = False) -> tuple[Json, tuple[str, ...]]:
    """Returns the wire body without what never changes, and what was dropped; checks that the request is as it was."""
    body = {"model": "p/m", "messages": [USER], **fields}
    before = deepcopy(body)

    wire = vendor(id_).encode(ChatRequest(body, stream=stream, include_usage=False), "m")

    assert body == before
    sent = orjson.loads(wire.body)
    assert sent.pop("model") == "m"
    if sent["messages"] == [USER]:
        del sent["messages"]
    return sent, wire.dropped


def decode(id_: str, answer: Json) -> Json:
    return vendor(id_).decode(orjson.dumps(answer))


def decode_stream(id_: str, *chunks: Json) -> list[Json]:
    decoder = vendor(id_).stream_decoder()
    out = []
    for chunk in chunks:
        out += decoder.feed(ServerSentEvent(orjson.dumps(chunk)))
    return out + decoder.feed(ServerSentEvent(b"[DONE]"))


def completion(message: Json, finish: str = "stop", **more: Any) -> Json:
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}


def chunk(delta: Json, finish: str | None = None, **more: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("id_", "fields", "sent", "dropped"),
    [
        ("openai", {"max_tokens": 5}, {"max_completion_tokens": 5}, ()),
        ("openai", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}, ()),
        ("openai", {"max_tokens": 4, "max_completion_tokens": 5}, {"max_completion_tokens": 5}, ("max_tokens",)),
        ("openai", {"max_tokens": 5, "max_completion_tokens": 5}, {"max_completion_tokens": 5}, ()),
        ("deepseek", {"max_tokens": 4, "max_completion_tokens": 5}, {"max_tokens": 5}, ("max_tokens",)),
        ("openai", {"max_tokens": 5, "max_completion_tokens": None}, {"max_completion_tokens": 5}, ()),
        ("openai", {"max_tokens": None}, {}, ()),
        ("deepseek", {"max_completion_tokens": 5, "user": "u"}, {"max_tokens": 5, "user_id": "u"}, ()),
        ("deepseek", {"n": 2, "seed": 1}, {}, ("n", "seed")),
        ("deepseek", {"n": 1, "presence_penalty": 0.0, "parallel_tool_calls": True, "seed": None}, {}, ()),
        ("x-ai", {"stop": "a", "frequency_penalty": 0.5, "top_k": 1}, {"top_k": 1}, ("frequency_penalty", "stop")),
        (
            "mistralai",
            {"seed": 1, "user": "u", "safe_prompt": True},
            {"random_seed": 1, "safe_prompt": True},
            ("user",),
        ),
        ("groq", {"logprobs": True, "top_logprobs": 2, "seed": 1}, {"seed": 1}, ("logprobs", "top_logprobs")),
        ("groq", {"logprobs": False, "n": 1}, {}, ()),
        ("minimax", {"max_tokens": 5, "logit_bias": {"1": 2}}, {"max_completion_tokens": 5}, ("logit_bias",)),
        ("cohere", {"store": False, "metadata": {"a": "b"}, "modalities": ["text"]}, {}, ("metadata",)),
        ("moonshotai", {"max_tokens": 5, "vendor": [1]}, {"max_tokens": 5, "vendor": [1]}, ()),
    ],
)
def test_parameters(id_: str, fields: Json, sent: Json, dropped: tuple[str, ...], stream: bool) -> None:
    streaming = STREAM if stream and id_ != "mistralai" else {"stream": True} if stream else {}

    assert encode(id_, fields, stream=stream) == ({**sent, **streaming}, dropped)


@pytest.mark.parametrize(
    ("options", "dropped"),
    [
        (None, ()),
        ({}, ()),
        ({"include_usage": True}, ()),
        ({"include_usage": True, "include_obfuscation": False}, ("stream_options",)),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_stream_options_stay_behind(options: Json | None, dropped: tuple[str, ...], stream: bool) -> None:
    sent, named = encode("mistralai", {"stream_options": options}, stream=stream)

    assert (sent, named) == ({"stream": True} if stream else {}, dropped)


@pytest.mark.parametrize(("id_", "role"), [("openai", "developer"), ("azure", "developer"), ("deepseek", "system")])
def test_the_developer_role(id_: str, role: str) -> None:
    rules = {"role": "developer", "content": "be brief", "name": "n"}

    assert encode(id_, {"messages": [rules, USER]})[0]["messages"] == [{**rules, "role": role}, USER]


@pytest.mark.parametrize(
    ("id_", "message", "sent", "dropped"),
    [
        ("openai", THOUGHT, {}, ("messages[].reasoning_content",)),
        ("mistralai", {**THOUGHT, "reasoning_details": []}, {}, ("messages[].reasoning_content",)),
        ("deepseek", THOUGHT, {"reasoning_content": "r"}, ()),
        ("groq", THOUGHT, {"reasoning": "r"}, ()),
        ("groq", {**THOUGHT, "reasoning_content": ""}, {}, ()),
        ("groq", {**THOUGHT, "reasoning_details": [1]}, {"reasoning": "r"}, ("messages[].reasoning_details",)),
        ("openrouter", {**THOUGHT, "reasoning_details": [1]}, {"reasoning": "r", "reasoning_details": [1]}, ()),
        ("together", {**THOUGHT, "reasoning": "own"}, {"reasoning": "own"}, ()),
    ],
)
def test_reasoning_of_earlier_turns(id_: str, message: Json, sent: Json, dropped: tuple[str, ...]) -> None:
    body, named = encode(id_, {"messages": [USER, message, USER]})

    assert body["messages"] == [USER, {"role": "assistant", "content": "a", **sent}, USER]
    assert named == dropped


@pytest.mark.parametrize(
    ("id_", "theirs", "ours"),
    [
        ("groq", {"content": "a", "reasoning": "r"}, {"content": "a", "reasoning_content": "r"}),
        ("groq", {"content": "a"}, {"content": "a"}),
        (
            "openrouter",
            {"content": "a", "reasoning": "r", "reasoning_details": [1]},
            {"content": "a", "reasoning_content": "r", "reasoning_details": [1]},
        ),
        # An older vLLM, and one that sends both names.
        ("vllm", {"content": "a", "reasoning_content": "r"}, {"content": "a", "reasoning_content": "r"}),
        (
            "vllm",
            {"content": "a", "reasoning": "r", "reasoning_content": "r"},
            {"content": "a", "reasoning_content": "r"},
        ),
        ("deepseek", {"content": "a", "reasoning_content": "r"}, {"content": "a", "reasoning_content": "r"}),
        (
            "mistralai",
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "r1"}, {"type": "reference"}]},
                    {"type": "thinking", "thinking": "r2"},
                    {"type": "text", "text": "a"},
                ]
            },
            {"content": "a", "reasoning_content": "r1r2"},
        ),
        ("mistralai", {"content": "a"}, {"content": "a"}),
        ("mistralai", {"content": [{"type": "text", "text": "a"}]}, {"content": "a"}),
        ("mistralai", {"content": [{"type": "reference"}]}, {"content": ""}),
    ],
)
def test_reasoning_of_the_answer(id_: str, theirs: Json, ours: Json) -> None:
    assert decode(id_, completion(theirs)) == completion({**ROLE, **ours})
    assert decode_stream(id_, chunk(theirs), chunk({}, "stop")) == [chunk({**ROLE, **ours}), chunk({}, "stop")]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sensitive", "content_filter"), ("model_context_window_exceeded", "length"), ("stop", "stop"), ("new", "stop")],
)
def test_finish_reasons(theirs: str, ours: str) -> None:
    assert decode("z-ai", completion({"content": "a"}, theirs)) == completion({**ROLE, "content": "a"}, ours)
    assert decode_stream("z-ai", chunk({"content": "a"}), chunk({}, theirs))[-1] == chunk({}, ours)


@pytest.mark.parametrize(
    ("id_", "theirs", "ours"),
    [
        ("groq", {"x_groq": {"id": "r", "usage": USAGE}}, USAGE),
        ("groq", {"usage": USAGE, "x_groq": {"id": "r"}}, USAGE),
        (
            "deepseek",
            {"usage": {**USAGE, "prompt_cache_hit_tokens": 2}},
            {**USAGE, "prompt_cache_hit_tokens": 2, "prompt_tokens_details": {"cached_tokens": 2}},
        ),
        (
            "moonshotai",
            {"usage": {**USAGE, "cached_tokens": 0, "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0}}},
            {**USAGE, "cached_tokens": 0, "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0}},
        ),
        (
            "x-ai",
            {"usage": {**USAGE, "total_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}}},
            {
                "prompt_tokens": 3,
                "completion_tokens": 6,
                "total_tokens": 9,
                "completion_tokens_details": {"reasoning_tokens": 4},
            },
        ),
        (
            "x-ai",
            {"usage": {**USAGE, "completion_tokens_details": {"reasoning_tokens": 2}}},
            {**USAGE, "completion_tokens_details": {"reasoning_tokens": 2}},
        ),
        ("x-ai", {"usage": USAGE}, USAGE),
        ("deepseek", {"usage": USAGE}, USAGE),
    ],
)
def test_usage(id_: str, theirs: Json, ours: Json) -> None:
    assert decode(id_, completion({"content": "a"}, **theirs))["usage"] == ours
    last = decode_stream(id_, chunk({"content": "a"}), chunk({}, "stop", **theirs))[-1]
    assert (last["choices"], last["usage"]) == ([], ours)


def test_usage_inside_a_choice() -> None:
    end = chunk({}, "stop")
    end["choices"][0]["usage"] = {**USAGE, "cached_tokens": 1}

    last = decode_stream("moonshotai", chunk({"content": "a"}), end)[-1]

    assert last["usage"] == {**USAGE, "cached_tokens": 1, "prompt_tokens_details": {"cached_tokens": 1}}


def test_an_answer_without_usage_gets_none() -> None:
    assert "usage" not in decode("groq", completion({"content": "a"}))
    assert decode_stream("groq", chunk({"content": "a"}, "stop")) == [chunk({**ROLE, "content": "a"}, "stop")]


def test_the_whole_message_in_a_chunk_is_left_out() -> None:
    whole = {"index": 0, "message": {"content": "ab"}}
    first = {"choices": [{**whole, "delta": {"content": "ab"}, "finish_reason": None}]}
    last = {"choices": [{**whole, "finish_reason": "stop"}], "usage": USAGE}

    streamed = decode_stream("minimax", first, last)

    assert streamed == [chunk({**ROLE, "content": "ab"}), chunk({}, "stop"), {"choices": [], "usage": USAGE}]
    assert decode("minimax", completion({"content": "ab"})) == completion({**ROLE, "content": "ab"})


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": "x"},
        {"choices": [1, {"message": 2, "finish_reason": []}]},
        {"choices": [], "usage": {"completion_tokens_details": 5, "prompt_tokens_details": 5, "cached_tokens": "1"}},
        {"usage": 5, "x_groq": 5},
    ],
)
@pytest.mark.parametrize("id_", [id_ for id_, preset in PRESETS.items() if preset.quirks])
def test_an_answer_that_is_none_is_still_refused(id_: str, answer: Json) -> None:
    with pytest.raises(ProviderError):
        decode(id_, answer)


def test_the_key_header() -> None:
    assert vendor("azure").headers("k") == {"api-key": "k"}
    assert vendor("groq").headers("k") == {"authorization": "Bearer k"}
    assert vendor("azure").headers(None) == vendor("groq").headers(None) == {}


def test_no_quirks_change_nothing() -> None:
    body = {"model": "p/m", "messages": [THOUGHT], "max_tokens": 5, "seed": 1, "vendor": {"b": 1, "a": 2}}
    request = ChatRequest(body, stream=False, include_usage=False)

    assert OpenAIAdapter(Quirks()).encode(request, "p/m") == OpenAIAdapter().encode(request, "p/m")
    assert orjson.loads(OpenAIAdapter().encode(request, "p/m").body) == body


EFFORTS = [
    ({"effort": "high"}, "high", ()),
    ({"effort": "high", "exclude": True}, "high", ()),
    ({"max_tokens": 8000}, "medium", ("reasoning.max_tokens",)),
    ({"effort": "none"}, None, ("reasoning",)),
    ({"enabled": True}, None, ("reasoning",)),
]


@pytest.mark.parametrize(("reasoning", "effort", "dropped"), EFFORTS, ids=str)
def test_an_effort_in_place_of_the_reasoning_object(
    reasoning: Json, effort: str | None, dropped: tuple[str, ...]
) -> None:
    sent, lost = encode("openai", {"reasoning": reasoning})

    assert (sent.get("reasoning_effort"), "reasoning" in sent, lost) == (effort, False, dropped)
    assert encode("openai", {"reasoning": reasoning, "reasoning_effort": "low"})[0]["reasoning_effort"] == "low"


@pytest.mark.parametrize(("tools", "choice"), [("tools", "tool_choice"), ("functions", "function_call")])
def test_a_model_without_tools_refuses_them(tools: str, choice: str) -> None:
    fields: Json = {tools: [{"type": "function", "name": "f", "function": {"name": "f"}}]}
    with pytest.raises(ARouterError, match="cannot call tools") as refused:
        encode("local", {**fields, choice: "auto"})

    assert refused.value.param == tools
    assert encode("local", {**fields, choice: "none"})[1] == ()
    assert encode("local", {tools: []})[1] == ()
