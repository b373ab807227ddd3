"""Judges every typed answer and stream that a test's `Client` receives, as OpenAI's JSON that says the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc

from arouter.client import to_openai
from arouter.v1.chat_service_pb2 import ChatCompletionResponse, StreamChatCompletionResponse
from judges.openai_answers import answer_faults, stream_faults

_ENDED = b"[DONE]"
_FAILED = json.dumps({"error": {"message": "", "type": "", "param": None, "code": None}}).encode()

faults: list[str] = []
"""What was wrong with the answers and streams so far; one line each."""


def judged_answer(data: bytes) -> ChatCompletionResponse:
    """Deserializes an answer and judges it."""
    response = ChatCompletionResponse.FromString(data)
    faults.extend(f"a typed answer: {fault}" for fault in answer_faults(to_openai(response)))
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
        self._pieces.append(json.dumps(to_openai(response)).encode())
        return response

    def _fail(self, code: grpc.StatusCode) -> None:
        if code is not grpc.StatusCode.CANCELLED:
            self._judge(_FAILED)

    def _judge(self, last: bytes) -> None:
        faults.extend(f"a typed stream: {fault}" for fault in stream_faults([*self._pieces, last]))
        self._pieces = []
