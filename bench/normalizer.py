"""What it costs to see that a chunk of a provider's stream is in OpenAI's shape, on chunks that are.

`python -m bench.normalizer` prints it. The chunks are parsed before: what is timed is what stands between parsing and
passing on, the search for usage included.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import orjson

from arouter.providers.openai_answer import ChunkNormalizer, take_usage

_CHUNKS = 200
_ROUNDS = 201

_DELTAS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"role": "assistant", "content": ""}, {"content": " word"}),
    "tool_call": (
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"city'}}]},
    ),
}
"""By kind, the delta that begins a stream, and the one that all its other chunks have."""


def normalizer_us() -> dict[str, float]:
    """Returns microseconds of processor time for a clean chunk, by kind: the median of the rounds."""
    return {kind: round(_measured(*deltas), 2) for kind, deltas in _DELTAS.items()}


def _measured(first: dict[str, Any], other: dict[str, Any]) -> float:
    times = []
    for _ in range(_ROUNDS):
        chunks = [_chunk(other) for _ in range(_CHUNKS)]
        normalizer = ChunkNormalizer()
        normalizer.normalize(_chunk(first)["choices"])
        start = time.process_time()
        for chunk in chunks:
            normalizer.normalize(chunk["choices"])
            take_usage(chunk)
        times.append((time.process_time() - start) / _CHUNKS * 1e6)
    return statistics.median(times)


def _chunk(delta: dict[str, Any]) -> dict[str, Any]:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}],
        "usage": None,
    }
    return orjson.loads(orjson.dumps(chunk))  # type: ignore[no-any-return]


if __name__ == "__main__":
    for kind, microseconds in normalizer_us().items():
        print(f"{kind:10}{microseconds:6.2f} µs")
