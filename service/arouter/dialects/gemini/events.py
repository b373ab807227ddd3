"""Streams responses: server-sent events with `alt=sse`, otherwise one JSON array.

Gemini's streams have no end marker and no comments: Google's SDK for Python takes any other line for an error's JSON.
"""

from __future__ import annotations

from typing import Any

import orjson
from typing_extensions import override

from arouter.chat.chunks import Chunk
from arouter.chat.native import NativeChunk
from arouter.chat.request import ChatRequest
from arouter.dialects.dialect import EventEncoder
from arouter.dialects.gemini.errors import encode_error
from arouter.dialects.gemini.fields import Json
from arouter.dialects.gemini.request import shows_thoughts
from arouter.dialects.gemini.response import ChoiceWriter, envelope
from arouter.dialects.sse import event
from arouter.errors import ARouterError


class GeminiEventEncoder(EventEncoder):
    """Translates chunks to server-sent events."""

    content_type = "text/event-stream"
    # Adds nothing to the response.
    keep_alive = b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"index":0}]}\n\n'

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._thoughts = shows_thoughts(request)
        self._native = False
        self._template: Chunk = {}
        self._usage: Any = None
        self._writers: dict[int, ChoiceWriter] = {}

    @override
    def encode(self, chunks: list[Chunk]) -> bytes:
        return b"".join([self._frame(document) for chunk in chunks for document in self._documents(chunk)])

    @override
    def finish(self) -> bytes:
        if self._native:
            return self._end()
        candidates = [self._writers[index].close() for index in sorted(self._writers)]
        return self._frame({"candidates": candidates, **envelope(self._template, self._usage)}) + self._end()

    @override
    def fail(self, error: ARouterError) -> bytes:
        return self._frame(encode_error(error)) + self._end()

    def _documents(self, chunk: Chunk) -> list[Json]:
        """Returns the responses for one chunk."""
        if isinstance(chunk, NativeChunk):
            self._native = True
            return [{**document, "modelVersion": chunk.get("model", "")} for _, document in chunk.native]
        if self._native:
            return []
        self._template = chunk
        self._usage = chunk.get("usage") or self._usage
        candidates = []
        for choice in chunk["choices"]:
            writer = self._writers.get(choice["index"])
            if writer is None:
                writer = ChoiceWriter(choice["index"], self._request, thoughts=self._thoughts)
                self._writers[choice["index"]] = writer
            candidate = writer.write(choice)
            if candidate is not None:
                candidates.append(candidate)
        return [{"candidates": candidates, **envelope(chunk, None)}] if candidates else []

    def _frame(self, document: Json) -> bytes:
        return event(document)

    def _end(self) -> bytes:
        return b""


class GeminiArrayEncoder(GeminiEventEncoder):
    """Translates chunks to the elements of one JSON array."""

    content_type = "application/json"
    keep_alive = b"\n"

    def __init__(self, request: ChatRequest) -> None:
        super().__init__(request)
        self._begun = False

    @override
    def _frame(self, document: Json) -> bytes:
        separator = b",\r\n" if self._begun else b"["
        self._begun = True
        return separator + orjson.dumps(document)

    @override
    def _end(self) -> bytes:
        return b"]" if self._begun else b"[]"
