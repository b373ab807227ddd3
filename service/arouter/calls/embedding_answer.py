"""The response to a call for embeddings."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from arouter.accounts.units import NANOS
from arouter.calls.answer import Answer
from arouter.calls.usage_records import charged_usage, nanos
from arouter.chat.chunks import Chunk
from arouter.chat.usage import read_counts


class EmbeddingAnswer(Answer):
    """The response to a call for embeddings. It is never streamed, has no id, and always has a usage."""

    __slots__ = ()

    @override
    def _sign(self, document: Chunk, kind: str) -> Chunk:
        document["model"] = self._attempt.model
        document["usage"] = self._counted(document.get("usage"))
        return document

    def _counted(self, used: Any) -> dict[str, Any]:
        """Returns the usage as it is recorded: the provider's own counts, or an estimate, and the cost if known."""
        reported, self.exact = read_counts({"completion_tokens": 0, **used} if type(used) is dict and used else None)
        usage, estimated = charged_usage(reported, self.exact, self.record.request, 0)
        self._usage = usage
        self.exact = not estimated
        counts: dict[str, Any] = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
        if estimated:
            counts["estimated"] = True
        cost = nanos(self._attempt.endpoint.details, usage)
        return counts if cost is None else {**counts, "cost": cost / NANOS}
