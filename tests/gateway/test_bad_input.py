"""Bad input over REST: each kind gets the documented envelope and leaves the connection usable."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing
from typing import Any

import pytest

from emulator import Emulator
from emulator.scenarios import MEGABYTE
from support.ports import HOST
from support.rest import Answer, Rest
from support.stack import Stack

MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
GOOD: dict[str, Any] = {"model": "emu/text", "messages": MESSAGES}


def nested(depth: int) -> bytes:
    return (
        b'{"model":"emu/text","messages":[{"role":"user","content":"hi"}],"deep":' + b"[" * depth + b"]" * depth + b"}"
    )


def assert_refused(answer: Answer, status: int, kind: str, param: str | None, code: str | None = None) -> None:
    error = answer.error
    assert (answer.status, error["type"], error["param"], error["code"]) == (status, kind, param, code)
    assert answer.headers["x-request-id"]


def assert_usable(rest: Rest) -> None:
    """Checks that the same connection takes another request."""
    before = rest.socket
    assert before is not None, "the connection was closed"
    assert rest.chat(GOOD).status == 200
    assert rest.socket is before


KEYS: dict[str, dict[str, str | None]] = {
    "no key": {"authorization": None},
    "an unknown key": {"authorization": "Bearer lr_live_unknown"},
    "an empty header": {"authorization": ""},
    "a scheme without a key": {"authorization": "Bearer"},
    "a scheme and spaces": {"authorization": "Bearer   "},
    "another scheme": {"authorization": "Basic dXNlcjpwYXNz"},
    "an unknown x-api-key": {"authorization": None, "x-api-key": "lr_live_unknown"},
    "a long key": {"authorization": "Bearer lr_live_" + "x" * 30_000},
    "a key with bytes that are not text": {"authorization": "Bearer lr_live_\xe9\xff"},
}


@pytest.mark.parametrize("request_", ["chat", "stream", "models", "model"])
@pytest.mark.parametrize("name", KEYS)
def test_without_a_good_key_nothing_is_answered(rest: Rest, emulator: Emulator, name: str, request_: str) -> None:
    headers = KEYS[name]
    answer = {
        "chat": lambda: rest.chat(GOOD, headers),
        "stream": lambda: rest.chat(GOOD | {"stream": True}, headers),
        "models": lambda: rest.get("/v1/models", headers),
        "model": lambda: rest.get("/v1/models/emu/text", headers),
    }[request_]()

    assert_refused(answer, 401, "authentication_error", None, "invalid_api_key")
    assert "lr_live_" not in answer.error["message"].replace("lr_live_…", "")
    assert_usable(rest)
    assert len(emulator.calls) == 1


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_the_key_may_come_in_either_header(stack: Stack, rest: Rest, header: str) -> None:
    value = {"authorization": f"bearer {stack.key}", "x-api-key": stack.key}[header]

    assert rest.chat(GOOD, {"authorization": None} | {header: value}).status == 200


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"{not json",
    "cut JSON": b'{"model":"emu/text","messages":[{"role":"user","content":"h',
    "more behind it": json.dumps(GOOD).encode() + b"x",
    "not UTF-8": b'{"model":"emu/text","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "a lone surrogate": b'{"model":"emu/text","messages":[{"role":"user","content":"\\ud800"}]}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "a raw NUL in a string": b'{"model":"emu/text","messages":[{"role":"user","content":"a\x00b"}]}',
    "NaN": b'{"model":"emu/text","messages":[{"role":"user","content":"hi"}],"temperature":NaN}',
    "an array": b"[]",
    "a string": b'"hi"',
    "null": b"null",
    "nesting without end": b"[" * 200_000,
    "100,000 levels": nested(100_000),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_body_that_is_not_a_json_object_is_refused(rest: Rest, emulator: Emulator, name: str) -> None:
    answer = rest.chat(MALFORMED[name])

    assert_refused(answer, 400, "invalid_request_error", None)
    assert_usable(rest)
    assert len(emulator.calls) == 1


def said(part: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [part]}]}


def called(call: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [*MESSAGES, {"role": "assistant", "content": None, "tool_calls": [call]}]}


WRONG_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"messages": MESSAGES}, "model"),
    "null model": (GOOD | {"model": None}, "model"),
    "empty model": (GOOD | {"model": ""}, "model"),
    "model of a wrong type": (GOOD | {"model": 5}, "model"),
    "a model of a wrong type among several": (GOOD | {"models": ["emu/text", 5]}, "models[1]"),
    "an unknown route": (GOOD | {"route": "random"}, "route"),
    "a preference of a wrong type": (GOOD | {"provider": {"order": "emu"}}, "provider.order"),
    "an unknown price": (GOOD | {"provider": {"max_price": {"image": 1}}}, "provider.max_price.image"),
    "a plugin without an id": (GOOD | {"plugins": [{}]}, "plugins[0].id"),
    "no messages": ({"model": "emu/text"}, "messages"),
    "empty messages": (GOOD | {"messages": []}, "messages"),
    "null messages": (GOOD | {"messages": None}, "messages"),
    "messages of a wrong type": (GOOD | {"messages": "hi"}, "messages"),
    "a message of a wrong type": (GOOD | {"messages": ["hi"]}, "messages[0]"),
    "no role": (GOOD | {"messages": [{"content": "hi"}]}, "messages[0].role"),
    "unknown role": (GOOD | {"messages": [*MESSAGES, {"role": "robot", "content": "hi"}]}, "messages[1].role"),
    "role of a wrong type": (GOOD | {"messages": [{"role": 1, "content": "hi"}]}, "messages[0].role"),
    "no content": (GOOD | {"messages": [{"role": "user"}]}, "messages[0].content"),
    "content of a wrong type": (GOOD | {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    "a part of a wrong type": (GOOD | {"messages": [{"role": "user", "content": [1]}]}, "messages[0].content[0]"),
    "stream of a wrong type": (GOOD | {"stream": "yes"}, "stream"),
    "stream_options of a wrong type": (GOOD | {"stream": True, "stream_options": []}, "stream_options"),
    "temperature of a wrong type": (GOOD | {"temperature": "hot"}, "temperature"),
    "max_tokens of a wrong type": (GOOD | {"max_tokens": 1.5}, "max_tokens"),
    "n as a boolean": (GOOD | {"n": True}, "n"),
    "tools of a wrong type": (GOOD | {"tools": {}}, "tools"),
    "stop of a wrong type": (GOOD | {"stop": 1}, "stop"),
    "a stop of a wrong type": (GOOD | {"stop": ["END", 1]}, "stop[1]"),
    "a text of a wrong type": (GOOD | said({"type": "text", "text": 1}), "messages[0].content[0].text"),
    "an image without a URL": (
        GOOD | said({"type": "image_url", "image_url": {}}),
        "messages[0].content[0].image_url.url",
    ),
    "a call's name of a wrong type": (
        GOOD | called({"id": "c", "type": "function", "function": {"name": 1, "arguments": "{}"}}),
        "messages[1].tool_calls[0].function.name",
    ),
    "arguments of a wrong type": (
        GOOD | called({"id": "c", "type": "function", "function": {"name": "f", "arguments": {}}}),
        "messages[1].tool_calls[0].function.arguments",
    ),
    "a result of no call": (
        GOOD | {"messages": [*MESSAGES, {"role": "tool", "content": "x"}]},
        "messages[1].tool_call_id",
    ),
    "a tool without a name": (GOOD | {"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    "a choice of a wrong type": (GOOD | {"tool_choice": {"type": "function"}}, "tool_choice.function"),
    "a format without a type": (GOOD | {"response_format": {}}, "response_format.type"),
    "metadata of a wrong type": (GOOD | {"metadata": {"team": 1}}, "metadata.team"),
    "an effort of a wrong type": (GOOD | {"reasoning": {"effort": 1}}, "reasoning.effort"),
    "temperature too high": (GOOD | {"temperature": 2.1}, "temperature"),
    "temperature too low": (GOOD | {"temperature": -0.1}, "temperature"),
    "top_p too high": (GOOD | {"top_p": 1.1}, "top_p"),
    "frequency_penalty too low": (GOOD | {"frequency_penalty": -2.1}, "frequency_penalty"),
    "presence_penalty too high": (GOOD | {"presence_penalty": 3}, "presence_penalty"),
    "no choices": (GOOD | {"n": 0}, "n"),
    "too many choices": (GOOD | {"n": 129}, "n"),
    "max_tokens too low": (GOOD | {"max_tokens": 0}, "max_tokens"),
    "max_completion_tokens too low": (GOOD | {"max_completion_tokens": -1}, "max_completion_tokens"),
    "top_logprobs too high": (GOOD | {"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    "a bias too high": (GOOD | {"logit_bias": {"50256": 101}}, "logit_bias.50256"),
    "top_k too low": (GOOD | {"top_k": -2}, "top_k"),
    "min_p too high": (GOOD | {"min_p": 2}, "min_p"),
    "repetition_penalty too low": (GOOD | {"repetition_penalty": 0}, "repetition_penalty"),
}


@pytest.mark.parametrize("name", WRONG_FIELDS)
def test_a_wrong_field_is_named(rest: Rest, emulator: Emulator, name: str) -> None:
    body, param = WRONG_FIELDS[name]

    answer = rest.chat(body)

    assert_refused(answer, 400, "invalid_request_error", param)
    assert param in answer.error["message"]
    assert_usable(rest)
    assert len(emulator.calls) == 1


@pytest.mark.parametrize("model", ["emu/missing", "missing/text", "text", "emu/", "/", "emu/text/", "x" * 5000, "\0"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model_is_not_found(rest: Rest, emulator: Emulator, model: str, stream: bool) -> None:
    answer = rest.chat(GOOD | {"model": model, "stream": stream})

    assert_refused(answer, 404, "invalid_request_error", "model", "model_not_found")
    assert_usable(rest)


def test_a_message_in_every_script_is_quoted_safely(rest: Rest) -> None:
    answer = rest.chat(GOOD | {"model": 'grüße 你好 🙂 "\\\r\nx: y'})

    assert_refused(answer, 404, "invalid_request_error", "model", "model_not_found")
    assert "x" not in answer.headers


@pytest.mark.parametrize("stream", [False, True])
def test_a_body_of_9_mb_works(rest: Rest, emulator: Emulator, stream: bool) -> None:
    content = "x" * (9 * MEGABYTE)

    answer = rest.chat({"model": "emu/text", "messages": [{"role": "user", "content": content}], "stream": stream})

    assert answer.status == 200
    assert emulator.calls[-1].json["messages"][0]["content"] == content


def test_a_body_of_12_mb_is_too_large(stack: Stack, rest: Rest, emulator: Emulator) -> None:
    body = {"model": "emu/text", "messages": [{"role": "user", "content": "x" * (12 * MEGABYTE)}]}

    answer = rest.chat(body)

    assert_refused(answer, 413, "invalid_request_error", None)
    assert rest.chat(GOOD).status == 200
    assert len(emulator.calls) == 1


def test_a_body_of_12_mb_in_chunks_is_too_large(stack: Stack, rest: Rest, emulator: Emulator) -> None:
    """Without `content-length` the size shows only as the body comes."""
    headers = {"authorization": f"Bearer {stack.key}", "content-type": "application/json"}
    connection = http.client.HTTPConnection(HOST, stack.port, timeout=30)
    with closing(connection):
        pieces = (b"x" * MEGABYTE for _ in range(12))
        connection.request("POST", "/v1/chat/completions", pieces, headers, encode_chunked=True)
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    assert_refused(answer, 413, "invalid_request_error", None)
    assert rest.chat(GOOD).status == 200
    assert len(emulator.calls) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/chat",
        "/v1/completions/x",
        "/v1/moderations",
        "/v2/models",
        "/v1/chat/completions/x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_not_found(rest: Rest, path: str, method: str) -> None:
    answer = rest.request(method, path, GOOD if method == "POST" else None)

    assert_refused(answer, 404, "invalid_request_error", None)
    assert_usable(rest)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("PUT", "/v1/chat/completions"),
        ("DELETE", "/v1/chat/completions"),
        ("PATCH", "/v1/models"),
        ("DELETE", "/v1/models/emu/text"),
        ("POST", "/v1/models"),
    ],
)
def test_a_wrong_method_is_refused(rest: Rest, method: str, path: str) -> None:
    answer = rest.request(method, path)

    assert answer.status in (404, 405)
    assert_refused(answer, answer.status, "invalid_request_error", None)
    assert_usable(rest)


def test_nesting_of_64_levels_reaches_the_provider(rest: Rest, emulator: Emulator) -> None:
    answer = rest.chat(nested(64))

    assert answer.status == 200
    assert emulator.calls[-1].raw.count(b"[") == 65


def test_an_escaped_nul_in_a_string_reaches_the_provider(rest: Rest) -> None:
    answer = rest.chat({"model": "emu/echo", "messages": [{"role": "user", "content": "a\0b"}]})

    assert answer.json["choices"][0]["message"]["content"] == "a\0b"


def test_a_request_that_is_not_http_is_refused_and_harms_nobody(stack: Stack, rest: Rest) -> None:
    with socket.create_connection((HOST, stack.port), timeout=10) as raw:
        raw.sendall(b"\x00\x01\x02 nonsense\r\n\r\n")
        received = raw.recv(4096)

    assert received == b"" or received.startswith(b"HTTP/1.1 400")
    assert rest.chat(GOOD).status == 200
