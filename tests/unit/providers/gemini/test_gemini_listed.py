"""What Gemini's model list says of a model."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.genai import types
from unit.providers.gemini.wire import ADAPTER

from arouter.models import UNKNOWN, ModelDetails
from arouter.providers.adapter import ListedModel

FLASH = {
    "name": "models/gemini-2.5-flash",
    "version": "001",
    "displayName": "Gemini 2.5 Flash",
    "description": "…",
    "inputTokenLimit": 1048576,
    "outputTokenLimit": 65536,
    "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"],
    "temperature": 1,
    "topP": 0.95,
    "topK": 64,
    "maxTemperature": 2,
    "thinking": True,
}


def read(entry: dict[str, Any]) -> list[ListedModel]:
    return ADAPTER.decode_models(orjson.dumps({"models": [entry]})).models


def test_reads_what_the_sdk_knows_of_a_model() -> None:
    known = types.Model.model_validate({key: FLASH[key] for key in FLASH if key != "supportedGenerationMethods"})

    assert read(FLASH) == [
        ListedModel(
            "gemini-2.5-flash",
            None,
            ModelDetails(
                display_name=known.display_name,
                context_length=known.input_token_limit,
                max_output_tokens=known.output_token_limit,
            ),
        )
    ]


@pytest.mark.parametrize("name", ["gemini-2.5-flash-preview-tts", "gemini-2.5-flash-image", "gemini-embedding-001"])
def test_leaves_out_what_generates_content_but_does_not_chat(name: str) -> None:
    assert read({**FLASH, "name": f"models/{name}"}) == []


@pytest.mark.parametrize("name", ["models/", "models/a\nb", "", None, 5])
def test_skips_what_has_no_name(name: object) -> None:
    assert read({**FLASH, "name": name}) == []


def test_what_is_odd_counts_as_not_said() -> None:
    odd = {"displayName": ["x"], "inputTokenLimit": "1048576", "outputTokenLimit": 0}

    assert read({**FLASH, **odd}) == [ListedModel("gemini-2.5-flash", None, UNKNOWN)]
