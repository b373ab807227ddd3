"""The answer of a call: whole, or as a stream of chunks; under our id and the id of the model really used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arouter.accounts.units import NANOS
from arouter.calls.call_record import Attempt, CallRecord, charged_usage, nanos
from arouter.calls.health_feedback import HealthFeedback
from arouter.calls.spans import finish_reasons
from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest
from arouter.chat.token_estimates import delivered_size
from arouter.chat.usage import Usage, estimate_document, read_counts, read_usage
from arouter.errors import ProviderError
from arouter.providers.provider_stream import ProviderStream

_CLIENT_TIMEOUT = 1.0


class Answer:
    """What a model answers.

    Attributes:
        outcome: Of the call, with what was planned and tried.
        dropped: Parameters of the request that its provider was not told.
        completion: The whole answer in canonical form; empty if it is streamed.
        limit_headers: What the key's limits say about this call.
        complete: Whether all of it has come from its provider.
        exact: Whether its provider said in full what was used, so far as it said so, and nothing was malformed.
        on_complete: Called with this answer once all of a streamed one has come, before `read` returns the last of it.
    """

    __slots__ = (
        "_attempt",
        "_created",
        "_delivered",
        "_request",
        "_stream",
        "_usage",
        "_watched",
        "complete",
        "completion",
        "dropped",
        "exact",
        "limit_headers",
        "on_complete",
        "outcome",
    )

    def __init__(
        self,
        outcome: CallRecord,
        attempt: Attempt,
        request: ChatRequest,
        dropped: tuple[str, ...],
        completion: Chunk | None,
        stream: ProviderStream | None,
        watched: HealthFeedback,
    ) -> None:
        self.outcome = outcome
        self.dropped = dropped
        self.limit_headers: tuple[tuple[str, str], ...] = ()
        self.on_complete: Callable[[Answer], None] | None = None
        self._attempt = attempt
        self._request = request
        self._watched = watched
        self._created: int | None = None
        self._delivered = 0
        self.complete = stream is None
        self.exact = True
        self._stream = stream
        self._usage: Usage | None = None
        self.completion = {} if completion is None else self._sign(completion, "chat.completion")

    @property
    def provider(self) -> str:
        """The id of the provider that answers."""
        return self._attempt.endpoint.provider.id

    @property
    def usage(self) -> Usage | None:
        """What the provider said was used, so far; of a stream read anew each time."""
        if self._stream is None or self.complete:
            return self._usage
        return read_usage(self._stream.usage)

    @property
    def delivered(self) -> int:
        """Characters of text that the client has been given."""
        return self._delivered if self._stream else delivered_size(self.completion)

    @property
    def deadline(self) -> float | None:
        """Loop time at which a streamed answer is given up because its client does not read on.

        Later than the provider's own deadlines, so that a slow provider is never taken for a slow client.
        """
        return self._stream.deadline + _CLIENT_TIMEOUT if self._stream else None

    async def read(self) -> list[Chunk]:
        """Returns the chunks that have arrived, waiting for at least one; none only with the stream's end.

        Raises:
            ARouterError: What `ProviderStream.read` raises. The answer so far stands; nothing is tried again.
        """
        if self._stream is None:
            return []
        try:
            chunks = await self._stream.read()
        except ProviderError as error:
            self._attempt.failure = error.failure
            self._watched.failed(error)
            raise
        for chunk in chunks:
            self._delivered += delivered_size(chunk)
            self._sign(chunk, "chat.completion.chunk")
        if self._stream.ended:
            self.complete = True
            self._watched.finished(self.usage)
            if self.on_complete is not None:
                self.on_complete(self)
        return chunks

    async def close(self) -> None:
        """Ends the provider's call, whatever state it is in."""
        self._watched.left()
        if self._stream is not None:
            await self._stream.close()

    def _sign(self, document: Chunk, kind: str) -> Chunk:
        document["id"] = self.outcome.id
        document["object"] = kind
        document["model"] = self._attempt.model
        if self._created is None:
            # Of the first document that says it: constant over a stream (OpenAI's reference).
            created = document.get("created")
            self._created = created if type(created) is int and created > 0 else int(self.outcome.created)
        document["created"] = self._created
        if self.outcome.span.recorded:
            self.outcome.finish_reasons += finish_reasons(document)
        used = document.get("usage")
        if used is not None:
            document["usage"] = self._priced(document, used)
        return document

    def _priced(self, document: Chunk, used: Any) -> dict[str, Any]:
        """Returns an answer's usage as the call's record will have it, with what it costs, if that is known.

        docs.arouter.ai: usage accounting.
        """
        said, self.exact = read_counts(used)
        self._usage = usage = said
        if usage is None or not self.exact or usage[:2] == (0, 0):
            delivered = self._delivered if self._stream else delivered_size(document)
            usage, _ = charged_usage(said, self.exact, self._request, delivered)
            used = estimate_document(usage)
        cost = nanos(self._attempt.endpoint.details, usage)
        if cost is None:
            # What its provider charges is not what is recorded.
            return {name: value for name, value in used.items() if name != "cost"} if "cost" in used else used
        return {**used, "cost": cost / NANOS}
