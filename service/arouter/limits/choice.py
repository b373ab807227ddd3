"""Chooses the limiter: one of this process, or one whose counts processes share."""

from __future__ import annotations

from typing import Literal

from arouter.config.secret import Secret
from arouter.limits.limiter import Limiter
from arouter.limits.memory import MemoryLimiter


def open_limiter(
    storage_url: Secret | None, *, longest_call: float, when_down: Literal["open", "closed"], timeout: float
) -> Limiter:
    """Returns a limiter. It does not connect yet.

    Args:
        storage_url: The URL of a Valkey or Redis that processes share; None if this process counts separately.
        longest_call: See `SharedLimiter`.
        when_down: See `SharedLimiter`.
        timeout: See `SharedLimiter`.

    Raises:
        ConfigError: `storage_url` is not a supported URL of Valkey or Redis.
    """
    if storage_url is None:
        return MemoryLimiter()
    # Imported only where it is used, with the client of Valkey.
    from arouter.limits.shared import SharedLimiter

    return SharedLimiter(storage_url, longest_call=longest_call, when_down=when_down, timeout=timeout)
