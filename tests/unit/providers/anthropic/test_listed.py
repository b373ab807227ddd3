"""What Anthropic's model list says of a model."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from anthropic.types import ModelCapabilities, ModelInfo

from arouter.models import UNKNOWN, ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.anthropic.adapter import AnthropicAdapter

SONNET = {
    "type": "model",
    "id": "claude-sonnet-4-6",
    "display_name": "Claude Sonnet 4.6",
    "created_at": "2026-02-17T00:00:00Z",
    "lifecycle": "active",
    "max_input_tokens": 1000000,
    "max_tokens": 64000,
    "capabilities": {"image_input": {"supported": True}, "pdf_input": {"supported": True}},
}


def read(entry: dict[str, Any]) -> list[ListedModel]:
    return AnthropicAdapter().decode_models(orjson.dumps({"data": [entry], "has_more": False})).models


def test_reads_what_the_sdk_knows_of_a_model() -> None:
    assert SONNET.keys() <= ModelInfo.model_fields.keys()
    assert {"image_input", "pdf_input"} <= ModelCapabilities.model_fields.keys()
    assert read(SONNET) == [
        ListedModel(
            "claude-sonnet-4-6",
            1771286400,
            ModelDetails(
                display_name="Claude Sonnet 4.6",
                context_length=1_000_000,
                max_output_tokens=64_000,
                input_modalities=("text", "image", "file"),
            ),
        )
    ]


@pytest.mark.parametrize(
    ("capabilities", "inputs"),
    [
        ({"image_input": {"supported": True}, "pdf_input": {"supported": False}}, ("text", "image")),
        ({"image_input": {"supported": False}}, ("text",)),
        ({"image_input": {}}, ("text",)),
        ({"image_input": True}, None),
        ({"citations": {"supported": True}}, None),
        ("all", None),
        (None, None),
    ],
)
def test_reads_what_a_model_takes(capabilities: object, inputs: tuple[str, ...] | None) -> None:
    (model,) = read({**SONNET, "capabilities": capabilities})

    assert model.details.input_modalities == inputs


@pytest.mark.parametrize(("lifecycle", "listed"), [("active", True), ("deprecated", True), ("retired", False)])
def test_leaves_out_what_answers_nobody_any_more(lifecycle: str, listed: bool) -> None:
    assert bool(read({**SONNET, "lifecycle": lifecycle})) is listed


@pytest.mark.parametrize(
    "created_at", ["0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "1969-12-31T00:00:00Z", 5, None]
)
def test_what_is_odd_counts_as_not_said(created_at: object) -> None:
    entry = {"id": "m", "created_at": created_at, "display_name": 5, "max_input_tokens": -1, "max_tokens": 2**31}

    assert read(entry) == [ListedModel("m", None, UNKNOWN)]


def test_knows_by_name_what_others_serve_by_this_protocol() -> None:
    assert read({"id": "nomic-embed-text"}) == []
