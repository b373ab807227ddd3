"""A request for embeddings: OpenAI's JSON, validated as far as every provider requires it.

Source: `openai.types.embedding_create_params` of the official SDK.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from arouter.chat.inputs import MAX_INPUTS, read_inputs
from arouter.chat.json_bounds import MAX_JSON_VALUES, count_values, load_json, too_many_values
from arouter.chat.preferences import ROUTER_FIELDS
from arouter.chat.request import ChatRequest, Input, Operation, check_size
from arouter.chat.shapes import PROVIDER_FIELDS
from arouter.chat.types import NAME, STRING, check_document, integer, object_of, word
from arouter.errors import invalid_request

MAX_TOKEN_VALUES = 400_000
"""Maximum number of tokens in a request. OpenAI's limit is 300,000; their objects take 11 MB."""

KINDS = {
    "model": NAME,
    "dimensions": integer(1),
    "encoding_format": word("float", "base64"),
    "user": STRING,
    "provider": object_of(PROVIDER_FIELDS),
}
"""The known parameters, besides `input`."""

_OTHER_MODELS = tuple(name for name in ROUTER_FIELDS if name not in ("provider", "transforms"))
"""Fields for the router that concern models other than the requested one."""

_WHAT = "The request body"


class _Body(msgspec.Struct):
    """The only member of a body that may have more values than others."""

    input: msgspec.Raw


class EmbeddingRequest(ChatRequest):
    """A request for embeddings.

    Attributes:
        inputs: The texts; at least one.
        encoding: How the client wants the vectors: as arrays of numbers, or as base64 of 32-bit floats, little-endian.
    """

    __slots__ = ("encoding", "inputs")

    operation: ClassVar[Operation] = "embeddings"

    def __init__(self, body: dict[str, Any], inputs: tuple[Input, ...]) -> None:
        super().__init__(body, stream=False, include_usage=False)
        self.inputs = inputs
        self.encoding: Literal["float", "base64"] = body.get("encoding_format") or "float"


def parse_embedding_request(data: bytes) -> EmbeddingRequest:
    """Parses and validates a REST body.

    Raises:
        ARouterError: INVALID_REQUEST with the invalid `param`; PAYLOAD_TOO_LARGE.
    """
    check_size(data, "input")
    many = len(data) > MAX_JSON_VALUES and count_values(data) > MAX_JSON_VALUES
    return embedding_request(_load_tokens(data) if many else load_json(data, _WHAT))


def embedding_request(body: Any) -> EmbeddingRequest:
    """Validates OpenAI's JSON.

    Raises:
        ARouterError: INVALID_REQUEST with the first field that is missing, of the wrong type or out of range.
    """
    check_document(body, KINDS, "model", "input")
    for name in _OTHER_MODELS:
        if body.get(name):
            raise invalid_request(
                f"'{name}' is not supported here: embeddings of different models cannot be compared, so there is no "
                "fallback to another one.",
                name,
            )
    inputs = read_inputs(body["input"], "input")
    return EmbeddingRequest({name: value for name, value in body.items() if name not in _OTHER_MODELS}, inputs)


def _load_tokens(data: bytes) -> Any:
    """Parses a body whose `input` is so many tokens that they are counted apart.

    Raises:
        ARouterError: INVALID_REQUEST if there are too many, or the values are others.
    """
    try:
        raw = bytes(msgspec.json.decode(data, type=_Body).input)
        if raw.count(b",") > MAX_TOKEN_VALUES or raw.count(b"[") > MAX_INPUTS + 1:
            raise too_many_values(_WHAT, "input")
        nested = raw[1:].lstrip()[:1] == b"["
        tokens: list[Any] = (
            msgspec.json.decode(raw, type=list[list[int]]) if nested else msgspec.json.decode(raw, type=list[int])
        )
    except msgspec.MsgspecError as error:
        raise too_many_values(_WHAT) from error
    body = load_json(data.replace(raw, b"null", 1), _WHAT)
    return {**body, "input": tokens}
