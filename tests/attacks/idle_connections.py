"""10,000 TCP connections that send nothing do not shut others out."""

from __future__ import annotations

import asyncio
import resource

from attacks.connections import closed_within, connect
from attacks.target import Target
from attacks.witness import Witness

_CONNECTIONS = 10_000
_HOLD = 20.0
_BATCH = 200


def run(target: Target) -> list[str]:
    with Witness(target, ("rest",)) as witness:
        asyncio.run(_attack(target))
    return witness.report()


async def _attack(target: Target) -> None:
    number = min(_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    refused = 0
    for _ in range(0, number, _BATCH):
        results = await asyncio.gather(*(connect(target.gateway) for _ in range(_BATCH)), return_exceptions=True)
        opened += [result for result in results if not isinstance(result, BaseException)]
        refused += sum(isinstance(result, BaseException) for result in results)
    closed = sum(await asyncio.gather(*(closed_within(reader, _HOLD) for reader, _ in opened)))
    print(f"  {len(opened)} connections opened, {refused} refused, {closed} closed by the server within {_HOLD:.0f} s")
    for _, writer in opened:
        writer.close()
