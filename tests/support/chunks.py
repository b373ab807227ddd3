"""Reads a provider's stream as the router does."""

from __future__ import annotations

from arouter.chat.chunks import Chunk
from arouter.providers.provider_stream import ProviderStream


async def next_chunks(stream: ProviderStream) -> list[Chunk]:
    """Returns all chunks that have arrived, at least one; an empty list at the end of the stream."""
    chunks: list[Chunk] = []
    while not chunks and not stream.ended:
        arrival = stream.arrival()
        if arrival is not None:
            await arrival
        chunks = stream.take()
    return chunks
