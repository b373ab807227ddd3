"""The link between a child process and its parent: a Unix socket pair whose far end is the child's stdin.

Parent to child, once: the text of the initial configuration, up to the end of the stream. Child to parent: frames of a
length (4 bytes, big endian) and a text. An empty frame is a heartbeat; any other is a heartbeat with the configuration
that the child has applied.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from arouter.server.processes.heartbeat import INTERVAL, Heartbeat

if TYPE_CHECKING:
    from arouter.server.reload.reload import ConfigReload

STACK_SIGNAL = signal.SIGUSR2
"""Signal that makes a child with a link write the stacks of all threads to stderr, even if its event loop is
blocked."""

_LENGTH = struct.Struct(">I")
_CHUNK_BYTES = 64 * 1024


class ParentLink:
    """The parent's end of the link.

    Args:
        end: Its socket.
        text: The child's initial configuration; empty if the child reads the file.
        heartbeat: Records the child's heartbeats.
    """

    def __init__(self, end: socket.socket, text: str, heartbeat: Heartbeat) -> None:
        self._end = end
        self._text = text
        self._heartbeat = heartbeat

    async def follow(self, on_text: Callable[[str], None]) -> None:
        """Reads frames until the child closes its end. Calls `on_text` with each configuration."""
        loop = asyncio.get_running_loop()
        reader, writer = await asyncio.open_unix_connection(sock=self._end)
        try:
            writer.write(self._text.encode())
            writer.write_eof()
            while True:
                (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                text = (await reader.readexactly(length)).decode()
                self._heartbeat.receive(loop.time())
                if text:
                    on_text(text)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._heartbeat.end()
            writer.close()


class ChildLink:
    """The child's end of the link, taken from stdin. Blocks until the parent has sent the configuration.

    Attributes:
        text: The initial configuration; empty if the file is to be read.
    """

    def __init__(self) -> None:
        # Child processes of this one must not inherit the socket.
        self._end = socket.socket(fileno=os.dup(0))
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), 0)
        parts = []
        while part := self._end.recv(_CHUNK_BYTES):
            parts.append(part)
        self.text = b"".join(parts).decode()
        faulthandler.register(STACK_SIGNAL)

    async def beat(self, reload: ConfigReload) -> NoReturn:
        """Sends heartbeats, and each configuration that is applied, until cancelled."""
        self._end.setblocking(False)
        _, writer = await asyncio.open_unix_connection(sock=self._end)
        sent: str | None = None
        try:
            while True:
                text = reload.text_in_use
                frame = b"" if text is None or text == sent else text.encode()
                sent = text
                # If the parent has died, this process is being stopped too.
                if not writer.is_closing():
                    writer.write(_LENGTH.pack(len(frame)) + frame)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(INTERVAL):
                        await reload.taken.wait()
                reload.taken.clear()
        finally:
            with contextlib.suppress(OSError):
                writer.close()
