"""gRPC messages of 10 MB without their last byte are not held for long, through the gateway and directly."""

from __future__ import annotations

import asyncio

from attacks.connections import Header, unfinished_streams
from attacks.target import BODY_BYTES, Address, Target
from attacks.witness import Witness

_CONNECTIONS = 12
_STREAMS = 5
_HOLD = 20.0


def run(target: Target) -> list[str]:
    faults = []
    for place, address in (("gateway", target.gateway), ("service", target.grpc)):
        for key in ("", target.key):
            headers = [
                (":method", "POST"),
                (":scheme", "http"),
                (":authority", "attack"),
                (":path", "/arouter.v1.ChatService/ChatCompletion"),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
                *([("authorization", f"Bearer {key}")] if key else []),
            ]
            with Witness(target) as witness:
                seen = asyncio.run(_attack(address, headers))
            print(f"  {place}, {'with a key' if key else 'without a key'}, {_CONNECTIONS} times: {seen}")
            faults += [f"{place}: {fault}" for fault in witness.report()]
    return faults


async def _attack(address: Address, headers: list[Header]) -> str:
    one = (unfinished_streams(address, headers, BODY_BYTES - 1, _STREAMS, _HOLD) for _ in range(_CONNECTIONS))
    return " or ".join(sorted(set(await asyncio.gather(*one))))
