"""Embeddings of the `openai` wire protocol: encodes requests and reads responses.

Vectors are passed on as the bytes that the provider sent, unless the client wants the other encoding.
"""

from __future__ import annotations

import base64
import binascii
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import orjson
from typing_extensions import override

from arouter.chat.embeddings import KINDS, EmbeddingRequest
from arouter.chat.request import ChatRequest
from arouter.errors import Failure, ProviderError
from arouter.providers import openai_errors
from arouter.providers.adapter import Encoder, Reader, StreamDecoder, WireRequest
from arouter.providers.json_reader import BYTE_ORDER_MARK
from arouter.providers.json_writer import request_json
from arouter.providers.provider_errors import bad_response

_FORMAT = "encoding_format"
_MAX_MEMBERS = 100_000
"""Maximum number of members in a response; each of 2048 embeddings has three."""

_WHAT = "a response"
_OF_NUMBERS = b"0123456789+-.eE, \t\r\n"


@dataclass(frozen=True)
class EmbeddingWire(Encoder):
    """A provider's endpoint for embeddings, and its differences from OpenAI's.

    Attributes:
        renames: Its own names of parameters, by OpenAI's names.
        parameters: All parameters of a vendor that refuses unknown ones. None: any is sent.
        formats: Whether it supports `encoding_format`. If not, vectors are converted here.
    """

    renames: Mapping[str, str] = field(default_factory=dict)
    parameters: frozenset[str] | None = None
    formats: bool = True

    @override
    def encode(self, request: ChatRequest, model: str, *, without: frozenset[str] = frozenset()) -> WireRequest:
        assert isinstance(request, EmbeddingRequest)  # noqa: S101 -- the operation of the request
        # Strict servers refuse null, which some clients send for what they leave out (BerriAI/litellm#19174).
        body = {name: value for name, value in request.body.items() if value is not None or name not in KINDS}
        body["model"] = model
        if not self.formats or _FORMAT in without:
            body.pop(_FORMAT, None)
        dimensions = body.get("dimensions") if self.parameters is None or "dimensions" in self.parameters else None
        for name, theirs in self.renames.items():
            if name in body:
                body[theirs] = body.pop(name)
        dropped = []
        for name in () if self.parameters is None else body.keys() - self.parameters:
            if body.pop(name) is not None:
                dropped.append(name)
        return WireRequest(
            "/embeddings",
            request_json(body),
            tuple(sorted(dropped)),
            # A server that refuses it is called again without it.
            added=frozenset({_FORMAT} & body.keys()),
            reader=EmbeddingReader(len(request.inputs), request.encoding, dimensions),
        )


class EmbeddingReader(Reader):
    """Reads the response to one request.

    Args:
        expected: The number of texts.
        encoding: The encoding that the client wants.
        dimensions: The length of the vectors that the provider was asked for, or None.
    """

    def __init__(self, expected: int, encoding: Literal["float", "base64"], dimensions: int | None = None) -> None:
        self._expected = expected
        self._encoding = encoding
        self._dimensions = dimensions

    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        members = _members(body)
        if "data" not in members or members.get("error", b"null") != b"null":
            openai_errors.raise_embedded({name: _value(raw) for name, raw in members.items() if name != "data"})
            if "data" not in members:
                raise bad_response(f"{_WHAT} without embeddings")
        vectors = _in_order(_decode(members.pop("data"), list[_Item]))
        answer: dict[str, Any] = {"object": "list", "data": self.data(vectors)}
        answer |= {name: _value(raw) for name, raw in members.items() if name not in answer}
        return answer

    def data(self, vectors: Sequence[bytes]) -> list[dict[str, Any]]:
        """Returns the `data` of a response, in the encoding that the client wants.

        Raises:
            ProviderError: PROVIDER_BAD_RESPONSE if there are not as many vectors as texts, or one is malformed;
                INVALID_REQUEST if the provider has ignored the dimensions, as Ollama and llama.cpp do.
        """
        if len(vectors) != self._expected:
            raise bad_response(f"{len(vectors)} embeddings for {self._expected} texts")
        encode = _as_base64 if self._encoding == "base64" else _as_numbers
        encoded = [encode(vector) for vector in vectors]
        if self._dimensions is not None and (length := _length(encoded[0])) != self._dimensions:
            raise ProviderError(
                Failure.INVALID_REQUEST,
                f"The vectors of this model have {length} dimensions, which cannot be changed. Leave out 'dimensions'.",
                param="dimensions",
            )
        return [
            {"object": "embedding", "index": index, "embedding": orjson.Fragment(vector)}
            for index, vector in enumerate(encoded)
        ]

    @override
    def stream_decoder(self) -> StreamDecoder:
        raise bad_response("a stream in place of embeddings")

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        error = openai_errors.decode_error(status, body, retry_after)
        if error.failure is Failure.CONTEXT_LENGTH_EXCEEDED:
            return ProviderError(error.failure, f"A text is too long: {error.message}", param="input")
        return error


class _Item(msgspec.Struct):
    """An embedding of a response."""

    embedding: msgspec.Raw
    index: int | None = None


def check_members(body: bytes) -> None:
    """Checks the number of members before any object is built; numbers are not counted.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if there are too many.
    """
    if len(body) > _MAX_MEMBERS and body.count(b":") + body.count(b"{") > _MAX_MEMBERS:
        raise bad_response(f"{_WHAT} of more than {_MAX_MEMBERS} members")


def _members(body: bytes) -> dict[str, bytes]:
    """Returns the members of a response as JSON texts.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it is not a JSON object or has too many members.
    """
    check_members(body)
    raw = _decode(body.removeprefix(BYTE_ORDER_MARK), dict[str, msgspec.Raw])
    return {name: bytes(each) for name, each in raw.items()}


def _decode(data: bytes, type_: Any) -> Any:
    try:
        return msgspec.json.decode(data, type=type_)
    except msgspec.ValidationError as error:
        raise bad_response(f"{_WHAT} that has no embeddings: {error}") from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise bad_response(f"{_WHAT} that is not JSON") from error


def _value(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise bad_response(f"{_WHAT} that is not JSON") from error


def _in_order(items: list[_Item]) -> list[bytes]:
    """Returns the vectors by index; by position if they have none.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if the indices are not those from 0 on.
    """
    if all(item.index is None for item in items):
        return [bytes(item.embedding) for item in items]
    by_index = {item.index: item for item in items}
    try:
        return [bytes(by_index[index].embedding) for index in range(len(items))]
    except KeyError as error:
        raise bad_response(f"{_WHAT} without the embedding of index {error}") from error


def vector_of(raw: bytes) -> array[float]:
    """Returns a vector, in single precision.

    Args:
        raw: An array of numbers, or a string with base64, as JSON.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it is malformed or empty.
    """
    if raw[:1] == b"[":
        vector = array("f", _decode(_numbers(raw), list[float]))
    else:
        text = _decode(raw, str)
        vector = array("f")
        try:
            vector.frombytes(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError) as error:
            raise bad_response("an embedding that is not base64 of 32-bit floats") from error
        if sys.byteorder == "big":
            vector.byteswap()
    if not vector:
        raise bad_response("an empty embedding")
    return vector


def _length(encoded: bytes) -> int:
    """Returns the number of dimensions of a well-formed vector: an array of numbers or a string, as JSON."""
    if encoded[:1] == b"[":
        return encoded.count(b",") + 1
    return len(encoded.strip(b'"=')) * 3 // 16


def _as_numbers(raw: bytes) -> bytes:
    return _numbers(raw) if raw[:1] == b"[" else orjson.dumps(vector_of(raw).tolist())


def _as_base64(raw: bytes) -> bytes:
    if raw[:1] == b'"':
        return raw
    vector = vector_of(raw)
    if sys.byteorder == "big":
        vector.byteswap()
    return b'"' + base64.b64encode(vector) + b'"'


def _numbers(raw: bytes) -> bytes:
    """Returns an array of numbers unchanged.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it is empty or has other values.
    """
    if raw.translate(None, _OF_NUMBERS) != b"[]" or raw[1:-1].strip() == b"":
        raise bad_response("an embedding that is not an array of numbers")
    return raw
