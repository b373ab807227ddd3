"""The providers' model lists in SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from arouter.catalogue.repository import CatalogueRepository, StoredList
from arouter.models import UNKNOWN, ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.model_pages import MAX_MODELS
from arouter.sql.database import Database, insert
from arouter.sql.tables import catalogue_models, catalogue_providers

_NOTHING = "{}"

_SLICE = 500
"""Rows that are read or written at a time, so that calls and other transactions are not delayed."""

_MAX_FORGOTTEN = MAX_MODELS
"""Models of a provider that are no longer listed but remembered with the time of their first listing."""

_T = TypeVar("_T")
_Models = catalogue_models.c


class SqlCatalogueRepository(CatalogueRepository):
    """Stores the lists in `catalogue_providers` and `catalogue_models`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def load(self) -> Mapping[str, StoredList]:
        async with self._database.begin() as connection:
            synced = set(await connection.scalars(select(catalogue_providers.c.provider)))
            seen = set(await connection.scalars(select(_Models.provider).distinct()))
        return {provider: await self._load(provider, provider in synced) for provider in sorted(synced | seen)}

    async def _load(self, provider: str, synced: bool) -> StoredList:
        first_seen: dict[str, int] = {}
        listed: list[ListedModel] = []
        async for row in self._rows(provider, _Models.listed, MAX_MODELS):
            first_seen[row.name] = row.first_seen
            listed.append(ListedModel(row.name, row.created, _details(row.details)))
        async for row in self._rows(provider, ~_Models.listed, _MAX_FORGOTTEN):
            first_seen[row.name] = row.first_seen
        # Another process may have stored a list since the providers were read.
        return StoredList(listed if synced or listed else None, first_seen)

    @override
    async def see(self, provider: str, names: Iterable[str], now: int) -> Mapping[str, int]:
        rows = [
            {"provider": provider, "name": name, "first_seen": now, "listed": False, "details": _NOTHING}
            for name in names
        ]
        for part in _slices(rows):
            async with self._database.begin() as connection:
                await connection.execute(insert(connection.dialect, catalogue_models).on_conflict_do_nothing(), part)
        return {row.name: row.first_seen async for row in self._rows(provider)}

    @override
    async def replace(self, provider: str, listed: Sequence[ListedModel], now: int) -> None:
        changed = {entry.name: entry for entry in listed}
        gone: list[str] = []
        async for row in self._rows(provider):
            entry = changed.get(row.name)
            if entry is None:
                if row.listed:
                    gone.append(row.name)
            elif row.listed and (row.created, row.details) == (entry.created, _document(entry)):
                del changed[row.name]
        # If the process is killed in between, removed models stay until the list is read again.
        for part in _slices(changed.values()):
            await self._keep(provider, part, now)
        for names in _slices(gone):
            async with self._database.begin() as connection:
                unlisted = update(catalogue_models).where(_Models.provider == provider, _Models.name.in_(names))
                await connection.execute(unlisted.values(listed=False))
        async with self._database.begin() as connection:
            await _note_sync(connection, provider, now)
        await self._forget(provider)

    async def _keep(self, provider: str, entries: Iterable[ListedModel], now: int) -> None:
        rows = [
            {
                "provider": provider,
                "name": entry.name,
                "first_seen": now,
                "listed": True,
                "created": entry.created,
                "details": _document(entry),
            }
            for entry in entries
        ]
        async with self._database.begin() as connection:
            statement = insert(connection.dialect, catalogue_models)
            kept = {name: statement.excluded[name] for name in ("listed", "created", "details")}
            await connection.execute(
                statement.on_conflict_do_update(index_elements=[_Models.provider, _Models.name], set_=kept), rows
            )

    async def _forget(self, provider: str) -> None:
        """Removes models that are no longer listed, the oldest first, if there are too many of them."""
        forgotten = _Models.provider == provider, ~_Models.listed
        async with self._database.begin() as connection:
            count = await connection.scalar(select(func.count()).select_from(catalogue_models).where(*forgotten))
        excess = (count or 0) - _MAX_FORGOTTEN
        while excess > 0:
            async with self._database.begin() as connection:
                oldest = select(_Models.name).where(*forgotten).order_by(_Models.first_seen, _Models.name)
                names = list(await connection.scalars(oldest.limit(min(excess, _SLICE))))
                await connection.execute(delete(catalogue_models).where(*forgotten, _Models.name.in_(names)))
            excess -= _SLICE

    async def _rows(
        self, provider: str, condition: ColumnElement[bool] | None = None, most: int | None = None
    ) -> AsyncIterator[Row[Any]]:
        """Yields up to `most` rows of a provider by name, in slices that are read in a transaction each."""
        last = ""
        while most is None or most > 0:
            rows = select(catalogue_models).where(_Models.provider == provider, _Models.name > last)
            if condition is not None:
                rows = rows.where(condition)
            size = _SLICE if most is None else min(most, _SLICE)
            async with self._database.begin() as connection:
                found = (await connection.execute(rows.order_by(_Models.name).limit(size))).all()
            for row in found:
                yield row
            if len(found) < size:
                return
            last = found[-1].name
            most = None if most is None else most - size


def _slices(values: Iterable[_T]) -> Iterable[list[_T]]:
    rest = iter(values)
    while part := list(islice(rest, _SLICE)):
        yield part


def _document(entry: ListedModel) -> str:
    return msgspec.json.encode(entry.details).decode()


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
        # Written by another release; it is replaced when the list is read again.
        return UNKNOWN
