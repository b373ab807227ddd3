"""The APIs of the gateway that chat with a model, each as data: how it is asked, and where its response says what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]


class Dialect(NamedTuple):
    """An API.

    Attributes:
        path: Returns the path of a request, from the model and whether it streams.
        body: Returns its body, from the same.
        used: Returns the tokens of prompt and completion that a response, or the events of a stream, reports.
        model: Returns the model that it names.
        error: Returns the message and the type of an error envelope, and checks the envelope's shape.
        types: The type of an error, by HTTP status.
    """

    path: Callable[[str, bool], str]
    body: Callable[[str, bool], Json]
    used: Callable[[list[Json]], tuple[int, int]]
    model: Callable[[list[Json]], str]
    error: Callable[[Json], tuple[str, Any]]
    types: dict[int, Any]


def payloads(body: bytes) -> Iterator[Json]:
    """Yields the JSON value of each event of a stream."""
    for line in body.split(b"\n"):
        if line.startswith(b"data: ") and line != b"data: [DONE]":
            yield json.loads(line.removeprefix(b"data: "))


def responses_of(body: bytes, *, stream: bool) -> list[Json]:
    """Returns the JSON values of a response."""
    return list(payloads(body)) if stream else [json.loads(body)]


def _chat_body(model: str, stream: bool) -> Json:
    body: Json = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    return {**body, "stream_options": {"include_usage": True}} if stream else body


def _chat_used(values: list[Json]) -> tuple[int, int]:
    usage = values[-1]["usage"]
    return usage["prompt_tokens"], usage["completion_tokens"]


def _messages_used(values: list[Json]) -> tuple[int, int]:
    usage: Json = {}
    for value in values:
        usage |= {k: v for k, v in (value.get("usage") or value.get("message", {}).get("usage") or {}).items() if v}
    parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(usage.get(part, 0) for part in parts), usage["output_tokens"]


def _response(values: list[Json]) -> Json:
    """Returns the response object, of a stream that of its last event."""
    response: Json = values[-1].get("response", values[-1])
    return response


def _responses_used(values: list[Json]) -> tuple[int, int]:
    usage = _response(values)["usage"]
    return usage["input_tokens"], usage["output_tokens"]


def _gemini_used(values: list[Json]) -> tuple[int, int]:
    usage = values[-1]["usageMetadata"]
    return usage["promptTokenCount"], usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)


def _openai_error(envelope: Json) -> tuple[str, Any]:
    assert list(envelope) == ["error"]
    error = envelope["error"]
    assert error.keys() - {"metadata"} == {"message", "type", "param", "code"}
    return error["message"], error["type"]


def _messages_error(envelope: Json) -> tuple[str, Any]:
    assert envelope["type"] == "error"
    return envelope["error"]["message"], envelope["error"]["type"]


def _gemini_error(envelope: Json) -> tuple[str, Any]:
    assert list(envelope) == ["error"]
    return envelope["error"]["message"], envelope["error"]["status"]


_OPENAI_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    502: "server_error",
}

DIALECTS = {
    "chat": Dialect(
        lambda _model, _stream: "/v1/chat/completions",
        _chat_body,
        _chat_used,
        lambda values: str(values[0]["model"]),
        _openai_error,
        _OPENAI_TYPES,
    ),
    "messages": Dialect(
        lambda _model, _stream: "/v1/messages",
        lambda model, stream: {
            "model": model,
            "max_tokens": 100,
            "messages": [{"role": "user", "content": "hi"}],
            "stream": stream,
        },
        _messages_used,
        lambda values: str(values[0].get("message", values[0])["model"]),
        _messages_error,
        {
            400: "invalid_request_error",
            401: "authentication_error",
            404: "not_found_error",
            429: "rate_limit_error",
            502: "api_error",
        },
    ),
    "responses": Dialect(
        lambda _model, _stream: "/v1/responses",
        lambda model, stream: {"model": model, "input": "hi", "store": False, "stream": stream},
        _responses_used,
        lambda values: str(_response(values)["model"]),
        _openai_error,
        _OPENAI_TYPES,
    ),
    "gemini": Dialect(
        lambda model, stream: (
            f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")
        ),
        lambda _model, _stream: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
        _gemini_used,
        lambda values: str(values[0]["modelVersion"]),
        _gemini_error,
        {
            400: "INVALID_ARGUMENT",
            401: "UNAUTHENTICATED",
            404: "NOT_FOUND",
            429: "RESOURCE_EXHAUSTED",
            502: "UNAVAILABLE",
        },
    ),
}
