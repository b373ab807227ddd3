"""What holds for every conversation and every split of a stream."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest, check_body
from arouter.dialects.gemini.dialect import GeminiDialect
from arouter.errors import ARouterError
from arouter.providers.gemini.adapter import GeminiAdapter

DIALECT = GeminiDialect()
ARRAY = GeminiDialect(with_events=False)
ADAPTER = GeminiAdapter()

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAME = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
SIGNATURE = st.binary(min_size=1, max_size=6).map(lambda data: base64.b64encode(data).decode())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAME, inner, max_size=2),
    max_leaves=5,
)
OBJECT = st.dictionaries(NAME, JSON, max_size=3)
SCHEMA = st.builds(
    lambda names: {"type": "object", "properties": {name: {"type": "string"} for name in names}}, st.lists(NAME)
)
MEDIA = st.builds(
    lambda kind, data: {"inlineData": {"mimeType": kind, "data": data}},
    st.sampled_from(["image/png", "audio/mp3", "audio/wav", "video/mp4", "application/pdf", "text/plain"]),
    SIGNATURE,
)
SAID = TEXT.map(lambda text: {"text": text})
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "topP": st.floats(0, 1),
        "topK": st.integers(1, 99),
        "candidateCount": st.integers(1, 8),
        "maxOutputTokens": st.integers(1, 9999),
        "stopSequences": st.lists(TEXT, min_size=1, max_size=2),
        "seed": st.integers(0, 99),
        "presencePenalty": st.floats(-2, 2),
        "frequencyPenalty": st.floats(-2, 2),
        "responseLogprobs": st.booleans(),
        "logprobs": st.integers(1, 20),
        "thinkingConfig": st.one_of(
            st.fixed_dictionaries({"thinkingBudget": st.integers(1, 9999), "includeThoughts": st.booleans()}),
            st.fixed_dictionaries(
                {"thinkingLevel": st.sampled_from(["LOW", "MEDIUM", "HIGH"]), "includeThoughts": st.booleans()}
            ),
        ),
    },
)


@st.composite
def requests(draw: Any) -> dict[str, Any]:
    """A request in the form that the provider's adapter writes: results behind their calls, parts in its order."""
    contents: list[dict[str, Any]] = []
    for turn in range(draw(st.integers(1, 3))):
        contents.append({"role": "user", "parts": draw(st.lists(SAID | MEDIA, min_size=1, max_size=3))})
        if not draw(st.booleans()):
            break
        calls = [
            {"functionCall": {"name": name, "args": args, "id": f"c{turn}_{place}"}}
            for place, (name, args) in enumerate(draw(st.lists(st.tuples(NAME, OBJECT), max_size=2)))
        ]
        if calls:
            calls[0]["thoughtSignature"] = draw(SIGNATURE)
        parts: list[dict[str, Any]] = []
        if draw(st.booleans()):
            parts.append({"text": draw(TEXT), "thought": True, "thoughtSignature": draw(SIGNATURE)})
        parts.append(draw(SAID))
        if draw(st.booleans()):
            image = {"inlineData": {"mimeType": "image/png", "data": draw(SIGNATURE)}}
            parts.append({**image, "thoughtSignature": draw(SIGNATURE)})
        if draw(st.booleans()):
            parts.append({"text": "", "thoughtSignature": draw(SIGNATURE)})
        contents.append({"role": "model", "parts": parts + calls})
        if calls:
            contents.append({"role": "user", "parts": [draw(results(each["functionCall"])) for each in calls]})
    if contents[-1]["role"] == "model":
        contents.append({"role": "user", "parts": [draw(SAID)]})
    request: dict[str, Any] = {"contents": merged(contents)}
    if draw(st.booleans()):
        request["systemInstruction"] = {"parts": draw(st.lists(SAID, min_size=1, max_size=2))}
    if config := draw(CONFIG):
        request["generationConfig"] = config
    if draw(st.booleans()):
        config = {"responseMimeType": "application/json", "responseJsonSchema": draw(SCHEMA)}
        request["generationConfig"] = {**request.get("generationConfig", {}), **config}
    if names := draw(st.lists(NAME, max_size=3, unique=True)):
        functions = [{"name": name, "description": "d", "parametersJsonSchema": draw(SCHEMA)} for name in names]
        request["tools"] = [
            {"functionDeclarations": functions},
            *([{"googleSearch": {}}] if draw(st.booleans()) else []),
        ]
        mode = draw(st.sampled_from(["AUTO", "ANY", "NONE"]))
        allowed = {"allowedFunctionNames": names} if mode == "ANY" and draw(st.booleans()) else {}
        request["toolConfig"] = {"functionCallingConfig": {"mode": mode, **allowed}}
    return request


@st.composite
def results(draw: Any, call: dict[str, Any]) -> dict[str, Any]:
    response = draw(OBJECT | TEXT.map(lambda text: {"output": text}))
    media = draw(st.lists(MEDIA, max_size=1))
    named = {"id": call["id"], "name": call["name"], "response": response}
    return {"functionResponse": {**named, **({"parts": media} if media else {})}}


def merged(contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Joins neighbours of one kind, as the adapter does; results are separate."""
    found: list[dict[str, Any]] = []
    for content in contents:
        is_result = "functionResponse" in content["parts"][0]
        if (
            found
            and found[-1]["role"] == content["role"]
            and is_result == ("functionResponse" in found[-1]["parts"][0])
        ):
            found[-1]["parts"] += content["parts"]
        else:
            found.append(content)
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(requests())
def test_a_request_to_google_is_the_same_after_its_canonical_form(request: dict[str, Any]) -> None:
    before = orjson.dumps(request)
    chat = DIALECT.decode({"model": "google/gemini", **request}, {}, stream=False)
    canonical = ChatRequest(chat.body, stream=False, include_usage=True)
    wire = ADAPTER.encode(canonical, "gemini-3.1-pro")

    assert orjson.dumps(request) == before
    assert (chat.unserved, wire.dropped) == ((), ())
    assert orjson.loads(wire.body or b"") == orjson.loads(before)
    assert ADAPTER.encode(chat, "gemini-3.1-pro").body == before


NOISE = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "contents",
                    "parts",
                    "text",
                    "role",
                    "functionCall",
                    "functionResponse",
                    "name",
                    "id",
                    "args",
                    "response",
                    "inlineData",
                    "fileData",
                    "mimeType",
                    "data",
                    "fileUri",
                    "tools",
                    "functionDeclarations",
                    "parameters",
                    "toolConfig",
                    "functionCallingConfig",
                    "mode",
                    "generationConfig",
                    "type",
                    "responseSchema",
                    "properties",
                    "items",
                    "thinkingConfig",
                    "thoughtSignature",
                    "systemInstruction",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NOISE, st.dictionaries(st.sampled_from(["contents", "tools", "generationConfig", "toolConfig"]), NOISE))
def test_any_body_is_translated_or_refused_as_invalid(noise: Any, members: dict[str, Any]) -> None:
    for body in (noise, {"contents": [{"parts": [{"text": "hi"}]}], **members}):
        with contextlib.suppress(ARouterError):
            check_body(DIALECT.decode(body, {}, stream=False).body)


PIECE = st.one_of(
    st.builds(lambda text: {"content": text}, TEXT),
    st.builds(lambda text: {"reasoning_content": text}, TEXT),
    st.builds(lambda text: {"role": "assistant", "content": text}, st.sampled_from(["", None])),
    st.just({}),
)
DETAIL = st.builds(
    lambda format_, data: {"type": "reasoning.encrypted", "format": format_, "data": data},
    st.sampled_from(["anthropic-claude-v1", "google-gemini-v1"]),
    SIGNATURE,
)


@st.composite
def answers(draw: Any) -> tuple[list[Chunk], dict[int, dict[str, Any]]]:
    """Chunks of several choices, and the messages that they add up to."""
    messages: dict[int, dict[str, Any]] = {}
    chunks: list[Chunk] = []

    def add(index: int, delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": index, "delta": delta, "finish_reason": finish, "logprobs": None}
        chunks.append({"id": "gen-1", "model": "a/b", "choices": [choice]})

    for index in range(draw(st.integers(1, 2))):
        message = messages[index] = {"content": "", "reasoning_content": "", "tool_calls": [], "reasoning_details": []}
        for piece in draw(st.lists(PIECE, max_size=4)):
            add(index, piece)
            for name in ("content", "reasoning_content"):
                message[name] += piece.get(name) or ""
        for place, detail in enumerate(draw(st.lists(DETAIL, max_size=2))):
            message["reasoning_details"].append({**detail, "index": place})
            add(index, {"reasoning_details": [{**detail, "index": place}]})
        for place, (name, args) in enumerate(draw(st.lists(st.tuples(NAME, OBJECT), max_size=2))):
            text = orjson.dumps(args).decode()
            cut = draw(st.integers(0, len(text)))
            function = {"name": name, "arguments": text[:cut]}
            add(index, {"tool_calls": [{"index": place, "id": f"c{place}", "type": "function", "function": function}]})
            add(index, {"tool_calls": [{"index": place, "function": {"arguments": text[cut:]}}]})
            message["tool_calls"].append(
                {"id": f"c{place}", "type": "function", "function": {"name": name, "arguments": text}}
            )
        add(index, {}, draw(st.sampled_from(["stop", "length", "tool_calls"])))
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    chunks.append({"id": "gen-1", "model": "a/b", "choices": [], "usage": usage})
    return chunks, messages


def joined(candidates: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns what a client puts together of a candidate's events."""
    parts = [part for each in candidates for part in each["content"]["parts"]]
    return {
        "text": "".join(part["text"] for part in parts if "text" in part and not part.get("thought")),
        "thoughts": "".join(part["text"] for part in parts if part.get("thought")),
        "calls": [part["functionCall"] for part in parts if "functionCall" in part],
        "signatures": [part["thoughtSignature"] for part in parts if "thoughtSignature" in part],
        "finish": [each["finishReason"] for each in candidates if "finishReason" in each],
    }


@settings(deadline=None)
@given(answers(), st.booleans(), st.data())
def test_every_split_of_a_stream_gives_the_whole(
    answer: tuple[list[Chunk], dict[int, dict[str, Any]]], shows: bool, data: st.DataObject
) -> None:
    chunks, messages = answer
    request = asked(shows)
    finishes = {
        each["index"]: each["finish_reason"] for chunk in chunks for each in chunk["choices"] if each["finish_reason"]
    }
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", **message},
            "finish_reason": finishes[index],
            "logprobs": None,
        }
        for index, message in messages.items()
    ]
    whole = DIALECT.encode({"id": "gen-1", "model": "a/b", "choices": choices, "usage": chunks[-1]["usage"]}, request)
    encoder, array = DIALECT.events(request), ARRAY.events(request)
    sent, sent_array = b"", b""
    while chunks:
        size = data.draw(st.integers(1, len(chunks)))
        sent += encoder.encode(chunks[:size])
        sent_array += array.encode(chunks[:size])
        chunks = chunks[size:]
    events = [orjson.loads(each[6:]) for each in (sent + encoder.finish()).split(b"\n\n")[:-1]]

    assert orjson.loads(sent_array + array.finish()) == events
    assert [each for each in events if "usageMetadata" in each] == [events[-1]]
    assert events[-1]["usageMetadata"] == whole["usageMetadata"]
    for candidate in whole["candidates"]:
        streamed = [each for event in events for each in event["candidates"] if each["index"] == candidate["index"]]
        assert joined(streamed) == joined([candidate])
        message = messages[candidate["index"]]
        assert joined(streamed)["thoughts"] == (message["reasoning_content"] if shows else "")
        assert [each["id"] for each in joined(streamed)["calls"]] == [each["id"] for each in message["tool_calls"]]
        back = DIALECT.decode({"contents": [{"parts": [{"text": "hi"}]}, candidate["content"]]}, {})
        returned = back.body["messages"][1] if len(back.body["messages"]) > 1 else {}
        assert returned.get("tool_calls", []) == message["tool_calls"] or returned["tool_calls"][0].get("extra_content")
        assert signed(returned.get("reasoning_details")) == signed(message["reasoning_details"])


def signed(details: list[dict[str, Any]] | None) -> set[tuple[str, str]]:
    return {(each["format"], each["data"]) for each in details or []}


def asked(shows: bool) -> ChatRequest:
    config = {"thinkingConfig": {"includeThoughts": shows}}
    return DIALECT.decode({"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": config}, {}, stream=True)
