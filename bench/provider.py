"""An emulated provider that costs next to nothing: precomputed bytes, no parsing beyond what framing needs.

What it does depends on the model: `bench` answers at once, with one document or `CHUNKS` events; `spaced` writes the
events `SPACING` seconds apart, each with the time at which it was written; `waiting` never goes on after the first.
Arguments: none, or the files of a certificate and its key for TLS.
"""

from __future__ import annotations

import asyncio
import json
import resource
import ssl
import sys
import time

import uvloop
from typing_extensions import override

CHUNKS = 50
SPACING = 0.005
"""Seconds."""

_HEAD = {"id": "chatcmpl-bench", "created": 1_750_000_000, "model": "bench", "system_fingerprint": "fp_bench"}
_USAGE = {"prompt_tokens": 20, "completion_tokens": CHUNKS, "total_tokens": 20 + CHUNKS}
_SENTENCE = "The quick brown fox jumps over the lazy dog. " * 5
_OTHER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n{"object":"list","data":[]}'


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _completion() -> bytes:
    message = {"role": "assistant", "content": _SENTENCE, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return _json(_HEAD | {"object": "chat.completion", "choices": [choice], "usage": _USAGE})


def _event(delta: object, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _framed(_json(_HEAD | {"object": "chat.completion.chunk", "choices": [choice]}))


def _framed(document: bytes) -> bytes:
    event = b"data: %b\n\n" % document
    return b"%x\r\n%b\r\n" % (len(event), event)


COMPLETION = _completion()
"""The body of a whole answer."""

_COMPLETION = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(COMPLETION),
    COMPLETION,
)
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_FIRST = _event({"role": "assistant", "content": ""})
_WORDS = [_event({"content": f" word{number}"}) for number in range(CHUNKS - 2)]
_LAST = _event({}, "stop")
_END = _framed(_json(_HEAD | {"object": "chat.completion.chunk", "choices": [], "usage": _USAGE})) + _framed(b"[DONE]")
_STREAM = [_STREAM_HEAD, _FIRST, *_WORDS, _LAST, _END, b"0\r\n\r\n"]


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._wanted = 0
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= self._wanted and (end := self._received.find(b"\r\n\r\n")) >= 0:
            if not self._wanted:
                _, _, length = bytes(self._received[:end]).lower().partition(b"\r\ncontent-length:")
                self._wanted = end + 4 + (int(length.split(b"\r\n", 1)[0]) if length else 0)
                continue
            body = bytes(self._received[end + 4 : self._wanted])
            del self._received[: self._wanted]
            self._wanted = 0
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        if not body:
            transport.write(_OTHER)
        elif b'"stream":true' not in body and b'"stream": true' not in body:
            transport.write(_COMPLETION)
        elif b'"model":"spaced"' in body or b'"model": "spaced"' in body:
            transport.write(_STREAM_HEAD + _FIRST)
            self._go_on(transport, CHUNKS - 2)
        elif b'"model":"waiting"' in body:
            transport.write(_STREAM_HEAD + _FIRST + _WORDS[0])
        else:
            for piece in _STREAM:
                transport.write(piece)

    def _go_on(self, transport: asyncio.Transport, words: int) -> None:
        if transport.is_closing():
            return
        if not words:
            transport.write(_LAST + _END + b"0\r\n\r\n")
            return
        transport.write(_event({"content": f" {time.monotonic_ns()}"}))
        asyncio.get_running_loop().call_later(SPACING, self._go_on, transport, words - 1)


async def _serve(*certificate: str) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=4096, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Lives as long as its parent process keeps its standard input open.
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:]))
