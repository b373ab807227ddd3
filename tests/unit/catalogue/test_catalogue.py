"""The catalogue: listed is callable."""

from __future__ import annotations

import asyncio

import pytest

from arouter.accounts.keys import AuthenticatedKey
from arouter.catalogue.catalogue import Catalogue
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.errors import ARouterError, Failure
from arouter.models import ModelDetails, Prices
from arouter.providers.adapter import ListedModel
from arouter.providers.provider import build_providers

ROWS = """
providers:
  - {id: beta, base_url: "http://x/v1", models: [one]}
  - {id: alpha, base_url: "http://x/v1", models: [b/two, a]}
  - {id: later, base_url: "http://x/v1"}
"""
CHANGED = """
providers:
  - {id: alpha, base_url: "http://x/v1", models: [b/two]}
  - {id: later, base_url: "http://elsewhere/v1"}
  - {id: new, base_url: "http://x/v1", models: [x]}
models:
  - {id: shared/m, endpoints: [beta/one, later/listed]}
"""
ANYONE = AuthenticatedKey("hash", "account")
ONLY_BETA = AuthenticatedKey("hash", "account", frozenset({"beta"}))


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(build_providers(parse_config(ROWS, {}), read_environment({})), now=100)


def ids(catalogue: Catalogue, key: AuthenticatedKey = ANYONE) -> list[str]:
    return [model.id for model in catalogue.visible(key)]


@pytest.mark.parametrize("key", [ANYONE, ONLY_BETA, AuthenticatedKey("hash", "account", frozenset())])
def test_what_is_listed_can_be_called_and_nothing_else(catalogue: Catalogue, key: AuthenticatedKey) -> None:
    callable_ids = []
    for id_ in ids(catalogue):
        try:
            callable_ids.append(catalogue.find(id_, key).id)
        except ARouterError as error:
            assert error.failure is Failure.PERMISSION_DENIED  # noqa: PT017

    assert ids(catalogue, key) == callable_ids


def test_lists_sorted_by_id(catalogue: Catalogue) -> None:
    assert ids(catalogue) == ["alpha/a", "alpha/b/two", "beta/one"]


def test_names_the_provider_that_a_key_may_not_use(catalogue: Catalogue) -> None:
    with pytest.raises(ARouterError, match="Provider 'alpha' is not allowed") as caught:
        catalogue.find("alpha/a", ONLY_BETA)

    assert caught.value.failure is Failure.PERMISSION_DENIED


@pytest.mark.parametrize("id_", ["alpha/z", "missing/a", "a", "", "alpha/a/", "\0"])
def test_does_not_know_other_models(catalogue: Catalogue, id_: str) -> None:
    with pytest.raises(ARouterError) as caught:
        catalogue.find(id_, ANYONE)

    assert (caught.value.failure, caught.value.param) == (Failure.MODEL_NOT_FOUND, "model")


def test_a_list_that_has_not_come_is_no_missing_model(catalogue: Catalogue) -> None:
    with pytest.raises(ARouterError) as caught:
        catalogue.find("later/x", ANYONE)

    assert caught.value.failure is Failure.UNAVAILABLE
    assert caught.value.retry_after is not None


def test_takes_a_new_list_and_remembers_when_a_model_was_first_seen(catalogue: Catalogue) -> None:
    later = next(provider for provider in catalogue.providers if provider.id == "later")

    catalogue.replace(later, [ListedModel("old"), ListedModel("dated", 7)], now=200)
    catalogue.replace(later, [ListedModel("old"), ListedModel("new")], now=300)

    created = {model.id: model.created for model in catalogue.visible(ANYONE)}
    assert created == {"alpha/a": 100, "alpha/b/two": 100, "beta/one": 100, "later/old": 200, "later/new": 300}


def test_a_model_seen_by_an_earlier_process_keeps_its_created(catalogue: Catalogue) -> None:
    alpha = next(provider for provider in catalogue.providers if provider.id == "alpha")

    catalogue.see(alpha, {"a": 7}, now=200)

    assert {model.id: model.created for model in catalogue.visible(ANYONE)}["alpha/a"] == 7


DETAILS = """
providers:
  - id: alpha
    base_url: "http://x/v1"
    models:
      - "*"
      - {name: a, context_length: 1000, prices: {prompt: 1, completion: 2}}
  - {id: beta, base_url: "http://x/v1", models: [b]}
"""


def test_the_configuration_counts_before_the_list_and_the_list_before_the_price_list() -> None:
    catalogue = Catalogue(build_providers(parse_config(DETAILS, {}), read_environment({})), now=100)
    alpha, beta = catalogue.providers

    catalogue.replace(alpha, [ListedModel("a", 1, ModelDetails(context_length=5, display_name="A"))], now=100)
    catalogue.replace(
        alpha, [ListedModel("a", 1, ModelDetails(context_length=5, display_name="A")), ListedModel("c")], 1
    )
    catalogue.replace(beta, [ListedModel("b", 9), ListedModel("not configured")], now=100)
    known = ModelDetails(context_length=7, display_name="looked up", max_output_tokens=3)
    catalogue.add_details({("alpha", "a"): known, ("beta", "b"): known, ("gamma", "a"): known}, now=100)

    models = {model.id: model for model in catalogue.visible(ANYONE)}
    assert list(models) == ["alpha/a", "alpha/c", "beta/b"]
    assert models["alpha/a"].details == ModelDetails(
        context_length=1000, display_name="A", max_output_tokens=3, prices=Prices(prompt=1, completion=2)
    )
    assert models["beta/b"].details == known
    assert models["beta/b"].created == 9


def test_the_hint_of_a_missing_model_names_only_what_the_key_may_use(catalogue: Catalogue) -> None:
    for key, hint in [(ANYONE, "alpha/a"), (ONLY_BETA, "GET /v1/models")]:
        with pytest.raises(ARouterError, match=hint):
            catalogue.find("a", key)


def test_a_server_that_calls_every_model_new_is_not_believed(catalogue: Catalogue) -> None:
    later = next(provider for provider in catalogue.providers if provider.id == "later")

    for now in (200, 300):
        catalogue.replace(later, [ListedModel("m", now)], now)

    assert {model.id: model.created for model in catalogue.visible(ANYONE)}["later/m"] == 200


async def test_other_providers_take_the_place_of_those_before(catalogue: Catalogue) -> None:
    """Lists and first sights stay, where there is still a provider of that id; who waits for a change is told."""
    later = next(provider for provider in catalogue.providers if provider.id == "later")
    catalogue.replace(later, [ListedModel("listed")], now=150)
    offer = catalogue.offer(ANYONE)
    changed = asyncio.create_task(catalogue.wait_change())
    await asyncio.sleep(0)
    config = parse_config(CHANGED, {})

    catalogue.configure(build_providers(config, read_environment({})), 200, config.models)

    await changed
    assert catalogue.offer(ANYONE) is not offer
    assert ids(catalogue) == ["alpha/b/two", "later/listed", "new/x", "shared/m"]
    assert {model.id: model.created for model in catalogue.visible(ANYONE)} == {
        "alpha/b/two": 100,
        "later/listed": 150,
        "new/x": 200,
        "shared/m": 150,
    }
    found = catalogue.find("later/listed", ANYONE).endpoints[0].provider
    assert found.base_url == "http://elsewhere/v1"
    with pytest.raises(ARouterError) as caught:
        catalogue.find("beta/one", ANYONE)
    assert caught.value.failure is Failure.MODEL_NOT_FOUND


async def test_a_list_that_is_taken_aside_is_shown_when_it_is_done(catalogue: Catalogue) -> None:
    later = next(each for each in catalogue.providers if each.id == "later")
    changed = asyncio.create_task(catalogue.wait_change())
    await asyncio.sleep(0)

    await catalogue.follow(later, [ListedModel("a"), ListedModel("b")], 150, {"a": 7})
    await changed

    created = {model.id: model.created for model in catalogue.visible(ANYONE)}
    assert (created["later/a"], created["later/b"]) == (7, 150)


async def test_changes_at_the_same_time_are_all_shown(catalogue: Catalogue) -> None:
    alpha, later = (next(each for each in catalogue.providers if each.id == id_) for id_ in ("alpha", "later"))
    taken = asyncio.gather(
        catalogue.follow(later, [ListedModel("l")], 150),
        catalogue.follow_details({("alpha", "a"): ModelDetails(context_length=9)}, 150),
    )
    await asyncio.sleep(0)
    catalogue.see(alpha, {"a": 7}, 150)
    await taken

    models = {model.id: model for model in catalogue.visible(ANYONE)}
    assert "later/l" in models
    assert (models["alpha/a"].created, models["alpha/a"].details.context_length) == (7, 9)


def test_a_key_is_offered_the_same_in_any_order(catalogue: Catalogue) -> None:
    offered = catalogue.offer(ONLY_BETA).models

    assert "alpha/a" not in offered
    found = [id_ for id_ in sorted({model.id for model in catalogue.visible(ANYONE)}, reverse=True) if id_ in offered]
    assert list(offered) == sorted(found)
    assert len(offered) == len(found)
