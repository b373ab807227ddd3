"""What a request's preferences about routing are read as, and how a wrong one is named."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.rpc.openai_types import JSON

from arouter.chat.preferences import ROUTER_FIELDS, Preferences, WantedModel
from arouter.chat.request import ChatRequest, parse_chat_request
from arouter.errors import ARouterError, Failure

MESSAGES = [{"role": "user", "content": "hello"}]


def parsed(**fields: Any) -> ChatRequest:
    return parse_chat_request(orjson.dumps({"messages": MESSAGES, **fields}))


def refusal(**fields: Any) -> ARouterError:
    with pytest.raises(ARouterError) as caught:
        parsed(**fields)
    assert caught.value.failure is Failure.INVALID_REQUEST
    return caught.value


@pytest.mark.parametrize(
    ("fields", "models"),
    [
        ({"model": "a/b"}, ["a/b"]),
        ({"model": "a/b", "models": ["c/d", "e/f"]}, ["a/b", "c/d", "e/f"]),
        ({"model": "a/b", "models": ["a/b", "c/d"]}, ["a/b", "c/d"]),
        ({"model": "a/b", "models": ["c/d", "a/b", "c/d"]}, ["a/b", "c/d"]),
        ({"model": "a/b", "models": ["a/b:free"], "route": "fallback"}, ["a/b", "a/b:free"]),
        ({"model": "a/b", "models": [], "route": None}, ["a/b"]),
        ({"model": None, "models": ["c/d", "e/f"]}, ["c/d", "e/f"]),
        ({"models": ["auto"]}, ["auto"]),
        ({"models": None}, []),
        ({}, []),
    ],
    ids=str,
)
def test_models_are_tried_in_their_order_and_each_once(fields: dict[str, Any], models: list[str]) -> None:
    """`model` comes before `models`, and a repetition of it counts for nothing."""
    assert [wanted.text for wanted in parsed(**fields).preferences.models] == models


@pytest.mark.parametrize(
    ("text", "base", "variant"),
    [
        ("openai/gpt-5.4", "openai/gpt-5.4", None),
        ("openai/gpt-5.4:nitro", "openai/gpt-5.4", "nitro"),
        ("openai/gpt-5.4:floor", "openai/gpt-5.4", "floor"),
        ("openai/gpt-5.4:free", "openai/gpt-5.4", "free"),
        ("ollama/llama3:8b", "ollama/llama3:8b", None),
        ("ollama/llama3:8b:floor", "ollama/llama3:8b", "floor"),
        ("openai/gpt-5.4:Nitro", "openai/gpt-5.4:Nitro", None),
        ("openai/gpt-5.4:thinking", "openai/gpt-5.4:thinking", None),
        ("openai/gpt-5.4:online", "openai/gpt-5.4:online", None),
        ("free", "free", None),
        ("x:", "x:", None),
    ],
)
def test_a_documented_suffix_is_a_variant(text: str, base: str, variant: str | None) -> None:
    """Every other colon is part of the id."""
    wanted = WantedModel(text)

    assert (wanted.base, wanted.variant) == (base, variant)


@pytest.mark.parametrize(
    ("text", "wants_auto"),
    [("auto", True), ("auto:floor", True), ("auto:8b", False), ("openrouter/auto", False), ("Auto", False)],
)
def test_auto_leaves_the_choice_to_the_router(text: str, wants_auto: bool) -> None:
    """With a variant too, and as one of several models."""
    [_, wanted] = parsed(model="a/b", models=[text]).preferences.models

    assert wanted.wants_auto is wants_auto


SERVED: list[tuple[str, Any, dict[str, Any]]] = [
    ("order", ["Anthropic", "openai", "anthropic"], {"order": ("anthropic", "openai")}),
    ("only", ["Azure"], {"only": ("azure",)}),
    ("ignore", ["Groq"], {"ignore": ("groq",)}),
    ("allow_fallbacks", False, {"allow_fallbacks": False}),
    ("require_parameters", True, {"require_parameters": True}),
    ("data_collection", "deny", {"data_collection": "deny"}),
    ("zdr", True, {"zdr": True}),
    ("quantizations", ["INT8", "fp8"], {"quantizations": ("int8", "fp8")}),
    ("sort", "price", {"sort": "price"}),
    ("sort", "throughput", {"sort": "throughput"}),
    ("sort", {"by": "latency"}, {"sort": "latency"}),
    ("sort", {"by": "price", "partition": "model"}, {"sort": "price"}),
    ("preferred_min_throughput", 40, {"min_throughput": 40.0}),
    ("preferred_min_throughput", {"p50": 40.5}, {"min_throughput": 40.5}),
    ("preferred_max_latency", 0.5, {"max_latency": 0.5}),
    ("preferred_max_latency", {"p90": 3}, {"max_latency": 3.0}),
    ("max_price", {"prompt": 1, "completion": 2.5}, {"max_prompt_price": 1.0, "max_completion_price": 2.5}),
    ("max_price", {"prompt": 0}, {"max_prompt_price": 0.0}),
    ("max_price", {"completion": "0.05"}, {"max_completion_price": 0.05}),
]


@pytest.mark.parametrize(("field", "value", "read"), SERVED, ids=str)
def test_a_wish_about_providers_is_read(field: str, value: Any, read: dict[str, Any]) -> None:
    """It changes its own preference and no other, and is not reported as dropped."""
    request = parsed(model="a/b", provider={field: value})

    assert request.preferences == Preferences(models=(WantedModel("a/b"),), **read)
    assert request.unserved == ()
    assert request.body.keys() == {"model", "messages"}


@pytest.mark.parametrize(
    "provider",
    [
        None,
        {},
        {"order": [], "only": [], "ignore": [], "quantizations": []},
        {"sort": {}, "max_price": {}, "preferred_max_latency": {}, "preferred_min_throughput": {}},
        {"sort": {"by": None}, "max_price": {"prompt": None, "image": None}, "preferred_max_latency": {"p50": None}},
        {"allow_fallbacks": True, "require_parameters": False, "data_collection": "allow", "zdr": False},
        dict.fromkeys([field for field, _, _ in SERVED]) | {"unknown": None, "empty": []},
    ],
    ids=str,
)
def test_what_is_empty_or_the_default_is_no_wish(provider: dict[str, Any] | None) -> None:
    """Generated clients send empty lists and nulls for what was not asked."""
    request = parsed(model="a/b", provider=provider, plugins=[], transforms=[], models=[], route=None)

    assert request.preferences == parsed(model="a/b").preferences
    assert request.unserved == ()


@pytest.mark.parametrize(
    ("plugins", "patterns"),
    [
        ([{"id": "auto-router", "allowed_models": ["anthropic/*", "openai/gpt-5*"]}], ("anthropic/*", "openai/gpt-5*")),
        ([{"id": "auto-router", "allowed_models": ["a/b"], "enabled": True}], ("a/b",)),
        ([{"id": "auto-router", "allowed_models": ["a/b"], "enabled": False}], None),
        ([{"id": "auto-router", "allowed_models": []}], None),
        ([{"id": "auto-router"}], None),
        ([{"id": "web", "enabled": False}], None),
        (None, None),
    ],
    ids=str,
)
def test_the_auto_router_may_be_narrowed(plugins: Any, patterns: tuple[str, ...] | None) -> None:
    """A plugin that is off asks for nothing."""
    request = parsed(model="auto", plugins=plugins)

    assert request.preferences.auto_models == patterns
    assert request.unserved == ()


@pytest.mark.parametrize(
    ("fields", "unserved"),
    [
        ({"transforms": ["middle-out"]}, ("transforms",)),
        ({"plugins": [{"id": "web"}, {"id": "file-parser"}]}, ("plugins",)),
        ({"plugins": [{"id": "auto-router", "excluded_models": ["a/b"]}]}, ("plugins[].excluded_models",)),
        ({"provider": {"region": "eu", "order": ["groq"]}}, ("provider.region",)),
        ({"provider": {"sort": {"by": "price", "partition": "none"}}}, ("provider.sort.partition",)),
        (
            {"provider": {"preferred_max_latency": {"p99": 9, "p50": 1}}},
            ("provider.preferred_max_latency.p99",),
        ),
        ({"transforms": ["middle-out"], "provider": {"region": "eu"}}, ("transforms", "provider.region")),
    ],
    ids=str,
)
def test_a_wish_that_is_not_served_is_named(fields: dict[str, Any], unserved: tuple[str, ...]) -> None:
    """So that no client believes that it is heeded."""
    assert parsed(model="a/b", **fields).unserved == unserved


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": 5}, "model"),
    ({"model": ""}, "model"),
    ({"models": "a/b"}, "models"),
    ({"models": ["a/b", 5]}, "models[1]"),
    ({"models": ["a/b", ""]}, "models[1]"),
    ({"models": [None]}, "models[0]"),
    ({"route": "random"}, "route"),
    ({"route": ""}, "route"),
    ({"route": ["fallback"]}, "route"),
    ({"transforms": "middle-out"}, "transforms"),
    ({"plugins": {"id": "web"}}, "plugins"),
    ({"plugins": ["web"]}, "plugins[0]"),
    ({"plugins": [{}]}, "plugins[0].id"),
    ({"plugins": [{"id": 5}]}, "plugins[0].id"),
    ({"plugins": [{"id": "auto-router", "enabled": "no"}]}, "plugins[0].enabled"),
    ({"plugins": [{"id": "auto-router", "allowed_models": "a/*"}]}, "plugins[0].allowed_models"),
    ({"plugins": [{"id": "auto-router", "allowed_models": ["a/*", 5]}]}, "plugins[0].allowed_models[1]"),
    ({"provider": "groq"}, "provider"),
    ({"provider": ["groq"]}, "provider"),
]
WRONG_WISHES: list[tuple[dict[str, Any], str]] = [
    *(({name: "groq"}, name) for name in ("order", "only", "ignore", "quantizations")),
    *(({name: ["groq", 5]}, f"{name}[1]") for name in ("order", "only", "ignore", "quantizations")),
    *(({name: [""]}, f"{name}[0]") for name in ("order", "only", "ignore", "quantizations")),
    *(({name: "true"}, name) for name in ("allow_fallbacks", "require_parameters", "zdr")),
    *(({name: 1}, name) for name in ("allow_fallbacks", "require_parameters", "zdr")),
    ({"data_collection": "never"}, "data_collection"),
    ({"data_collection": False}, "data_collection"),
    ({"sort": "quality"}, "sort"),
    ({"sort": ""}, "sort"),
    ({"sort": ["price"]}, "sort"),
    ({"sort": {"by": "quality"}}, "sort.by"),
    ({"sort": {"by": "price", "partition": "provider"}}, "sort.partition"),
    ({"sort": {"order": "price"}}, "sort.order"),
    *(
        ({name: value}, f"{name}{path}")
        for name in ("preferred_min_throughput", "preferred_max_latency")
        for value, path in [("fast", ""), (True, ""), (-1, ""), ({"p50": "1"}, ".p50"), ({"p90": -1}, ".p90")]
    ),
    ({"preferred_max_latency": {"median": 1}}, "preferred_max_latency.median"),
    ({"max_price": 5}, "max_price"),
    ({"max_price": {"prompt": True}}, "max_price.prompt"),
    ({"max_price": {"prompt": -0.1}}, "max_price.prompt"),
    ({"max_price": {"prompt": "cheap"}}, "max_price.prompt"),
    ({"max_price": {"completion": "-1"}}, "max_price.completion"),
    ({"max_price": {"completion": "nan"}}, "max_price.completion"),
    ({"max_price": {"image": 1}}, "max_price.image"),
]


@pytest.mark.parametrize(
    ("fields", "param"),
    [*WRONG, *(({"provider": preference}, f"provider.{path}") for preference, path in WRONG_WISHES)],
    ids=str,
)
def test_a_wrong_wish_is_named(fields: dict[str, Any], param: str) -> None:
    """By the path of what is wrong."""
    error = refusal(**{"model": "a/b", **fields})

    assert error.param == param
    assert f"'{param}'" in error.message


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([["a"] * 65], "at most 64 patterns"),
        ([[], ["a"] * 64, ["a"]], "at most 64 patterns"),
        ([["a/b"], [f"*/{index}" for index in range(9)]], "at most 8 patterns with a '*' before the end"),
        ([["a*" * 125]], "at most 8 '*' in a pattern"),
    ],
    ids=["long", "together", "inner", "stars"],
)
def test_the_auto_routers_patterns_are_limited(lists: list[list[str]], expected: str) -> None:
    """They are matched against every model, for every request; the plugin with which it is too much is named."""
    error = refusal(model="auto", plugins=[{"id": "auto-router", "allowed_models": patterns} for patterns in lists])

    assert error.param == f"plugins[{len(lists) - 1}].allowed_models"
    assert error.message == f"Invalid value for '{error.param}': expected {expected}."


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"route": "random"}, "Invalid value for 'route': expected 'fallback'."),
        (
            {"provider": {"sort": "quality"}},
            "Invalid value for 'provider.sort': expected 'price', 'throughput' or 'latency'.",
        ),
        (
            {"provider": {"max_price": {"image": 1}}},
            "Unknown parameter: 'provider.max_price.image': expected 'prompt' or 'completion'.",
        ),
        (
            {"provider": {"preferred_max_latency": -1}},
            "Invalid value for 'provider.preferred_max_latency': expected a number of at least 0, got -1.",
        ),
        (
            {"provider": {"max_price": {"prompt": "cheap"}}},
            "Invalid value for 'provider.max_price.prompt': expected a number of at least 0.",
        ),
    ],
)
def test_a_refusal_says_what_is_expected(fields: dict[str, Any], message: str) -> None:
    """In words that mend the request."""
    assert refusal(model="a/b", **fields).message == message


_WISHES = st.dictionaries(
    st.sampled_from([*{field for field, _, _ in SERVED}, "region"]),
    st.sampled_from([value for _, value, _ in SERVED]) | JSON,
)
_PLUGINS = st.lists(
    st.dictionaries(st.sampled_from(["id", "enabled", "allowed_models"]), st.just("auto-router") | JSON), max_size=2
)


@given(
    fields=st.dictionaries(
        st.sampled_from(["model", *ROUTER_FIELDS]), JSON | _PLUGINS | _WISHES | st.lists(st.text(), max_size=2)
    )
)
def test_no_wish_breaks_the_parser(fields: dict[str, Any]) -> None:
    """Whatever JSON stands in the router's fields is read or refused, and none of it is the provider's."""
    sent, param = set(), None
    try:
        sent = set(parsed(**fields).body)
    except ARouterError as error:
        param = error.param

    assert param or "messages" in sent
    assert not sent & set(ROUTER_FIELDS)
