"""Tells the health board what a provider did in one attempt; and nothing of what the client or the router did."""

from __future__ import annotations

import time

from arouter.calls.call_record import Attempt
from arouter.chat.usage import Usage
from arouter.errors import Failure, ProviderError
from arouter.health.records import AttemptTicket
from arouter.providers.error_mapping import UnreadError

_REFUSALS = frozenset(
    {
        Failure.INVALID_REQUEST,
        Failure.PERMISSION_DENIED,
        Failure.NOT_FOUND,
        Failure.PAYLOAD_TOO_LARGE,
        Failure.UNPROCESSABLE,
    }
)
"""What a provider says of the request, not of itself."""

_MIN_TOKENS = 10
"""Shorter answers say nothing about speed."""


class HealthFeedback:
    """One attempt, as the board sees it.

    Args:
        ticket: What `HealthBoard.begin` gave.
        attempt: Which.
    """

    __slots__ = ("_is_whole", "_since", "_ticket")

    def __init__(self, ticket: AttemptTicket, attempt: Attempt) -> None:
        self._ticket = ticket
        self._since = attempt.started
        self._is_whole = True

    def opened(self) -> None:
        """Notes the first piece of a streamed answer."""
        now = time.monotonic()
        self._ticket.answering(now, now - self._since)
        self._since = now
        self._is_whole = False

    def finished(self, usage: Usage | None) -> None:
        """Notes the end of an answer."""
        now = time.monotonic()
        seconds = now - self._since
        tokens = usage.completion_tokens if usage else 0
        measurable = tokens >= _MIN_TOKENS and seconds > 0
        speed = tokens / seconds if measurable else None
        self._ticket.succeeded(now, None, speed, seconds if self._is_whole else None)

    def failed(self, error: BaseException) -> None:
        """Notes that there is no answer, or that it broke off."""
        now = time.monotonic()
        if not isinstance(error, ProviderError) or isinstance(error, UnreadError) or error.failure in _REFUSALS:
            self._ticket.neutral(now)
        elif error.failure is Failure.RATE_LIMITED:
            self._ticket.rate_limited(now, error.retry_after)
        else:
            self._ticket.failed(now, error.retry_after, connected=error.connected)

    def left(self) -> None:
        """Notes that nobody waits for the rest, if the answer has not ended."""
        self._ticket.neutral(time.monotonic())
