"""Sends the initial metadata of a typed stream in time."""

from __future__ import annotations

import asyncio

from arouter.rpc.context import Context, send_headers

TIMEOUT = 1.0
"""Seconds after which a stream is opened without knowing who answers: clients may wait for initial metadata."""


class Opening:
    """Opens a stream with the metadata of its answer, or after a second without any; `close` must follow.

    Args:
        context: Of the call.
    """

    __slots__ = ("_context", "_is_open", "_task", "_timer")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._is_open = False
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(TIMEOUT, self._open_early)

    async def open(self, headers: tuple[tuple[str, str], ...]) -> None:
        """Sends the metadata; as trailing metadata, with the stream's end, if it is open already.

        Raises:
            CancelledError: The client has gone.
        """
        if self._is_open:
            await self.close()
            self._context.set_trailing_metadata(headers)
            return
        self._is_open = True
        self._timer.cancel()
        await send_headers(self._context, headers)

    async def close(self) -> None:
        """Sends nothing any more. To be awaited before anything else is sent, the call's status included."""
        self._timer.cancel()
        task, self._task = self._task, None
        if task is None:
            return
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # Looked at, or asyncio would report it: the client has gone, that is all.

    def _open_early(self) -> None:
        self._is_open = True
        self._task = asyncio.get_running_loop().create_task(send_headers(self._context, ()))
