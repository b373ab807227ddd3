"""Receives the only message of a unary request, within limits of time and memory (docs/decisions/0012)."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Any

from grpc import aio

from arouter.chat.request import MAX_BODY_BYTES
from arouter.errors import ARouterError, Failure
from arouter.rpc.context import Context

TICK = 0.1
"""Interval in seconds between checks of messages that have not arrived yet."""

_SLOW_TICKS = 4
"""Ticks after which a pending message is counted with the maximum size, and a pending public one is rejected.

Measured in ticks, not in seconds: while the event loop is busy with other calls, it processes neither.
"""

_LAST_TICK = 300
"""Ticks, half a minute, after which a call whose message has not arrived is ended."""

_RETRY_AFTER = 1

_LARGE = 1024 * 1024
"""Size in bytes from which a message counts twice: a single character can quadruple the size of its string."""

_BYTES_PER_SECOND = 100 * 1024 * 1024
"""Maximum rate of large messages. Parsing one blocks the event loop, which is then free for at least as long."""

MAX_PUBLIC_BYTES = 4096
"""Maximum size of a message without a key, in bytes."""


def too_large() -> ARouterError:
    """Returns the 413 error of a call without a key."""
    return ARouterError(Failure.PAYLOAD_TOO_LARGE, f"The message exceeds {MAX_PUBLIC_BYTES} bytes.")


class Incoming:
    """The message of one call.

    Args:
        key_hash: The key that it is counted for; empty for a call without a key.

    Attributes:
        size: Bytes counted as in flight.
        began: The tick at which receiving began.
        task: The task that receives it.
        error: The error that ends the call before the message has arrived, if any.
    """

    __slots__ = ("began", "error", "key_hash", "size", "task")

    def __init__(self, key_hash: str) -> None:
        self.key_hash = key_hash
        self.size = 0
        self.began = 0
        self.task: asyncio.Task[object] | None = None
        self.error: ARouterError | None = None


class Receiving:
    """Receives messages and counts their bytes until their calls have ended.

    gRPC buffers a partial message, up to the maximum size, and does not report how much has arrived.

    Args:
        max_bytes: Limit for all messages in flight; one key may use half of it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._max_key_bytes = max_bytes // 2
        self._bytes = 0
        self._key_bytes: defaultdict[str, int] = defaultdict(int)
        self._waiting: dict[Incoming, None] = {}
        self._tick = 0
        self._timer: asyncio.TimerHandle | None = None
        self._turns = asyncio.Lock()
        self._next_turn = 0.0

    @property
    def bytes_in_flight(self) -> int:
        """Total size of the messages of all calls in flight."""
        return self._bytes

    async def receive(self, incoming: Incoming, context: Context) -> bytes:
        """Returns the message of a call. The caller must call `release` afterwards, in all cases.

        Raises:
            ARouterError: REQUEST_TIMEOUT if the message does not arrive; UNIMPLEMENTED if there is none; UNAVAILABLE if
            too many bytes are in flight; PAYLOAD_TOO_LARGE if it is too large for a public call.
        """
        incoming.task = asyncio.current_task()
        incoming.began = self._tick
        self._waiting[incoming] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._check_pending)
        try:
            data: Any = await context.read()
        except asyncio.CancelledError:
            if incoming.error is None or incoming.task is None:
                raise
            incoming.task.uncancel()
            raise incoming.error from None
        finally:
            del self._waiting[incoming]
            incoming.task = None
        if data is aio.EOF:
            raise ARouterError(Failure.UNIMPLEMENTED, "The call has no message, but its method requires one.")
        message: bytes = data
        self._count(incoming, len(message))
        if len(message) >= _LARGE:
            await self._turn(len(message))
        return message

    def release(self, incoming: Incoming) -> None:
        """Stops counting the message of a call."""
        size, incoming.size = incoming.size, 0
        self._bytes -= size
        left = self._key_bytes[incoming.key_hash] - size
        if left:
            self._key_bytes[incoming.key_hash] = left
        else:
            del self._key_bytes[incoming.key_hash]

    async def _turn(self, length: int) -> None:
        """Waits for the large messages that arrived before. The caller must parse its own without a further wait."""
        async with self._turns:
            await asyncio.sleep(max(self._next_turn - time.monotonic(), 0))
            asyncio.get_running_loop().call_soon(self._set_next_turn, time.monotonic(), length)

    def _set_next_turn(self, began: float, length: int) -> None:
        """Sets the next turn after a message was parsed, which happens before the event loop runs this."""
        took = time.monotonic() - began
        self._next_turn = began + max(length / _BYTES_PER_SECOND, 2 * took)

    def _count(self, incoming: Incoming, length: int) -> None:
        """Counts a message whose size has changed.

        Raises:
            ARouterError: UNAVAILABLE; PAYLOAD_TOO_LARGE.
        """
        if not incoming.key_hash and length > MAX_PUBLIC_BYTES:
            raise too_large()
        size = length if length < _LARGE else 2 * length
        more = size - incoming.size
        of_key = self._key_bytes[incoming.key_hash] + more
        total = self._bytes + more
        if more > 0 and (of_key > self._max_key_bytes or total > self._max_bytes):
            owner = "This key has" if of_key > self._max_key_bytes else "This instance has"
            raise ARouterError(
                Failure.UNAVAILABLE,
                f"{owner} too many bytes of requests in flight. Retry later, or send smaller requests.",
                retry_after=_RETRY_AFTER,
            )
        self._key_bytes[incoming.key_hash] = of_key
        self._bytes = total
        incoming.size = size

    def _check_pending(self) -> None:
        """Checks all pending messages, the oldest first."""
        self._tick += 1
        for incoming in self._waiting:
            age = self._tick - incoming.began
            if age < _SLOW_TICKS:
                break
            if incoming.error is None:
                self._end_or_count(incoming, age)
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._check_pending)
        else:
            self._timer = None

    def _end_or_count(self, incoming: Incoming, age: int) -> None:
        if age >= _LAST_TICK or not incoming.key_hash:
            incoming.error = ARouterError(Failure.REQUEST_TIMEOUT, "The request message did not arrive in time.")
        elif not incoming.size:
            try:
                self._count(incoming, MAX_BODY_BYTES)
            except ARouterError as error:
                incoming.error = error.with_traceback(None)
        if incoming.error is not None and incoming.task is not None:
            incoming.task.cancel()
