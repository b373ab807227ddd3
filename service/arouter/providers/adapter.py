"""The contract of a wire protocol: pure translation between the canonical chat and one provider's bytes.

No I/O, no deadlines, no state kept between calls; `driver.py` does the I/O for every protocol.
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
    """What is sent.

    Attributes:
        path: Appended to the provider's base URL.
        body: JSON to POST; None to GET.
        dropped: The request's parameters that the protocol cannot express, by their canonical names.
        headers: What the call carries beside the credential's headers.
        names: The request's names of tools by those that are sent, where they differ.
        added: Parameters that the request has not and ARouter sends.
    """

    path: str
    body: bytes | None
    dropped: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    names: Mapping[str, str] = {}
    added: frozenset[str] = frozenset()


class ListedModel(NamedTuple):
    """An entry of a provider's own model list.

    Attributes:
        name: The provider's native name.
        created: Release in seconds since the epoch, or None where the provider does not say.
        details: What else the provider says of it.
    """

    name: str
    created: int | None = None
    details: ModelDetails = UNKNOWN


class ListedModels(list[ListedModel]):
    """The models of a list or of a page of it.

    Attributes:
        unreadable: Entries beside them that could not be read.
        beyond: Entries that are more than are taken.
    """

    unreadable = 0
    beyond = 0

    def add(self, page: ListedModels, most: int) -> None:
        """Adds those of another page, up to `most` in all."""
        room = most - len(self)
        self.unreadable += page.unreadable
        self.beyond += page.beyond + max(len(page) - room, 0)
        self += page[:room]


class ModelPage(NamedTuple):
    """One answer to a request for the model list.

    Attributes:
        models: In the provider's order; those that cannot chat are left out.
        next_path: Where the list goes on, appended to the base URL, or None at its end.
    """

    models: ListedModels
    next_path: str | None = None


class StreamDecoder(Protocol):
    """Holds the state of one stream; made for one call, not shared."""

    done: bool
    """Whether the provider has sent its end marker; nothing after it is read."""

    usage: dict[str, Any] | None
    """What the provider said was used, so far."""

    joiner: SurrogateJoiner
    """Mends the texts of the chunks, once an event was read in which a character may be cut in two."""

    def feed(self, event: ServerSentEvent) -> list[Chunk]:
        """Returns the chunks that one event makes.

        Raises:
            ProviderError: The event is an error, or not what the protocol allows.
        """

    def finish(self) -> list[Chunk]:
        """Returns the chunks still owed when the provider has closed the stream.

        Raises:
            ProviderError: PROVIDER_BAD_RESPONSE, if it closed before the answer's end.
        """


class Adapter(Protocol):
    """Translates for one wire protocol."""

    models_path: str
    """Where the provider's list of models begins, appended to the base URL."""

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Returns the headers that every call carries, the credential among them."""

    def encode(self, request: ChatRequest, model: str, *, without: frozenset[str] = frozenset()) -> WireRequest:
        """Returns the provider's request for its native `model`. Never changes `request`.

        Of `without`, parameters that the provider has refused, none is added.

        A parameter that the protocol lacks is named in `dropped`; a message, part or tool that it lacks is an error,
        because the answer would be to another question.

        Raises:
            ARouterError: INVALID_REQUEST, if the provider's protocol cannot say what the request says.
        """

    def decode(self, body: bytes) -> dict[str, Any]:
        """Returns the completion in a whole answer.

        Raises:
            ProviderError: The answer is an error, or not what the protocol allows.
        """

    def stream_decoder(self) -> StreamDecoder:
        """Returns a decoder for one stream."""

    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        """Returns the error that a non-2xx answer means. `retry_after` is that header, in seconds."""

    def decode_models(self, body: bytes) -> ModelPage:
        """Returns the models in an answer from `models_path` or a `next_path`.

        Raises:
            ProviderError: PROVIDER_BAD_RESPONSE.
        """
