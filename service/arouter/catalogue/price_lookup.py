"""Placeholder."""

from __future__ import annotations

from collections.abc import Iterable

from arouter.models import ModelDetails


class LookupFailedError(Exception):
    """X."""


async def look_up(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], ModelDetails]:
    """X."""
    return {}
