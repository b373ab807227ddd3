"""10 MB of the smallest JSON values, eight bodies at a time, cost neither memory nor other clients' time."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from attacks.target import BODY_BYTES, Target
from attacks.witness import Witness

_AT_ONCE = 8
_ROUNDS = 3
_MESSAGES = b'{"model": "%b", "messages": [{"role": "user", "content": "x"}], "extra": '


def _bodies(model: str) -> dict[str, bytes]:
    head = _MESSAGES % model.encode()
    room = BODY_BYTES - len(head) - 16
    return {
        "[[],[],…]": head + b"[" + b"[]," * (room // 3 - 1) + b"1]}",
        '{"":0,…}': head + b"{" + b'"":0,' * (room // 5 - 1) + b'"a":0}}',
        "[0,0,…]": head + b"[" + b"0," * (room // 2 - 1) + b"0]}",
        "[{},{},…]": b"[" + b"{}," * (room // 3) + b"{}]",
        "never ended": head + b"[[],[]" * (room // 6),
    }


def run(target: Target) -> list[str]:
    faults = []
    for name, body in _bodies(target.model).items():
        with Witness(target) as witness, ThreadPoolExecutor(_AT_ONCE) as pool:
            seen = Counter(pool.map(lambda _, body=body: _post(target, body), range(_AT_ONCE * _ROUNDS)))
        print(f"  {name}: {dict(seen)}")
        faults += witness.report()
    return faults


def _post(target: Target, body: bytes) -> str:
    try:
        return str(target.ask("POST", "/v1/chat/completions", target.key, body).status)
    except OSError as error:
        return type(error).__name__
