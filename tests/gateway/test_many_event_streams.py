"""A thousand event streams open at once through the gateway, then half of the clients gone at once."""

from __future__ import annotations

import asyncio

import aiohttp

from emulator import Emulator
from support.stack import Stack

STREAMS = 1000
OPENING = 100
"""Streams that are opened at a time: a busy client may take too long for the first bytes of a thousand connections."""

BODY = {"model": "emu/gated", "messages": [{"role": "user", "content": "hi"}], "stream": True}


async def open_stream(session: aiohttp.ClientSession, stack: Stack) -> aiohttp.ClientResponse:
    """Opens a stream and reads up to its first word."""
    response = await session.post(stack.base_url + "/chat/completions", json=BODY)
    assert response.status == 200
    line = b""
    while b"Hello" not in line:
        line = await response.content.readline()
    return response


async def test_a_thousand_event_streams_at_once(stack: Stack, emulator: Emulator) -> None:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"authorization": f"Bearer {stack.key}"},
        timeout=aiohttp.ClientTimeout(total=60),
    ) as session:
        responses: list[aiohttp.ClientResponse] = []
        for _ in range(STREAMS // OPENING):
            responses += await asyncio.gather(*(open_stream(session, stack) for _ in range(OPENING)))
        assert emulator.open_calls == STREAMS

        vanishing, staying = responses[: STREAMS // 2], responses[STREAMS // 2 :]
        for response in vanishing:
            response.close()
        await asyncio.to_thread(emulator.wait_for, lambda: emulator.open_calls == len(staying))

        emulator.release_all()
        bodies = await asyncio.gather(*(response.read() for response in staying))

    assert all(body.endswith(b"data: [DONE]\n\n") for body in bodies)
