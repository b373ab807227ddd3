"""The attempt loop: one for whole and for streamed answers."""

from __future__ import annotations

import time
from typing import Any

from arouter.accounts.records import NANOS
from arouter.catalogue.catalogue import Model
from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest
from arouter.chat.usage import Usage, read_usage
from arouter.errors import ARouterError, ProviderError, invalid_request
from arouter.limits.estimate import delivered_size
from arouter.providers.driver import ProviderStream, Upstream
from arouter.routing.outcome import Outcome, nanos

_CLIENT_PATIENCE = 1.0


class Answer:
    """What a model answers: whole, or as a stream of chunks; under our id and the id of the model really used.

    Attributes:
        id: The generation's id.
        model: Who answered.
        dropped: Parameters of the request that its provider was not told.
        completion: The whole answer in canonical form; empty if it is streamed.
        limit_headers: What the key's limits say about this call.
        complete: Whether all of it has come from its provider.
    """

    def __init__(
        self,
        outcome: Outcome,
        model: Model,
        dropped: tuple[str, ...],
        completion: Chunk | None,
        stream: ProviderStream | None,
    ) -> None:
        self.id = outcome.id
        self.model = model
        self.dropped = dropped
        self.limit_headers: tuple[tuple[str, str], ...] = ()
        self._now = int(outcome.created)
        self._delivered = 0
        self.complete = stream is None
        self._stream = stream
        self.completion = {} if completion is None else self._sign(completion, "chat.completion")

    @property
    def usage(self) -> Usage | None:
        """What the provider said was used, so far; read anew each time."""
        return read_usage(self._stream.usage if self._stream else self.completion.get("usage"))

    @property
    def delivered(self) -> int:
        """Characters of text that the client has been given."""
        return self._delivered if self._stream else delivered_size(self.completion)

    @property
    def deadline(self) -> float | None:
        """Loop time at which a streamed answer is given up because its client does not read on.

        Later than the provider's own deadlines, so that a slow provider is never taken for a slow client.
        """
        return self._stream.deadline + _CLIENT_PATIENCE if self._stream else None

    async def read(self) -> list[Chunk]:
        """Returns the chunks that have arrived, waiting for at least one; an empty list at the stream's end.

        Raises:
            ARouterError: What `ProviderStream.read` raises. The answer so far stands; nothing is tried again.
        """
        if self._stream is None:
            return []
        chunks = [self._sign(chunk, "chat.completion.chunk") for chunk in await self._stream.read()]
        for chunk in chunks:
            self._delivered += delivered_size(chunk)
        self.complete = not chunks
        return chunks

    async def close(self) -> None:
        """Ends the provider's call, whatever state it is in."""
        if self._stream is not None:
            await self._stream.close()

    def _sign(self, document: Chunk, kind: str) -> Chunk:
        document["id"] = self.id
        document["object"] = kind
        document["model"] = self.model.id
        document.setdefault("created", self._now)
        used = document.get("usage")
        if used:
            self._price(document, used)
        return document

    def _price(self, document: Chunk, used: Any) -> None:
        """Adds to an answer's usage what it costs, if that is known (docs.arouter.ai: usage accounting)."""
        usage = read_usage(used)
        charged = None if usage is None else nanos(self.model, usage)
        if charged is not None:
            document["usage"] = {**used, "cost": charged / NANOS}


async def attempt(
    candidates: list[Model], request: ChatRequest, upstream: Upstream, deadline: float, outcome: Outcome
) -> Answer:
    """Returns the first candidate's answer that starts well. The caller must close it.

    Args:
        candidates: Whom to ask, in this order; at least one.
        request: What to ask.
        upstream: Through whom.
        deadline: Loop time at which the caller stops waiting.
        outcome: Is told who is tried.

    Raises:
        ProviderError: The last candidate's failure.
        ARouterError: The caller's deadline passed, or a provider cannot express the request, or not all of its
            parameters although the request requires it.
    """
    failure: ProviderError | None = None
    for model in candidates:
        outcome.try_next(model)
        try:
            wire = model.provider.adapter.encode(request, model.native_name)
            dropped = request.unserved + wire.dropped
            if dropped and request.require_parameters:
                raise _unsupported(model, dropped)
            outcome.asked = True
            if request.stream:
                stream = await upstream.open_stream(model.provider, wire, deadline)
                outcome.first_token = time.monotonic()
                return Answer(outcome, model, dropped, None, stream)
            return Answer(outcome, model, dropped, await upstream.complete(model.provider, wire, deadline), None)
        except ProviderError as error:
            failure = error
    if failure is None:
        raise ValueError("a plan without candidates")
    raise failure


def _unsupported(model: Model, dropped: tuple[str, ...]) -> ARouterError:
    names = ", ".join(f"'{name}'" for name in dropped)
    return invalid_request(
        f"'{model.id}' does not support {names}, and the request has provider.require_parameters.", dropped[0]
    )
