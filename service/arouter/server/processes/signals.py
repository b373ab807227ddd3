"""What signals mean to the processes that people and supervisors send them to."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable


def handle_signals(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Has the running event loop call `stop` on SIGTERM and SIGINT, and `reload` on SIGHUP.

    SIGHUP also comes when the terminal that a process was started on is closed, and means `stop` then; not under nohup.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    needs_terminal = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()

    def on_hangup() -> None:
        (stop if needs_terminal and not _has_terminal() else reload)()

    loop.add_signal_handler(signal.SIGHUP, on_hangup)


def _has_terminal() -> bool:
    """Says whether the process has a controlling terminal. It loses the one that is closed before it gets SIGHUP."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
