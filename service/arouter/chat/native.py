"""Requests and responses that pass unchanged between a client and a provider of the same dialect."""

from __future__ import annotations

from typing import Any, NamedTuple

NativeEvent = tuple[str, dict[str, Any]]
"""A provider's server-sent event: its type, which may be empty, and its JSON value."""


class NativeRequest(NamedTuple):
    """A request as the client sent it, in a dialect other than the canonical one.

    Attributes:
        dialect: The name of the dialect: `messages`, `responses` or `gemini`.
        body: The request body. Must not be modified.
        headers: Headers for a provider of the same dialect, such as `anthropic-beta`.
    """

    dialect: str
    body: dict[str, Any]
    headers: tuple[tuple[str, str], ...] = ()


class NativeCompletion(dict[str, Any]):
    """A canonical completion, with the response from which it was translated.

    Attributes:
        native: The provider's response, in the client's dialect.
    """

    __slots__ = ("native",)

    def __init__(self, completion: dict[str, Any], native: dict[str, Any]) -> None:
        super().__init__(completion)
        self.native = native


class NativeChunk(dict[str, Any]):
    """A canonical chunk, with the events that have arrived since the chunk before it. It may have no choices.

    Attributes:
        native: The provider's events, in the client's dialect and in order.
    """

    __slots__ = ("native",)

    def __init__(self, chunk: dict[str, Any], native: list[NativeEvent]) -> None:
        super().__init__(chunk)
        self.native = native
