"""The contract of every protocol's stream decoder, from a provider's bytes to what both doors send."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from arouter.chat.chunks import is_meaningful
from arouter.chat.usage import read_usage
from arouter.errors import ProviderError
from arouter.providers.adapter import Adapter
from arouter.providers.sse import EventTooLargeError, SseParser
from arouter.rpc.typed.chunk import chunk_to_proto

MAX_EVENT_BYTES = 1024 * 1024
WIRE = Path(__file__).parents[1] / "wire"

_OUTPUT_PER_BYTE = 200
"""Of JSON, per byte received: `{}` in Gemini's list of candidates becomes a choice."""


def stream_seeds(protocol: str) -> list[bytes]:
    """Returns the recorded streams of a protocol."""
    return [path.read_bytes() for path in sorted((WIRE / protocol).glob("*/stream.wire.txt"))]


def check_stream(adapter: Adapter, data: bytes) -> None:
    """Decodes a stream, whole and in pieces."""
    chunks, error = _decode(adapter, [data])
    size = 0
    for chunk in chunks:
        is_meaningful(chunk)
        chunk_to_proto(chunk)
        size += size_of(chunk)
    assert size <= 10_000 + _OUTPUT_PER_BYTE * len(data), f"{size} bytes of chunks from {len(data)}"
    for pieces in _cuts(data):
        again, error_again = _decode(adapter, pieces)
        assert again == chunks, f"in pieces: {again} instead of {chunks}"
        assert error_again == error, f"in pieces: {error_again} instead of {error}"


def _decode(adapter: Adapter, pieces: Iterable[bytes]) -> tuple[list[dict[str, Any]], tuple[object, ...] | None]:
    """Returns the chunks, and what stopped them if it was an error; as `ProviderStream` does."""
    parser, decoder = SseParser(MAX_EVENT_BYTES), adapter.stream_decoder()
    chunks: list[dict[str, Any]] = []
    try:
        for piece in pieces:
            for event in parser.feed(piece):
                decoded = decoder.feed(event)
                if decoder.joiner.active:
                    decoded = decoder.joiner.join(decoded)
                chunks += _without_random_ids(decoded)
                read_usage(decoder.usage)
                if decoder.done:
                    return chunks, None
        chunks += decoder.finish()
    except EventTooLargeError as error:
        return chunks, (str(error),)
    except ProviderError as error:
        error.json()
        return chunks, (error.failure, error.message, error.param, error.code)
    return chunks, None


def _without_random_ids(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replaces the ids that the router gives to calls without one: they differ from one decoding to the next."""
    for chunk in chunks:
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls") or ():
                if re.fullmatch("call_[0-9a-f]{24}", str(call.get("id"))):
                    call["id"] = "call_random"
    return chunks


def _cuts(data: bytes) -> Iterable[list[bytes]]:
    """Yields the bytes in pieces: at one place for each of a few, at all places, and after each line ending."""
    for at in {len(data) // 3, len(data) // 2, max(0, len(data) - 1), data.find(b"\n"), data.find(b"\r") + 1}:
        if 0 < at < len(data):
            yield [data[:at], b"", data[at:]]
    if len(data) <= 1024:
        yield [data[at : at + 1] for at in range(len(data))]
    yield data.splitlines(keepends=True)


def size_of(chunk: dict[str, Any]) -> int:
    """Returns the bytes of a document as JSON."""
    try:
        return len(orjson.dumps(chunk))
    except orjson.JSONEncodeError:  # Nested more deeply than it writes, which the service answers with an error.
        return 0
