"""The catalogue's store."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from arouter.catalogue.repository import StoredList
from arouter.errors import StoreError
from arouter.models import ModelDetails, Prices
from arouter.providers.adapter import ListedModel
from arouter.sql import catalogue
from arouter.sql.catalogue import SqlCatalogueRepository
from arouter.sql.database import Database
from arouter.sql.tables import catalogue_models

DETAILS = ModelDetails(context_length=10, input_modalities=("text",), prices=Prices(prompt=1, completion=0.5))


@pytest.fixture
def store(database: Database) -> SqlCatalogueRepository:
    return SqlCatalogueRepository(database)


async def test_nothing_is_kept_at_first(store: SqlCatalogueRepository) -> None:
    assert await store.load() == {}


async def test_first_sight_stays(store: SqlCatalogueRepository) -> None:
    assert await store.see("a", ["x", "y"], 5) == {"x": 5, "y": 5}
    assert await store.see("a", ["y", "z"], 6) == {"x": 5, "y": 5, "z": 6}
    assert await store.see("b", ["y"], 7) == {"y": 7}
    assert await store.see("c", [], 7) == {}

    assert await store.load() == {
        "a": StoredList(None, {"x": 5, "y": 5, "z": 6}),
        "b": StoredList(None, {"y": 7}),
    }


async def test_a_list_is_kept_as_it_last_was(store: SqlCatalogueRepository) -> None:
    await store.see("a", ["x", "y"], 5)
    await store.replace("a", [ListedModel("x", 3, DETAILS), ListedModel("y")], 5)
    assert (await store.load())["a"].listed == [ListedModel("x", 3, DETAILS), ListedModel("y")]

    await store.replace("a", [ListedModel("y", 4)], 6)
    assert await store.load() == {"a": StoredList([ListedModel("y", 4)], {"x": 5, "y": 5})}


async def test_an_empty_list_is_a_list(store: SqlCatalogueRepository) -> None:
    await store.replace("a", [], 5)

    assert await store.load() == {"a": StoredList([], {})}


async def test_a_database_without_tables_is_a_store_error(empty_database: Database) -> None:
    with pytest.raises(StoreError, match=r"no such table|does not exist"):
        await SqlCatalogueRepository(empty_database).load()


async def test_details_of_another_release_are_read_as_unknown(
    database: Database, store: SqlCatalogueRepository
) -> None:
    await store.see("a", ["x", "y"], 5)
    await store.replace("a", [ListedModel("x", 3, DETAILS), ListedModel("y")], 5)
    async with database.begin() as connection:
        for name, details in (("x", "not json{"), ("y", '{"taste": "sweet"}')):
            changed = update(catalogue_models).where(catalogue_models.c.name == name)
            await connection.execute(changed.values(details=details))

    assert (await store.load())["a"].listed == [ListedModel("x", 3), ListedModel("y")]


async def test_a_list_is_kept_in_slices(store: SqlCatalogueRepository) -> None:
    listed = [ListedModel(f"m{number:04}", number) for number in range(1201)]
    await store.replace("a", listed, 5)
    await store.replace("b", listed[:1], 5)
    assert (await store.load())["a"].listed == listed

    changed = [ListedModel(entry.name, 9) for entry in listed[600:]]
    await store.replace("a", changed, 6)

    kept = await store.load()
    assert kept["a"].listed == changed
    assert set(kept["a"].first_seen.values()) == {5}
    assert kept["b"].listed == listed[:1]


async def test_lists_that_change_for_ever_are_not_remembered_for_ever(
    store: SqlCatalogueRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "_MAX_FORGOTTEN", 3)
    for now in range(5):
        await store.replace("a", [ListedModel(f"m{now}-{number}") for number in range(2)], now)

    assert (await store.load())["a"].first_seen.keys() == {"m2-1", "m3-0", "m3-1", "m4-0", "m4-1"}
