"""Listed is callable: after any sequence of changes, for every key."""

from __future__ import annotations

import asyncio
import fnmatch
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from arouter.accounts.key_cache import KeyCache
from arouter.accounts.management import Management
from arouter.accounts.specs import account_patch, key_patch, new_account, new_key
from arouter.catalogue.catalogue import Catalogue
from arouter.chat.request import ChatRequest
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.config.provider_schema import MappedModel
from arouter.config.schema import RoutingConfig
from arouter.errors import ARouterError
from arouter.health.board import HealthBoard
from arouter.planning.planner import Planner
from arouter.providers.adapter import ListedModel
from arouter.providers.provider import build_providers
from arouter.sql.database import Database, database_url
from arouter.sql.key_cache import SqlKeyCacheRepository
from arouter.sql.management import SqlManagementRepository
from arouter.sql.revision import make_sqlite, sqlite_path
from support.keys import ACTOR

T = TypeVar("T")

PROVIDERS = ("alpha", "beta", "gamma")
NAMES = ("gpt-5", "gpt-5-mini", "claude", "vendor/claude")
SHARED = "meta/claude"
SERVING = ("alpha/claude", "beta/claude")
PATTERNS = ("meta/*", "gpt-5", "gpt-5*", "alpha/*", "beta/gpt-5", "*", "*/claude", "none")
ROWS = "\n".join(f'  - {{id: {id_}, base_url: "http://x/v1"}}' for id_ in PROVIDERS)

subset = st.none() | st.lists(st.sampled_from(PROVIDERS), unique=True)
patterns = st.none() | st.lists(st.sampled_from(PATTERNS), unique=True, max_size=3)


class Visibility(RuleBasedStateMachine):
    """Real management, a real database and the real planner, beside a plain account of what must hold."""

    accounts = Bundle("accounts")
    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        state = Path(self.folder.name) / "state"
        make_sqlite(sqlite_path(state))
        self.database = Database(database_url(None, state))
        self.management = Management(SqlManagementRepository(self.database))
        self.directory = KeyCache([], max_age=3600)
        self.revision = 0
        providers = build_providers(parse_config(f"providers:\n{ROWS}", {}), read_environment({}))
        self.catalogue = Catalogue(providers, 1, [MappedModel(SHARED, SERVING)])
        self.planner = Planner(self.catalogue, HealthBoard(), RoutingConfig(), Random(1))
        self.provider = {provider.id: provider for provider in providers}
        self.listed: set[str] = set()
        self.account: dict[str, dict[str, Any]] = {}
        self.key: dict[str, dict[str, Any]] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.loop.close()
        self.folder.cleanup()

    @initialize(target=accounts)
    def begin(self) -> Any:
        self.account["default"] = {"providers": None, "disabled": False}
        return multiple("default")

    @rule(target=accounts, providers=subset, disabled=st.booleans())
    def make_account(self, providers: list[str] | None, disabled: bool) -> str:
        id_ = f"account-{len(self.account)}"
        self.account[id_] = {"providers": providers, "disabled": disabled}
        self.run(self.management.create_account(new_account({"id": id_, **self.account[id_]}), ACTOR))
        return id_

    @rule(id_=accounts, change=st.fixed_dictionaries({}, optional={"providers": subset, "disabled": st.booleans()}))
    def change_account(self, id_: str, change: dict[str, Any]) -> None:
        self.account[id_] |= change
        self.run(self.management.update_account(id_, account_patch(change), ACTOR))

    @rule(target=keys, account=accounts, providers=subset, models=patterns)
    def make_key(self, account: str, providers: list[str] | None, models: list[str] | None) -> str:
        asked = {"name": "k", "account": account, "allowed_providers": providers, "allowed_models": models}
        view, _ = self.run(self.management.create_key(new_key(asked), ACTOR))
        self.key[view.key.hash] = {**asked, "disabled": False}
        return view.key.hash

    @rule(
        hash_=keys,
        change=st.fixed_dictionaries(
            {}, optional={"allowed_providers": subset, "allowed_models": patterns, "disabled": st.booleans()}
        ),
    )
    def change_key(self, hash_: str, change: dict[str, Any]) -> None:
        self.key[hash_] |= change
        self.run(self.management.update_key(hash_, key_patch(change), ACTOR))

    @rule(hash_=consumes(keys))
    def revoke_key(self, hash_: str) -> None:
        self.key[hash_]["disabled"] = True
        self.run(self.management.delete_key(hash_, ACTOR))

    @rule(provider=st.sampled_from(PROVIDERS), names=st.lists(st.sampled_from(NAMES), unique=True))
    def list_models(self, provider: str, names: list[str]) -> None:
        self.catalogue.replace(self.provider[provider], [ListedModel(name) for name in names], 1)
        self.listed = {id_ for id_ in self.listed if not id_.startswith(f"{provider}/")}
        self.listed |= {f"{provider}/{name}" for name in names}

    @invariant()
    def listed_is_callable_and_as_it_must_be(self) -> None:
        changes = self.run(SqlKeyCacheRepository(self.database).changes(self.revision))
        self.revision = changes.revision
        self.directory.apply(changes, time.monotonic())
        for hash_ in self.key:
            key = self.directory.find(hash_)
            assert (key is not None) is self.is_valid(hash_)
            if key is not None:
                listed = {model.id for model in self.catalogue.visible(key)}
                ids = [SHARED, *(f"{provider}/{name}" for provider in PROVIDERS for name in NAMES)]
                callable_ids = {id_ for id_ in ids if self.can_call(key, id_)}
                assert listed == callable_ids == self.expected(hash_)

    def can_call(self, key: Any, id_: str) -> bool:
        body = {"model": id_, "messages": [{"role": "user", "content": "hi"}]}
        try:
            plan = self.planner.plan(ChatRequest(body, stream=False, include_usage=False), key, now=0)
        except ARouterError:
            return False
        assert all(key.allows_provider(each.endpoint.provider.id) for each in plan.candidates)
        return {candidate.model.id for candidate in plan.candidates} == {id_}

    def is_valid(self, hash_: str) -> bool:
        key = self.key[hash_]
        return not key["disabled"] and not self.account[key["account"]]["disabled"]

    def expected(self, hash_: str) -> set[str]:
        endpoints = {id_: [id_] for id_ in self.listed} | {SHARED: [id_ for id_ in SERVING if id_ in self.listed]}
        return {id_ for id_, serving in endpoints.items() if any(self.may_use(hash_, id_, each) for each in serving)}

    def may_use(self, hash_: str, id_: str, endpoint: str) -> bool:
        key = self.key[hash_]
        return all(
            allowed is None or endpoint.partition("/")[0] in allowed
            for allowed in (key["allowed_providers"], self.account[key["account"]]["providers"])
        ) and (
            key["allowed_models"] is None
            or any(
                fnmatch.fnmatchcase(each if "/" in pattern else each.partition("/")[2], pattern)
                for pattern in key["allowed_models"]
                for each in (id_, endpoint)
            )
        )


Visibility.TestCase.settings = settings(max_examples=25, stateful_step_count=20)
test_listed_is_callable = Visibility.TestCase
