"""Typed requests with five million empty messages, over gRPC, cost neither memory nor other clients' time."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc

from arouter.v1.chat_service_pb2 import ChatCompletionRequest
from attacks.target import BODY_BYTES, Target
from attacks.witness import Witness

_AT_ONCE = 8
_ROUNDS = 2
_LENGTH_DELIMITED = 2


def run(target: Target) -> list[str]:
    faults = []
    for name in ("messages", "tools", "metadata"):
        number = ChatCompletionRequest.DESCRIPTOR.fields_by_name[name].number
        field = _varint(number << 3 | _LENGTH_DELIMITED) + b"\0"
        data = field * (BODY_BYTES // len(field))
        with Witness(target) as witness, ThreadPoolExecutor(_AT_ONCE) as pool:
            seen = Counter(pool.map(lambda _, data=data: _call(target, data), range(_AT_ONCE * _ROUNDS)))
        print(f"  {len(data) // len(field)} × {name}: {dict(seen)}")
        faults += witness.report()
    return faults


def _call(target: Target, data: bytes) -> str:
    host, port = target.grpc
    with grpc.insecure_channel(f"{host}:{port}", options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
        call = channel.unary_unary("/arouter.v1.ChatService/ChatCompletion")
        try:
            call(data, metadata=(("authorization", f"Bearer {target.key}"),), timeout=30)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])
