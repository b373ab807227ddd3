"""The candidates of a plan and their order: properties of every plan, and the documented load balancing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.planning.plans import (
    CREDENTIALS,
    DRAWS,
    IDS,
    PROVIDERS,
    TOOLS,
    Event,
    after,
    endpoints,
    planned,
    planner,
    request,
)

from arouter.accounts.keys import AuthenticatedKey
from arouter.errors import ARouterError
from arouter.planning.plan import Plan

names = st.lists(st.sampled_from([*PROVIDERS, "unknown"]), unique=True, max_size=3)
preferences = st.fixed_dictionaries(
    {},
    optional={
        "order": names,
        "only": names,
        "ignore": names,
        "zdr": st.booleans(),
        "require_parameters": st.booleans(),
        "sort": st.sampled_from(["price", "throughput", "latency"]),
        "max_price": st.fixed_dictionaries({"prompt": st.sampled_from([0, 1, 3])}),
    },
)
models = st.sampled_from([*IDS, "auto", "m", "shared/m:free", "beta/m:nitro", "unknown/m"])
bodies = st.fixed_dictionaries(
    {"models": st.lists(models, max_size=3)},
    optional={
        "provider": preferences,
        "tools": st.just(TOOLS),
        "plugins": st.just([{"id": "auto-router", "allowed_models": ["shared/*", "gamma/*"]}]),
    },
)
keys = st.builds(
    AuthenticatedKey,
    st.just("hash"),
    st.just("acme"),
    st.none() | st.frozensets(st.sampled_from(PROVIDERS)),
    st.none() | st.lists(st.sampled_from(["shared/*", "alpha/*", "m", "*/other", "beta/m"]), max_size=2).map(tuple),
)
histories = st.lists(
    st.tuples(
        st.sampled_from(sorted(CREDENTIALS)),
        st.sampled_from(["failed", "failed", "limited", "succeeded", "slow"]),
        st.floats(80, 100),
    ),
    max_size=20,
)


@given(bodies, keys, histories)
def test_only_endpoints_that_the_key_may_use_are_candidates(
    body: dict[str, Any], key: AuthenticatedKey, events: list[Event]
) -> None:
    """Whatever is asked, and however the providers do."""
    try:
        plan = planner(after(*events)).plan(request(**body), key, 100)
    except ARouterError:
        return
    for model, endpoint, *_ in plan.candidates:
        assert key.refusal(endpoint.provider.id, model.id, endpoint.id) is None


@given(bodies, keys, histories, st.integers(0, 2**32))
def test_the_same_seed_makes_the_same_plans(
    body: dict[str, Any], key: AuthenticatedKey, events: list[Event], seed: int
) -> None:
    """Three plans in a row, made twice."""
    first, second = (planner(after(*events), seed) for _ in range(2))

    assert [planned(first, body, key) for _ in range(3)] == [planned(second, body, key) for _ in range(3)]


@given(bodies, keys, histories, st.sampled_from(PROVIDERS))
def test_to_ignore_a_provider_adds_no_candidate(
    body: dict[str, Any], key: AuthenticatedKey, events: list[Event], ignored: str
) -> None:
    """Who is left was there before, and the ignored one is gone."""
    provider = body.get("provider", {})
    fewer = {**body, "provider": {**provider, "ignore": [*provider.get("ignore", ()), ignored]}}

    left = planned(planner(after(*events)), fewer, key)

    assert set(left) <= set(planned(planner(after(*events)), body, key))
    assert not any(each.startswith(f"{ignored}/") for each in left)


@given(bodies, keys, histories)
def test_a_plan_and_its_explanation_agree(body: dict[str, Any], key: AuthenticatedKey, events: list[Event]) -> None:
    """Explaining does not change the candidates; each is listed once, and none is both candidate and excluded."""
    found = planned(planner(after(*events)), body, key)
    try:
        explained = planner(after(*events)).plan(request(**body), key, 100, explain=True)
    except ARouterError:
        explained = Plan()

    assert sorted(endpoints(explained)) == sorted(found)
    assert len(set(found)) == len(found)


def test_the_balance_is_the_documented_one() -> None:
    """Of 10,000 draws, each provider's share is that of 1/price²: prices of 1, 2 and 4 make 16 : 4 : 1."""
    made_by = planner(seed=20260101)
    first = Counter(planned(made_by, {"model": "shared/m"})[0] for _ in range(DRAWS))

    expected = {"alpha/m": DRAWS * 16 / 21, "beta/m": DRAWS * 4 / 21, "gamma/m": DRAWS / 21}
    assert first.keys() == expected.keys()
    # Chi-square with two degrees of freedom exceeds this once in a thousand times.
    assert sum((first[id_] - count) ** 2 / count for id_, count in expected.items()) < 13.82


def test_those_behind_the_first_are_drawn_in_the_same_way() -> None:
    """The second place is 4 : 1 between those that the first one leaves."""
    made_by = planner(seed=20260101)
    plans = [planned(made_by, {"model": "shared/m"}) for _ in range(DRAWS)]
    second = Counter(plan[1] for plan in plans if plan[0] == "alpha/m")

    assert second["beta/m"] / second["gamma/m"] == pytest.approx(4, rel=0.1)


OUTAGES = {
    "it was left alone": [("alpha/m", "failed", at) for at in (90.0, 90.1, 90.2)] + [("alpha/m", "succeeded", 92.0)],
    "half of its calls failed": [
        ("alpha/m", happened, 90.0 + number)
        for number, happened in enumerate(["failed", "succeeded", "failed", "succeeded", "failed", "succeeded"])
    ],
}


@pytest.mark.parametrize("events", OUTAGES.values(), ids=OUTAGES)
def test_an_endpoint_with_an_outage_in_the_last_30_seconds_is_not_drawn(events: list[Event]) -> None:
    """It stays as a fallback behind all others, and takes part again once the outage is past."""
    made_by = planner(after(*events))

    assert {planned(made_by, {"model": "shared/m"}, now=100)[-1] for _ in range(200)} == {"alpha/m"}
    assert "alpha/m" in {planned(made_by, {"model": "shared/m"}, now=135)[0] for _ in range(200)}


@pytest.mark.parametrize("happened", ["limited", "failed"])
@pytest.mark.parametrize(
    "preference",
    [
        {"model": "shared/m"},
        {"model": "shared/m", "provider": {"order": ["alpha", "beta", "gamma"]}},
        {"model": "shared/m", "provider": {"sort": "price"}},
        {"models": ["alpha/m", "beta/m", "gamma/m"]},
        {"models": ["alpha/m", "shared/m"]},
    ],
    ids=str,
)
def test_an_endpoint_that_pauses_is_asked_after_all_others(preference: dict[str, Any], happened: str) -> None:
    """At its limit or cooling down it is the last resort, even if it is wanted more."""
    board = after(*[("alpha/m", happened, 99.8)] * 3)

    assert {planned(planner(board, seed), preference)[-1] for seed in range(20)} == {"alpha/m"}


UNABLE = {
    "tools": {"tools": TOOLS},
    "context": {"messages": [{"role": "user", "content": "word " * 2000}]},
}


@pytest.mark.parametrize("needs", UNABLE.values(), ids=UNABLE)
def test_an_endpoint_known_to_be_unable_is_tried_last(needs: dict[str, Any]) -> None:
    """Even if it is wanted first: lists of what models can do are often wrong."""
    body = {"model": "shared/m", "provider": {"order": ["gamma", "beta", "alpha"]}, **needs}

    assert planned(planner(), body) == ["beta/m", "alpha/m", "gamma/m"]
    assert planned(planner(), {"model": "gamma/m", **needs}) == ["gamma/m"]


def test_a_required_parameter_excludes_endpoints_that_lack_it() -> None:
    """With `require_parameters` a list counts."""
    body = {"model": "shared/m", "tools": TOOLS, "provider": {"require_parameters": True}}

    assert sorted(planned(planner(), body)) == ["alpha/m", "beta/m"]
