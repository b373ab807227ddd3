"""One usage record for a call, whatever its route, its protocol and its kind of answer: read from the service's log."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from google.api import httpbody_pb2
from google.protobuf import json_format

from arouter.chat.usage import Usage, read_usage
from arouter.v1 import chat_service_pb2
from matrix.provider import PROTOCOLS, native_name
from support.log import chat
from support.rest import events
from support.stack import Stack
from support.typed import Client, chat_request

CASE = "reasoning"
"""In it no count is zero that every protocol can say."""

RECORD = Usage(prompt_tokens=20, completion_tokens=9, cached_tokens=8, reasoning_tokens=5)

Told = tuple[str, Any]
"""The request's id and the usage that the client was told."""


def body(model: str, *, stream: bool, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, **more}


def with_usage(model: str, *, stream: bool) -> dict[str, Any]:
    return body(model, stream=stream, **({"stream_options": {"include_usage": True}} if stream else {}))


def last_of(stream: bytes) -> Any:
    *_, last, end = events(stream)
    assert end == b"[DONE]"
    return json.loads(last)


def rest(stack: Stack, model: str, *, stream: bool) -> Told:
    with stack.rest() as client:
        answer = client.chat(with_usage(model, stream=stream))
    return answer.headers["x-request-id"], (last_of(answer.body) if stream else answer.json)["usage"]


def rest_shaped(stack: Stack, model: str, *, stream: bool) -> Told:
    written = httpbody_pb2.HttpBody(data=json.dumps(with_usage(model, stream=stream)).encode())
    request = chat_service_pb2.CreateChatCompletionRequest(http_body=written)
    with stack.channel() as channel:
        request_id, options = named(stack, channel)
        answer = b"".join(piece.data for piece in Client(stack, channel).chat.CreateChatCompletion(request, **options))
    return request_id, (last_of(answer) if stream else json.loads(answer))["usage"]


def typed(stack: Stack, model: str, *, stream: bool) -> Told:
    with stack.channel() as channel:
        request_id, options = named(stack, channel)
        chat = Client(stack, channel).chat
        if stream:
            *_, answer = chat.StreamChatCompletion(chat_request(model), **options)
        else:
            answer = chat.ChatCompletion(chat_request(model), **options)
    return request_id, json_format.MessageToDict(answer.usage, preserving_proto_field_name=True)


def named(stack: Stack, channel: Any) -> tuple[str, dict[str, Any]]:
    """Returns a new request id and the options of a call that carries it: no gateway gives it one."""
    request_id = secrets.token_hex(8)
    options = Client(stack, channel).options
    return request_id, {**options, "metadata": (*options["metadata"], ("x-request-id", request_id))}


def record(fields: dict[str, Any]) -> dict[str, int]:
    return {name: fields[name] for name in Usage._fields if name in fields}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("route", [rest, rest_shaped, typed])
def test_every_route_leaves_the_same_record(
    translated: Stack, route: Callable[..., Told], protocol: str, stream: bool
) -> None:
    model = f"{protocol}/{native_name(PROTOCOLS[protocol], CASE)}"

    request_id, told = route(translated, model, stream=stream)

    fields = chat(translated.process, request_id)
    assert (fields["model"], fields["stream"], fields["status"]) == (model, stream, "ok")
    assert record(fields) == {name: count for name, count in RECORD._asdict().items() if count}
    assert read_usage(told) == RECORD


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_stream_is_recorded_whether_or_not_its_client_wants_to_know(translated: Stack, protocol: str) -> None:
    with translated.rest() as client:
        answer = client.chat(body(f"{protocol}/{native_name(PROTOCOLS[protocol], CASE)}", stream=True))

    assert b'"usage"' not in answer.body
    assert record(chat(translated.process, answer.headers["x-request-id"]))["prompt_tokens"] == RECORD.prompt_tokens


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_call_that_failed_has_no_record(translated: Stack, stream: bool) -> None:
    with translated.rest() as client:
        answer = client.chat(body(f"openai/{native_name(PROTOCOLS['openai'], 'error_500')}", stream=stream))

    fields = chat(translated.process, answer.headers["x-request-id"])
    assert (fields["status"], fields["failure"], record(fields)) == ("failed", "PROVIDER_ERROR", {})
