"""Bodies that are compressed although none was asked for."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import AsyncIterator

import pytest

from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.driver import Upstream
from support.chunks import next_chunks
from support.raw_provider import ANSWER, EVENTS, REQUEST, Connection, once, raw_provider


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream(max_connections=4)
    yield upstream
    assert upstream.open_calls == 0
    await upstream.close()


def bare(data: bytes) -> bytes:
    """Returns deflate without zlib's header, as some servers understand the word."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


def members(data: bytes) -> bytes:
    return gzip.compress(data[:20]) + gzip.compress(b"") + gzip.compress(data[20:])


ENCODINGS = [
    pytest.param("gzip", gzip.compress, id="gzip"),
    pytest.param("GZIP", gzip.compress, id="upper case"),
    pytest.param("x-gzip", gzip.compress, id="x-gzip"),
    pytest.param("gzip", members, id="members"),
    pytest.param("deflate", zlib.compress, id="deflate"),
    pytest.param("deflate", bare, id="bare deflate"),
    pytest.param("identity", bytes, id="identity"),
    pytest.param("utf-8", bytes, id="no encoding at all"),
]


def answer_of(body: bytes, encoding: str, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(("encoding", "encode"), ENCODINGS)
async def test_a_whole_answer_is_read(upstream: Upstream, encoding: str, encode: type[bytes]) -> None:
    answer = answer_of(encode(ANSWER), encoding)
    async with raw_provider(lambda connection, _: once(answer, connection)) as raw:
        completion = await upstream.complete(raw.provider, raw.provider.credentials[0], REQUEST, math.inf)

    assert completion["choices"][0]["message"]["content"] == "hi"


@pytest.mark.parametrize(("encoding", "encode"), ENCODINGS)
async def test_a_stream_is_read(upstream: Upstream, encoding: str, encode: type[bytes]) -> None:
    body = encode(EVENTS)

    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        await connection.send(f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\n\r\n".encode())
        for byte in body:
            await connection.send(bytes([byte]))

    async with raw_provider(handle) as raw:
        stream = await upstream.open_stream(raw.provider, raw.provider.credentials[0], REQUEST, math.inf)
        chunks = []
        while read := await next_chunks(stream):
            chunks += read
        await stream.close()

    assert [choice["delta"].get("content") for chunk in chunks for choice in chunk["choices"]] == ["hi", None]


async def test_each_piece_of_a_compressed_stream_is_read_when_it_comes(upstream: Upstream) -> None:
    deflater = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    first, rest = (each + b"\n\n" for each in EVENTS.split(b"\n\n", 1))
    held: list[Connection] = []

    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        piece = deflater.compress(first) + deflater.flush(zlib.Z_SYNC_FLUSH)
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + piece)
        held.append(connection)
        await connection.request()

    async with raw_provider(handle) as raw:
        stream = await upstream.open_stream(raw.provider, raw.provider.credentials[0], REQUEST, math.inf)
        [chunk] = await next_chunks(stream)
        assert chunk["choices"][0]["delta"]["content"] == "hi"
        await held[0].send(deflater.compress(rest) + deflater.flush())
        assert await next_chunks(stream)
        assert await next_chunks(stream) == []
        assert stream.ended
        await stream.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_little_that_becomes_much_is_refused(upstream: Upstream, stream: bool) -> None:
    deflater = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    bomb = b"".join(deflater.compress(bytes(2**20)) for _ in range(80)) + deflater.flush()
    assert len(bomb) < 100_000
    async with raw_provider(lambda connection, _: once(answer_of(bomb, "gzip"), connection)) as raw:
        call = upstream.open_stream if stream else upstream.complete
        with pytest.raises(ProviderError) as refused:
            await call(raw.provider, raw.provider.credentials[0], REQUEST, math.inf)

    assert refused.value.failure is Failure.PROVIDER_BAD_RESPONSE
    assert "bytes" in refused.value.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answer_of(b"\x0b\x02\x80{}\x03", "br"), "content encoding 'br'"),
        (answer_of(b"(\xb5/\xfd", "zstd"), "content encoding 'zstd'"),
        (answer_of(gzip.compress(gzip.compress(ANSWER)), "gzip, gzip"), "content encoding 'gzip, gzip'"),
        (answer_of(ANSWER, "gzip"), "does not match its content encoding"),
        (answer_of(gzip.compress(ANSWER)[:-9], "gzip"), "cut off"),
        (answer_of(gzip.compress(ANSWER) + b"junk", "gzip"), "does not match its content encoding"),
        (answer_of(b"", "gzip"), "not JSON"),
    ],
    ids=["br", "zstd", "twice", "not at all", "cut", "with more behind", "empty"],
)
async def test_what_cannot_be_decompressed_is_a_bad_response(upstream: Upstream, answer: bytes, said: str) -> None:
    async with raw_provider(lambda connection, _: once(answer, connection)) as raw:
        with pytest.raises(ProviderError) as refused:
            await upstream.complete(raw.provider, raw.provider.credentials[0], REQUEST, math.inf)

    assert refused.value.failure is Failure.PROVIDER_BAD_RESPONSE
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", gzip.compress(b'{"error": {"message": "slow down"}}'), "slow down"),
        ("br", b"\x0b\x02", "The provider rejected the request with status 429."),
    ],
    ids=["gzip", "br"],
)
async def test_an_error_keeps_its_status(upstream: Upstream, encoding: str, body: bytes, message: str) -> None:
    answer = answer_of(body, encoding, "429 Slow")
    async with raw_provider(lambda connection, _: once(answer, connection)) as raw:
        with pytest.raises(ARouterError) as limited:
            await upstream.complete(raw.provider, raw.provider.credentials[0], REQUEST, math.inf)

    assert (limited.value.failure, limited.value.message) == (Failure.RATE_LIMITED, message)
