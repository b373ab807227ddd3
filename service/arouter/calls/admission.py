"""Admits calls and counts them until they are settled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from arouter.errors import NOT_BEGUN, ARouterError, Failure

_RETRY_WHILE_DRAINING = 1

Admitted: TypeAlias = "asyncio.Task[Any] | None"
"""An admitted call."""


class Admission:
    """Counts the calls in flight, and refuses new ones while the process is shutting down.

    Attributes:
        expired: Whether the calls in flight have been cancelled because the process is shutting down.
    """

    def __init__(self) -> None:
        self.expired = False
        self._closed = False
        self._calls: dict[Admitted, str] = {}
        self._revoked: set[Admitted] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def in_flight(self) -> int:
        """The number of calls that are admitted and not yet settled."""
        return len(self._calls)

    def admit(self, key: str) -> Admitted:
        """Admits the call that the current task handles, and returns it for `settle`.

        Args:
            key: The hash of the caller's API key.

        Raises:
            ARouterError: UNAVAILABLE after `close`.
        """
        if self._closed:
            self.check()
        call = asyncio.current_task()
        if not self._calls:
            self._idle.clear()
        self._calls[call] = key
        return call

    def check(self) -> None:
        """Refuses a call that has not begun if the process is shutting down.

        Raises:
            ARouterError: UNAVAILABLE after `close`.
        """
        if self._closed:
            error = shutting_down()
            error.headers = (NOT_BEGUN,)
            raise error

    def settle(self, call: Admitted) -> None:
        """Ends the count of an admitted call."""
        self._calls.pop(call, None)
        if self._revoked:
            self._revoked.discard(call)
        if not self._calls:
            self._idle.set()

    def close(self) -> None:
        """Refuses all new calls from now on."""
        self._closed = True

    def expire(self) -> None:
        """Cancels the calls in flight, which then see `expired` and end with the error `shutting_down`."""
        self.expired = True
        for call in self._calls:
            if call is not None:
                call.cancel()

    def revoke(self, is_valid: Callable[[str], bool]) -> None:
        """Cancels the calls in flight whose keys are no longer valid; `is_revoked` is true for them afterwards.

        Args:
            is_valid: Returns whether the key with a hash is valid.
        """
        invalid = {key for key in set(self._calls.values()) if not is_valid(key)}
        if not invalid:
            return
        for call, key in self._calls.items():
            if key in invalid and call is not None and call not in self._revoked:
                self._revoked.add(call)
                call.cancel()

    def is_revoked(self, call: Admitted) -> bool:
        """Returns whether `revoke` has cancelled a call."""
        return call in self._revoked

    async def idle(self) -> None:
        """Waits until no call is in flight."""
        await self._idle.wait()


def shutting_down() -> ARouterError:
    """Returns the error for calls that arrive, or are still in flight, while the process is shutting down."""
    return ARouterError(
        Failure.UNAVAILABLE, "This instance is shutting down. Try again.", retry_after=_RETRY_WHILE_DRAINING
    )
