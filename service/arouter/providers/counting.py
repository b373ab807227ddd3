"""Requests that count tokens, for the protocols that have them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from arouter.chat.request import ChatRequest
from arouter.providers.adapter import Adapter, WireRequest


@runtime_checkable
class CountingAdapter(Protocol):
    """An adapter of a protocol that counts tokens."""

    def encode_count(self, request: ChatRequest, model: str) -> WireRequest | None:
        """Encodes a request to count the tokens of `request`, or returns None if the model's vendor does not count.

        Its reader returns `{"input_tokens": …}`.
        """


def encode_count(adapter: Adapter, request: ChatRequest, model: str) -> WireRequest | None:
    """Returns the request that counts the tokens of `request`, or None if the protocol has none."""
    return adapter.encode_count(request, model) if isinstance(adapter, CountingAdapter) else None
