"""The body of a provider's answer, decompressed where it is compressed although that was not asked for."""

from __future__ import annotations

import zlib
from typing import Protocol

import aiohttp
from typing_extensions import override

from arouter.providers.provider_errors import bad_response

# `utf-8` is a known mistake for nothing.
_PLAIN = frozenset({"", "identity", "none", "utf-8"})
_COMPRESSED = frozenset({"deflate", "gzip", "x-gzip"})

_ANY_HEADER = 32 + zlib.MAX_WBITS
_NO_HEADER = -zlib.MAX_WBITS
_AT_ONCE = 64 * 1024


class Body(Protocol):
    """What is read of a body. `aiohttp.StreamReader` is one."""

    async def read(self, n: int) -> bytes:
        """Returns up to `n` bytes, waiting for at least one; none only at the end."""

    def at_eof(self) -> bool:
        """Says whether all has been read."""


def body_of(response: aiohttp.ClientResponse) -> Body:
    """Returns the body of an answer.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; it is compressed in a way that is not known.
    """
    encoding = response.headers.get("content-encoding")
    if encoding is None:
        return response.content
    encoding = encoding.strip().lower()
    if encoding in _PLAIN:
        return response.content
    if encoding in _COMPRESSED:
        return _Inflated(response.content)
    raise bad_response(f"an answer in the content encoding {encoding[:40]!r}, although it was asked for none")


class _Inflated(Body):
    """A body in gzip (RFC 1952), in zlib's format (RFC 1950), or in the bare deflate (RFC 1951) that some call so.

    Decompresses what has come and no more than is asked for, so that little can become much only where it is counted.
    """

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self._waiting = b""
        self._inflater = zlib.decompressobj(_ANY_HEADER)
        self._started = False

    @override
    async def read(self, n: int) -> bytes:
        while True:
            data = self._waiting or await self._content.read(_AT_ONCE)
            if not data:
                if self._started and not self._inflater.eof:
                    raise bad_response("a compressed answer that is cut off")
                return b""
            if not self._started:
                self._started = True
                if data[0] != 0x1F and data[0] & 0x0F != 8:
                    self._inflater = zlib.decompressobj(_NO_HEADER)
            elif self._inflater.eof:
                # gzip files may follow one another (RFC 1952 §2.2).
                self._inflater = zlib.decompressobj(_ANY_HEADER)
            try:
                inflated = self._inflater.decompress(data, n)
            except zlib.error as error:
                raise bad_response("an answer that is not compressed as it says") from error
            self._waiting = self._inflater.unused_data or self._inflater.unconsumed_tail
            if inflated:
                return inflated

    @override
    def at_eof(self) -> bool:
        return not self._waiting and self._content.at_eof()
