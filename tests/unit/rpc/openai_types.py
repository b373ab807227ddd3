"""Reads the `openai` SDK's types: the fields of its objects, the members of its unions, and strategies for values."""

from __future__ import annotations

import collections.abc
import types
import typing
from typing import Any, Literal, Union, get_args, get_origin

import typing_extensions
from hypothesis import strategies as st
from openai._types import SequenceNotStr
from openai.types.chat.chat_completion_allowed_tools_param import ChatCompletionAllowedToolsParam
from pydantic import BaseModel

_REQUIRED = (typing.Required, typing_extensions.Required)
_LISTS = (list, collections.abc.Iterable, SequenceNotStr)


def members(annotation: Any) -> list[Any]:
    """Returns what an annotation allows, through unions, `Annotated`, `Required` and lists."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType) or origin in _LISTS:
        return [member for argument in get_args(annotation) for member in members(argument)]
    if origin is typing.Annotated:
        return members(get_args(annotation)[0])
    return [annotation]


def is_object(annotation: Any) -> bool:
    return typing_extensions.is_typeddict(annotation) or (
        isinstance(annotation, type) and issubclass(annotation, BaseModel)
    )


def object_fields(annotation: Any) -> dict[str, Any]:
    """Returns the fields of a TypedDict or a pydantic model, with their annotations."""
    if typing_extensions.is_typeddict(annotation):
        return typing_extensions.get_type_hints(annotation)
    return {name: field.annotation for name, field in annotation.model_fields.items()}


def words(annotation: Any) -> list[str]:
    """Returns the literal strings that an annotation allows."""
    return [word for member in members(annotation) if get_origin(member) is Literal for word in get_args(member)]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
_REFERENCE = st.sampled_from(["function", "custom"]).flatmap(
    lambda kind: st.fixed_dictionaries({"type": st.just(kind), kind: st.fixed_dictionaries({"name": TEXT})})
)
_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(-(2**31), 2**31 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    object: JSON,
}


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Returns a strategy for JSON of this type, without null, which is the same as absence, and empty lists."""
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if annotation is ChatCompletionAllowedToolsParam:
        return st.fixed_dictionaries(
            {"mode": st.sampled_from(["auto", "required"]), "tools": st.lists(_REFERENCE, min_size=1, max_size=3)}
        )
    if typing_extensions.is_typeddict(annotation):
        return _objects(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is dict:
        # Of Dict[str, object], a JSON Schema, the empty one is not the same as none.
        return st.dictionaries(TEXT, values(arguments[1]), min_size=arguments[1] is not object, max_size=3)
    if origin in (Union, types.UnionType):
        return st.one_of([values(argument) for argument in arguments if argument is not type(None)])
    if origin in _LISTS:
        return st.lists(values(arguments[0]), min_size=1, max_size=3)
    return values(arguments[0])


def _objects(annotation: Any) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: values(field) for name, field in object_fields(annotation).items()}
    # Not `__required_keys__`: the SDK's annotations are strings, in which it does not see `Required`.
    hints = typing_extensions.get_type_hints(annotation, include_extras=True)
    required = {name: value for name, value in fields.items() if get_origin(hints[name]) in _REQUIRED}
    optional = {name: value for name, value in fields.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)
