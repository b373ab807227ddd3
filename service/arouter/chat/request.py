"""A chat request: OpenAI's JSON, validated as far as every provider requires it.

Unknown fields are kept and passed on. Known fields must have the types and ranges of `parameters.py`, so that the error
names the field and does not depend on the provider.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from arouter.chat.json_bounds import load_json
from arouter.chat.messages import check_messages
from arouter.chat.native import NativeRequest
from arouter.chat.parameters import PARAMETERS
from arouter.chat.preferences import ROUTER_FIELDS, parse_preferences, unserved_preferences
from arouter.chat.types import check_document
from arouter.errors import ARouterError, Failure, invalid_request

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Maximum size of a request body, here and at the gateway (docs.arouter.ai: 10 MB)."""

Operation = Literal["chat", "embeddings", "text_completion"]
"""What a call is for, by OpenTelemetry's names (`gen_ai.operation.name`)."""

Input = str | list[int]
"""A text, or its tokens."""

_KINDS = {name: row.kind for name, row in PARAMETERS.items()}


class ChatRequest:
    """A chat request. Must not be modified: it is encoded again for each provider that is tried.

    Requests for other operations are subclasses: their bodies have no `messages`.

    Attributes:
        operation: What the request is for.
        inputs: The texts of a request without messages.
        body: The request for the provider: as the client sent it, in the client's key order, without router fields.
        preferences: The provider preferences, including the models.
        stream: Whether the response is streamed.
        include_usage: Whether a streamed response ends with a usage chunk.
        unserved: Names of the requested options that are not supported.
        native: The request as the client sent it, if its dialect is not the canonical one.
        unserved_natively: Those of `unserved` that a provider of the client's own dialect does not support either.
        native_only: Paths of members that only such a provider can serve, in the client's body.
    """

    __slots__ = (
        "body",
        "include_usage",
        "native",
        "native_only",
        "preferences",
        "stream",
        "unserved",
        "unserved_natively",
    )

    operation: ClassVar[Operation] = "chat"
    inputs: tuple[Input, ...] = ()

    def __init__(
        self,
        body: dict[str, Any],
        *,
        stream: bool,
        include_usage: bool,
        native: NativeRequest | None = None,
        unserved: tuple[str, ...] = (),
        native_only: tuple[str, ...] = (),
    ) -> None:
        self.preferences = parse_preferences(body)
        self.unserved_natively = unserved_preferences(body)
        self.unserved = self.unserved_natively + unserved
        self.native_only = native_only
        self.native = native
        self.body = {name: value for name, value in body.items() if name not in ROUTER_FIELDS}
        self.stream = stream
        self.include_usage = include_usage


def parse_chat_request(data: bytes) -> ChatRequest:
    """Parses and validates a REST body.

    Raises:
        ARouterError: INVALID_REQUEST with the invalid `param`; PAYLOAD_TOO_LARGE.
    """
    check_size(data, "messages")
    body = load_json(data, "The request body")
    check_body(body)
    options = body.get("stream_options") or {}
    return ChatRequest(body, stream=body.get("stream") is True, include_usage=options.get("include_usage") is True)


def check_size(data: bytes, content: str) -> None:
    """Rejects a REST body that is empty or too large.

    Args:
        data: The body.
        content: The member that a request has beside `model`.

    Raises:
        ARouterError: INVALID_REQUEST; PAYLOAD_TOO_LARGE.
    """
    if len(data) > MAX_BODY_BYTES:
        raise ARouterError(Failure.PAYLOAD_TOO_LARGE, f"The request body exceeds {MAX_BODY_BYTES} bytes.")
    if not data:
        raise invalid_request(f"The request has no body. Send a JSON object with 'model' and '{content}'.")


def check_body(body: Any) -> None:
    """Validates a request in canonical form.

    Raises:
        ARouterError: INVALID_REQUEST with the first field that is missing, of the wrong type or out of range.
    """
    check_document(body, _KINDS, "messages")
    check_messages(body["messages"])
