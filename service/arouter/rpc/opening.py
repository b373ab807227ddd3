"""Sends the initial metadata of a typed stream early enough."""

from __future__ import annotations

import asyncio

from arouter.rpc.context import Context, send_headers

TIMEOUT = 1.0
"""Seconds after which a stream is opened without routing metadata, because clients may wait for initial metadata."""


class Opening:
    """Opens a stream with the metadata of its response, or after a second without any. `close` must be called.

    Args:
        context: The call.
    """

    __slots__ = ("_context", "_is_open", "_task", "_timer")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._is_open = False
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(TIMEOUT, self._open_early)

    async def open(self, headers: tuple[tuple[str, str], ...]) -> None:
        """Sends the metadata; as trailing metadata at the end of the stream if it is already open.

        Raises:
            CancelledError: The client has disconnected.
        """
        if self._is_open:
            await self.close()
            self._context.set_trailing_metadata(headers)
            return
        self._is_open = True
        self._timer.cancel()
        await send_headers(self._context, headers)

    async def close(self) -> None:
        """Stops sending. Must be awaited before anything else is sent, including the call's status."""
        self._timer.cancel()
        task, self._task = self._task, None
        if task is None:
            return
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # Retrieved, or asyncio would log it: the client has disconnected.

    def _open_early(self) -> None:
        self._is_open = True
        self._task = asyncio.get_running_loop().create_task(send_headers(self._context, ()))
