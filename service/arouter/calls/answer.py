"""The response to a call, unary or a stream of chunks, with our id and the id of the model that was used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from arouter.accounts.units import NANOS
from arouter.calls.call_record import Attempt, CallRecord
from arouter.calls.health_feedback import HealthFeedback
from arouter.calls.spans import finish_reasons
from arouter.calls.usage_records import charged_usage, nanos
from arouter.chat.chunks import Chunk
from arouter.chat.token_estimates import delivered_size
from arouter.chat.usage import Usage, estimate_document, read_counts, read_usage
from arouter.errors import ProviderError
from arouter.providers.provider_stream import ProviderStream

_CLIENT_TIMEOUT = 1.0


class Answer:
    """The response to a call.

    Attributes:
        record: The call's record, with its plan and attempts.
        dropped: Parameters of the request that were not sent to the provider.
        completion: The completion in canonical form; empty if it is streamed.
        limit_headers: The headers with the key's limits.
        complete: Whether the provider has sent all of the response.
        exact: Whether the usage that the provider has reported so far is complete and well-formed.
        on_complete: Called with this object once a stream is complete, before `take` returns its last chunks.
    """

    __slots__ = (
        "_attempt",
        "_delivered",
        "_feedback",
        "_signature",
        "_stream",
        "_usage",
        "complete",
        "completion",
        "dropped",
        "exact",
        "limit_headers",
        "on_complete",
        "record",
    )

    def __init__(
        self,
        record: CallRecord,
        attempt: Attempt,
        dropped: tuple[str, ...],
        completion: Chunk | None,
        stream: ProviderStream | None,
        feedback: HealthFeedback,
    ) -> None:
        self.record = record
        self.dropped = dropped
        self.limit_headers: tuple[tuple[str, str], ...] = ()
        self.on_complete: Callable[[Answer], None] | None = None
        self._attempt = attempt
        self._feedback = feedback
        self._signature: Chunk | None = None
        self._delivered = 0
        self.complete = stream is None
        self.exact = True
        self._stream = stream
        self._usage: Usage | None = None
        self.completion = {} if completion is None else self._sign(completion, "chat.completion")

    @property
    def provider(self) -> str:
        """The id of the provider."""
        return self._attempt.endpoint.provider.id

    @property
    def usage(self) -> Usage | None:
        """The usage that the provider has reported so far; it may change while a stream runs."""
        if self._stream is None or self.complete:
            return self._usage
        return read_usage(self._stream.usage)

    @property
    def delivered(self) -> int:
        """Characters of text that have been delivered to the client."""
        return self._delivered if self._stream else delivered_size(self.completion)

    @property
    def deadline(self) -> float | None:
        """Loop time at which a stream is abandoned because the client does not read it.

        Later than the provider's own deadlines, so that a slow provider is not mistaken for a slow client.
        """
        return self._stream.deadline + _CLIENT_TIMEOUT if self._stream else None

    def take(self) -> list[Chunk]:
        """Returns the chunks that have arrived; possibly none.

        Raises:
            ARouterError: What `ProviderStream.take` raises. Earlier chunks are valid; no other endpoint is tried.
        """
        stream = self._stream
        if stream is None:
            return []
        try:
            chunks = stream.take()
        except ProviderError as error:
            self._attempt.failure = error.failure
            self._feedback.failed(error)
            raise
        for chunk in chunks:
            choices = chunk["choices"]
            # Most chunks: a piece of text.
            if len(choices) == 1 and len(delta := choices[0]["delta"]) == 1 and type(delta.get("content")) is str:
                self._delivered += len(delta["content"])
            else:
                self._delivered += delivered_size(chunk)
            self._sign(chunk, "chat.completion.chunk")
        if stream.ended and not self.complete:
            self.complete = True
            self._feedback.finished(self.usage)
            if self.on_complete is not None:
                self.on_complete(self)
        return chunks

    def arrival(self) -> Awaitable[None] | None:
        """Returns what to wait for before there is more of a stream to take; None if there may be now."""
        return None if self._stream is None else self._stream.arrival()

    def note(self) -> None:
        """Copies the state of the response to the call's record."""
        record = self.record
        record.usage, record.exact = self.usage, self.exact
        record.delivered, record.complete = self.delivered, self.complete

    async def close(self) -> None:
        """Ends the provider's call, whatever state it is in."""
        if not self.complete:
            self._feedback.left()
        if self._stream is not None:
            await self._stream.close()

    def _sign(self, document: Chunk, kind: str) -> Chunk:
        if self._signature is None:
            # `created` is the same in all chunks (OpenAI's reference).
            created = document.get("created")
            self._signature = {
                "id": self.record.id,
                "object": kind,
                "model": self._attempt.model,
                "created": created if type(created) is int and created > 0 else int(self.record.created),
            }
        document.update(self._signature)
        if self.record.span.recorded:
            self.record.finish_reasons += finish_reasons(document)
        used = document.get("usage")
        if used is not None:
            document["usage"] = self._priced(document, used)
        return document

    def _priced(self, document: Chunk, used: Any) -> dict[str, Any]:
        """Returns the usage of a response as it is recorded, with the cost if that is known.

        docs.arouter.ai: usage accounting.
        """
        reported, self.exact = read_counts(used)
        self._usage = usage = reported
        if usage is None or not self.exact or usage[:2] == (0, 0):
            delivered = self._delivered if self._stream else delivered_size(document)
            usage, _ = charged_usage(reported, self.exact, self.record.request, delivered)
            used = estimate_document(usage)
        cost = nanos(self._attempt.endpoint.details, usage)
        if cost is None:
            # The provider's own figure is removed: it is not the cost that is recorded.
            return {name: value for name, value in used.items() if name != "cost"} if "cost" in used else used
        return {**used, "cost": cost / NANOS}
