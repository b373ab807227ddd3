"""Prices and context windows, by the process that really reads them."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from genai_prices.data_snapshot import get_snapshot

from arouter.catalogue.price_lookup import GENAI_PRICES_IDS, PriceLookupError, look_up
from arouter.catalogue.price_table import look_up as read_table
from arouter.models import UNKNOWN, Prices, PriceTier
from arouter.providers.presets import PRESETS


def test_every_id_is_a_preset_of_ours_and_a_provider_of_the_package() -> None:
    assert GENAI_PRICES_IDS.keys() <= PRESETS.keys()
    assert set(GENAI_PRICES_IDS.values()) <= {provider.id for provider in get_snapshot().providers}


async def test_answers_for_each_model_that_is_known() -> None:
    wanted = [
        ("openai", "gpt-4.1"),
        ("openai", "gpt-4.1"),
        ("openai", "gpt-5.5"),
        ("mistralai", "mistral-small-2603"),
        ("z-ai", "GLM-5.3"),
        ("openrouter", "anthropic/claude-sonnet-4.6"),
        ("anthropic", "claude-sonnet-4-6"),
        ("openai", "no-such-model"),
        ("openai", "g" * 5_000),
        ("no-such-provider", "gpt-4.1"),
        ("local", "smollm2-135m-instruct"),
    ]

    found = await look_up(wanted)

    assert list(found) == [
        ("openai", "gpt-4.1"),
        ("openai", "gpt-5.5"),
        ("mistralai", "mistral-small-2603"),
        ("z-ai", "GLM-5.3"),
        ("openrouter", "anthropic/claude-sonnet-4.6"),
        ("anthropic", "claude-sonnet-4-6"),
    ]
    assert all(details.prices is not None and details.context_length for details in found.values())
    assert found["openai", "gpt-4.1"].prices == Prices(prompt=2.0, completion=8.0, cache_read=0.5)
    assert found["openai", "gpt-5.5"].prices == Prices(
        prompt=5.0,
        completion=30.0,
        cache_read=0.5,
        tiers=(PriceTier(above=272_000, prompt=10.0, completion=45.0, cache_read=1.0),),
    )


async def test_starts_no_process_for_what_nobody_knows() -> None:
    assert await look_up([("qwen", "qwen3-max")], program=["-c", "raise SystemExit(1)"]) == {}


async def test_answers_a_thousand_names_at_once() -> None:
    wanted = [("openrouter", f"vendor/model-{number}") for number in range(1_000)]

    assert await look_up([*wanted, ("deepseek", "deepseek-chat")]) != {}


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise SystemExit('out of luck')", "exit status 1: out of luck"),
        ("import os; os.kill(os.getpid(), 9)", "exit status -9"),
        ("print('what?')", "its answer is wrong"),
        ("print('[]')", "its answer is wrong"),
        ('print(\'[{"prices": {"prompt": -1, "completion": 1}}]\')', "its answer is wrong"),
    ],
)
async def test_says_how_the_process_failed(program: str, message: str) -> None:
    with pytest.raises(PriceLookupError, match=message):
        await look_up([("openai", "gpt-4.1")], program=["-c", program])


async def test_gives_the_process_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")

    with pytest.raises(PriceLookupError) as caught:
        await look_up([("openai", "gpt-4.1")], program=["-c", "import os; raise SystemExit(str(dict(os.environ)))"])

    assert "LC_ALL" in str(caught.value)
    assert "OPENAI_API_KEY" not in str(caught.value)


async def test_ends_a_process_that_takes_too_long() -> None:
    before = psutil.Process().children()

    with pytest.raises(PriceLookupError, match=r"no answer in 0\.2 s"):
        await look_up([("openai", "gpt-4.1")], timeout_seconds=0.2, program=["-c", "import signal; signal.pause()"])

    assert psutil.Process().children() == before


async def test_ends_the_process_when_cancelled(tmp_path: Path) -> None:
    before = psutil.Process().children()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    program = f"import signal; open({str(fifo)!r}, 'w').write('I run'); signal.pause()"
    lookup = asyncio.create_task(look_up([("openai", "gpt-4.1")], program=["-c", program]))
    assert await asyncio.to_thread(fifo.read_text) == "I run"

    lookup.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lookup

    assert psutil.Process().children() == before


def test_prices_are_those_of_the_moment() -> None:
    wanted = [("openai", "o3")]
    before, after = (read_table(wanted, datetime(2025, 6, day, tzinfo=UTC))[0].prices for day in (9, 11))

    assert before is not None
    assert after is not None
    assert (before.prompt, after.prompt) == (10.0, 2.0)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("google", "gemma-3-27b-it"),  # free: no prices, which is not a price of 0
        ("openai", "whisper-1"),  # by the hour
    ],
)
def test_a_model_without_prices_for_all_tokens_has_none(provider: str, name: str) -> None:
    (details,) = read_table([(provider, name)], datetime(2026, 11, 23, tzinfo=UTC))

    assert details.prices is None


def test_embeddings_have_no_price_of_a_completion() -> None:
    (details,) = read_table([("openai", "text-embedding-3-large")], datetime(2026, 11, 23, tzinfo=UTC))

    assert details.prices is not None
    assert (details.prices.prompt, details.prices.completion) == (0.13, 0.0)


def test_a_provider_that_sells_others_models_has_their_prices_if_the_package_says_so() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    azure, openai, groq = read_table([("azure", "gpt-4.1"), ("openai", "gpt-4.1"), ("groq", "gpt-4.1")], now)

    assert azure == openai
    assert groq == UNKNOWN
