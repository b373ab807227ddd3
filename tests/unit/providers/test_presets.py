"""The rows of the providers that ARouter knows, and the page that shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arouter.chat.fields import REQUEST_FIELDS
from arouter.config.environment import read_environment
from arouter.config.schema import Config, ProviderConfig
from arouter.providers.presets import PRESETS, Preset
from arouter.providers.provider import build_providers
from arouter.providers.quirks import Quirks

PAGE = Path(__file__).parents[3] / "docs/providers.md"
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


def test_the_page_shows_every_row() -> None:
    lines = re.findall(r"^\| `(.+)$", PAGE.read_text("utf-8").partition("## What a quirk does")[0], re.MULTILINE)
    shown = [[cell.strip() for cell in f"`{line}".strip("|").split("|")] for line in lines]

    assert [row[:6] for row in shown] == [cells(id_, preset) for id_, preset in PRESETS.items()]
    assert all(row[6] for row in shown if row[0] != "`local`")


def cells(id_: str, preset: Preset) -> list[str]:
    places = [f"`{variable}`" for variable in preset.base_url_variables]
    url = [f"`{preset.base_url}`"] if preset.base_url else []
    keys = " or ".join(f"`{variable}`" for variable in preset.key_variables)
    return [
        f"`{id_}`",
        preset.name,
        preset.protocol,
        ", else ".join([" or ".join(places), *url] if places else url),
        f"{keys} (optional)" if keys and preset.key_optional else keys,
        "; ".join(describe(preset.quirks)) if preset.quirks else "",
    ]


def describe(quirks: Quirks) -> list[str]:
    """Says what a row's quirks are, in the words of the page."""

    def names(fields: frozenset[str]) -> str:
        return ", ".join(f"`{field}`" for field in sorted(fields))

    said = [f"key in `{quirks.key_header}`"] if quirks.key_header else []
    said += [f"`{ours}` → `{theirs}`" for ours, theirs in quirks.renames.items()]
    said += [f"refuses {names(quirks.refuses)}"] if quirks.refuses else []
    said += ["no `stream_options`"] if quirks.no_stream_options else []
    said += ["`developer` → `system`"] if quirks.no_developer_role else []
    said += [f"`reasoning_content` ↔ `{quirks.reasoning}`"] if quirks.reasoning != "reasoning_content" else []
    said += ["takes only the parameters of its reference"] if quirks.parameters is not None else []
    said += ["takes only the members of its reference"] if quirks.members.allowed else []
    said += [f"no {names(quirks.members.refused)} in messages"] if quirks.members.refused else []
    said += [f"takes {names(quirks.members.taken)}"] if quirks.members.taken else []
    said += ["content is a text"] if quirks.text_content else []
    said += ["reasoning with calls"] if quirks.reasoning_with_calls else []
    said += [f"ids `{quirks.tool_ids.pattern}`"] if quirks.tool_ids else []
    said += [f"names `{quirks.tool_names.pattern}`"] if quirks.tool_names else []
    said += ["continues the last answer"] if quirks.prefix_member else []
    said += [f"messages {quirks.order}"] if quirks.order != "any" else []
    said += ["is asked to continue"] if quirks.asks_to_continue else []
    said += [f"cached tokens in `{quirks.cached_tokens}`"] if quirks.cached_tokens else []
    said += ["reasoning tokens apart"] if quirks.reasoning_apart else []
    return said
