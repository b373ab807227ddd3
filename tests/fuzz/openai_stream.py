"""Streams of the `openai` protocol, with and without a vendor's quirks: from the bytes of a provider to chunks."""

from __future__ import annotations

from arouter.providers.openai import OpenAIAdapter
from arouter.providers.presets import PRESETS
from fuzz.mutation import mutate_stream as mutate
from fuzz.streams import WIRE, check_stream

__all__ = ["SEEDS", "check", "mutate"]

SEEDS = [
    b"".join(b"data: " + line + b"\n\n" for line in path.read_bytes().splitlines()) + b"data: [DONE]\n\n"
    for path in sorted(WIRE.glob("*/*/stream.openai.jsonl"))
]
_ADAPTERS = [
    OpenAIAdapter(),
    *(OpenAIAdapter(preset.quirks) for preset in PRESETS.values() if preset.protocol == "openai" and preset.quirks),
]


def check(data: bytes) -> None:
    check_stream(_ADAPTERS[len(data) % len(_ADAPTERS)], data)
