"""Whether the store of limits answers."""

from __future__ import annotations

import logging
import time

_PAUSE = 1.0
"""Seconds for which a store that did not answer is left alone; then one call tries."""

_log = logging.getLogger(__name__)


class Outage:
    """Keeps calls from waiting for a store that is down. Each outage is logged once."""

    def __init__(self) -> None:
        self._down = False
        self._try_at = 0.0

    def may_try(self) -> bool:
        """Says whether to ask the store."""
        if not self._down:
            return True
        now = time.monotonic()
        if now < self._try_at:
            return False
        self._try_at = now + _PAUSE
        return True

    def begin(self, error: Exception) -> None:
        """Notes that the store did not answer."""
        self._try_at = time.monotonic() + _PAUSE
        if not self._down:
            self._down = True
            _log.warning("limits cannot be checked: %s: %s", type(error).__name__, str(error) or "no answer in time")

    def end(self) -> None:
        """Notes that the store answered."""
        if self._down:
            self._down = False
            _log.info("limits can be checked again")
