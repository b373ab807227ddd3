"""Lists of models as people write them: ids, in which `*` stands for anything. Pure.

They come from clients and are matched against every model there is. So nothing is compiled, nothing backtracks, and
what takes time, a `*` before the end, is limited.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

MAX_INNER = 8
"""Patterns of one list with a `*` before their end."""

MAX_STARS = 8
"""`*` in one pattern."""


class Patterns:
    """Matches whatever one of a list's patterns matches. Only `*` is special.

    Args:
        patterns: The list, however long.
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
        """Says whether a pattern matches the whole text."""
        if text in self._exact:
            return True
        # If a prefix of the text is here, then it is the last one that sorts before the text: see `_shortest`.
        index = bisect_right(self._prefixes, text)
        if index and text.startswith(self._prefixes[index - 1]):
            return True
        return any(_matches(first, middle, last, text) for first, middle, last in self._inner)


class ModelPatterns:
    """Matches ids of models, `provider/name`; a pattern without a slash is one of names at any provider.

    Args:
        patterns: The list, however long.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        entries = tuple(patterns)
        self._ids = Patterns(entry for entry in entries if "/" in entry)
        self._names = Patterns(entry for entry in entries if "/" not in entry)

    def match(self, id_: str) -> bool:
        """Says whether a pattern matches an id."""
        # A name may have slashes, too.
        return self._ids.match(id_) or any(
            self._names.match(id_[at + 1 :]) for at, character in enumerate(id_) if character == "/"
        )


def too_costly(patterns: Iterable[str]) -> str | None:
    """Says what is too much in a list that a client has sent, or None if nothing is."""
    inner = 0
    for pattern in patterns:
        if pattern.count("*") > MAX_STARS:
            return f"at most {MAX_STARS} '*' in a pattern"
        inner += "*" in pattern.rstrip("*")
    return f"at most {MAX_INNER} patterns with a '*' before the end" if inner > MAX_INNER else None


def _shortest(prefixes: Iterable[str]) -> list[str]:
    """Returns prefixes, sorted, without those that begin with another one."""
    kept: list[str] = []
    for prefix in sorted(prefixes):
        if not (kept and prefix.startswith(kept[-1])):
            kept.append(prefix)
    return kept


def _matches(first: str, middle: Iterable[str], last: str, text: str) -> bool:
    """Says whether a text begins and ends with these parts and has the others between them, in this order."""
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
