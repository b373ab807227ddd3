"""Canonical completions and chunks in Gemini's form. Google's own types read everything that is sent."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from arouter.chat.chunks import Chunk, chunks_of
from arouter.chat.native import NativeChunk, NativeCompletion
from arouter.chat.request import ChatRequest
from arouter.dialects.gemini.dialect import GeminiDialect
from arouter.errors import ARouterError, Failure
from judges.gemini import read_response

SSE = GeminiDialect()
ARRAY = GeminiDialect(with_events=False)
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
COUNTED = {
    "promptTokenCount": 11,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 2,
    "cachedContentTokenCount": 3,
    "totalTokenCount": 18,
}
THINKS = {"thinkingConfig": {"includeThoughts": True}}
PNG = "data:image/png;base64,QUJD"


def asked(config: dict[str, Any] | None = None) -> ChatRequest:
    contents = [{"parts": [{"text": "hi"}]}]
    return SSE.decode({"model": "m", "contents": contents, "generationConfig": config or {}}, {}, stream=True)


def completion(finish: str = "stop", **message: Any) -> Chunk:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, "logprobs": None}
    return {"id": "gen-1", "object": "chat.completion", "model": "a/b", "choices": [choice], "usage": USAGE}


def encode(finish: str = "stop", config: dict[str, Any] | None = None, **message: Any) -> dict[str, Any]:
    found = SSE.encode(completion(finish, **message), asked(config))
    read_response(orjson.loads(orjson.dumps(found)))
    return found


def parts_of(response: dict[str, Any]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = response["candidates"][0]["content"]["parts"]
    return parts


def events(data: bytes) -> list[dict[str, Any]]:
    found = []
    for each in data.decode().split("\n\n")[:-1]:
        assert each.startswith("data: ")  # Google's SDK takes any other line for an error's JSON
        found.append(orjson.loads(each.removeprefix("data: ")))
        if "error" not in found[-1]:
            read_response(found[-1])
    return found


def stream(chunks: list[Chunk], dialect: GeminiDialect = SSE, request: ChatRequest | None = None) -> bytes:
    encoder = dialect.events(request or asked(THINKS))
    return b"".join(encoder.encode([chunk]) for chunk in chunks) + encoder.finish()


def test_a_text() -> None:
    assert encode(content="hello") == {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": COUNTED,
        "modelVersion": "a/b",
        "responseId": "gen-1",
    }


@pytest.mark.parametrize(
    ("finish", "expected"),
    [("stop", "STOP"), ("tool_calls", "STOP"), ("length", "MAX_TOKENS"), ("content_filter", "SAFETY"), ("x", "STOP")],
)
def test_finish_reasons(finish: str, expected: str) -> None:
    assert encode(finish, content="a")["candidates"][0]["finishReason"] == expected


def test_a_response_without_content_has_a_part() -> None:
    assert parts_of(encode(content=None)) == [{"text": ""}]


def test_a_refusal() -> None:
    [candidate] = encode(content=None, refusal="I must not.")["candidates"]

    assert (candidate["finishReason"], candidate["finishMessage"]) == ("SAFETY", "I must not.")


def call(id_: str, arguments: str, **members: Any) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "f", "arguments": arguments}, **members}


@pytest.mark.parametrize(
    ("arguments", "args"),
    [('{"a":1}', {"a": 1}), ("", {}), ("[1]", {"arguments": "[1]"}), ('{"a":', {"arguments": '{"a":'})],
)
def test_calls(arguments: str, args: dict[str, Any]) -> None:
    assert parts_of(encode("tool_calls", tool_calls=[call("c1", arguments)])) == [
        {"functionCall": {"name": "f", "args": args, "id": "c1"}}
    ]


def test_a_custom_call() -> None:
    custom = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}

    assert parts_of(encode(tool_calls=[custom]))[0]["functionCall"]["args"] == {"input": "x"}


def test_thoughts_only_if_asked_for() -> None:
    said = {"content": "yes", "reasoning_content": "hm"}

    assert parts_of(encode(**said)) == [{"text": "yes"}]
    assert parts_of(encode(config=THINKS, **said)) == [{"text": "hm", "thought": True}, {"text": "yes"}]


def test_signatures_of_gemini_are_sent_as_they_are() -> None:
    details = [{"type": "reasoning.encrypted", "data": "c2ln", "format": "google-gemini-v1", "index": 0}]
    signed = call("c1", "{}", extra_content={"google": {"thought_signature": "Y2FsbA=="}})
    found = parts_of(encode(content="a", reasoning_details=details, tool_calls=[signed]))

    assert [part.get("thoughtSignature") for part in found] == [None, "c2ln", "Y2FsbA=="]


CLAUDE = [
    {
        "type": "reasoning.text",
        "id": "content-0",
        "format": "anthropic-claude-v1",
        "index": 0,
        "text": "hm",
        "signature": "c2ln",
    },
    {"type": "reasoning.encrypted", "id": "content-1", "format": "anthropic-claude-v1", "index": 1, "data": "eA=="},
]


@pytest.mark.parametrize("calls", [[], [call("c1", "{}"), call("c2", "{}")]], ids=["without calls", "with calls"])
def test_signatures_of_other_vendors_survive_a_turn(calls: list[dict[str, Any]]) -> None:
    said = encode(content="a", reasoning_details=CLAUDE, **({"tool_calls": calls} if calls else {}))
    content = said["candidates"][0]["content"]
    for part in content["parts"]:
        if signature := part.get("thoughtSignature"):  # as Google's SDK for Python sends it back
            part["thoughtSignature"] = base64.urlsafe_b64encode(base64.b64decode(signature)).decode()
    history = [{"parts": [{"text": "hi"}]}, content]

    [_, message] = SSE.decode({"contents": history}, {}).body["messages"]

    assert message["reasoning_details"] == CLAUDE
    assert message["content"] == "a"
    assert len(message.get("tool_calls", [])) == len(calls)
    assert all("extra_content" not in each for each in message.get("tool_calls", []))


def test_media() -> None:
    image = {"type": "image_url", "image_url": {"url": PNG}}
    found = parts_of(encode(content=None, images=[image], audio={"data": "QUJD", "transcript": "hi"}))

    assert found == [
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        {"text": "hi"},
        {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "QUJD"}},
    ]


def test_sources() -> None:
    citation = {"start_index": 1, "end_index": 3, "title": "T", "url": "https://x"}
    found = encode(content="aüb", annotations=[{"type": "url_citation", "url_citation": citation}])

    assert found["candidates"][0]["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "https://x", "title": "T"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 1, "endIndex": 4, "text": "üb"}, "groundingChunkIndices": [0]}
        ],
    }


def test_log_probabilities() -> None:
    whole = completion(content="a")
    whole["choices"][0]["logprobs"] = {"content": [{"token": "a", "logprob": -1.5, "top_logprobs": []}]}

    assert SSE.encode(whole, asked())["candidates"][0]["logprobsResult"]["chosenCandidates"] == [
        {"token": "a", "logProbability": -1.5}
    ]


def test_audio_tokens() -> None:
    whole = completion(content="a")
    whole["usage"] = {**USAGE, "prompt_tokens_details": {"audio_tokens": 4}}

    assert SSE.encode(whole, asked())["usageMetadata"]["promptTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 7},
        {"modality": "AUDIO", "tokenCount": 4},
    ]


def test_a_stream_ends_with_calls_finish_and_usage_in_one_event() -> None:
    whole = completion("tool_calls", content="a", reasoning_content="hm", tool_calls=[call("c1", '{"a":1}')])
    found = events(stream(chunks_of(whole)))

    assert [parts_of(each) for each in found] == [
        [{"text": "hm", "thought": True}, {"text": "a"}],
        [{"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}}],
    ]
    assert [each.get("usageMetadata") for each in found] == [None, COUNTED]
    assert [each["candidates"][0].get("finishReason") for each in found] == [None, "STOP"]
    assert {(each["modelVersion"], each["responseId"]) for each in found} == {("a/b", "gen-1")}


def test_a_json_array() -> None:
    chunks = chunks_of(completion(content="a"))

    assert orjson.loads(stream(chunks, ARRAY)) == events(stream(chunks))
    assert orjson.loads(stream([], ARRAY))[0]["candidates"] == []
    keep_alive = ARRAY.events(asked()).keep_alive
    assert orjson.loads(keep_alive + stream(chunks, ARRAY)) == events(stream(chunks))


def test_the_event_that_keeps_a_stream_alive_adds_nothing() -> None:
    [kept] = events(SSE.events(asked()).keep_alive)

    assert parts_of(kept) == [{"text": ""}]


@pytest.mark.parametrize("dialect", [SSE, ARRAY])
def test_a_stream_that_fails(dialect: GeminiDialect) -> None:
    encoder = dialect.events(asked())
    data = encoder.encode(chunks_of(completion(content="a"))[:1])
    data += encoder.fail(ARouterError(Failure.PROVIDER_TIMEOUT, "too slow", retry_after=3))

    *_, last = events(data) if dialect is SSE else orjson.loads(data)
    assert (last["error"]["code"], last["error"]["status"]) == (504, "DEADLINE_EXCEEDED")
    assert data.rpartition(b'{"error":')[1], "Google's SDK for Python recognizes an error by its first member"


def test_native_responses_pass_with_the_id_of_the_model() -> None:
    native = {"candidates": [{"odd": 1}], "modelVersion": "gemini", "usageMetadata": {"promptTokenCount": 1}}
    chunk: Chunk = {"id": "gen-1", "model": "google/gemini", "choices": []}
    passed = {**native, "modelVersion": "google/gemini"}

    assert SSE.encode(NativeCompletion({**chunk, "usage": USAGE}, native), asked()) == passed
    chunks: list[Chunk] = [NativeChunk(chunk, [("", native), ("", native)]), {**chunk, "usage": USAGE}]
    found = [orjson.loads(each[6:]) for each in stream(chunks).split(b"\n\n")[:-1]]
    assert found == [passed, passed]


@pytest.mark.parametrize("failure", Failure, ids=lambda failure: failure.name)
def test_every_row_of_the_error_table(failure: Failure) -> None:
    error = ARouterError(failure, "Do this.", param="messages[2].content", retry_after=2)
    details = SSE.encode_error(error)["error"].pop("details")

    assert {**SSE.encode_error(error)["error"], "details": None} == {
        "code": failure.http_status,
        "message": "Do this.",
        "status": failure.grpc_code,
        "details": None,
    }
    assert [each["@type"].rpartition(".")[2] for each in details] == ["ErrorInfo", "BadRequest", "RetryInfo"]
    assert details[0]["reason"] == failure.name
    assert details[1]["fieldViolations"][0]["field"] == "contents"
    assert details[2]["retryDelay"] == "2s"
