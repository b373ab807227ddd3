"""Lets calls in and counts them until they are settled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any

from arouter.errors import ARouterError, Failure

_RETRY_WHILE_DRAINING = 1


class Status(Enum):
    """How a call ended."""

    OK = "ok"
    FAILED = "failed"
    CLIENT_CANCELLED = "client_cancelled"


@dataclass
class Outcome:
    """What became of a call, filled in while it runs.

    Attributes:
        status: How it ended.
        model: The id that answered, or None.
        usage: What its provider said was used, or None.
        failure: The name of the error the client got, or None.
    """

    status: Status = Status.OK
    model: str | None = None
    usage: dict[str, Any] | None = None
    failure: str | None = None


class Admission:
    """The gate every chat call passes, once in and once out.

    Attributes:
        in_flight: Calls admitted and not settled.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def admit(self) -> None:
        """Counts a call in.

        Raises:
            ARouterError: UNAVAILABLE, once the gate is closed.
        """
        if self._closed:
            raise ARouterError(
                Failure.UNAVAILABLE, "This instance is shutting down.", retry_after=_RETRY_WHILE_DRAINING
            )
        self.in_flight += 1
        self._idle.clear()

    def settle(self) -> None:
        """Counts a call out."""
        self.in_flight -= 1
        if not self.in_flight:
            self._idle.set()

    def close(self) -> None:
        """Refuses every call from now on."""
        self._closed = True

    async def idle(self) -> None:
        """Waits until no call is in flight."""
        await self._idle.wait()
