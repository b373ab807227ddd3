"""The bound of a request body's values: what is refused has too many, what is read has not."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import orjson

from arouter.chat import json_bounds
from arouter.errors import ARouterError
from fuzz.mutation import mutate_json as mutate

__all__ = ["SEEDS", "check", "mutate"]

SEEDS = [
    b'{"model": "a/b", "messages": [{"role": "user", "content": "a, [b]: {c}"}]}',
    b"[" + b"[]," * 60 + b"1]",
    b'{"":0,"a":{"b":[1,2,3],"c":"\\\\\\"[,"}}',
    b'["' + b'\\"' * 60 + b'"]',
    b'["' + b"\\\\" * 60 + b'",[[[[[[]]]]]]]',
]
_MAX = 40
"""Instead of the real bound, which no small input reaches."""


def check(data: bytes) -> None:
    if not data:
        return
    try:
        expected: Any = orjson.loads(data)
        is_json = True
    except orjson.JSONDecodeError:
        is_json = False
    with patch.object(json_bounds, "MAX_JSON_VALUES", _MAX):
        try:
            value = json_bounds.load_json(data, "It")
        except ARouterError as error:
            error.json()
            if is_json:
                assert _marks(expected) > _MAX, "refused without need"
            return
    assert is_json
    assert value == expected or value != value
    assert _values(value) <= _MAX + 1, "more than may be"


def _values(value: Any) -> int:
    """Returns the number of values and member names."""
    if isinstance(value, dict):
        return 1 + sum(1 + _values(item) for item in value.values())
    return 1 + sum(map(_values, value)) if isinstance(value, list) else 1


def _marks(value: Any) -> int:
    """Returns the number of commas, colons and opening brackets outside strings."""
    if isinstance(value, dict):
        return 1 + len(value) + max(0, len(value) - 1) + sum(map(_marks, value.values()))
    if isinstance(value, list):
        return 1 + max(0, len(value) - 1) + sum(map(_marks, value))
    return 0
