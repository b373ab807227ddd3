"""Translates embeddings to and from Gemini's embedContent and batchEmbedContents (ai.google.dev/api/embeddings)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec
from typing_extensions import override

from arouter.chat.embeddings import EmbeddingRequest
from arouter.chat.request import ChatRequest
from arouter.chat.types import STRING, check
from arouter.errors import ProviderError, invalid_request
from arouter.providers.adapter import Encoder, WireRequest
from arouter.providers.embeddings import EmbeddingReader, check_members
from arouter.providers.gemini.errors import embedded_error, error_from_body
from arouter.providers.json_writer import request_json
from arouter.providers.lenient import object_in
from arouter.providers.provider_errors import bad_response

_OWN = {"task_type": "taskType", "taskType": "taskType", "title": "title"}
"""Google's own parameters, by the names in a request. They are unknown to OpenAI."""

_TRANSLATED = frozenset({"model", "input", "dimensions", "encoding_format", *_OWN})


@dataclass(frozen=True)
class GeminiEmbeddings(Encoder):
    """Encodes requests. One text is sent to embedContent, several to batchEmbedContents."""

    @override
    def encode(self, request: ChatRequest, model: str, *, without: frozenset[str] = frozenset()) -> WireRequest:
        assert isinstance(request, EmbeddingRequest)  # noqa: S101 -- the operation of the request
        body = request.body
        name = f"models/{model.removeprefix('models/')}"
        common: dict[str, Any] = {"model": name}
        if body.get("dimensions") is not None:
            common["outputDimensionality"] = body["dimensions"]
        for ours, theirs in _OWN.items():
            if body.get(ours) is not None:
                check(body[ours], STRING, ours)
                common[theirs] = body[ours]
        requests = []
        for text in request.inputs:
            if not isinstance(text, str):
                raise invalid_request("Google's models embed texts, not tokens. Send the text.", "input")
            requests.append({**common, "content": {"parts": [{"text": text}]}})
        several = isinstance(body["input"], list)
        method = "batchEmbedContents" if several else "embedContent"
        dropped = tuple(sorted(each for each in body if each not in _TRANSLATED and body[each] is not None))
        return WireRequest(
            f"/v1beta/models/{quote(name.removeprefix('models/'), safe='')}:{method}",
            request_json({"requests": requests} if several else requests[0]),
            dropped,
            reader=_GeminiReader(len(requests), request.encoding, body.get("dimensions")),
        )


class _Vector(msgspec.Struct):
    values: msgspec.Raw


class _Answer(msgspec.Struct):
    """The response of either method."""

    embedding: _Vector | None = None
    embeddings: list[_Vector] | None = None
    usage: Any = msgspec.field(default=None, name="usageMetadata")
    error: Any = None


class _GeminiReader(EmbeddingReader):
    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        check_members(body)
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise bad_response("a response that has no embeddings") from error
        if answer.error:
            raise embedded_error(answer.error)
        vectors = answer.embeddings or ([] if answer.embedding is None else [answer.embedding])
        completion: dict[str, Any] = {"object": "list", "data": self.data([bytes(each.values) for each in vectors])}
        tokens = object_in(answer.usage).get("promptTokenCount")
        if tokens is not None:
            # Anything else than a count is estimated later.
            completion["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        return completion

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        return error_from_body(status, body, retry_after)
