"""Receives the one message of a unary request, within bounds of time and memory (docs/decisions/0012)."""

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
"""Seconds between two looks at the messages that have not arrived yet."""

_SLOW_TICKS = 4
"""After so many a message that has not arrived counts as one of the largest size, and a public one ends.

In ticks, not in seconds: while the event loop is busy with other calls, neither ticks nor messages are seen.
"""

_LAST_TICK = 300
"""After so many, half a minute, a message that has not arrived ends its call."""

_RETRY_AFTER = 1

_LARGE = 1024 * 1024
"""Bytes from which a message counts twice: a text becomes up to four times as large where one character needs it."""

_BYTES_PER_SECOND = 100 * 1024 * 1024
"""Of large messages that are passed on. Reading one blocks the event loop; for as long, at least, it is then free for
others."""

MAX_PUBLIC_BYTES = 4096
"""Largest message of a call without a key."""


def too_large() -> ARouterError:
    """Returns the 413 of a call without a key."""
    return ARouterError(Failure.PAYLOAD_TOO_LARGE, f"The message is over {MAX_PUBLIC_BYTES} bytes.")


class Incoming:
    """The message of one call.

    Args:
        key_hash: Of the key that counts it; empty for a call that needs no key.

    Attributes:
        size: Bytes that count as in flight for it.
        began: The tick at which it was first waited for.
        task: What waits for it.
        error: Why its call ends before it has arrived, if that is so.
    """

    __slots__ = ("began", "error", "key_hash", "size", "task")

    def __init__(self, key_hash: str) -> None:
        self.key_hash = key_hash
        self.size = 0
        self.began = 0
        self.task: asyncio.Task[object] | None = None
        self.error: ARouterError | None = None


class Receiving:
    """Receives messages, and counts their bytes until their calls have ended.

    gRPC holds what has arrived of a message, up to its largest size, and does not say how much that is.

    Args:
        max_bytes: Of all messages in flight; one key may have half of them.
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
        """Bytes of the messages of all calls under way."""
        return self._bytes

    async def receive(self, incoming: Incoming, context: Context) -> bytes:
        """Returns the message of a call. `release` must follow, whatever happens.

        Raises:
            ARouterError: REQUEST_TIMEOUT, it does not arrive; UNIMPLEMENTED, there is none; UNAVAILABLE, too many bytes
                are in flight; PAYLOAD_TOO_LARGE, it is too large for a public call.
        """
        incoming.task = asyncio.current_task()
        incoming.began = self._tick
        self._waiting[incoming] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._look)
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
            raise ARouterError(Failure.UNIMPLEMENTED, "The call has no message; its method takes one.")
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
        """Waits for the large messages that have arrived before. The caller reads its own at once."""
        async with self._turns:
            await asyncio.sleep(max(self._next_turn - time.monotonic(), 0))
            asyncio.get_running_loop().call_soon(self._rest, time.monotonic(), length)

    def _rest(self, began: float, length: int) -> None:
        """Takes the time that it took to read a message: it runs right after that."""
        took = time.monotonic() - began
        self._next_turn = began + max(length / _BYTES_PER_SECOND, 2 * took)

    def _count(self, incoming: Incoming, length: int) -> None:
        """Counts a message of another length than before.

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
            whose = "This key has" if of_key > self._max_key_bytes else "This instance has"
            raise ARouterError(
                Failure.UNAVAILABLE,
                f"{whose} too many bytes of requests in flight. Try again, or send smaller requests.",
                retry_after=_RETRY_AFTER,
            )
        self._key_bytes[incoming.key_hash] = of_key
        self._bytes = total
        incoming.size = size

    def _look(self) -> None:
        """Looks at all messages that have not arrived, the oldest first."""
        self._tick += 1
        for incoming in self._waiting:
            age = self._tick - incoming.began
            if age < _SLOW_TICKS:
                break
            if incoming.error is None:
                self._end_or_count(incoming, age)
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._look)
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
