"""What requests need, and what models lack for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from arouter.chat.request import ChatRequest, parse_chat_request
from arouter.models import UNKNOWN, ModelDetails
from arouter.planning.requirements import MIN_ANSWER, Requirements, lacks, requirements_of, unsupported
from support.labelled import Labelled, labelled

CASES = labelled("requests") + labelled("held_out")
TOOL = {"type": "function", "function": {"name": "f"}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
TEXT_ONLY = ModelDetails(input_modalities=("text",), output_modalities=("text",))


def request(content: Any = "Hello", **fields: Any) -> ChatRequest:
    body = {"model": "auto", "messages": [{"role": "user", "content": content}], **fields}
    return parse_chat_request(json.dumps(body).encode())


def requirements(content: Any = "Hello", **fields: Any) -> Requirements:
    return requirements_of(request(content, **fields))


def needs(found: Requirements) -> set[str]:
    """Returns what is needed, in the words of the labels."""
    flags = {"tools": found.tools, "reasoning": found.reasoning, "long": found.prompt_tokens > 8_000}
    said = {name for name, flag in flags.items() if flag} | found.inputs | found.outputs
    return said | {found.structure} if found.structure else said


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_a_labelled_request_needs_what_its_label_says(case: Labelled) -> None:
    found = requirements_of(case.request)

    assert needs(found) == case.needs
    assert found.plain == (not case.needs - {"long"})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, set()),
        ({"tools": [], "functions": []}, set()),
        ({"functions": [{"name": "f"}]}, {"tools"}),
        ({"response_format": {"type": "text"}}, set()),
        ({"response_format": {"type": "json_object"}}, {"json"}),
        ({"response_format": {"type": "json_object", "schema": {"type": "object"}}}, {"schema"}),
        ({"modalities": ["text"]}, set()),
        ({"modalities": ["text", "audio"], "audio": {"voice": "a", "format": "wav"}}, {"audio"}),
        ({"modalities": ["image", "text"]}, {"image"}),
        ({"reasoning_effort": "none"}, set()),
        ({"reasoning_effort": "low"}, {"reasoning"}),
        ({"reasoning": {}}, set()),
        ({"reasoning": {"exclude": True}}, set()),
        ({"reasoning": {"enabled": True}}, {"reasoning"}),
        ({"reasoning": {"enabled": False, "effort": "high"}}, set()),
        ({"reasoning": {"effort": "none"}, "reasoning_effort": "high"}, set()),
        ({"reasoning": {"max_tokens": 0}}, set()),
        ({"reasoning": {"max_tokens": 1}}, {"reasoning"}),
    ],
)
def test_what_a_field_needs(fields: dict[str, Any], expected: set[str]) -> None:
    assert needs(requirements(**fields)) == expected


def test_a_conversation_that_has_called_tools_needs_a_model_that_knows_them() -> None:
    messages = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", **TOOL}]},
        {"role": "tool", "tool_call_id": "1", "content": "done"},
    ]

    assert requirements_of(ChatRequest({"model": "m", "messages": messages}, stream=False, include_usage=False)).tools


def test_what_is_needed_of_the_context_is_the_prompt_and_the_answer() -> None:
    asked = requirements("x" * 4_000, max_completion_tokens=3_000, max_tokens=9, n=3)
    open_end = requirements("x" * 4_000, max_tokens=None)

    assert (asked.prompt_tokens, asked.completion_tokens, asked.choices) == (1_009, 3_000, 3)
    assert asked.context == 4_009
    assert (open_end.completion_tokens, open_end.context) == (None, 1_009 + MIN_ANSWER)


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({"temperature": 0, "seed": 0, "stop": ["a"], "user": "u", "stream": True}, {"temperature", "seed", "stop"}),
        ({"temperature": None, "frequency_penalty": 0, "logprobs": False, "tool_choice": "auto", "stop": []}, set()),
        ({"max_completion_tokens": 5}, {"max_tokens"}),
        ({"reasoning_effort": "low", "reasoning": {"effort": "low"}}, {"reasoning"}),
        ({"tools": [TOOL], "tool_choice": "required"}, {"tools", "tool_choice"}),
        ({"response_format": {"type": "json_object"}}, {"response_format"}),
        ({"response_format": {"type": "text"}}, set()),
    ],
)
def test_parameters_are_those_that_ask_for_something(fields: dict[str, Any], parameters: set[str]) -> None:
    assert requirements(**fields).parameters == parameters


@pytest.mark.parametrize(
    ("details", "fields", "reason"),
    [
        (
            ModelDetails(context_length=3_000),
            {"max_tokens": 3_000},
            "has a context of 3000 tokens, shorter than the 3011",
        ),
        (ModelDetails(context_length=100), {}, "has a context of 100 tokens"),
        (
            ModelDetails(max_output_tokens=10),
            {"max_tokens": 11},
            "generates at most 10 tokens, fewer than the 11 requested",
        ),
        (TEXT_ONLY, {"content": [IMAGE]}, "accepts no images"),
        (TEXT_ONLY, {"modalities": ["text", "audio"]}, "generates no audio"),
        (ModelDetails(supported_parameters=("seed",)), {"tools": [TOOL]}, "does not support tools"),
        (ModelDetails(supported_parameters=("seed",)), {"reasoning_effort": "low"}, "does not support reasoning"),
        (
            ModelDetails(supported_parameters=("seed",)),
            {"response_format": {"type": "json_object"}},
            "does not support response_format",
        ),
    ],
)
def test_a_model_that_is_known_to_lack_something(details: ModelDetails, fields: dict[str, Any], reason: str) -> None:
    found = lacks(details, requirements(**fields))

    assert found is not None
    assert found.startswith(reason)
    assert lacks(details, requirements(**fields), strict=True) == found
    assert lacks(UNKNOWN, requirements(**fields)) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"content": [IMAGE]}, "is not known to accept images"),
        ({"modalities": ["audio"]}, "is not known to generate audio"),
        ({"tools": [TOOL]}, None),
        ({"response_format": {"type": "json_object"}}, None),
        ({"reasoning_effort": "high"}, None),
        ({"max_tokens": 100_000}, None),
    ],
)
def test_auto_wants_to_know_of_modalities_and_of_nothing_else(fields: dict[str, Any], reason: str | None) -> None:
    assert lacks(UNKNOWN, requirements(**fields), strict=True) == reason


def test_a_model_that_can_do_everything_lacks_nothing() -> None:
    able = ModelDetails(
        context_length=100_000,
        max_output_tokens=10_000,
        input_modalities=("text", "image"),
        output_modalities=("text", "audio"),
        supported_parameters=("functions", "structured_outputs", "reasoning_effort"),
    )
    asked = requirements(
        [IMAGE],
        tools=[TOOL],
        response_format={"type": "json_schema", "json_schema": {"name": "s"}},
        modalities=["text", "audio"],
        reasoning_effort="high",
        max_tokens=10_000,
    )

    assert lacks(able, asked, strict=True) is None


def test_parameters_that_a_list_lacks_are_named_and_other_spellings_are_known() -> None:
    asked = requirements(seed=1, top_k=5, max_tokens=5, temperature=0.1)

    assert unsupported(ModelDetails(supported_parameters=("max_completion_tokens", "seed")), asked) == (
        "temperature",
        "top_k",
    )
    assert unsupported(ModelDetails(supported_parameters=("max_tokens", "seed", "top_k", "temperature")), asked) == ()
    assert unsupported(UNKNOWN, asked) == ()
