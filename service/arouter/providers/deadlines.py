"""The deadlines of one provider call, and what every way of its failing means to the client."""

from __future__ import annotations

import asyncio
import logging
from functools import lru_cache

import aiohttp

from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.connections import HeadTooLargeError, UnreadRequestError
from arouter.providers.provider import Provider

_MAX_REASON = 500
"""Characters of a failure's cause in the log."""

_EARLY = 0.02
"""Seconds by which a timer may be early, as uvloop's are by up to one millisecond: the provider must not be blamed."""

_log = logging.getLogger(__name__)


class UnreadError(ProviderError):
    """The provider closed a connection that had served before, and had not read the request: it may be sent again."""


class CallDeadlines:
    """The deadlines of one call, in loop time. What runs under it as a context fails as the client is to see it.

    Args:
        provider: Who is called.
        deadline: When the caller stops waiting; may be infinite.
        log: Whether failures are logged here.

    Attributes:
        total: When the whole call must have ended.
        first_token: When the first meaningful piece of a stream must be there.
        connect: aiohttp's own limit for getting a connection.
    """

    __slots__ = ("_caller", "_idle", "_logs", "_now", "_provider", "connect", "first_token", "total")

    def __init__(self, provider: Provider, deadline: float, *, log: bool = True) -> None:
        timeouts = provider.timeouts
        self._now = asyncio.get_running_loop().time
        started = self._now()
        self._provider = provider
        self._logs = log
        self._caller = deadline
        self._idle = timeouts.idle
        self.total = min(started + timeouts.total, deadline)
        self.first_token = min(started + timeouts.first_token, self.total)
        self.connect = _connect_within(timeouts.connect)

    def next_read(self) -> float:
        """Returns when the next piece of a stream must be there."""
        return min(self._now() + self._idle, self.total)

    def check_total(self) -> None:
        """Raises TimeoutError once the total has passed."""
        if self._now() >= self.total:
            raise TimeoutError

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Turns what the network raises into the client's error, without the provider's credentials in it."""
        if not isinstance(error, Exception):
            return
        self._log(error)
        if isinstance(error, ARouterError):
            error.redact(self._provider.redact)
            error.provider = self._provider.id
            return
        failure = self._explain(error)
        failure.provider = self._provider.id
        failure.detail = self._provider.redact(f"{type(error).__name__}: {error}")
        raise failure from error

    def _explain(self, error: Exception) -> ARouterError:
        name = f"provider '{self._provider.id}'"
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return _not_connected(Failure.PROVIDER_TIMEOUT, f"No connection to {name} in time.")
        if isinstance(error, TimeoutError):
            if self._now() >= self._caller - _EARLY:
                return ARouterError(Failure.DEADLINE_EXCEEDED, "The call's deadline has passed.")
            return ProviderError(Failure.PROVIDER_TIMEOUT, f"The answer of {name} did not come in time.")
        if isinstance(error, aiohttp.ClientConnectorError):
            return _not_connected(Failure.PROVIDER_UNREACHABLE, f"The {name} cannot be reached.")
        if isinstance(error, UnreadRequestError):
            return UnreadError(Failure.PROVIDER_UNREACHABLE, f"The connection to {name} was closed.")
        if isinstance(error, HeadTooLargeError | aiohttp.ClientResponseError):
            return ProviderError(
                Failure.PROVIDER_BAD_RESPONSE, f"The answer of {name} is not HTTP, or its headers are too large."
            )
        if isinstance(error, aiohttp.ClientError | OSError):
            return ProviderError(Failure.PROVIDER_BAD_RESPONSE, f"The connection to {name} broke.")
        # Whatever else a provider's bytes make our parsers or libraries raise is its failure, not the client's.
        return ProviderError(Failure.PROVIDER_BAD_RESPONSE, f"The answer of {name} cannot be understood.")

    def _log(self, error: Exception) -> None:
        """Tells the operator what the client is not told, with what the provider repeats of our credentials removed."""
        if not self._logs:
            return
        if isinstance(error, ProviderError) and error.failure.http_status < 500:
            return  # The client's own mistake or haste.
        reason = error.detail if isinstance(error, ARouterError) else f"{type(error).__name__}: {error}"
        _log.warning("provider %s: %r", self._provider.id, self._provider.redact(reason)[:_MAX_REASON])


def _not_connected(failure: Failure, message: str) -> ProviderError:
    error = ProviderError(failure, message)
    error.connected = False
    return error


@lru_cache
def _connect_within(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(connect=seconds)
