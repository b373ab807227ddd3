"""Anthropic's streams: from the bytes of a provider to chunks."""

from __future__ import annotations

from arouter.providers.anthropic.adapter import AnthropicAdapter
from fuzz.mutation import mutate_stream as mutate
from fuzz.streams import check_stream, stream_seeds

__all__ = ["SEEDS", "check", "mutate"]

SEEDS = stream_seeds("anthropic")
_ADAPTER = AnthropicAdapter()


def check(data: bytes) -> None:
    check_stream(_ADAPTER, data)
