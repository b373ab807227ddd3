"""Requests that count tokens, for the protocols that have them, and their responses."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from typing_extensions import override

from arouter.chat.request import ChatRequest
from arouter.chat.usage import is_count
from arouter.errors import ProviderError
from arouter.providers.adapter import Adapter, Reader, StreamDecoder, WireRequest
from arouter.providers.json_reader import parse_object
from arouter.providers.provider_errors import bad_response


@runtime_checkable
class CountingAdapter(Protocol):
    """An adapter of a protocol that counts tokens."""

    def encode_count(self, request: ChatRequest, model: str) -> WireRequest | None:
        """Encodes a request to count the tokens of `request`, or returns None if the model's vendor does not count.

        Its reader is a `CountReader`.
        """


def encode_count(adapter: Adapter, request: ChatRequest, model: str) -> WireRequest | None:
    """Returns the request that counts the tokens of `request`, or None if the protocol has none."""
    return adapter.encode_count(request, model) if isinstance(adapter, CountingAdapter) else None


class CountReader(Reader):
    """Decodes a count to `{"input_tokens": …}`.

    Args:
        inner: Decodes errors.
        member: The member of the response that has the count.
    """

    def __init__(self, inner: Reader, member: str) -> None:
        self._inner = inner
        self._member = member

    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        counted = parse_object(body, "a count of tokens").get(self._member)
        if not is_count(counted):
            raise bad_response("a count of tokens without a number")
        return {"input_tokens": counted}

    @override
    def stream_decoder(self) -> StreamDecoder:
        return self._inner.stream_decoder()

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        return self._inner.decode_error(status, body, retry_after)
