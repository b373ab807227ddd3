"""Model lists of OpenAI's protocol: an entry of each provider's, as its documentation or SDK has it."""

from __future__ import annotations

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.models import UNKNOWN, ModelDetails, Prices, PriceTier
from arouter.providers.adapter import ListedModel
from arouter.providers.openai_models import decode_model_list

OPENROUTER = {
    "id": "google/gemini-3.1-pro-preview",
    "canonical_slug": "google/gemini-3.1-pro-preview-20260219",
    "name": "Google: Gemini 3.1 Pro Preview",
    "created": 1771500000,
    "description": "…",
    "context_length": 1048576,
    "architecture": {
        "modality": "text+image+file+audio+video->text",
        "input_modalities": ["audio", "file", "image", "text", "video"],
        "output_modalities": ["text"],
        "tokenizer": "Gemini",
        "instruct_type": None,
    },
    "pricing": {
        "prompt": "0.000002",
        "completion": "0.000012",
        "image": "0.000002",
        "audio": "0.000002",
        "internal_reasoning": "0.000012",
        "input_cache_read": "0.0000002",
        "input_cache_write": "0.000000375",
        "request": "0",
        "overrides": [
            {"min_prompt_tokens": 200000.0, "prompt": "0.000004", "completion": "0.000018"},
            {"utc_start": 100, "utc_end": 400, "prompt": "0.000001"},
        ],
    },
    "top_provider": {"context_length": 1048576, "max_completion_tokens": 65536, "is_moderated": False},
    "per_request_limits": None,
    "supported_parameters": ["max_tokens", "reasoning", "tools"],
}
TOGETHER = {
    "id": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "object": "model",
    "created": 1733466629,
    "type": "chat",
    "display_name": "Meta Llama 3.3 70B Instruct Turbo",
    "context_length": 131072,
    "pricing": {"hourly": 0, "input": 0.88, "output": 0.88, "base": 0, "finetune": 0},
}
GROQ = {
    "id": "llama-3.3-70b-versatile",
    "object": "model",
    "created": 1733447754,
    "owned_by": "Meta",
    "active": True,
    "context_window": 131072,
    "public_apps": None,
    "max_completion_tokens": 32768,
}
MISTRAL = {
    "id": "mistral-medium-latest",
    "created": 1755000000,
    "name": "mistral-medium-2508",
    "type": "base",
    "max_context_length": 131072,
    "capabilities": {"completion_chat": True, "function_calling": True, "vision": True, "audio": False, "ocr": False},
}
CEREBRAS = {
    "id": "gpt-oss-120b",
    "name": "GPT OSS 120B",
    "limits": {"max_context_length": 131072, "max_completion_tokens": 40960},
    "pricing": {"prompt": "0.00000035", "completion": "0.00000075"},
    "capabilities": {"vision": False, "function_calling": True},
}
AROUTER = {
    "id": "anthropic/claude-sonnet-4.6",
    "object": "model",
    "created": 1750000000,
    "owned_by": "anthropic",
    "details": {
        "display_name": "Claude Sonnet 4.6",
        "context_length": 1000000,
        "max_output_tokens": 64000,
        "input_modalities": ["text", "image", "file"],
        "output_modalities": ["text"],
        "supported_parameters": ["tools"],
        "pricing": {
            "prompt": 3.0,
            "completion": 15,
            "cache_read": 0.0,
            "cache_write": 3.75,
            "tiers": [{"above": 200000, "prompt": 6.0, "completion": 22.5, "cache_read": 0.6, "cache_write": 7.5}],
        },
    },
}


def read(*entries: object) -> list[ListedModel]:
    return decode_model_list(orjson.dumps({"object": "list", "data": entries})).models


@pytest.mark.parametrize(
    ("entry", "details"),
    [
        pytest.param({"id": "gpt-4.1", "object": "model", "owned_by": "system"}, UNKNOWN, id="openai"),
        pytest.param(
            OPENROUTER,
            ModelDetails(
                display_name="Google: Gemini 3.1 Pro Preview",
                context_length=1_048_576,
                max_output_tokens=65_536,
                input_modalities=("audio", "file", "image", "text", "video"),
                output_modalities=("text",),
                supported_parameters=("max_tokens", "reasoning", "tools"),
                prices=Prices(
                    prompt=2.0,
                    completion=12.0,
                    cache_read=0.2,
                    cache_write=0.375,
                    prompt_audio=2.0,
                    tiers=(
                        PriceTier(
                            above=200_000,
                            prompt=4.0,
                            completion=18.0,
                            cache_read=0.2,
                            cache_write=0.375,
                            prompt_audio=2.0,
                        ),
                    ),
                ),
            ),
            id="openrouter",
        ),
        pytest.param(
            TOGETHER,
            ModelDetails(
                display_name="Meta Llama 3.3 70B Instruct Turbo",
                context_length=131_072,
                prices=Prices(prompt=0.88, completion=0.88),
            ),
            id="together",
        ),
        pytest.param(GROQ, ModelDetails(context_length=131_072, max_output_tokens=32_768), id="groq"),
        pytest.param(
            MISTRAL,
            ModelDetails(
                display_name="mistral-medium-2508", context_length=131_072, input_modalities=("text", "image")
            ),
            id="mistral",
        ),
        pytest.param(
            CEREBRAS,
            ModelDetails(
                display_name="GPT OSS 120B",
                context_length=131_072,
                max_output_tokens=40_960,
                input_modalities=("text",),
                prices=Prices(prompt=0.35, completion=0.75),
            ),
            id="cerebras",
        ),
        pytest.param(
            {"id": "m", "context_length": 262144, "supports_image_in": True, "supports_video_in": True},
            ModelDetails(context_length=262_144, input_modalities=("text", "image", "video")),
            id="moonshot",
        ),
        pytest.param(
            {"id": "m", "supports_chat": True, "supports_image_input": False, "context_length": 131072},
            ModelDetails(context_length=131_072, input_modalities=("text",)),
            id="fireworks",
        ),
        pytest.param({"id": "m", "max_model_len": 8192}, ModelDetails(context_length=8192), id="vllm"),
        pytest.param(
            {"id": "m", "meta": {"n_ctx_train": 131072, "n_ctx": 4096}},
            ModelDetails(context_length=4096),
            id="llama.cpp",
        ),
        pytest.param(
            {"id": "m", "meta": {"n_ctx_train": 8192}}, ModelDetails(context_length=8192), id="older llama.cpp"
        ),
        pytest.param(
            AROUTER,
            ModelDetails(
                display_name="Claude Sonnet 4.6",
                context_length=1_000_000,
                max_output_tokens=64_000,
                input_modalities=("text", "image", "file"),
                output_modalities=("text",),
                supported_parameters=("tools",),
                prices=Prices(
                    prompt=3.0,
                    completion=15.0,
                    cache_read=0.0,
                    cache_write=3.75,
                    tiers=(PriceTier(above=200_000, prompt=6.0, completion=22.5, cache_read=0.6, cache_write=7.5),),
                ),
            ),
            id="arouter",
        ),
    ],
)
def test_reads_what_each_provider_says(entry: dict[str, object], details: ModelDetails) -> None:
    (model,) = read(entry)

    assert (model.name, model.details) == (entry["id"], details)


@pytest.mark.parametrize(
    ("pricing", "prices"),
    [
        ({"prompt": "0", "completion": "0"}, Prices(prompt=0, completion=0)),
        ({"prompt": "0.0000011", "completion": "1.1e-6"}, Prices(prompt=1.1, completion=1.1)),
        ({"prompt": "1e-6", "completion": "1e-6", "input_cache_read": "0"}, Prices(prompt=1, completion=1)),
        ({"prompt": "1e-6", "completion": "1e-6", "input_cache_read": "-1"}, Prices(prompt=1, completion=1)),
        ({"prompt": "-1", "completion": "-1"}, None),
        ({"prompt": "0.000001"}, None),
        ({"prompt": 0.000001, "completion": 0.000001}, None),
        ({"input": 0, "output": 0, "hourly": 5.5}, None),
        ({"input": 0.1, "output": 0}, Prices(prompt=0.1, completion=0)),
        ({"input": "0.0000025", "output": "0.00001"}, Prices(prompt=2.5, completion=10)),
        ({"prompt": "NaN", "completion": "1e-6"}, None),
        ({"prompt": "Infinity", "completion": "1e-6"}, None),
        ({"prompt": "1e999999", "completion": "1e-6"}, None),
        ({"prompt": "9" * 100_000, "completion": "1e-6"}, None),
        ({"prompt": "2", "completion": "2"}, None),
        ({"input": True, "output": True}, None),
        ({"input": [1], "output": {}}, None),
        ("0.01", None),
        ([], None),
    ],
)
def test_reads_a_price_or_none(pricing: object, prices: Prices | None) -> None:
    (model,) = read({"id": "m", "pricing": pricing})

    assert model.details.prices == prices


def test_a_later_override_changes_what_the_earlier_ones_say() -> None:
    overrides = [
        {"min_prompt_tokens": 100, "prompt": "2e-6"},
        {"min_prompt_tokens": 300, "completion": "9e-6"},
        {"min_prompt_tokens": 200, "prompt": "3e-6", "completion": "6e-6"},
        {"min_prompt_tokens": 200, "prompt": "1e-9", "utc_days": ["monday"]},
        {"min_prompt_tokens": "many", "prompt": "5e-6"},
        {"min_prompt_tokens": 400},
        "what",
    ]

    (model,) = read({"id": "m", "pricing": {"prompt": "1e-6", "completion": "5e-6", "overrides": overrides}})

    assert model.details.prices == Prices(
        prompt=1.0,
        completion=5.0,
        tiers=(
            PriceTier(above=100, prompt=2.0, completion=5.0),
            PriceTier(above=200, prompt=3.0, completion=6.0),
            PriceTier(above=300, prompt=3.0, completion=6.0),
        ),
    )


@pytest.mark.parametrize(
    "said",
    [
        {"context_length": 0},
        {"context_length": -1},
        {"context_length": 2**31},
        {"context_length": 2**64 - 1},
        {"context_length": "131072"},
        {"context_length": True},
        {"context_length": 1.5},
        {"top_provider": {"max_completion_tokens": None}},
        {"top_provider": "me", "limits": [], "meta": 5, "architecture": None, "capabilities": "all"},
        {"name": ""},
        {"name": "m"},
        {"name": "a\nb"},
        {"name": "x" * 100_000},
        {"name": ["m"]},
        {"supported_parameters": "tools"},
        {"supported_parameters": ["", 5, None, "two words", "x" * 100]},
        {"output_modalities": []},
        {"details": "none"},
        {"details": {"context_length": -5, "pricing": {"prompt": -1, "completion": 1}}},
    ],
)
def test_what_is_odd_counts_as_not_said(said: dict[str, object]) -> None:
    assert read({"id": "m", **said}) == [ListedModel("m")]


WORDS = sorted(
    {key for entry in (OPENROUTER, TOGETHER, GROQ, MISTRAL, CEREBRAS, AROUTER) for key in entry}
    | {"min_prompt_tokens", "above", "tiers", "overrides", "prompt", "completion", "input", "output", "n_ctx", "meta"}
    | {"input_modalities", "output_modalities", "completion_chat", "max_completion_tokens", "max_context_length"}
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab -\n", max_size=8)
    | st.sampled_from(["1e-6", "-1", "NaN", "sNaN", "1e9999999", "text", "chat"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(WORDS), JSON, max_size=10))
def test_never_fails_and_never_says_what_details_cannot_hold(said: dict[str, object]) -> None:
    for model in read({**said, "id": "m"}):
        assert msgspec.json.decode(msgspec.json.encode(model.details), type=ModelDetails) == model.details


@pytest.mark.parametrize("name", ["", "a\nb", "a\0b", "x" * 513, 5, None, ["a"]])
def test_what_cannot_be_a_name_is_passed_over(name: object) -> None:
    body = orjson.dumps({"data": [{"id": name}, {"id": "x" * 512}, {"id": "with space"}]})

    assert [model.name for model in decode_model_list(body).models] == ["x" * 512, "with space"]
