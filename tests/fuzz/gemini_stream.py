"""Gemini's streams: from the bytes of a provider to chunks."""

from __future__ import annotations

from arouter.providers.gemini.adapter import GeminiAdapter
from fuzz.mutation import mutate_stream as mutate
from fuzz.streams import check_stream, stream_seeds

__all__ = ["SEEDS", "check", "mutate"]

SEEDS = stream_seeds("gemini")
_ADAPTER = GeminiAdapter()


def check(data: bytes) -> None:
    check_stream(_ADAPTER, data)
