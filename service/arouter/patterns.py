"""Lists of model id patterns, in which `*` matches any text. Pure.

Patterns come from clients and are matched against every model. Therefore nothing is compiled, nothing backtracks, and
the expensive case, a `*` before the end, is limited.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

MAX_INNER = 8
"""Maximum number of patterns per list with a `*` before the end."""

MAX_STARS = 8
"""Maximum number of `*` in a pattern."""


class Patterns:
    """Matches a text that matches any pattern of a list. Only `*` is special.

    Args:
        patterns: The patterns, in any number.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        exact, prefixes, inner = set(), set(), set()
        for pattern in patterns:
            start = pattern.rstrip("*")
            if "*" in start:
                inner.add(tuple(pattern.split("*")))
            elif start == pattern:
                exact.add(pattern)
            else:
                prefixes.add(start)
        self._exact = frozenset(exact)
        self._prefixes = _shortest(prefixes)
        self._inner = tuple((first, middle, last) for first, *middle, last in inner)

    def match(self, text: str) -> bool:
        """Returns whether any pattern matches the whole text."""
        if text in self._exact:
            return True
        # If the list has a prefix of the text, it is the last entry that sorts before the text: see `_shortest`.
        index = bisect_right(self._prefixes, text)
        if index and text.startswith(self._prefixes[index - 1]):
            return True
        return any(_matches(first, middle, last, text) for first, middle, last in self._inner)


class ModelPatterns:
    """Matches model ids, `provider/name`. A pattern without a slash matches names of any provider.

    Args:
        patterns: The patterns, in any number.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        entries = tuple(patterns)
        self._ids = Patterns(entry for entry in entries if "/" in entry)
        self._names = Patterns(entry for entry in entries if "/" not in entry)

    def match(self, id_: str) -> bool:
        """Returns whether any pattern matches an id."""
        # A name may itself contain slashes.
        return self._ids.match(id_) or any(
            self._names.match(id_[at + 1 :]) for at, character in enumerate(id_) if character == "/"
        )


def too_costly(patterns: Iterable[str]) -> str | None:
    """Returns the limit that a list from a client exceeds, or None if it exceeds none."""
    inner = 0
    for pattern in patterns:
        if pattern.count("*") > MAX_STARS:
            return f"at most {MAX_STARS} '*' in a pattern"
        inner += "*" in pattern.rstrip("*")
    return f"at most {MAX_INNER} patterns with a '*' before the end" if inner > MAX_INNER else None


def _shortest(prefixes: Iterable[str]) -> list[str]:
    """Returns prefixes, sorted, without those that start with another one."""
    kept: list[str] = []
    for prefix in sorted(prefixes):
        if not (kept and prefix.startswith(kept[-1])):
            kept.append(prefix)
    return kept


def _matches(first: str, middle: Iterable[str], last: str, text: str) -> bool:
    """Returns whether a text starts and ends with these parts and contains the middle parts in order."""
    end = len(text) - len(last)
    at = len(first)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
