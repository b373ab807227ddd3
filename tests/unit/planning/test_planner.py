"""The candidates of a plan and their order: properties of every plan, and the documented load balancing."""

from __future__ import annotations

import math
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.accounts.keys import AuthenticatedKey
from arouter.catalogue.catalogue import Catalogue
from arouter.chat.request import ChatRequest
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.errors import ARouterError, Failure
from arouter.health.board import HealthBoard
from arouter.health.breaker import Cooling
from arouter.health.origin import Origin
from arouter.planning.plan import Plan
from arouter.planning.planner import Planner
from arouter.providers.provider import build_providers

CONFIG = parse_config(
    """
    providers:
      - id: alpha
        base_url: http://x/v1
        api_keys: [k1, k2]
        models: [{name: m, prices: {prompt: 1, completion: 1}}, {name: other, tier: premium}]
      - id: beta
        base_url: http://x/v1
        api_keys: [k1]
        models: [{name: m, prices: {prompt: 2, completion: 2}}, {name: other, tier: economy}]
      - id: gamma
        base_url: http://x/v1
        zdr: true
        models:
          - {name: m, prices: {prompt: 4, completion: 4}, context_length: 1000, supported_parameters: [temperature]}
          - {name: free, prices: {prompt: 0, completion: 0}, supported_parameters: [tools]}
    models:
      - {id: shared/m, endpoints: [alpha/m, beta/m, gamma/m]}
      - {id: shared/other, endpoints: [alpha/other, beta/other]}
    routing: {default_provider: alpha, default_model: shared/m}
    """,
    {},
)
PROVIDERS = ("alpha", "beta", "gamma")
CREDENTIALS = {
    f"{provider.id}/{name}": [credential.name for credential in provider.credentials]
    for provider in build_providers(CONFIG, read_environment({}))
    for name in provider.models
}
IDS = [*CREDENTIALS, "shared/m", "shared/other"]
ANYBODY = AuthenticatedKey("hash", "acme")
DRAWS = 10_000
COOLING = Cooling(failures=3, shortest=1, longest=60, probe_timeout=600)


def origin(number: int = 0) -> Origin:
    """Returns where a call comes from: one key, with a body for each number."""
    return Origin(ANYBODY.hash, {"number": number})


TOOLS = [{"type": "function", "function": {"name": "f"}}]

Event = tuple[str, str, float]
"""An endpoint, what happened to all calls there, and when."""


def planner(board: HealthBoard | None = None, seed: int = 1) -> Planner:
    catalogue = Catalogue(build_providers(CONFIG, read_environment({})), 1, CONFIG.models)
    return Planner(catalogue, board or HealthBoard(COOLING), CONFIG.routing, Random(seed))


def request(*, stream: bool = False, **fields: Any) -> ChatRequest:
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    return ChatRequest(body, stream=stream, include_usage=False)


def endpoints(plan: Plan) -> list[str]:
    return [candidate.endpoint.id for candidate in plan.candidates]


def planned(made_by: Planner, body: dict[str, Any], key: AuthenticatedKey = ANYBODY, now: float = 100) -> list[str]:
    """Returns the ids of a plan's endpoints; none if there is no plan."""
    try:
        return endpoints(made_by.plan(request(**body), key, now))
    except ARouterError:
        return []


def after(*events: Event) -> HealthBoard:
    """Returns a board that has seen some calls."""
    board = HealthBoard(COOLING)
    for number, (endpoint, happened, at) in enumerate(sorted(events, key=lambda event: event[2])):
        for credential in CREDENTIALS[endpoint]:
            if (call := board.begin(endpoint, credential, at, origin(number))) is None:
                continue
            match happened:
                case "failed":
                    call.failed(at)
                case "limited":
                    call.rate_limited(at, 60)
                case "succeeded":
                    call.succeeded(at)
                case "slow":
                    call.succeeded(at, first_token_s=2.0, tokens_per_s=10.0)
                case "quick":
                    call.succeeded(at, first_token_s=0.2)
                case "quick and whole":
                    call.succeeded(at, whole_s=0.4)
    return board


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
def test_nobody_is_a_candidate_whom_the_key_may_not_use(
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
def test_to_ignore_a_provider_adds_nobody(
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
def test_who_had_an_outage_in_the_last_30_seconds_is_not_drawn(events: list[Event]) -> None:
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
def test_who_pauses_is_asked_after_everybody_else(preference: dict[str, Any], happened: str) -> None:
    """At its limit or cooling down it is the last resort, even if it is wanted more."""
    board = after(*[("alpha/m", happened, 99.8)] * 3)

    assert {planned(planner(board, seed), preference)[-1] for seed in range(20)} == {"alpha/m"}


def down(endpoint: str) -> HealthBoard:
    """Returns a board on which a probe of an endpoint, with different bodies of one key, failed at 99.5."""
    board = HealthBoard(Cooling(failures=3, shortest=1, longest=60))
    for number, at in enumerate((97.0, 97.1, 97.2, 99.5)):
        call = board.begin(endpoint, CREDENTIALS[endpoint][0], at, origin(number))
        assert call is not None
        call.failed(at)
    return board


def test_an_endpoint_that_is_down_is_not_called_and_the_503_says_so() -> None:
    """Its probe has failed, and there is no other endpoint."""
    board = down("beta/m")
    assert board.begin("beta/m", "beta#1", 100, origin(), last_resort=True) is not None

    with pytest.raises(ARouterError) as caught:
        planner(board).plan(request(model="beta/m"), ANYBODY, 100)

    assert caught.value.failure is Failure.UNAVAILABLE
    assert caught.value.retry_after == 2
    assert "beta/m at beta is failing and in cooldown" in caught.value.message
    assert "beta/m" not in planned(planner(board), {"model": "shared/m"})


def test_an_endpoint_that_is_down_is_a_last_resort_once_per_cooldown() -> None:
    """A request that only it can answer is not refused, unless there are many."""
    board = down("beta/m")

    for now in (100.0, 101.0):
        assert planned(planner(board), {"model": "beta/m"}, now=now) == ["beta/m"]
        assert board.begin("beta/m", "beta#1", now, origin(), last_resort=True) is not None
        assert board.begin("beta/m", "beta#1", now, origin(), last_resort=True) is None


@pytest.mark.parametrize(
    ("body", "remaining", "is_left"),
    [
        ({"stream": True}, math.inf, True),
        ({"stream": True}, 2.5, True),
        ({"stream": True}, 1.5, False),
        ({"max_tokens": 1000}, 2.5, True),
        ({"max_tokens": 1000}, 1.5, False),
    ],
    ids=str,
)
def test_who_cannot_answer_in_time_is_not_asked(body: dict[str, Any], remaining: float, is_left: bool) -> None:
    """It was seen to take 2 s to the first token. `max_tokens` is a bound, and says nothing of how long it takes."""
    board = after(*[("beta/m", "slow", 99.0)] * 5)

    plan = planner(board).plan(request(model="shared/m", **body), ANYBODY, 100, remaining)

    assert ("beta/m" in endpoints(plan)) is is_left
    assert "alpha/m" in endpoints(plan)


def hasty(made_by: Planner) -> ARouterError | None:
    """Returns why a request that waits for half a second is refused, if it is."""
    try:
        made_by.plan(request(model="beta/m", stream=True), ANYBODY, 100, 0.5)
    except ARouterError as error:
        return error
    return None


def test_if_nobody_can_answer_in_time_the_deadline_is_the_reason_and_some_are_sent_all_the_same() -> None:
    """Not UNAVAILABLE, upon which a client with the same deadline would try again."""
    made_by = planner(after(*[("beta/m", "slow", 99.0)] * 5))

    refused = [error for _ in range(1000) if (error := hasty(made_by))]

    assert 700 < len(refused) < 900
    assert {(error.failure, error.retry_after) for error in refused} == {(Failure.DEADLINE_EXCEEDED, None)}
    assert "deadline leaves 0.5 s" in refused[0].message


@pytest.mark.parametrize("quick", ["quick", "quick and whole"])
def test_one_quick_answer_ends_the_refusals(quick: str) -> None:
    """Also where the average would take half a minute to follow."""
    made_by = planner(after(*[("beta/m", "slow", 98.0)] * 20, ("beta/m", quick, 99.0)))

    assert not any(hasty(made_by) for _ in range(100))


UNABLE = {
    "tools": {"tools": TOOLS},
    "context": {"messages": [{"role": "user", "content": "word " * 2000}]},
}


@pytest.mark.parametrize("needs", UNABLE.values(), ids=UNABLE)
def test_who_is_known_to_be_unable_is_tried_last(needs: dict[str, Any]) -> None:
    """Even if it is wanted first: lists of what models can do are often wrong."""
    body = {"model": "shared/m", "provider": {"order": ["gamma", "beta", "alpha"]}, **needs}

    assert planned(planner(), body) == ["beta/m", "alpha/m", "gamma/m"]
    assert planned(planner(), {"model": "gamma/m", **needs}) == ["gamma/m"]


def test_what_is_required_excludes_who_does_not_have_it() -> None:
    """With `require_parameters` a list counts."""
    body = {"model": "shared/m", "tools": TOOLS, "provider": {"require_parameters": True}}

    assert sorted(planned(planner(), body)) == ["alpha/m", "beta/m"]
