"""Holds a JSON value against a TypedDict of an SDK.

pydantic alone would judge nothing: it takes the SDKs' `Iterable[...]` as something to be checked when it is read, and
passes over keys that a TypedDict does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict


def type_faults(value: Any, kind: Any, path: str) -> list[str]:
    """Returns where `value` is not of the type: one line each."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Annotated, Required, NotRequired):
        return type_faults(value, args[0], path)
    if origin in (Union, UnionType):
        return _union_faults(value, args, path)
    if origin is Literal:
        return [] if value in args else [f"{path}: {value!r} is none of {args}"]
    if is_typeddict(kind):
        return _object_faults(value, kind, path)
    if _is_array(origin):
        if not isinstance(value, list):
            return [f"{path}: not an array"]
        return [fault for index, item in enumerate(value) for fault in type_faults(item, args[0], f"{path}[{index}]")]
    if origin in (dict, Mapping):
        return [] if isinstance(value, dict) else [f"{path}: not an object"]
    if kind is NoneType:
        return [] if value is None else [f"{path}: not null"]
    if kind is float:
        return [] if type(value) in (int, float) else [f"{path}: not a number"]
    if kind in (str, int, bool):
        return [] if type(value) is kind else [f"{path}: not {kind.__name__}"]
    return [f"{path}: {kind} is no type of a request"]


def _union_faults(value: Any, kinds: tuple[Any, ...], path: str) -> list[str]:
    """Returns the faults of the kind that fits best."""
    return min((type_faults(value, kind, path) for kind in kinds), key=len)


def _object_faults(value: Any, params: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: not an object"]
    hints = _hints(params)
    # Not `__required_keys__`: under postponed annotations it knows nothing of `Required`.
    needed = [field for field, hint in hints.items() if get_origin(hint) is Required]
    found = [f"{path}: lacks {field}" for field in needed if field not in value]
    open_ended = getattr(params, "__pydantic_config__", {}).get("extra") == "allow"
    for field, item in value.items():
        if field in hints:
            found += type_faults(item, hints[field], f"{path}.{field}")
        elif not open_ended:
            found.append(f"{path}: {field} is unknown")
    return found


def _is_array(origin: Any) -> bool:
    # Each SDK has its own `SequenceNotStr`.
    return origin in (list, Iterable, Sequence) or getattr(origin, "__name__", "") == "SequenceNotStr"


@cache
def _hints(params: type) -> dict[str, Any]:
    return get_type_hints(params, include_extras=True)
