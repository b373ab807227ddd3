"""Watches of the list of models: what a client that does not read is spared."""

from __future__ import annotations

import asyncio
from typing import Any

from arouter.accounts.keys import AuthenticatedKey
from arouter.catalogue.catalogue import Catalogue
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.providers.adapter import ListedModel
from arouter.providers.provider import build_providers
from arouter.rpc.interceptors.auth import Caller, caller
from arouter.rpc.model_service import ModelService
from arouter.rpc.typed.model import basic_model, full_model, model_changes
from arouter.v1.model_service_pb2 import WatchModelsRequest, WatchModelsResponse

KEY = AuthenticatedKey("hash", "account")
[PROVIDER] = build_providers(parse_config('providers: [{id: p, base_url: "http://x"}]', {}), read_environment({}))


class Keys:
    """Knows one key."""

    def find(self, key_hash: str) -> AuthenticatedKey | None:
        return KEY if key_hash == KEY.hash else None


class Reader:
    """A call whose client reads when it is told to."""

    def __init__(self) -> None:
        self.written: list[WatchModelsResponse] = []
        self.offered = asyncio.Event()
        self.reads = asyncio.Semaphore(0)
        self.taken = asyncio.Semaphore(0)

    async def write(self, message: Any) -> None:
        self.offered.set()
        await self.reads.acquire()
        self.written.append(message)
        self.taken.release()

    async def read(self) -> WatchModelsResponse:
        self.reads.release()
        await self.taken.acquire()
        return self.written[-1]


def catalogue_of(*names: str) -> Catalogue:
    catalogue = Catalogue([PROVIDER], now=1)
    catalogue.replace(PROVIDER, map(ListedModel, names), 1)
    return catalogue


def test_changes_that_nobody_reads_become_one() -> None:
    """A hundred changes while a client does not read make one response, which has what they come to."""

    async def watch() -> list[WatchModelsResponse]:
        catalogue, reader = catalogue_of("a", "b"), Reader()
        caller.set(Caller(KEY, "", False))
        service: Any = ModelService(catalogue, Keys())
        task = asyncio.create_task(service.WatchModels(WatchModelsRequest(), reader))
        await reader.read()
        reader.offered.clear()
        catalogue.replace(PROVIDER, [ListedModel("a")], 2)
        await reader.offered.wait()
        for number in range(100):
            catalogue.replace(PROVIDER, map(ListedModel, ["a", f"n{number}"]), 3)
        responses = [await reader.read(), await reader.read()]
        catalogue.replace(PROVIDER, map(ListedModel, ["a"]), 4)
        responses.append(await reader.read())
        task.cancel()
        return responses

    first, second, third = asyncio.run(watch())
    assert list(first.removed) == ["p/b"]
    assert ([model.id for model in second.added], list(second.removed)) == (["p/n99"], [])
    assert list(third.removed) == ["p/n99"]


def test_what_a_view_does_not_show_is_no_change() -> None:
    """A new context length is one in the full view alone."""
    old = catalogue_of("a").offer(KEY).models
    changed = Catalogue([PROVIDER], now=1)
    details = parse_config('providers: [{id: p, base_url: "http://x", models: [{name: a, context_length: 9}]}]', {})
    [known] = details.providers[0].models or ()
    changed.replace(PROVIDER, [ListedModel("a", details=known)], 1)
    new = changed.offer(KEY).models

    assert model_changes(old, new, basic_model) is None
    shown = model_changes(old, new, full_model)
    assert shown is not None
    assert [model.details.context_length for model in shown.changed] == [9]
