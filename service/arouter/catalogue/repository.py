"""What of the catalogue survives a restart. An interface; `arouter.sql` has the SQL behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from arouter.providers.adapter import ListedModel


class StoredList(NamedTuple):
    """What is kept of one provider.

    Attributes:
        listed: Its list as it last was, each model with its `created`; None if it was never read.
        first_seen: When each of its models was first seen, those no longer listed included: seconds since the epoch by
            native name.
    """

    listed: Sequence[ListedModel] | None
    first_seen: Mapping[str, int]


class CatalogueRepository(Protocol):
    """Keeps the providers' lists."""

    async def load(self) -> Mapping[str, StoredList]:
        """Returns what is kept, by provider.

        Raises:
            StoreError: It cannot be read.
        """

    async def see(self, provider: str, names: Iterable[str], now: int) -> Mapping[str, int]:
        """Keeps `now` as first sight of those names that are new. Returns the first sight of all of them.

        Raises:
            StoreError: It cannot be written.
        """

    async def replace(self, provider: str, listed: Sequence[ListedModel], now: int) -> None:
        """Keeps a provider's list, read at `now`, in place of its last one. All names have been seen.

        Raises:
            StoreError: It cannot be written.
        """
