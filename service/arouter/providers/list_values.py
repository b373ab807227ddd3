"""Validates fields of a provider's model list: invalid values are treated as absent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

_MAX_TOKENS = 2**31 - 1
_LATEST = 2**32 - 1
_MAX_NAME = 512
"""Maximum length of a native name in characters; the store has room for twice that."""

_MAX_LABEL = 200
_MAX_WORD = 64
_MAX_WORDS = 64
_MAX_NUMBER = 40
_MAX_PRICE = 1_000_000.0
"""Maximum plausible price in USD per million tokens: a dollar per token would be in another unit."""


def tokens(value: Any) -> int | None:
    """Returns `value` if it is a number of tokens that `ModelDetails` can hold."""
    return value if type(value) is int and 1 <= value <= _MAX_TOKENS else None


def native_name(value: Any) -> str | None:
    """Returns `value` if it can be a model's name: any printable, non-blank string."""
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _MAX_NAME:
        return None
    return value


def label(value: Any, name: str) -> str | None:
    """Returns `value` if it is a short printable string that differs from the model's native `name`."""
    if not isinstance(value, str) or len(value) > _MAX_LABEL or not value.isprintable():
        return None
    text = value.strip()
    return text if text and text != name else None


def seconds(value: Any) -> int | None:
    """Returns `value` if it is a plausible time in seconds since the epoch; milliseconds are out of range."""
    return value if type(value) is int and 0 < value <= _LATEST else None


def words(value: Any) -> tuple[str, ...] | None:
    """Returns the distinct words in an array, in order; None if there are none."""
    if not isinstance(value, list):
        return None
    found = [word for word in value[:_MAX_WORDS] if isinstance(word, str) and word and _is_word(word)]
    return tuple(dict.fromkeys(found)) or None


def usd(value: Any, *, times: int = 1) -> float | None:
    """Returns a price, given as a number or numeric string, times `times`; None if it is negative or implausible.

    OpenRouter sends -1 if the price depends on the model it routes to.
    """
    if isinstance(value, str):
        if len(value) > _MAX_NUMBER:
            return None
    elif type(value) not in (int, float):
        return None
    try:
        # Via the decimal text: 0.0000011 USD times a million is 1.1, not 1.0999999999999999.
        price = float(Decimal(str(value)) * times)
    except ArithmeticError:
        return None
    return price if 0 <= price <= _MAX_PRICE else None


def _is_word(text: str) -> bool:
    return len(text) <= _MAX_WORD and text.isprintable() and " " not in text
