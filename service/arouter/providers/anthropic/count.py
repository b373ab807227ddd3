"""Decodes the response to a count of tokens."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from arouter.chat.usage import is_count
from arouter.errors import ProviderError
from arouter.providers.adapter import Reader, StreamDecoder
from arouter.providers.json_reader import parse_object
from arouter.providers.provider_errors import bad_response


class CountReader(Reader):
    """Reads a count.

    Args:
        inner: Decodes errors.
    """

    def __init__(self, inner: Reader) -> None:
        self._inner = inner

    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        counted = parse_object(body, "a count of tokens")
        if not is_count(counted.get("input_tokens")):
            raise bad_response("a count of tokens without a number")
        return counted

    @override
    def stream_decoder(self) -> StreamDecoder:
        return self._inner.stream_decoder()

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        return self._inner.decode_error(status, body, retry_after)
