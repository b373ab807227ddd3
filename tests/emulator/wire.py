"""How an answer is put on the connection, also wrongly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from emulator.call import Call

DONE = b"data: [DONE]\n\n"
DEEP = json.loads("[" * 300 + "]" * 300)
"""A list nested more deeply than orjson writes, and less deeply than it reads."""


def event(document: Any) -> bytes:
    """Returns one server-sent event, as OpenAI writes it."""
    return b"data: " + encode(document) + b"\n\n"


def encode(document: Any) -> bytes:
    """Returns compact JSON in UTF-8, with nothing escaped that need not be."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def events(chunks: Iterable[Any]) -> list[bytes]:
    """Returns a whole stream: an event for each chunk and the end marker."""
    return [*(event(chunk) for chunk in chunks), DONE]


def document(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Returns a JSON answer."""
    return web.Response(body=encode(body), status=status, content_type="application/json", headers=headers)


@asynccontextmanager
async def stream(call: Call) -> AsyncIterator[web.StreamResponse]:
    """Opens a chunked event stream; leaving it ends the body properly."""
    response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
    await response.prepare(call.request)
    yield response
    await response.write_eof()


async def send(call: Call, pieces: Iterable[bytes]) -> web.StreamResponse:
    """Sends a stream, each piece by itself, and ends it properly."""
    async with stream(call) as response:
        for piece in pieces:
            await response.write(piece)
            call.started.set()
            await asyncio.sleep(0)  # lets the transport send it before the next one is added
    return response


async def send_and_cut(call: Call, pieces: Iterable[bytes]) -> web.StreamResponse:
    """Sends the beginning of a stream and closes the connection without ending the body."""
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(call.request)
    for piece in pieces:
        await response.write(piece)
    close(call)
    return response


def close(call: Call) -> None:
    """Closes the connection once what was written is sent."""
    transport = call.request.transport
    if transport is not None:
        transport.close()


def write_raw(call: Call, data: bytes) -> None:
    """Writes bytes to the connection past the HTTP server, and closes it."""
    transport = call.request.transport
    if transport is not None:
        transport.write(data)
        transport.close()
