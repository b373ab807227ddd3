"""The record of an attempt."""

from __future__ import annotations

from typing import NamedTuple

from arouter.chat.usage import Usage

KEPT_DAYS = 90
"""Days for which single records are kept (docs.arouter.ai: get-generation)."""


class UsageRecord(NamedTuple):
    """What became of one attempt at a provider. Never changed, and without a word of prompt or answer.

    Attributes:
        generation_id: The call's, which is also its completion's `id`.
        attempt: From 1; the last one answered, unless the call failed.
        account: Who called; None for the operator's key.
        key_hash: With which key.
        model: The model's id, `provider/name`.
        provider: The provider's id.
        created_ms: When the call came, in milliseconds since the epoch.
        latency_ms: From then to the attempt's end.
        first_token_ms: From then to the first piece of a streamed answer, or None.
        status: How it ended: `ok`, `failed`, `client_cancelled`.
        stream: Whether the answer was streamed.
        usage: What was used.
        cost: In nano-USD. Only an attempt that answered costs anything.
        estimated: Whether the tokens are ARouter's estimate, because the provider did not say or could not any more.
    """

    generation_id: str
    attempt: int
    account: str | None
    key_hash: str
    model: str
    provider: str
    created_ms: int
    latency_ms: int
    first_token_ms: int | None
    status: str
    stream: bool
    usage: Usage
    cost: int
    estimated: bool

    @property
    def tokens(self) -> int:
        """Of prompt and answer together."""
        return self.usage.prompt_tokens + self.usage.completion_tokens

    @property
    def ended_ms(self) -> int:
        """When the attempt ended, in milliseconds since the epoch."""
        return self.created_ms + self.latency_ms


class UsageSum(NamedTuple):
    """Sums of a group of records.

    Attributes:
        day: In UTC, as `2026-11-23`; None if not grouped by it.
        model: None if not grouped by it.
        key_hash: None if not grouped by it.
        account: None if not grouped by it.
        requests: How many.
        prompt_tokens: In all.
        completion_tokens: In all.
        cost: In nano-USD.
    """

    day: str | None
    model: str | None
    key_hash: str | None
    account: str | None
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: int
