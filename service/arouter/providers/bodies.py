"""The body of a provider's response, decompressed if it is compressed although that was not requested."""

from __future__ import annotations

import asyncio
import zlib
from typing import Protocol

from typing_extensions import override

from arouter.providers.http.response import Response
from arouter.providers.provider_errors import bad_response

# Some servers wrongly send `utf-8` for an uncompressed body.
_PLAIN = frozenset({"", "identity", "none", "utf-8"})
_COMPRESSED = frozenset({"deflate", "gzip", "x-gzip"})

_ANY_HEADER = 32 + zlib.MAX_WBITS
_NO_HEADER = -zlib.MAX_WBITS
_AT_ONCE = 64 * 1024


class Body(Protocol):
    """A readable body. `Response` implements it."""

    def take(self, n: int) -> bytes | None:
        """Returns up to `n` bytes that have arrived; none at the end, and None before more arrive."""

    def arrival(self) -> asyncio.Future[None] | None:
        """Returns a future that is done when there is something to take; None if there may be now."""

    def at_eof(self) -> bool:
        """Returns whether the body has been read completely."""


async def read(body: Body, n: int) -> bytes:
    """Returns up to `n` bytes of a body, at least one; none only at the end."""
    while (data := body.take(n)) is None:
        if (arrival := body.arrival()) is not None:
            await arrival
    return data


def body_of(response: Response) -> Body:
    """Returns the body of a response.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if its content encoding is not supported.
    """
    encoding = response.headers.get("content-encoding")
    if encoding is None:
        return response
    encoding = encoding.strip().lower()
    if encoding in _PLAIN:
        return response
    if encoding in _COMPRESSED:
        return _Inflated(response)
    raise bad_response(f"a response in the content encoding {encoding[:40]!r}, which was not requested")


class _Inflated(Body):
    """A body in gzip (RFC 1952), zlib (RFC 1950) or raw deflate (RFC 1951), which some servers call deflate.

    Decompresses only as much as is requested, so that expansion happens only where bytes are counted.
    """

    def __init__(self, content: Response) -> None:
        self._content = content
        self._waiting = b""
        self._inflater = zlib.decompressobj(_ANY_HEADER)
        self._started = False

    @override
    def take(self, n: int) -> bytes | None:
        while True:
            data = self._waiting or self._content.take(_AT_ONCE)
            if data is None:
                return None
            if not data:
                if self._started and not self._inflater.eof:
                    raise bad_response("a compressed answer that is cut off")
                return b""
            if not self._started:
                self._started = True
                if data[0] != 0x1F and data[0] & 0x0F != 8:
                    self._inflater = zlib.decompressobj(_NO_HEADER)
            elif self._inflater.eof:
                # gzip members may follow one another (RFC 1952 §2.2).
                self._inflater = zlib.decompressobj(_ANY_HEADER)
            try:
                inflated = self._inflater.decompress(data, n)
            except zlib.error as error:
                raise bad_response("a response that does not match its content encoding") from error
            self._waiting = self._inflater.unused_data or self._inflater.unconsumed_tail
            if inflated:
                return inflated

    @override
    def arrival(self) -> asyncio.Future[None] | None:
        return None if self._waiting else self._content.arrival()

    @override
    def at_eof(self) -> bool:
        return not self._waiting and self._content.at_eof()
