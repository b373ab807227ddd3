"""Models that create embeddings: apart from those that chat, and listed if and only if they can be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.accounts.keys import AuthenticatedKey
from arouter.catalogue.catalogue import Catalogue
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.errors import ARouterError, Failure
from arouter.models import ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.provider import build_providers

ROWS = """
providers:
  - {id: alpha, base_url: "http://x/v1"}
  - id: beta
    base_url: "http://x/v1"
    models:
      - chat
      - text-embedding-3-small
      - {name: mine, output_modalities: [embeddings]}
      - {name: embed-chat, output_modalities: [text]}
      - {name: both, output_modalities: [text, embeddings]}
  - {id: deepseek, base_url: "http://x/v1", models: [text-embedding-3-small]}
models:
  - {id: acme/mixed, endpoints: [beta/chat, beta/mine, alpha/listed-embed]}
"""
ANYONE = AuthenticatedKey("hash", "account")
ONLY_BETA = AuthenticatedKey("hash", "account", frozenset({"beta"}))
NAMES = st.sampled_from(["m", "listed-embed", "bge-m3", "gpt-4o", "x/y"])
OUTPUTS = st.sampled_from([None, ("text",), ("embeddings",), ("text", "embeddings"), ("image",)])


def catalogue(*listed: ListedModel) -> Catalogue:
    made = Catalogue(build_providers(parse_config(ROWS, {}), read_environment({})), 100, parse_config(ROWS, {}).models)
    made.replace(next(iter(made.providers)), listed, 100)
    return made


def test_models_are_apart_by_what_is_said_and_else_by_name() -> None:
    offer = catalogue(ListedModel("listed-embed")).offer(ANYONE)

    # A provider that has no embeddings chats with whatever is configured.
    assert list(offer.models) == [
        "acme/mixed",
        "beta/both",
        "beta/chat",
        "beta/embed-chat",
        "deepseek/text-embedding-3-small",
    ]
    assert list(offer.embedders) == [
        "acme/mixed",
        "alpha/listed-embed",
        "beta/both",
        "beta/mine",
        "beta/text-embedding-3-small",
    ]
    assert [each.id for each in offer.models["acme/mixed"].endpoints] == ["beta/chat"]
    assert [each.id for each in offer.embedders["acme/mixed"].endpoints] == ["beta/mine", "alpha/listed-embed"]
    assert offer.embedders["beta/text-embedding-3-small"].details.output_modalities == ("embeddings",)


@given(st.dictionaries(NAMES, OUTPUTS), st.sampled_from([ANYONE, ONLY_BETA]))
def test_what_is_listed_can_be_called_and_nothing_else(
    listed: dict[str, tuple[str, ...] | None], key: AuthenticatedKey
) -> None:
    made = catalogue(*(ListedModel(name, None, ModelDetails(output_modalities=out)) for name, out in listed.items()))
    ids = [each.id for each in made.all_visible(ANYONE)]

    for operation in ("chat", "embeddings"):
        offered = made.offer(key).of(operation)
        for id_ in ids:
            try:
                found = made.find(id_, key, operation)
            except ARouterError as error:
                assert id_ not in offered
                assert error.failure in (Failure.INVALID_REQUEST, Failure.PERMISSION_DENIED)  # noqa: PT017
            else:
                assert offered[id_] == found
    assert [each.id for each in made.all_visible(key)] == sorted({*made.offer(key).models, *made.offer(key).embedders})


@pytest.mark.parametrize(
    ("id_", "operation", "failure", "words"),
    [
        ("beta/mine", "chat", Failure.INVALID_REQUEST, "/v1/embeddings"),
        ("beta/chat", "embeddings", Failure.INVALID_REQUEST, "These models do: 'acme/mixed'"),
        ("beta/none", "embeddings", Failure.MODEL_NOT_FOUND, "These models do: 'acme/mixed'"),
        ("mine", "embeddings", Failure.MODEL_NOT_FOUND, "Did you mean 'beta/mine'"),
        ("deepseek/text-embedding-3-small", "embeddings", Failure.INVALID_REQUEST, "creates no embeddings"),
    ],
)
def test_says_which_models_embed(id_: str, operation: str, failure: Failure, words: str) -> None:
    with pytest.raises(ARouterError, match=words) as caught:
        catalogue(ListedModel("listed-embed")).find(id_, ANYONE, operation)  # type: ignore[arg-type]

    assert (caught.value.failure, caught.value.param) == (failure, "model")


def test_a_key_sees_its_own_models_alone() -> None:
    made = catalogue(ListedModel("listed-embed"))

    with pytest.raises(ARouterError) as caught:
        made.find("alpha/listed-embed", ONLY_BETA, "embeddings")
    assert caught.value.failure is Failure.PERMISSION_DENIED
    with pytest.raises(ARouterError, match="No model that your key may use creates embeddings"):
        made.find("x/y", AuthenticatedKey("hash", "account", frozenset({"deepseek"})), "embeddings")
