"""What `auto` chooses, for every labelled request, from a catalogue of real models."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest

from arouter.accounts.keys import AuthenticatedKey
from arouter.catalogue.catalogue import Catalogue
from arouter.catalogue.cost import cost
from arouter.catalogue.quality import tier_of
from arouter.chat.request import ChatRequest
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.config.schema import AutoConfig, RoutingConfig
from arouter.errors import ARouterError, Failure
from arouter.health.board import HealthBoard
from arouter.health.origin import Origin
from arouter.planning.plan import Candidate, Cause
from arouter.planning.planner import Planner
from arouter.planning.requirements import lacks, requirements_of
from arouter.providers.provider import build_providers
from support.docs import ROOT
from support.labelled import Labelled, labelled

YAML = (ROOT / "tests/unit/planning/labelled/catalogue.yaml").read_text("utf-8")
CATALOGUE = Catalogue(build_providers(parse_config(YAML, {}), read_environment({})), now=1)
KEY = AuthenticatedKey("hash", "acme", frozenset({"openai", "anthropic", "google", "deepseek", "groq", "lm"}))
REQUESTS = labelled("requests")
TIER = {"easy": "economy", "medium": "standard", "hard": "premium"}
BEST = "anthropic/claude-opus-4-6"
ANSWER_TOKENS = 500
"""What an answer is taken to have where prices are compared."""


def planner(board: HealthBoard | None = None, **auto: Any) -> Planner:
    return Planner(CATALOGUE, board or HealthBoard(), RoutingConfig(auto=AutoConfig(**auto)), Random(1))


def ask(model: str = "auto", text: str = "What is the capital of Australia?", **fields: Any) -> ChatRequest:
    body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
    return ChatRequest(body, stream=False, include_usage=False)


def first(request: ChatRequest, **auto: Any) -> Candidate:
    return planner(**auto).plan(request, KEY, 0.0).candidates[0]


@pytest.mark.parametrize("case", REQUESTS, ids=[case.id for case in REQUESTS])
def test_a_labelled_request_goes_to_a_model_of_its_tier_that_can(case: Labelled) -> None:
    plan = planner().plan(case.request, KEY, 0.0)

    requirements = requirements_of(case.request)
    assert plan.difficulty is not None
    assert plan.difficulty.level == case.level
    for candidate in plan.candidates:
        assert candidate.endpoint.provider.id != "house"
        assert lacks(candidate.endpoint.details, requirements, strict=True) is None
    chosen = plan.candidates[0]
    assert tier_of(chosen.model.id, chosen.model.details) == TIER[case.level]


def price(id_: str, case: Labelled) -> float:
    prices = CATALOGUE.find(id_, KEY).details.prices
    assert prices is not None
    requirements = requirements_of(case.request)
    answer = min(requirements.completion_tokens or ANSWER_TOKENS, ANSWER_TOKENS)
    return cost(prices, prompt_tokens=requirements.prompt_tokens, completion_tokens=answer)


def test_the_price_against_always_the_best_is_what_the_docs_say() -> None:
    chosen = sum(price(planner().plan(case.request, KEY, 0.0).candidates[0].model.id, case) for case in REQUESTS)
    best = sum(price(BEST, case) for case in REQUESTS)

    page = " ".join((ROOT / "docs/routing.md").read_text("utf-8").split())
    said = re.search(r"cost (\d+) % of what `([^`]+)` would", page)
    assert said is not None
    assert (int(said[1]), said[2]) == (round(100 * chosen / best), BEST)


@pytest.mark.parametrize(
    ("model", "fields", "chosen"),
    [
        ("auto", {}, "lm/tiny-1b"),
        ("auto", {"plugins": [{"id": "auto-router", "allowed_models": ["openai/*"]}]}, "openai/gpt-4o-mini"),
        ("auto", {"plugins": [{"id": "auto-router", "allowed_models": ["anthropic/claude-opus*"]}]}, BEST),
        ("auto", {"provider": {"only": ["Google"]}}, "google/gemini-2.5-flash-lite"),
        ("auto", {"provider": {"order": ["Anthropic"]}}, "anthropic/claude-haiku-4-5"),
        ("auto", {"provider": {"ignore": ["lm", "groq"]}}, "google/gemini-2.5-flash-lite"),
        ("auto", {"reasoning_effort": "high"}, "deepseek/deepseek-reasoner"),
        ("auto:floor", {"reasoning_effort": "high"}, "groq/llama-3.1-8b-instant"),
        ("auto:free", {}, "lm/tiny-1b"),
        ("auto", {"provider": {"max_price": {"completion": 0.05}}}, "lm/tiny-1b"),
    ],
)
def test_wishes_narrow_the_choice(model: str, fields: dict[str, Any], chosen: str) -> None:
    assert first(ask(model, **fields)).model.id == chosen


def test_weights_change_the_choice() -> None:
    assert first(ask(text="Prove that there are infinitely many primes."), quality=0, price=1).model.id == "lm/tiny-1b"


def test_a_pool_narrows_the_choice() -> None:
    assert first(ask(), models=("anthropic/*",)).model.id == "anthropic/claude-haiku-4-5"


def test_a_model_that_has_an_outage_is_passed_over_for_the_next_of_its_tier() -> None:
    board = HealthBoard()
    for _ in range(3):
        call = board.begin("lm/tiny-1b", "lm#1", 0.0, Origin(KEY.hash, {}))
        assert call is not None
        call.failed(0.0)

    plan = planner(board).plan(ask(), KEY, 0.5)

    assert plan.candidates[0].model.id == "groq/llama-3.1-8b-instant"


def test_of_nobody_the_reasons_are_counted() -> None:
    with pytest.raises(ARouterError, match=r"17 × is not known for zero data retention") as caught:
        planner().plan(ask(provider={"zdr": True}), KEY, 0.0)

    assert caught.value.failure is Failure.NO_PROVIDER


def test_an_explained_plan_accounts_for_every_model_that_the_key_may_use() -> None:
    plan = planner().plan(ask(), KEY, 0.0, explain=True)

    named = [each.model.id for each in plan.candidates] + [each.model for each in plan.excluded]
    assert sorted(named) == [model.id for model in CATALOGUE.visible(KEY)]
    assert {each.cause for each in plan.excluded} == {Cause.RANK}
    assert all(candidate.reasons for candidate in plan.candidates)
