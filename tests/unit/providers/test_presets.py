"""The rows of the providers that ARouter knows, and the page that shows them."""

from __future__ import annotations

import re

import pytest

from arouter.chat.fields import REQUEST_FIELDS
from arouter.config.environment import read_environment
from arouter.config.provider_schema import ProviderConfig
from arouter.config.schema import Config
from arouter.providers.presets import PRESETS, Preset
from arouter.providers.provider import build_providers
from arouter.providers.quirks import Quirks
from support.provider_page import PAGE, rendered

ELSEWHERE = [id_ for id_, preset in PRESETS.items() if preset.base_url_variables]
KEYED = [(id_, variable) for id_, preset in PRESETS.items() for variable in preset.key_variables]


def located(preset: Preset) -> dict[str, str]:
    return dict.fromkeys(preset.base_url_variables[:1], "https://there")


@pytest.mark.parametrize(("id_", "variable"), KEYED)
def test_a_key_variable_turns_its_provider_on_and_no_other(id_: str, variable: str) -> None:
    preset = PRESETS[id_]
    environment = read_environment({**located(preset), variable: "k-1"})

    (provider,) = build_providers(Config(), environment)

    expected = f"https://there{preset.base_path}" if preset.base_url_variables else preset.base_url
    assert (provider.id, provider.name, provider.base_url) == (id_, preset.name, expected)
    assert [key.reveal() for key in provider.api_keys] == ["k-1"]
    assert [value.removeprefix("Bearer ") for value in provider.credentials[0].headers.values()].count("k-1") == 1
    assert provider.lists


@pytest.mark.parametrize("id_", ELSEWHERE)
def test_a_provider_that_is_elsewhere_is_on_only_when_its_place_is_known(id_: str) -> None:
    preset = PRESETS[id_]
    keys = dict.fromkeys(preset.key_variables, "k-1")

    assert build_providers(Config(), read_environment(keys)) == ()
    for variable in preset.base_url_variables:
        without_key = build_providers(Config(), read_environment({variable: "http://there"}))
        assert [provider.id for provider in without_key] == ([id_] if preset.key_optional else [])


@pytest.mark.parametrize("id_", [id_ for id_ in PRESETS if id_ not in ("azure", "local")])
def test_a_row_with_only_an_id_is_enough(id_: str) -> None:
    keys = dict.fromkeys(PRESETS[id_].key_variables, "k")
    (provider,) = build_providers(Config(providers=(ProviderConfig(id=id_),)), read_environment(keys))

    assert provider.base_url == PRESETS[id_].base_url


@pytest.mark.parametrize("id_", PRESETS)
def test_a_row_makes_sense(id_: str) -> None:
    preset = PRESETS[id_]
    quirks = preset.quirks or Quirks()

    assert preset.name
    assert preset.quirks != Quirks()
    assert preset.protocol == "openai" or preset.quirks is None
    assert preset.base_url is None or re.fullmatch(r"https?://[a-z0-9.:-]+(/[a-z0-9/-]+[a-z0-9])?", preset.base_url)
    assert quirks.refuses <= REQUEST_FIELDS.keys()
    assert quirks.renames.keys() <= REQUEST_FIELDS.keys() - quirks.refuses


def test_the_page_is_what_the_data_says() -> None:
    page = PAGE.read_text("utf-8")

    assert page == rendered(page), "run `make docs`"


def test_the_page_has_a_source_for_every_row() -> None:
    table = PAGE.read_text("utf-8").partition("<!-- /presets -->")[0]
    rows = dict(re.findall(r"^\| `([^`]+)` \|.*\| (.*) \|$", table, re.MULTILINE))

    assert list(rows) == list(PRESETS)
    assert [id_ for id_, source in rows.items() if not source] == ["local"]
