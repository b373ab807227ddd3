"""A chat request: OpenAI's JSON, checked as far as every provider needs it.

Unknown fields are kept and passed on; known ones must have the types and ranges of `fields.py`, so that a mistake is
named here and not answered by whatever the provider makes of it.
"""

from __future__ import annotations

from typing import Any

import orjson

from arouter.chat.fields import EXTENSIONS, REQUEST_FIELDS
from arouter.chat.messages import check_messages
from arouter.chat.types import check, missing, name_of
from arouter.errors import ARouterError, Failure, invalid_request

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Largest request, here and at the gateway (docs.arouter.ai: 10 MB)."""

ROUTER_FIELDS = ("provider", "plugins", "models", "route", "transforms")
"""Fields that speak to the router; no provider sees them (docs.arouter.ai: provider-routing, plugins)."""

_FIELDS = REQUEST_FIELDS | EXTENSIONS
_NO_WISH: tuple[Any, ...] = (None, [], {}, "")


class ChatRequest:
    """One request, immutable by agreement: it is encoded again for each provider that is tried.

    Attributes:
        body: What the provider is to see: the request as the client wrote it, keys in the client's order, without what
            speaks to the router.
        model: The model asked for.
        stream: Whether the answer is to be streamed.
        include_usage: Whether a streamed answer ends with a usage chunk.
        require_parameters: Whether a provider that cannot honour every parameter is to be refused.
        unserved: Names of the fields that speak to the router and that it does not serve.
    """

    __slots__ = ("body", "include_usage", "model", "require_parameters", "stream", "unserved")

    def __init__(self, body: dict[str, Any], *, stream: bool, include_usage: bool) -> None:
        preferences = body.get("provider") or {}
        self.require_parameters = preferences.get("require_parameters") is True
        self.unserved = _unserved(body, preferences)
        self.body = {name: value for name, value in body.items() if name not in ROUTER_FIELDS}
        self.model: str = body["model"]
        self.stream = stream
        self.include_usage = include_usage


def parse_chat_request(data: bytes) -> ChatRequest:
    """Returns the request in a REST body.

    Raises:
        ARouterError: INVALID_REQUEST, with the `param` at fault; PAYLOAD_TOO_LARGE.
    """
    if len(data) > MAX_BODY_BYTES:
        raise ARouterError(Failure.PAYLOAD_TOO_LARGE, f"The request body is over {MAX_BODY_BYTES} bytes.")
    if not data:
        raise invalid_request("The request has no body. Send a JSON object with 'model' and 'messages'.")
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise invalid_request(f"The request body is not valid JSON: {error}") from error
    check_body(body)
    options = body.get("stream_options") or {}
    return ChatRequest(body, stream=body.get("stream") is True, include_usage=options.get("include_usage") is True)


def check_body(body: Any) -> None:
    """Checks a request in canonical form.

    Raises:
        ARouterError: INVALID_REQUEST naming the first field that is missing, of the wrong type or out of its range.
    """
    if not isinstance(body, dict):
        raise invalid_request(f"The request body must be a JSON object, not {name_of(body)}.")
    for required in ("model", "messages"):
        if body.get(required) is None:
            raise missing(required)
    for field, value in body.items():
        kind = _FIELDS.get(field)
        if kind is not None and value is not None:
            check(value, kind, field)
    check_messages(body["messages"])


def _unserved(body: dict[str, Any], preferences: dict[str, Any]) -> tuple[str, ...]:
    fields = [name for name in ROUTER_FIELDS if name != "provider" and body.get(name)]
    wishes = [
        f"provider.{name}"
        for name, value in preferences.items()
        if name != "require_parameters" and value not in _NO_WISH
    ]
    return (*fields, *wishes)
