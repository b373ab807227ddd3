"""Reads the cases of `tests/wire/gemini/`: a directory each, with the files that its case needs.

request.openai.json   →  request.wire.json, request.expected.json (path and what is dropped)
response.wire.json    →  response.openai.json
stream.wire.txt       →  stream.openai.jsonl, with the error of a broken one as its last line
error.wire.json       →  error.openai.json (`status` and `body` → the envelope and its HTTP status)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from arouter.errors import ProviderError
from arouter.providers.gemini.adapter import GeminiAdapter
from arouter.providers.sse import ServerSentEvent, SseParser

ADAPTER = GeminiAdapter()
CASES = Path(__file__).parents[3] / "wire" / "gemini"


def cases_with(name: str) -> list[str]:
    """Returns the cases that have the file."""
    return sorted(path.parent.name for path in CASES.glob(f"*/{name}"))


def read(case: str, name: str) -> bytes:
    """Returns a file of a case."""
    return (CASES / case / name).read_bytes()


def load(case: str, name: str) -> Any:
    """Returns the JSON of a file of a case."""
    return orjson.loads(read(case, name))


def events_of(stream: bytes) -> list[ServerSentEvent]:
    """Returns a stream's events."""
    return SseParser(1 << 20).feed(stream)


def decode_stream(pieces: list[bytes]) -> list[dict[str, Any]]:
    """Returns the chunks of a stream that came in these pieces; its error, if it ends with one, as the last."""
    parser, decoder = SseParser(1 << 20), ADAPTER.stream_decoder()
    chunks: list[dict[str, Any]] = []
    try:
        for piece in pieces:
            for event in parser.feed(piece):
                chunks += decoder.feed(event)
        chunks += decoder.finish()
    except ProviderError as error:
        chunks.append(error.envelope())
    return chunks
