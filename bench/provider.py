"""An emulated provider that costs next to nothing: precomputed bytes, no parsing beyond what framing needs."""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop
from typing_extensions import override

CHUNKS = 50
_HEAD = {"id": "chatcmpl-bench", "created": 1_750_000_000, "model": "bench", "system_fingerprint": "fp_bench"}
_USAGE = {"prompt_tokens": 20, "completion_tokens": CHUNKS, "total_tokens": 20 + CHUNKS}
_SENTENCE = "The quick brown fox jumps over the lazy dog. " * 5


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _completion() -> bytes:
    message = {"role": "assistant", "content": _SENTENCE, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = _json(_HEAD | {"object": "chat.completion", "choices": [choice], "usage": _USAGE})
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _stream() -> list[bytes]:
    """Returns the writes of a streamed answer: headers, `CHUNKS` events of one word, finish, usage, end."""

    def event(delta: object, finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _json(_HEAD | {"object": "chat.completion.chunk", "choices": [choice]})

    documents = [event({"role": "assistant", "content": ""})]
    documents += [event({"content": f" word{number}"}) for number in range(CHUNKS - 2)]
    documents += [event({}, "stop")]
    documents += [_json(_HEAD | {"object": "chat.completion.chunk", "choices": [], "usage": _USAGE}), b"[DONE]"]
    events = [b"data: %b\n\n" % document for document in documents]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return [head, *(b"%x\r\n%b\r\n" % (len(event), event) for event in events), b"0\r\n\r\n"]


_COMPLETION = _completion()
_STREAM = _stream()


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            _, _, length = head.partition(b"content-length:")
            size = end + 4 + (int(length.split(b"\r\n", 1)[0]) if length else 0)
            if len(self._received) < size:
                return
            body, self._received = self._received[end + 4 : size], self._received[size:]
            self._answer(b'"stream":true' in body)

    def _answer(self, stream: bool) -> None:
        if self._transport is None:
            return
        if not stream:
            self._transport.write(_COMPLETION)
            return
        for piece in _STREAM:
            self._transport.write(piece)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Lives as long as whoever started it keeps its standard input open.
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_serve())
