"""The interface of a client dialect: pure translation between a client's JSON and the canonical chat.

The counterpart of `providers/adapter.py`. A dialect does no I/O and keeps no state between calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest
from arouter.errors import ARouterError


class EventEncoder(Protocol):
    """The state of one streamed response; created per call, not shared."""

    content_type: str
    """The media type of the response, `text/event-stream` in most cases."""

    keep_alive: bytes
    """What is sent while the model is silent: an event or a comment, which changes nothing."""

    def encode(self, chunks: list[Chunk]) -> bytes:
        """Returns the server-sent events of canonical chunks, complete and possibly none.

        The events of a `NativeChunk` are sent in place of a translation, with the model's id as ARouter lists it.
        """

    def finish(self) -> bytes:
        """Returns the events that end a complete response, after the last call of `encode`."""

    def fail(self, error: ARouterError) -> bytes:
        """Returns the events that end a response which has failed after its beginning."""


class Dialect(Protocol):
    """Translates requests and responses of one client dialect."""

    name: str
    """The name of the dialect, as in `NativeRequest.dialect`."""

    def decode(self, body: Any, headers: Mapping[str, str], *, stream: bool | None = None) -> ChatRequest:
        """Translates a request, which is left unchanged.

        What the canonical form cannot express is either named in `ChatRequest.unserved`, by the client's name for it,
        or, if the response would be to a different question without it, an error.

        Args:
            body: The JSON value of the request body.
            headers: The request's headers by lower-case name.
            stream: Whether the response is streamed, where the method determines it; otherwise None.

        Raises:
            ARouterError: INVALID_REQUEST with the client's own path of the invalid field as `param`.
        """

    def encode(self, completion: Chunk, request: ChatRequest) -> dict[str, Any]:
        """Translates a complete response. Of a `NativeCompletion`, returns the provider's own with our model id."""

    def events(self, request: ChatRequest) -> EventEncoder:
        """Returns an encoder for one streamed response."""

    def encode_error(self, error: ARouterError) -> dict[str, Any]:
        """Returns the error envelope of the dialect."""
