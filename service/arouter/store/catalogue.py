"""The providers' lists, kept in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from arouter.catalogue.store import CatalogueStore, StoredList
from arouter.models import UNKNOWN, ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.store.database import Database, insert
from arouter.store.tables import catalogue_models, catalogue_providers

_NOTHING = "{}"


class SqlCatalogueStore(CatalogueStore):
    """Keeps the lists in `catalogue_providers` and `catalogue_models`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def load(self) -> Mapping[str, StoredList]:
        async with self._database.begin() as connection:
            synced = set(await connection.scalars(select(catalogue_providers.c.provider)))
            rows = (await connection.execute(select(catalogue_models))).all()
        first_seen: dict[str, dict[str, int]] = {}
        listed: dict[str, list[ListedModel]] = {provider: [] for provider in synced}
        for row in rows:
            first_seen.setdefault(row.provider, {})[row.name] = row.first_seen
            if row.listed:
                # Of a provider that another process has synced between the two statements, too.
                listed.setdefault(row.provider, []).append(ListedModel(row.name, row.created, _details(row.details)))
        return {
            provider: StoredList(listed.get(provider), first_seen.get(provider, {}))
            for provider in synced | first_seen.keys()
        }

    @override
    async def see(self, provider: str, names: Iterable[str], now: int) -> Mapping[str, int]:
        rows = [
            {"provider": provider, "name": name, "first_seen": now, "listed": False, "details": _NOTHING}
            for name in names
        ]
        async with self._database.begin() as connection:
            if rows:
                await connection.execute(insert(connection.dialect, catalogue_models).on_conflict_do_nothing(), rows)
            seen = select(catalogue_models.c.name, catalogue_models.c.first_seen)
            found = await connection.execute(seen.where(catalogue_models.c.provider == provider))
            return {row.name: row.first_seen for row in found}

    @override
    async def replace(self, provider: str, listed: Sequence[ListedModel], now: int) -> None:
        of_provider = update(catalogue_models).where(catalogue_models.c.provider == provider)
        async with self._database.begin() as connection:
            await connection.execute(of_provider.where(catalogue_models.c.listed).values(listed=False))
            if listed:
                await connection.execute(
                    of_provider.where(catalogue_models.c.name == bindparam("native_name")).values(listed=True),
                    [
                        {
                            "native_name": entry.name,
                            "created": entry.created,
                            "details": msgspec.json.encode(entry.details).decode(),
                        }
                        for entry in listed
                    ],
                )
            await _note_sync(connection, provider, now)


async def _note_sync(connection: AsyncConnection, provider: str, now: int) -> None:
    statement = insert(connection.dialect, catalogue_providers).values(provider=provider, synced_at=now)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[catalogue_providers.c.provider], set_={"synced_at": statement.excluded.synced_at}
        )
    )


def _details(document: str) -> ModelDetails:
    try:
        return msgspec.json.decode(document, type=ModelDetails)
    except msgspec.DecodeError:
        # Another release's; the next read of the list mends it.
        return UNKNOWN
