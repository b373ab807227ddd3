"""Converts typed requests for embeddings to OpenAI's JSON, and responses to typed ones."""

from __future__ import annotations

import re
from typing import Any

import orjson

from arouter.chat.embeddings import MAX_TOKEN_VALUES, EmbeddingRequest, embedding_request
from arouter.chat.json_bounds import too_many_values
from arouter.errors import invalid_request
from arouter.providers.embeddings import vector_of
from arouter.rpc.typed.answer import extra_fields
from arouter.rpc.typed.presence import add_extra, json_object
from arouter.rpc.typed.request import provider_preferences
from arouter.v1.embedding_service_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse

_FORMAT = "encoding_format"
_KNOWN = frozenset({"object", "model", "data", "usage"})
_TOKEN = re.compile(r"input(\[\d+\])(\[\d+\])?")


def typed_embeddings(request: CreateEmbeddingsRequest) -> EmbeddingRequest:
    """Returns the request for the pipeline. Vectors are requested as base64, which is the smallest.

    Raises:
        ARouterError: INVALID_REQUEST; `param` is the path of the invalid member of OpenAI's JSON.
    """
    if request.input and request.token_input:
        raise invalid_request("Set 'input' or 'token_input', not both.", "token_input")
    body: dict[str, Any] = {"model": request.model}
    if request.input:
        body["input"] = list(request.input)
    elif request.token_input:
        if sum(len(each.tokens) for each in request.token_input) > MAX_TOKEN_VALUES:
            raise too_many_values("The request", "token_input")
        body["input"] = [list(each.tokens) for each in request.token_input]
    if request.HasField("dimensions"):
        body["dimensions"] = request.dimensions
    if request.HasField("user"):
        body["user"] = request.user
    if request.HasField("provider"):
        body["provider"] = provider_preferences(request.provider)
    body[_FORMAT] = "base64"
    if request.extra_body:
        add_extra(body, json_object(request.extra_body, "extra_body"), "extra_body")
    return embedding_request(body)


def typed_token_path(path: str) -> str:
    """Returns the typed path for the path of a token in OpenAI's JSON; other paths are returned unchanged."""
    found = _TOKEN.fullmatch(path)
    if found is None:
        return path
    return f"token_input{found[1]}" + (f".tokens{found[2]}" if found[2] else "")


def embeddings_to_proto(completion: dict[str, Any]) -> CreateEmbeddingsResponse:
    """Returns the typed form of a response."""
    response = CreateEmbeddingsResponse(
        model=completion["model"],
        usage=completion["usage"],
        extra_fields_json=extra_fields(completion, _KNOWN) or "",
    )
    for item in completion["data"]:
        # As JSON, because the vector is the provider's own bytes.
        vector = vector_of(orjson.dumps(item["embedding"]))
        response.data.add(index=item["index"], embedding=vector)
    return response
