"""Reports the results of an attempt to the health board: only the provider's part, not the client's or ARouter's."""

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
        Failure.CONTEXT_LENGTH_EXCEEDED,
        Failure.PERMISSION_DENIED,
        Failure.NOT_FOUND,
        Failure.PAYLOAD_TOO_LARGE,
        Failure.UNPROCESSABLE,
    }
)
"""Failures that are evidence about the request, not about the provider."""

_MIN_TOKENS = 10
"""Shorter completions are not used to measure speed."""


class HealthFeedback:
    """Reports one attempt to the health board.

    Args:
        ticket: The ticket from `HealthBoard.begin`.
        attempt: The attempt.
    """

    __slots__ = ("_is_whole", "_since", "_ticket")

    def __init__(self, ticket: AttemptTicket, attempt: Attempt) -> None:
        self._ticket = ticket
        self._since = attempt.started
        self._is_whole = True

    def opened(self) -> None:
        """Reports the first chunk of a stream."""
        now = time.monotonic()
        self._ticket.answering(now, now - self._since)
        self._since = now
        self._is_whole = False

    def finished(self, usage: Usage | None) -> None:
        """Reports that the response is complete."""
        now = time.monotonic()
        seconds = now - self._since
        tokens = usage.completion_tokens if usage else 0
        measurable = tokens >= _MIN_TOKENS and seconds > 0
        speed = tokens / seconds if measurable else None
        self._ticket.succeeded(now, None, speed, seconds if self._is_whole else None)

    def failed(self, error: BaseException) -> None:
        """Reports that the attempt failed, before or in the middle of its response."""
        now = time.monotonic()
        if not isinstance(error, ProviderError) or isinstance(error, UnreadError) or error.failure in _REFUSALS:
            self._ticket.neutral(now)
        elif error.failure is Failure.RATE_LIMITED:
            self._ticket.rate_limited(now, error.retry_after)
        else:
            self._ticket.failed(now, error.retry_after, connected=error.connected)

    def left(self) -> None:
        """Ends the attempt without a result, unless it has ended: the client no longer waits."""
        self._ticket.neutral(time.monotonic())
