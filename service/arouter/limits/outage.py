"""Failures of the store for limits: it does not respond, or it replies with an error."""

from __future__ import annotations

import logging
import time

PAUSE = 1.0
"""Seconds for which a store that did not respond is not called; after that one call tries it."""

REPEAT = 60.0
"""Minimum seconds between two log lines about the same error reply."""

_log = logging.getLogger(__name__)


class StoreLostError(Exception):
    """The store does not respond, or cannot serve calls at the moment."""


class StoreRefusedError(Exception):
    """The store has replied to a command with an error, which affects only that call.

    Attributes:
        code: The error code, such as `WRONGTYPE` or `OOM`.
        advice: What the operator can do; may be empty.
    """

    def __init__(self, code: str, text: str, advice: str) -> None:
        super().__init__(f"{text} ({advice})" if advice else text)
        self.code = code
        self.advice = advice


class Outage:
    """Prevents calls from waiting for a store that does not respond. Each outage is logged once.

    An error reply is not an outage, because other calls may succeed.
    """

    def __init__(self) -> None:
        self._down = False
        self._try_at = 0.0
        self._logged_at: dict[str, float] = {}

    def may_try(self) -> bool:
        """Returns whether a call may try the store now."""
        if not self._down:
            return True
        now = time.monotonic()
        if now < self._try_at:
            return False
        self._try_at = now + PAUSE
        return True

    def note(self, error: Exception) -> None:
        """Records why the limits of a call could not be checked."""
        if isinstance(error, StoreRefusedError):
            self.end()
            self._refused(error)
        else:
            self._begin(error)

    def end(self) -> None:
        """Records that the store has responded."""
        if self._down:
            self._down = False
            _log.info("limits can be checked again")

    def _begin(self, error: Exception) -> None:
        self._try_at = time.monotonic() + PAUSE
        if not self._down:
            self._down = True
            _log.warning("limits cannot be checked: %s", str(error) or "no response in time")

    def _refused(self, error: StoreRefusedError) -> None:
        now = time.monotonic()
        if now >= self._logged_at.get(error.code, 0.0):
            self._logged_at[error.code] = now + REPEAT
            _log.error("limits of a call cannot be checked: the store replied %s", error)
