"""The record of an attempt."""

from __future__ import annotations

from typing import NamedTuple

from arouter.chat.usage import Usage

KEPT_DAYS = 90
"""Days for which records are kept (docs.arouter.ai: get-generation)."""


class UsageRecord(NamedTuple):
    """The usage of one attempt. It is immutable and contains no text of the prompt or the completion.

    Attributes:
        generation_id: The call's generation id, which is also the completion's `id`.
        attempt: The attempt's number from 1; the last attempt succeeded, unless the call failed.
        account: The account of the API key; None for the operator's key.
        key_hash: The hash of the API key.
        model: The model's id, `provider/name`.
        provider: The provider's id.
        created_ms: When the call arrived, in milliseconds since the epoch.
        latency_ms: Milliseconds from then to the attempt's end.
        first_token_ms: Milliseconds from then to the first chunk of a stream, or None.
        status: How it ended: `ok`, `failed`, `client_cancelled`.
        stream: Whether the call was streaming.
        usage: The tokens that were used.
        cost: The cost in nano-USD; 0 if the attempt is not charged.
        estimated: Whether the tokens are ARouter's estimate, because the provider did not report all of them.
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
        """The tokens of prompt and completion together."""
        return self.usage.prompt_tokens + self.usage.completion_tokens

    @property
    def ended_ms(self) -> int:
        """When the attempt ended, in milliseconds since the epoch."""
        return self.created_ms + self.latency_ms


class UsageSum(NamedTuple):
    """Sums of a group of records.

    Attributes:
        day: The day in UTC, as `2026-11-23`; None if not grouped by it.
        model: The model's id; None if not grouped by it.
        key_hash: The hash of the API key; None if not grouped by it.
        account: The account; None if not grouped by it.
        requests: Number of requests.
        prompt_tokens: Sum of prompt tokens.
        completion_tokens: Sum of completion tokens.
        cost: Sum of costs in nano-USD.
    """

    day: str | None
    model: str | None
    key_hash: str | None
    account: str | None
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: int
