"""Failed calls over gRPC: the code of the error table, and `google.rpc.ErrorInfo`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
import pytest
from google.api import httpbody_pb2
from grpc import StatusCode

from arouter.v1 import chat_message_pb2, chat_service_pb2, chat_tool_pb2, model_service_pb2
from emulator import Emulator
from emulator.scenarios import RETRY_AFTER
from support.stack import Stack
from support.typed import Client, chat_request, refusal

Request = chat_service_pb2.ChatCompletionRequest
Tool = chat_tool_pb2.Tool


@pytest.fixture(params=["direct", "through Envoy"])
def client(request: pytest.FixtureRequest, stack: Stack, emulator: Emulator) -> Iterator[Client]:
    with stack.channel(stack.port if request.param == "through Envoy" else None) as channel:
        yield Client(stack, channel)


def failure(call: Callable[[], Any]) -> Any:
    """Returns what a call, unary or a stream, fails with."""

    def finish() -> None:
        answer = call()
        if not hasattr(answer, "DESCRIPTOR"):
            list(answer)

    with pytest.raises(grpc.RpcError) as caught:
        finish()
    return caught.value


class Case(NamedTuple):
    name: str
    request: Request
    code: StatusCode
    reason: str
    info: dict[str, str]


def refused(name: str, request: Request, param: str | None) -> Case:
    info = {"http_status": "400", "type": "invalid_request_error"} | ({"param": param} if param else {})
    return Case(name, request, StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", info)


def provider_failed(model: str, code: StatusCode, reason: str, status: int) -> Case:
    provider = model.partition("/")[0]
    info = {"http_status": str(status), "type": "server_error", "code": reason.lower(), "provider": provider}
    return Case(model, chat_request(model), code, reason, info)


NOT_FOUND = {"http_status": "404", "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
EMULATED = {"param": "temperature", "code": "emulated_code", "provider": "emu"}
WRONG_PART = {"extra_fields_json": '{"type": "text", "text": 1}'}
CASES = [
    refused("no messages", Request(model="emu/text"), "messages"),
    refused("no model", Request(messages=chat_request().messages), "model"),
    refused(
        "no role",
        Request(model="emu/text", messages=[chat_message_pb2.ChatMessage(content="hi")]),
        "messages[0].role",
    ),
    refused("extra_body is not an object", chat_request(extra_body="[]"), "extra_body"),
    refused("extra_body is not JSON", chat_request(extra_body="{"), "extra_body"),
    refused(
        "extra_fields_json names a field that is set",
        chat_request(
            tools=[
                chat_tool_pb2.Tool(
                    function=chat_tool_pb2.FunctionDefinition(name="f"), extra_fields_json='{"function": {}}'
                )
            ]
        ),
        "tools[0].extra_fields_json",
    ),
    refused("extra_body holds what is out of range", chat_request(extra_body='{"top_k": -2}'), "top_k"),
    refused(
        "extra_body holds a wrong type", chat_request(extra_body='{"reasoning": {"effort": 1}}'), "reasoning.effort"
    ),
    refused("a function without a name", chat_request(tools=[Tool(function={})]), "tools[0].function.name"),
    refused(
        "a part, which has another name in OpenAI's JSON",
        Request(model="emu/text", messages=[{"role": "ROLE_USER", "content_parts": {"parts": [WRONG_PART]}}]),
        "messages[0].content_parts.parts[0].text",
    ),
    refused("a bias too low", chat_request(logit_bias={"50256": -101}), "logit_bias.50256"),
    *[
        refused(f"{field} is {value}", chat_request(**{field: value}), field)
        for field, value in (
            ("temperature", 2.1),
            ("temperature", -0.1),
            ("temperature", float("nan")),
            ("top_p", 1.1),
            ("frequency_penalty", -3),
            ("presence_penalty", 3),
            ("n", 0),
            ("n", 129),
            ("max_tokens", 0),
            ("max_completion_tokens", -1),
            ("top_logprobs", 21),
        )
    ],
    Case("unknown model", chat_request("emu/missing"), StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", NOT_FOUND),
    Case(
        "400",
        chat_request("emu/status-400"),
        StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
        {"http_status": "400", "type": "invalid_request_error", **EMULATED},
    ),
    Case(
        "429",
        chat_request("emu/status-429"),
        StatusCode.RESOURCE_EXHAUSTED,
        "RATE_LIMITED",
        {"http_status": "429", "type": "rate_limit_error", **EMULATED},
    ),
    provider_failed("emu/status-401", StatusCode.FAILED_PRECONDITION, "PROVIDER_CREDENTIALS", 502),
    provider_failed("emu/status-500", StatusCode.UNAVAILABLE, "PROVIDER_ERROR", 502),
    provider_failed("refusing/text", StatusCode.UNAVAILABLE, "PROVIDER_UNREACHABLE", 502),
    provider_failed("emu/garbage", StatusCode.UNAVAILABLE, "PROVIDER_BAD_RESPONSE", 502),
    provider_failed("hasty/hang", StatusCode.DEADLINE_EXCEEDED, "PROVIDER_TIMEOUT", 504),
]


@pytest.mark.parametrize("method", ["ChatCompletion", "StreamChatCompletion"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_failure_has_its_code_and_reason(client: Client, case: Case, method: str) -> None:
    error = refusal(failure(lambda: getattr(client.chat, method)(case.request, **client.options)))

    assert (error.code, error.reason, error.info) == (case.code, case.reason, case.info)


def test_a_rate_limit_says_when_to_retry(client: Client) -> None:
    error = refusal(failure(lambda: client.chat.ChatCompletion(chat_request("emu/status-429"), **client.options)))

    assert error.retry_after == int(RETRY_AFTER)


@pytest.mark.parametrize(
    "metadata",
    [(), (("authorization", "Bearer lr_live_unknown"),), (("authorization", "lr_live"),), (("x-api-key", ""),)],
    ids=["no key", "an unknown key", "no scheme", "an empty key"],
)
@pytest.mark.parametrize("method", ["ChatCompletion", "StreamChatCompletion", "CreateChatCompletion", "ListModels"])
def test_without_a_good_key_nothing_is_answered(client: Client, method: str, metadata: Any) -> None:
    call: Callable[[], Any] = {
        "ChatCompletion": lambda: client.chat.ChatCompletion(chat_request(), metadata=metadata, timeout=10),
        "StreamChatCompletion": lambda: client.chat.StreamChatCompletion(chat_request(), metadata=metadata, timeout=10),
        "CreateChatCompletion": lambda: client.chat.CreateChatCompletion(raw(b"{}"), metadata=metadata, timeout=10),
        "ListModels": lambda: client.models.ListModels(
            model_service_pb2.ListModelsRequest(), metadata=metadata, timeout=10
        ),
    }[method]

    error = refusal(failure(call))

    assert (error.code, error.reason) == (StatusCode.UNAUTHENTICATED, "INVALID_API_KEY")


def raw(data: bytes) -> chat_service_pb2.CreateChatCompletionRequest:
    body = httpbody_pb2.HttpBody(content_type="application/json", data=data)
    return chat_service_pb2.CreateChatCompletionRequest(http_body=body)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"model":"emu/text","messages":"\xff"}', b"[" * 200_000])
def test_a_malformed_document_is_an_invalid_argument(client: Client, data: bytes) -> None:
    error = refusal(failure(lambda: client.chat.CreateChatCompletion(raw(data), **client.options)))

    assert (error.code, error.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")


def test_a_request_over_the_limit_is_refused_before_it_is_parsed(stack: Stack, emulator: Emulator) -> None:
    with stack.channel() as channel:
        client = Client(stack, channel)
        request = chat_request(text="x" * (12 * 1024 * 1024))
        error = failure(lambda: client.chat.ChatCompletion(request, **client.options))
        after = client.chat.ChatCompletion(chat_request(), **client.options)

    assert error.code() is StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in error.details()
    assert after.choices


@pytest.mark.parametrize("method", ["/arouter.v1.ChatService/Missing", "/missing.v1.Service/Method"])
@pytest.mark.parametrize("door", ["direct", "through Envoy"])
def test_an_unknown_method_is_unimplemented(stack: Stack, method: str, door: str) -> None:
    with stack.channel(stack.port if door == "through Envoy" else None) as channel:
        call = channel.unary_unary(method)
        error = refusal(failure(lambda: call(b"", metadata=stack.metadata, timeout=10)))

    assert (error.code, error.reason) == (StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED")
    assert error.info == {"http_status": "501", "type": "invalid_request_error"}


@pytest.mark.parametrize(
    ("model", "code", "reason"),
    [
        ("hasty/hang-midstream", StatusCode.DEADLINE_EXCEEDED, "PROVIDER_TIMEOUT"),
        ("emu/error-midstream", StatusCode.UNAVAILABLE, "PROVIDER_ERROR"),
        ("emu/cut-later-event", StatusCode.UNAVAILABLE, "PROVIDER_BAD_RESPONSE"),
        ("emu/no-finish", StatusCode.UNAVAILABLE, "PROVIDER_BAD_RESPONSE"),
    ],
)
def test_a_fault_amid_a_typed_stream_ends_it_with_a_status(
    client: Client, model: str, code: StatusCode, reason: str
) -> None:
    stream = client.chat.StreamChatCompletion(chat_request(model), **client.options)
    received = []

    with pytest.raises(grpc.RpcError) as caught:
        received.extend(stream)

    error = refusal(caught.value)
    assert (error.code, error.reason) == (code, reason)
    assert "".join(chunk.choices[0].delta.content for chunk in received).startswith("Hello")


def test_a_fault_amid_an_event_stream_is_its_last_event_and_the_status(client: Client) -> None:
    data = b'{"model":"emu/error-midstream","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    stream = client.chat.CreateChatCompletion(raw(data), **client.options)
    received = []

    with pytest.raises(grpc.RpcError) as caught:
        received.extend(stream)

    assert refusal(caught.value).reason == "PROVIDER_ERROR"
    events = b"".join(body.data for body in received)
    assert b'data: {"error":{' in events
    assert b"[DONE]" not in events
    assert {body.content_type for body in received} == {"text/event-stream"}


@pytest.mark.parametrize("model", ["emu/hang", "emu/hang-midstream"])
def test_the_callers_deadline_ends_the_provider_call(
    client: Client, stack: Stack, emulator: Emulator, model: str
) -> None:
    request = chat_request(model, user=f"deadline {model}")

    error = failure(lambda: client.chat.StreamChatCompletion(request, metadata=stack.metadata, timeout=0.5))

    assert error.code() is StatusCode.DEADLINE_EXCEEDED
    assert emulator.call(f"deadline {model}").disconnected.wait(5)


@pytest.mark.parametrize(
    "method", ["ModelService/GetModel", "ChatService/ChatCompletion", "ChatService/StreamChatCompletion"]
)
@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x0a\x02\xff\xfe"], ids=["no protobuf", "no UTF-8"])
def test_a_request_that_cannot_be_decoded_is_refused(stack: Stack, method: str, garbage: bytes) -> None:
    with stack.channel() as channel:
        call = channel.unary_stream(f"/arouter.v1.{method}")
        with pytest.raises(grpc.RpcError) as refused:
            list(call(garbage, metadata=stack.metadata, timeout=20))

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "valid protobuf" in refused.value.details()
