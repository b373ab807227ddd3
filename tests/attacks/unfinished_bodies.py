"""Bodies of 10 MB without their last byte, over HTTP/1 and HTTP/2, with and without a key, do not shut others out."""

from __future__ import annotations

import asyncio
from collections import Counter

from attacks.connections import connect, unfinished_streams
from attacks.target import BODY_BYTES, Target
from attacks.witness import Witness

_HTTP1_CONNECTIONS = 114
_HTTP2_STREAMS = 101
_HOLD = 15.0
_PATH = "/v1/chat/completions"


def run(target: Target) -> list[str]:
    faults = []
    for key in ("", target.key):
        for attack in (_http1, _http2):
            print(f"  {attack.__name__.removeprefix('_')}, {'with a key' if key else 'without a key'}:")
            with Witness(target, ("rest",)) as witness:
                asyncio.run(attack(target, key))
            faults += witness.report()
    return faults


async def _http1(target: Target, key: str) -> None:
    head = (
        f"POST {_PATH} HTTP/1.1\r\nhost: attack\r\ncontent-type: application/json\r\ncontent-length: {BODY_BYTES}\r\n"
        f"{f'authorization: Bearer {key}' if key else 'x-none: x'}\r\n\r\n"
    )
    results = await asyncio.gather(*(_unfinished(target, head.encode()) for _ in range(_HTTP1_CONNECTIONS)))
    print("  " + ", ".join(f"{count} × {result}" for result, count in Counter(results).items()))


async def _unfinished(target: Target, head: bytes) -> str:
    try:
        reader, writer = await connect(target.gateway)
    except (OSError, TimeoutError) as error:
        return type(error).__name__
    try:
        async with asyncio.timeout(_HOLD):
            sending = asyncio.create_task(_send(writer, head + b" " * (BODY_BYTES - 1)))
            line = await reader.readline()
            sending.cancel()
            return line.decode("latin-1").strip() or "closed by the server"
    except TimeoutError:
        return "still open"
    except OSError as error:
        return type(error).__name__
    finally:
        writer.close()


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    try:
        writer.write(data)
        await writer.drain()
    except OSError:
        pass


async def _http2(target: Target, key: str) -> None:
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "attack"),
        (":path", _PATH),
        ("content-type", "application/json"),
        *([("authorization", f"Bearer {key}")] if key else []),
    ]
    print("  " + await unfinished_streams(target.gateway, headers, BODY_BYTES - 1, _HTTP2_STREAMS, _HOLD))
