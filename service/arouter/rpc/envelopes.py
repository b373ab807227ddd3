"""The error envelope of each RPC's REST response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from arouter.dialects.gemini.dialect import GeminiDialect
from arouter.dialects.messages.dialect import MessagesDialect
from arouter.errors import ARouterError

Envelope: TypeAlias = Callable[[ARouterError], dict[str, Any]]

_OF_SERVICE: Mapping[str, Envelope] = {
    "arouter.v1.GenerativeService": GeminiDialect().encode_error,
    "arouter.v1.MessageService": MessagesDialect().encode_error,
}


def envelope_of(method: str) -> Envelope:
    """Returns the envelope for a method by its name, `/package.Service/Method`. Most have OpenAI's."""
    return _OF_SERVICE.get(method[1:].partition("/")[0], ARouterError.envelope)
