"""Changes inputs: bytes anywhere, and JSON where a parser would accept the result."""

from __future__ import annotations

import json
from random import Random
from typing import Any

MAX_BYTES = 4096

_ODD_BYTES = (
    b"\x00",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\xef\xbb\xbf",
    b"\xff",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"\\",
    b",",
)
_DEEP = "<deep>"
_DEPTHS = (60, 250, 300, 900, 1100)
"""orjson writes about 250 levels and reads 1,024."""

_ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64 - 1,
    1e308,
    -0.5,
    "",
    "x",
    "0",
    "\x00",
    "\ud7ff🙂",
    "error",
    "x" * 300,
    [],
    [None],
    [[]],
    [{}],
    ["text"],
    {},
    {"type": "text"},
    {"type": None},
    {"message": {"message": 1}},
    _DEEP,
)


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """Returns the bytes with a few changes."""
    out = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randint(0, len(out))
        to = min(len(out), at + random.choice((0, 1, 4, 64)))
        match random.randrange(5):
            case 0:
                del out[at:to]
            case 1:
                out[at:at] = random.choice(_ODD_BYTES)
            case 2:
                out[at:to] = random.randbytes(to - at)
            case 3:
                out[at:at] = out[at:to] * random.choice((1, 2, 20))
            case _:
                other = random.randint(0, len(out))
                out[at:at] = out[other : other + 64]
    return bytes(out[:MAX_BYTES])


def mutate_value(value: Any, random: Random) -> Any:
    """Returns a JSON value that differs in one place, changed in place where it can be."""
    while isinstance(value, dict | list) and value and random.random() < 0.8:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = random.choice(keys)
        if isinstance(value[key], dict | list) and value[key] and random.random() < 0.7:
            value[key] = mutate_value(value[key], random)
        elif random.random() < 0.2:
            del value[key]
        elif random.random() < 0.2 and isinstance(value, list):
            value.insert(key, value[key])
        elif random.random() < 0.2 and isinstance(value, dict):
            value[random.choice(keys)] = value[key]
        else:
            value[key] = random.choice(_ODD_VALUES)
        return value
    return random.choice(_ODD_VALUES)


def mutate_json(data: bytes, random: Random) -> bytes:
    """Returns a JSON text that differs in one place; other bytes are changed as bytes."""
    if random.random() < 0.2:
        return mutate_bytes(data, random)
    try:
        value = json.loads(data)
        text = json.dumps(mutate_value(value, random)).encode()
    except (ValueError, RecursionError):
        return mutate_bytes(data, random)
    depth = random.choice(_DEPTHS)
    deep = random.choice((b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth))
    return text.replace(f'"{_DEEP}"'.encode(), deep)[:MAX_BYTES]


def mutate_stream(data: bytes, random: Random) -> bytes:
    """Returns a stream of events of which one is another, twice there, elsewhere or gone."""
    if random.random() < 0.2:
        return mutate_bytes(data, random)
    events = data.split(b"\n\n")
    at = random.randrange(len(events))
    match random.randrange(6):
        case 0:
            del events[at]
        case 1:
            events.insert(random.randrange(len(events)), events[at])
        case 2:
            other = random.randrange(len(events))
            events[at], events[other] = events[other], events[at]
        case _:
            head, colon, text = events[at].partition(b"data:")
            events[at] = head + colon + mutate_json(text, random) if colon else mutate_bytes(head, random)
    return b"\n\n".join(events)[:MAX_BYTES]
