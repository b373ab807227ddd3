"""Maps the exceptions of a provider call to the errors that the client sees."""

from __future__ import annotations

import asyncio
import logging

from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.deadlines import CallDeadlines
from arouter.providers.http.errors import (
    ConnectError,
    ConnectTimeoutError,
    HeadTooLargeError,
    HttpError,
    MalformedError,
    UnreadRequestError,
)
from arouter.providers.provider import Provider

_MAX_REASON = 500
"""Maximum length of the cause of a failure in the log, in characters."""

_EARLY = 0.02
"""Seconds by which a timer may fire early (uvloop: up to a millisecond) and still count as the caller's deadline."""

_log = logging.getLogger(__name__)


class UnreadError(ProviderError):
    """The provider closed a reused connection before it read the request, which may therefore be sent again."""


class ErrorMapping:
    """A context manager that maps exceptions, logs them, and redacts the provider's credentials.

    Args:
        provider: The provider that is called.
        deadlines: The deadlines of the call.
        log: Whether failures are logged here.
    """

    __slots__ = ("_deadlines", "_logs", "_provider")

    def __init__(self, provider: Provider, deadlines: CallDeadlines, *, log: bool = True) -> None:
        self._provider = provider
        self._deadlines = deadlines
        self._logs = log

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception):
            self.raise_mapped(error)

    def raise_mapped(self, error: Exception) -> None:
        """Logs an exception and raises what it is mapped to; returns if it is an error already, which is complete now.

        Raises:
            ARouterError: What the client sees.
        """
        self._log(error)
        if isinstance(error, ARouterError):
            error.redact(self._provider.redact)
            error.provider = self._provider.id
            return
        failure = self._map(error)
        failure.provider = self._provider.id
        failure.detail = self._provider.redact(f"{type(error).__name__}: {error}")
        raise failure from error

    def _map(self, error: Exception) -> ARouterError:
        name = f"provider '{self._provider.id}'"
        if isinstance(error, ConnectTimeoutError):
            return _not_connected(Failure.PROVIDER_TIMEOUT, f"No connection to {name} in time.")
        if isinstance(error, TimeoutError):
            if asyncio.get_running_loop().time() >= self._deadlines.caller - _EARLY:
                return ARouterError(Failure.DEADLINE_EXCEEDED, "The call's deadline has passed.")
            return ProviderError(Failure.PROVIDER_TIMEOUT, f"The answer of {name} did not arrive in time.")
        if isinstance(error, ConnectError):
            return _not_connected(Failure.PROVIDER_UNREACHABLE, f"The {name} cannot be reached.")
        if isinstance(error, UnreadRequestError):
            return UnreadError(Failure.PROVIDER_UNREACHABLE, f"The connection to {name} was closed.")
        if isinstance(error, HeadTooLargeError | MalformedError):
            return ProviderError(
                Failure.PROVIDER_BAD_RESPONSE, f"The answer of {name} is not HTTP, or its headers are too large."
            )
        if isinstance(error, HttpError | OSError):
            return ProviderError(Failure.PROVIDER_BAD_RESPONSE, f"The connection to {name} was lost.")
        # Any other exception that a provider's bytes cause in parsers and libraries is the provider's failure.
        return ProviderError(Failure.PROVIDER_BAD_RESPONSE, f"The answer of {name} is malformed.")

    def _log(self, error: Exception) -> None:
        """Logs details that the client does not see, without credentials that the provider may repeat."""
        if not self._logs:
            return
        if isinstance(error, ProviderError) and error.failure.http_status < 500:
            return  # The client's own mistake, or a rate limit.
        reason = error.detail if isinstance(error, ARouterError) else f"{type(error).__name__}: {error}"
        _log.warning("provider %s: %r", self._provider.id, self._provider.redact(reason)[:_MAX_REASON])


def _not_connected(failure: Failure, message: str) -> ProviderError:
    error = ProviderError(failure, message)
    error.connected = False
    return error
