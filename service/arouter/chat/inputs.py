"""Validates the texts of requests without messages: `input` of embeddings, `prompt` of text completions. Pure."""

from __future__ import annotations

from typing import Any

from arouter.chat.request import Input
from arouter.chat.types import name_of, wrong_type
from arouter.errors import ARouterError, invalid_request

MAX_INPUTS = 2048
"""Maximum number of texts in a request (developers.openai.com/api/reference, create embeddings)."""

_EXPECTED = "a string, an array of strings, an array of tokens or an array of arrays of tokens"


def read_inputs(value: Any, path: str, *, empty: bool = False) -> tuple[Input, ...]:
    """Returns the texts: one of a string or an array of tokens, several of an array of either.

    Args:
        value: The value; not null.
        path: Its path in the request.
        empty: Whether a text may be empty.

    Raises:
        ARouterError: INVALID_REQUEST with the path of the first text that is empty or of another type than the first.
    """
    if type(value) is str:
        return (_checked(value, path, empty),)
    if type(value) is not list:
        raise wrong_type(path, _EXPECTED, value)
    if not value:
        raise _empty(path)
    kind = type(value[0])
    if kind is int:
        return (_tokens(value, path),)
    if kind not in (str, list):
        raise wrong_type(f"{path}[0]", "a string, a token or an array of tokens", value[0])
    if len(value) > MAX_INPUTS:
        raise invalid_request(
            f"Invalid value for '{path}': expected at most {MAX_INPUTS} texts, got {len(value)}.", path
        )
    for index, each in enumerate(value):
        if type(each) is not kind:
            raise wrong_type(f"{path}[{index}]", f"{name_of(value[0])} like {path}[0]", each)
        if isinstance(each, str):
            _checked(each, f"{path}[{index}]", empty)
        else:
            _tokens(each, f"{path}[{index}]")
    return tuple(value)


def _checked(text: str, path: str, empty: bool) -> str:
    if not text and not empty:
        raise _empty(path)
    return text


def _tokens(tokens: list[Any], path: str) -> list[int]:
    if not tokens:
        raise _empty(path)
    # One pass without function calls: there may be 300,000 tokens.
    for index, token in enumerate(tokens):
        if type(token) is not int:
            raise wrong_type(f"{path}[{index}]", "an integer", token)
        if token < 0:
            raise invalid_request(
                f"Invalid value for '{path}[{index}]': expected an integer of at least 0, got {token}.",
                f"{path}[{index}]",
            )
    return tokens


def _empty(path: str) -> ARouterError:
    return invalid_request(f"Parameter '{path}' must not be empty.", path)
