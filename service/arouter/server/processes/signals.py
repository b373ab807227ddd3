"""Signal handling of long-running processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable


def handle_signals(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Registers handlers on the running event loop: `stop` for SIGTERM and SIGINT, `reload` for SIGHUP.

    SIGHUP is also sent when the controlling terminal is closed; then it means `stop`, except under nohup.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    needs_terminal = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()

    def on_hangup() -> None:
        (stop if needs_terminal and not _has_terminal() else reload)()

    loop.add_signal_handler(signal.SIGHUP, on_hangup)


def _has_terminal() -> bool:
    """Returns whether the process has a controlling terminal. A closed terminal is detached before SIGHUP is sent."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
