"""Interface of the persisted part of the catalogue. `arouter.sql` implements it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from arouter.providers.adapter import ListedModel


class StoredList(NamedTuple):
    """The stored state of one provider.

    Attributes:
        listed: Its last model list, each model with its `created`; None if it was never read.
        first_seen: When each model was first seen, including models no longer listed: seconds since the epoch by native
        name.
    """

    listed: Sequence[ListedModel] | None
    first_seen: Mapping[str, int]


class CatalogueRepository(Protocol):
    """Stores the providers' model lists."""

    async def load(self) -> Mapping[str, StoredList]:
        """Returns the stored state by provider id.

        Raises:
            StoreError: The store cannot be read.
        """

    async def see(self, provider: str, names: Iterable[str], now: int) -> Mapping[str, int]:
        """Stores `now` as the first sight of new names. Returns the first sight of all `names`.

        Raises:
            StoreError: The store cannot be written.
        """

    async def replace(self, provider: str, listed: Sequence[ListedModel], now: int) -> None:
        """Replaces a provider's stored list by one that was read at `now`. All names must have been passed to `see`.

        Raises:
            StoreError: The store cannot be written.
        """
