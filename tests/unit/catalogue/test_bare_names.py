"""Which model a name without a provider means: the rule of docs/models.md."""

from __future__ import annotations

import pytest

from arouter.catalogue.bare_names import index_of, meant
from arouter.errors import ARouterError, Failure

IDS = (
    "anthropic/claude-opus-4-8",
    "azure/gpt-5.4",
    "google/gemini-3.5-flash",
    "ollama/llama3:8b",
    "openai/gpt-5.4",
    "openrouter/anthropic/claude-opus-4.8",
    "openrouter/google/gemini-3.5-flash",
    "openrouter/x-ai/grok-5",
    "together/x-ai/grok-5",
)
MEANT = [
    ("claude-opus-4-8", (), "anthropic/claude-opus-4-8"),
    ("claude-opus-4.8", (), "anthropic/claude-opus-4-8"),
    ("Claude-Opus-4.8", (), "anthropic/claude-opus-4-8"),
    ("anthropic/claude-opus-4.8", (), "anthropic/claude-opus-4-8"),
    ("claude-opus-4-8", ("openrouter",), "openrouter/anthropic/claude-opus-4.8"),
    ("gemini-3.5-flash", (), "google/gemini-3.5-flash"),
    ("gpt-5.4", ("openai",), "openai/gpt-5.4"),
    ("gpt-5.4", ("google", "azure", "openai"), "azure/gpt-5.4"),
    ("llama3:8b", (), "ollama/llama3:8b"),
    ("google/gpt-5.4", ("openai",), None),
    ("unknown", ("openai",), None),
]


@pytest.mark.parametrize(("name", "preferred", "expected"), MEANT, ids=str)
def test_the_rule(name: str, preferred: tuple[str, ...], expected: str | None) -> None:
    assert meant(name, index_of(IDS), IDS, preferred) == expected


@pytest.mark.parametrize(
    ("name", "alike"),
    [("gpt-5.4", "azure/gpt-5.4, openai/gpt-5.4."), ("grok-5", "openrouter/x-ai/grok-5, together/x-ai/grok-5.")],
)
def test_an_ambiguous_name_is_refused_with_its_candidates(name: str, alike: str) -> None:
    with pytest.raises(ARouterError) as refused:
        meant(name, index_of(IDS), IDS, ())

    assert (refused.value.failure, refused.value.param) == (Failure.MODEL_NOT_FOUND, "model")
    assert refused.value.message.endswith(f"Name one of: {alike}")


def test_only_what_the_key_may_use_is_meant() -> None:
    assert meant("gpt-5.4", index_of(IDS), {"azure/gpt-5.4"}, ("openai",)) == "azure/gpt-5.4"
