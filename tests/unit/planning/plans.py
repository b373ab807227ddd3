"""A catalogue of three providers, boards that have seen calls, and the plans made from them."""

from __future__ import annotations

from random import Random
from typing import Any

from arouter.accounts.keys import AuthenticatedKey
from arouter.catalogue.catalogue import Catalogue
from arouter.chat.request import ChatRequest
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.errors import ARouterError
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
ANY_KEY = AuthenticatedKey("hash", "acme")
DRAWS = 10_000
COOLING = Cooling(failures=3, shortest=1, longest=60, probe_timeout=600)


def origin(number: int = 0) -> Origin:
    """Returns where a call comes from: one key, with a body for each number."""
    return Origin(ANY_KEY.hash, {"number": number})


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


def planned(made_by: Planner, body: dict[str, Any], key: AuthenticatedKey = ANY_KEY, now: float = 100) -> list[str]:
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
