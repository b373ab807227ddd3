"""Reads the responses of `countTokens`."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from arouter.errors import ProviderError
from arouter.providers.adapter import Reader, StreamDecoder
from arouter.providers.json_reader import parse_object
from arouter.providers.lenient import count


class CountReader(Reader):
    """Decodes a count to `{"input_tokens": …}`.

    Args:
        inner: Decodes errors.
    """

    def __init__(self, inner: Reader) -> None:
        self._inner = inner

    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        return {"input_tokens": count(parse_object(body, "a count").get("totalTokens"))}

    @override
    def stream_decoder(self) -> StreamDecoder:
        return self._inner.stream_decoder()

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        return self._inner.decode_error(status, body, retry_after)
