"""Reads the responses of a provider of the client's own dialect: in canonical form, with the provider's JSON beside it.

Usage, logs and health come from the canonical form; the client gets the provider's own JSON.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk
from arouter.chat.native import NativeChunk, NativeCompletion, NativeEvent
from arouter.errors import ProviderError
from arouter.providers.adapter import Reader, StreamDecoder
from arouter.providers.json_reader import parse_object
from arouter.providers.sse import ServerSentEvent
from arouter.providers.surrogates import SurrogateJoiner


class NativeReader(Reader):
    """Decodes responses of a wire protocol, and keeps them.

    Args:
        inner: Decodes the responses of the protocol.
    """

    def __init__(self, inner: Reader) -> None:
        self._inner = inner

    @override
    def decode(self, body: bytes) -> NativeCompletion:
        return NativeCompletion(self._inner.decode(body), parse_object(body, "a response"))

    @override
    def stream_decoder(self) -> NativeStreamDecoder:
        return NativeStreamDecoder(self._inner.stream_decoder())

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        return self._inner.decode_error(status, body, retry_after)


class NativeStreamDecoder(StreamDecoder):
    """Decodes the events of one stream, and keeps them.

    Args:
        inner: Decodes the events of the protocol.
    """

    def __init__(self, inner: StreamDecoder) -> None:
        self.done = False
        self.usage: dict[str, Any] | None = None
        # Never active: the chunks of the inner decoder are repaired here, because that makes new ones of them.
        self.joiner = SurrogateJoiner()
        self._inner = inner
        self._kept: list[NativeEvent] = []

    @override
    def feed(self, event: ServerSentEvent) -> list[Chunk]:
        inner = self._inner
        chunks = inner.feed(event)
        if inner.joiner.active:
            chunks = inner.joiner.join(chunks)
        # An event that is not an object is an end marker or a heartbeat; anything else the decoder has refused.
        with suppress(ProviderError):
            self._kept.append((event.event.decode("utf-8", "replace"), parse_object(event.data, "an event")))
        self.done, self.usage = inner.done, inner.usage
        return self._with_events(chunks)

    @override
    def finish(self) -> list[Chunk]:
        chunks = self._inner.finish()
        self.done, self.usage = True, self._inner.usage
        return self._with_events(chunks)

    def _with_events(self, chunks: list[Chunk]) -> list[Chunk]:
        """Returns chunks of which the first has all events that are kept; at the end there is at least one."""
        if not self._kept or not (chunks or self.done):
            return chunks
        first: Chunk = chunks[0] if chunks else {"choices": []}
        kept, self._kept = self._kept, []
        return [NativeChunk(first, kept), *chunks[1:]]
