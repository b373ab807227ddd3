"""gRPC-Web and Connect through the gateway: what a native gRPC client receives, in the form of each protocol."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse

from arouter.v1 import chat_service_pb2, model_service_pb2
from emulator import Emulator
from emulator.answers import TEXT
from support.edge import Edge, edge
from support.ports import HOST, refusing_port
from support.rest import Rest
from support.stack import Stack
from support.typed import chat_request
from support.web import (
    CONNECT_STREAM,
    CONNECT_UNARY,
    GRPC_WEB,
    GRPC_WEB_TEXT,
    STREAMING,
    UNARY,
    Called,
    connect_stream,
    connect_unary,
    framed,
    grpc_web,
    read_connect_stream,
    read_connect_unary,
    read_grpc_web,
)

CHAT = "/arouter.v1.ChatService/ChatCompletion"
STREAM = "/arouter.v1.ChatService/StreamChatCompletion"
LIST = "/arouter.v1.ModelService/ListModels"
HEALTH = "/grpc.health.v1.Health/Check"
MB = 1024 * 1024

Call = Callable[..., Called]
unary = pytest.mark.parametrize("call", UNARY.values(), ids=UNARY)
streaming = pytest.mark.parametrize("call", STREAMING.values(), ids=STREAMING)
CALLS = [(call, CHAT) for call in UNARY.values()] + [(connect_stream, STREAM)]
every = pytest.mark.parametrize(("call", "path"), CALLS, ids=[*UNARY, "Connect stream"])


def request(model: str = "emu/text", **fields: Any) -> bytes:
    return chat_request(model, **fields).SerializeToString()


@unary
def test_a_unary_call(rest: Rest, call: Call) -> None:
    called = call(rest, CHAT, request())

    [message] = called.messages
    response = chat_service_pb2.ChatCompletionResponse.FromString(message)
    assert (called.code, response.choices[0].message.content) == ("ok", TEXT)
    assert called.metadata["x-request-id"]
    names = {name.removeprefix("trailer-") for name in called.metadata}
    assert {"x-arouter-provider", "x-arouter-route"} <= names


@streaming
def test_a_stream(rest: Rest, call: Call) -> None:
    called = call(rest, STREAM, request())

    chunks = [chat_service_pb2.StreamChatCompletionResponse.FromString(message) for message in called.messages]
    assert called.code == "ok"
    assert "".join(choice.delta.content for chunk in chunks for choice in chunk.choices) == TEXT
    assert len(chunks) > 3


@streaming
def test_a_stream_that_fails_midway(rest: Rest, call: Call) -> None:
    called = call(rest, STREAM, request("emu/error-midstream"))

    assert len(called.messages) > 1
    assert (called.code, called.reason) == ("unavailable", "PROVIDER_ERROR")


@unary
def test_an_empty_message(rest: Rest, call: Call) -> None:
    called = call(rest, LIST, b"")

    [message] = called.messages
    assert "emu/text" in {model.id for model in model_service_pb2.ListModelsResponse.FromString(message).data}


@unary
def test_public_methods_need_no_key(stack: Stack, call: Call) -> None:
    with Rest(stack.port) as rest:
        [message] = call(rest, HEALTH, b"").messages

    assert HealthCheckResponse.FromString(message).status == HealthCheckResponse.SERVING


@every
def test_an_error_of_the_service_has_its_details(rest: Rest, emulator: Emulator, call: Call, path: str) -> None:
    called = call(rest, path, request("emu/status-429"))

    assert (called.code, called.message) == ("resource_exhausted", "emulated failure 429")
    assert (called.reason, called.retry_after, called.messages) == ("RATE_LIMITED", 17, [])
    assert called.metadata["retry-after"] == "17"


@every
@pytest.mark.parametrize("key", ["", "Bearer nonsense", 'Bearer "\\'])
def test_a_call_without_a_valid_key(stack: Stack, call: Call, path: str, key: str) -> None:
    with Rest(stack.port) as rest:
        called = call(rest, path, request(), {"authorization": key} if key else None)

    assert (called.code, called.reason) == ("unauthenticated", "INVALID_API_KEY")
    assert "API key" in called.message


def test_the_key_comes_before_the_body(stack: Stack) -> None:
    """The gateway buffers a unary Connect body: it refuses the call while nothing of the body has arrived."""
    with Rest(stack.port) as rest:
        called = connect_unary(rest, CHAT, b"", {"content-length": str(9 * MB)})

    assert (called.code, called.reason) == ("unauthenticated", "INVALID_API_KEY")


@every
def test_an_unknown_method(rest: Rest, call: Call, path: str) -> None:
    called = call(rest, path + "Nope", request())

    assert (called.code, called.reason) == ("unimplemented", "UNIMPLEMENTED")


@pytest.mark.parametrize("path", ["/grpc.health.v1.Health/Nope", "/nonsense.v1.Nope/Nope", "/nonsense"])
def test_a_path_of_no_method(rest: Rest, path: str) -> None:
    called = grpc_web(rest, path, b"")

    assert (called.code, called.message) == ("unimplemented", "There is no such method.")


@every
def test_a_body_that_is_too_large(rest: Rest, call: Call, path: str) -> None:
    called = call(rest, path, b"", {"content-length": str(10 * MB + 1)})

    assert (called.code, called.reason) == ("invalid_argument", "PAYLOAD_TOO_LARGE")


def test_a_large_message_and_a_large_response(rest: Rest) -> None:
    text = "x" * (4 * MB)
    called = connect_unary(rest, CHAT, request("emu/echo", text=text))

    [message] = called.messages
    assert text in chat_service_pb2.ChatCompletionResponse.FromString(message).choices[0].message.content


@every
def test_an_unreachable_service(away: Edge, call: Call, path: str) -> None:
    with away.rest() as rest:
        called = call(rest, path, request())

    assert (called.code, called.reason, called.retry_after) == ("unavailable", "UNAVAILABLE", 1)
    assert called.metadata["retry-after"] == "1"


@pytest.fixture(scope="module")
def away(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with (
        refusing_port() as port,
        edge(stack, tmp_path_factory.mktemp("edge"), services=((HOST, port),)) as running,
    ):
        yield running


@every
def test_a_compressed_body_is_refused(rest: Rest, call: Call, path: str) -> None:
    called = call(rest, path, request(), {"content-encoding": "gzip"})

    assert (called.code, called.reason) == ("unimplemented", "INVALID_REQUEST")
    assert "content-encoding" in called.message


@pytest.mark.parametrize(
    ("path", "content_type", "read"),
    [(CHAT, GRPC_WEB, read_grpc_web), (STREAM, CONNECT_STREAM, read_connect_stream)],
    ids=["gRPC-Web", "Connect"],
)
def test_a_compressed_message_is_taken(rest: Rest, path: str, content_type: str, read: Callable[..., Called]) -> None:
    name = "grpc-encoding" if content_type == GRPC_WEB else "connect-content-encoding"
    body = framed(gzip.compress(request()), flags=1)

    assert read(rest.request("POST", path, body, {"content-type": content_type, name: "gzip"})).code == "ok"


@every
def test_the_deadline_of_the_client_applies(rest: Rest, emulator: Emulator, call: Call, path: str) -> None:
    name, value = ("grpc-timeout", "200m") if "grpc_web" in call.__name__ else ("connect-timeout-ms", "200")

    assert call(rest, path, request("emu/hang"), {name: value}).code == "deadline_exceeded"


@pytest.mark.parametrize("headers", [{"connect-protocol-version": "1"}, {}], ids=["Connect", "plain"])
def test_json_is_refused_as_unsupported(rest: Rest, headers: dict[str, str]) -> None:
    answer = rest.request("POST", CHAT, {"model": "emu/text"}, headers)

    called = read_connect_unary(answer)
    assert (answer.status, called.code, called.reason) == (415, "unimplemented", "INVALID_REQUEST")
    assert "JSON" in called.message


def test_a_stream_of_json_is_refused_as_unsupported(rest: Rest) -> None:
    answer = rest.request("POST", STREAM, framed(b"{}"), {"content-type": "application/connect+json"})

    assert read_connect_stream(answer, "application/connect+json").code == "unimplemented"


@pytest.mark.parametrize("content_type", ["+json", "x", "; charset=utf-8", "-text+json", "-text+proto;a=b"])
def test_another_type_of_grpc_web_is_refused_as_such(rest: Rest, content_type: str) -> None:
    answer = rest.request("POST", CHAT, framed(request()), {"content-type": f"application/grpc-web{content_type}"})

    called = read_grpc_web(answer)
    assert (called.code, called.reason, called.messages) == ("unimplemented", "INVALID_REQUEST", [])


@pytest.mark.parametrize("path", [STREAM, "/grpc.health.v1.Health/Watch"])
def test_a_stream_is_not_unary(rest: Rest, path: str) -> None:
    assert connect_unary(rest, path, request()).code == "unimplemented"


def test_methods_are_called_with_post(rest: Rest) -> None:
    answer = rest.get(f"{LIST}?connect=v1&encoding=proto&message=")

    assert (answer.status, answer.headers["allow"], read_connect_unary(answer).code) == (405, "POST", "unimplemented")


def test_the_version_of_connect_may_be_left_out(rest: Rest) -> None:
    assert read_connect_unary(rest.request("POST", CHAT, request(), {"content-type": CONNECT_UNARY})).code == "ok"


@pytest.mark.parametrize("content_type", [CONNECT_UNARY, CONNECT_STREAM, GRPC_WEB, GRPC_WEB_TEXT])
def test_rest_is_what_its_paths_say(rest: Rest, content_type: str) -> None:
    """A REST client may send any content type, and any header of these protocols."""
    headers = {"content-type": content_type, "connect-protocol-version": "1", "x-arouter-protocol": "connect"}
    body = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}

    assert rest.chat(body, headers).json["object"] == "chat.completion"
    assert rest.request("POST", "/v1/embeddings", b"{", headers).error["type"] == "invalid_request_error"
    assert rest.chat(b"", headers | {"content-length": str(10 * MB + 1)}).error["type"] == "invalid_request_error"


@pytest.mark.parametrize(("call", "path"), [(connect_unary, CHAT), (connect_stream, STREAM)])
@pytest.mark.parametrize("header", [("grpc-timeout", "1n"), ("grpc-timeout", "x"), ("grpc-encoding", "foo")])
def test_headers_of_grpc_do_not_affect_connect_calls(
    rest: Rest, call: Call, path: str, header: tuple[str, str]
) -> None:
    assert call(rest, path, request(), dict([header])).code == "ok"


@pytest.mark.parametrize("timeout", ["", "x", "-1", "9" * 30])
def test_an_invalid_deadline_is_ignored(rest: Rest, timeout: str) -> None:
    assert connect_unary(rest, CHAT, request(), {"connect-timeout-ms": timeout}).code == "ok"


HOSTILE = {
    "a length of 4 GiB": b"\0\xff\xff\xff\xffx",
    "a length that lies": b"\0\0\0\0\x09x",
    "half a prefix": b"\0\0",
    "nothing": b"",
    "flags that mean nothing": framed(b"", flags=0x7C),
    "compressed without an encoding": framed(b"x", flags=1),
    "trailers instead of a message": framed(b"grpc-status:0\r\n", flags=0x80),
    "an end of stream instead of a message": framed(b"{}", flags=2),
    "no protobuf": framed(b"\xff" * 64),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_an_invalid_message_is_an_error(rest: Rest, body: bytes) -> None:
    codes = {
        read_grpc_web(rest.request("POST", STREAM, body, {"content-type": GRPC_WEB})).code,
        read_connect_stream(rest.request("POST", STREAM, body, {"content-type": CONNECT_STREAM})).code,
    }

    assert codes <= {"internal", "unimplemented", "resource_exhausted", "invalid_argument"}
    assert connect_unary(rest, CHAT, b"\xff" + body).code == "invalid_argument"
    assert grpc_web(rest, CHAT, request()).code == "ok"  # on the same connection


@pytest.mark.parametrize("body", [b"!!!!", b"AAA", b"AAAA====", b"\0" * 4096, b"\xff"])
def test_invalid_base64_is_an_error(rest: Rest, body: bytes) -> None:
    answer = rest.request("POST", CHAT, body, {"content-type": GRPC_WEB_TEXT})

    assert read_grpc_web(answer).code in ("invalid_argument", "unimplemented")
