"""The interface of a wire protocol: pure translation between the canonical chat and a provider's bytes.

Adapters do no I/O, have no deadlines and keep no state between calls; `driver.py` does the I/O for all protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest
from arouter.errors import ProviderError
from arouter.models import UNKNOWN, ModelDetails
from arouter.providers.sse import ServerSentEvent
from arouter.providers.surrogates import SurrogateJoiner


class WireRequest(NamedTuple):
    """An encoded request.

    Attributes:
        path: Appended to the provider's base URL.
        body: JSON to POST; None for GET.
        dropped: Parameters of the request that the protocol does not support, by canonical name.
        headers: Headers besides those of the credential.
        names: The request's tool names by those that are sent, where they differ.
        added: Parameters that ARouter adds to the request.
        reader: Decodes the response, if not the adapter itself.
    """

    path: str
    body: bytes | None
    dropped: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    names: Mapping[str, str] = {}
    added: frozenset[str] = frozenset()
    reader: Reader | None = None


class ListedModel(NamedTuple):
    """An entry of a provider's model list.

    Attributes:
        name: The provider's native name.
        created: Release time in seconds since the epoch, or None if the provider does not report it.
        details: Further metadata from the provider.
    """

    name: str
    created: int | None = None
    details: ModelDetails = UNKNOWN


class ListedModels(list[ListedModel]):
    """The models of a list or of one page of it.

    Attributes:
        unreadable: Number of further entries that are invalid.
        beyond: Number of entries beyond the maximum.
    """

    unreadable = 0
    beyond = 0

    def add(self, page: ListedModels, most: int) -> None:
        """Adds the entries of another page, up to `most` in total."""
        room = most - len(self)
        self.unreadable += page.unreadable
        self.beyond += page.beyond + max(len(page) - room, 0)
        self += page[:room]


class ModelPage(NamedTuple):
    """One page of the model list.

    Attributes:
        models: In the provider's order, without models that neither chat nor embed.
        next_path: Path of the next page, appended to the base URL, or None on the last page.
    """

    models: ListedModels
    next_path: str | None = None


class StreamDecoder(Protocol):
    """The state of one stream; created per call, not shared."""

    done: bool
    """Whether the provider has sent its end marker; nothing after it is read."""

    usage: dict[str, Any] | None
    """The usage reported by the provider so far."""

    joiner: SurrogateJoiner
    """Repairs texts of chunks after an event in which a character may have been split."""

    def feed(self, event: ServerSentEvent) -> list[Chunk]:
        """Returns the chunks of one event.

        Raises:
            ProviderError: The event is an error or violates the protocol.
        """

    def finish(self) -> list[Chunk]:
        """Returns the remaining chunks after the provider has closed the stream.

        Raises:
            ProviderError: PROVIDER_BAD_RESPONSE if the response is incomplete.
        """


class Reader(Protocol):
    """Decodes the responses to requests of one kind."""

    def decode(self, body: bytes) -> dict[str, Any]:
        """Decodes a complete response to a completion.

        Raises:
            ProviderError: The response is an error or violates the protocol.
        """

    def stream_decoder(self) -> StreamDecoder:
        """Returns a decoder for one stream."""

    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        """Decodes a non-2xx response to an error. `retry_after` is that header, in seconds."""


class Adapter(Reader, Protocol):
    """Translates to and from one wire protocol."""

    dialect: str | None = None
    """The client dialect whose requests are sent unchanged, as in `NativeRequest.dialect`."""

    models_path: str
    """Path of the first page of the model list, appended to the base URL."""

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Returns the headers of every call, including the credential."""

    def encode(self, request: ChatRequest, model: str, *, without: frozenset[str] = frozenset()) -> WireRequest:
        """Encodes a request for the provider's native `model`. Never modifies `request`.

        Parameters in `without`, which the provider has rejected, are not added.

        Parameters that the protocol does not support are listed in `dropped`. An unsupported message, part or tool is
        an error, because without it the response would be to a different question.

        Raises:
            ARouterError: INVALID_REQUEST if the protocol cannot express the request.
        """

    def decode_models(self, body: bytes) -> ModelPage:
        """Decodes a response of `models_path` or a `next_path`.

        Raises:
            ProviderError: PROVIDER_BAD_RESPONSE.
        """


class Encoder(Protocol):
    """Encodes the requests of one operation other than chat. Their `WireRequest` has a reader."""

    def encode(self, request: ChatRequest, model: str, *, without: frozenset[str] = frozenset()) -> WireRequest:
        """As `Adapter.encode`."""
