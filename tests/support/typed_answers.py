"""Judges every typed answer and stream that a test's `Client` receives, as OpenAI's JSON that says the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc

from arouter.v1.chat_completion_pb2 import Choice, MessageDelta, StreamChoice
from arouter.v1.chat_message_pb2 import ChatMessage, Role
from arouter.v1.chat_service_pb2 import ChatCompletionResponse, StreamChatCompletionResponse
from arouter.v1.chat_tool_pb2 import ToolCall, ToolCallDelta
from judges.openai_answers import answer_faults, stream_faults

Json = dict[str, Any]

_ENDED = b"[DONE]"
_FAILED = json.dumps({"error": {"message": "", "type": "", "param": None, "code": None}}).encode()
_ROLES = {value: name.removeprefix("ROLE_").lower() for name, value in Role.items()}

faults: list[str] = []
"""What was wrong with the answers and streams so far; one line each."""


def judged_answer(data: bytes) -> ChatCompletionResponse:
    """Deserializes an answer and judges it."""
    response = ChatCompletionResponse.FromString(data)
    faults.extend(f"a typed answer: {fault}" for fault in answer_faults(_completion(response)))
    return response


class JudgedCall:
    """A call of `StreamChatCompletion` that reads along; all else is the call's own."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __iter__(self) -> Iterator[StreamChatCompletionResponse]:
        return self

    def __next__(self) -> StreamChatCompletionResponse:
        try:
            return self._read(next(self._call))
        except StopIteration:
            self._judge(_ENDED)
            raise
        except grpc.RpcError as error:
            self._fail(error.code())
            raise

    def __aiter__(self) -> AsyncIterator[StreamChatCompletionResponse]:
        return self._responses()

    async def _responses(self) -> AsyncIterator[StreamChatCompletionResponse]:
        try:
            async for response in self._call:
                yield self._read(response)
        except grpc.RpcError as error:
            self._fail(error.code())
            raise
        self._judge(_ENDED)

    def _read(self, response: StreamChatCompletionResponse) -> StreamChatCompletionResponse:
        self._pieces.append(json.dumps(_chunk(response)).encode())
        return response

    def _fail(self, code: grpc.StatusCode) -> None:
        if code is not grpc.StatusCode.CANCELLED:
            self._judge(_FAILED)

    def _judge(self, last: bytes) -> None:
        faults.extend(f"a typed stream: {fault}" for fault in stream_faults([*self._pieces, last]))
        self._pieces = []


def _chunk(response: StreamChatCompletionResponse) -> Json:
    return _envelope(response, "chat.completion.chunk", [_choice(choice) for choice in response.choices])


def _completion(response: ChatCompletionResponse) -> Json:
    return _envelope(response, "chat.completion", [_whole_choice(choice) for choice in response.choices])


def _envelope(response: ChatCompletionResponse | StreamChatCompletionResponse, kind: str, choices: list[Json]) -> Json:
    document: Json = {
        "id": response.id,
        "object": kind,
        "created": response.created,
        "model": response.model,
        "choices": choices,
    }
    if response.HasField("usage"):
        document["usage"] = {
            "prompt_tokens": response.usage.prompt_tokens,
            "completion_tokens": response.usage.completion_tokens,
            "total_tokens": response.usage.total_tokens,
        }
    return document


def _whole_choice(choice: Choice) -> Json:
    return {
        "index": choice.index,
        "message": _message(choice.message),
        "finish_reason": choice.finish_reason,
        "logprobs": None,
    }


def _message(message: ChatMessage) -> Json:
    said: Json = {"role": _ROLES[message.role], "content": None, "refusal": None}
    for name in ("content", "refusal"):
        if message.HasField(name):
            said[name] = getattr(message, name)
    if message.tool_calls:
        said["tool_calls"] = [_call(call) for call in message.tool_calls]
    return said


def _call(call: ToolCall) -> Json:
    kind = call.WhichOneof("call")
    if kind == "custom":
        return {"id": call.id, "type": "custom", kind: {"name": call.custom.name, "input": call.custom.input}}
    return {"id": call.id, "type": kind, kind: {"name": call.function.name, "arguments": call.function.arguments}}


def _choice(choice: StreamChoice) -> Json:
    finish = choice.finish_reason if choice.HasField("finish_reason") else None
    return {"index": choice.index, "delta": _delta(choice.delta), "finish_reason": finish}


def _delta(delta: MessageDelta) -> Json:
    said: Json = {"role": _ROLES[delta.role]} if delta.role else {}
    for name in ("content", "refusal"):
        if delta.HasField(name):
            said[name] = getattr(delta, name)
    if delta.tool_calls:
        said["tool_calls"] = [_piece(piece) for piece in delta.tool_calls]
    return said


def _piece(piece: ToolCallDelta) -> Json:
    said: Json = {"index": piece.index}
    if piece.id:
        said |= {"id": piece.id, "type": piece.WhichOneof("call") or "function"}
    if piece.HasField("function"):
        name = {"name": piece.function.name} if piece.function.name else {}
        said["function"] = {**name, "arguments": piece.function.arguments}
    if piece.HasField("custom"):
        name = {"name": piece.custom.name} if piece.custom.name else {}
        said["custom"] = {**name, "input": piece.custom.input}
    return said
