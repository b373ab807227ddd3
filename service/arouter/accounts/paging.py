"""Divides lists into pages (AIP-158).

A token says after which entry the next page begins, so that new entries do not shift pages.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from arouter.errors import ARouterError, invalid_request

DEFAULT_SIZE = 100
MAX_SIZE = 1000

Query = tuple[str | bool | None, ...]

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """A part of a list.

    Attributes:
        items: Its entries.
        next_token: The token of the next page; empty at the end of the list.
    """

    items: Sequence[T]
    next_token: str


def page_of(items: Sequence[T], size: int, place: Callable[[T], str], query: Query) -> Page[T]:
    """Returns a page of the first `size` of `items`, which has one more if there is a next page.

    Args:
        items: The entries.
        size: Maximum number of entries of the page.
        place: Returns the position of an entry in the list.
        query: The query that was listed. A token is valid for the same query only.
    """
    if len(items) <= size:
        return Page(items, "")
    kept = items[:size]
    token = _mark(query) + place(kept[-1])
    return Page(kept, base64.urlsafe_b64encode(token.encode()).decode().rstrip("="))


def place_in(token: str, query: Query) -> str:
    """Returns the position of the last entry of the previous page, as `place` returned it; empty for the first page.

    Raises:
        ARouterError: INVALID_REQUEST if the token is invalid or belongs to another query.
    """
    if not token:
        return ""
    try:
        found = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise bad_token() from error
    mark = _mark(query)
    if not found.startswith(mark):
        raise bad_token()
    return found[len(mark) :]


def bad_token() -> ARouterError:
    """Returns the error for an invalid token."""
    message = "'page_token' must be the 'next_page_token' of the previous page of the same query."
    return invalid_request(message, "page_token")


def checked_size(size: int) -> int:
    """Returns how many entries a page may have.

    Args:
        size: The size that the client asked for; 0 if it did not.

    Raises:
        ARouterError: INVALID_REQUEST if it is negative.
    """
    if size < 0:
        raise invalid_request(f"'page_size' must not be negative; 0 is the default, {DEFAULT_SIZE}.", "page_size")
    return min(size, MAX_SIZE) or DEFAULT_SIZE


def _mark(query: Query) -> str:
    return hashlib.blake2s(repr(query).encode(), digest_size=6).hexdigest()
