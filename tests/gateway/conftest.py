"""The stack in front of a provider of each protocol, and who manages it."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from emulator import Emulator, embeddings
from matrix import provider
from support.management import Manager, managing
from support.stack import PROVIDER_KEY, Stack, running


@pytest.fixture(scope="session")
def speakers() -> Iterator[Emulator]:
    """An emulated provider of each protocol, for the whole session."""
    with Emulator(provider.scenarios()) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def speakers_stack(speakers: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`arouter up` in front of `speakers`, for the whole session."""
    with running(tmp_path_factory.mktemp("speakers"), {"providers": provider.rows(speakers, PROVIDER_KEY)}) as stack:
        yield stack


@pytest.fixture
def translated(speakers: Emulator, speakers_stack: Stack) -> Iterator[Stack]:
    """The same. After the test it checks that the provider had no trouble of its own."""
    yield speakers_stack
    speakers.wait_idle()
    speakers.forget()


@pytest.fixture
def translated_client(translated: Stack) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK, talking to it."""
    with openai.OpenAI(base_url=translated.base_url, api_key=translated.key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def embedder() -> Iterator[Emulator]:
    """An emulated provider of embeddings and text completions, for the whole session."""
    with Emulator(embeddings.SCENARIOS) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def embedder_stack(embedder: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack in front of providers of the three protocols, with models that two of them serve."""
    key = {"api_keys": [PROVIDER_KEY]}
    priced = [{"name": name, "prices": {"prompt": 2.0, "completion": 0.0}} for name in embeddings.SCENARIOS]
    config = {
        "routing": {"breaker": {"failures": 1_000_000}},
        "providers": [
            {"id": "emu", "base_url": embedder.base_url, "models": ["*", *priced], **key},
            {"id": "other", "base_url": embedder.base_url, **key},
            {
                "id": "google",
                "base_url": embedder.root_url,
                "models": ["gemini-embedding-001", "gemini-3.5-flash"],
                **key,
            },
            {"id": "anthropic", "base_url": embedder.root_url, "models": ["claude-opus-4-8"], **key},
        ],
        "models": [
            {"id": "acme/embed", "endpoints": ["emu/embed-status-500", "other/embed"]},
            {"id": "acme/recorded", "endpoints": ["emu/embed-status-500", "other/embed"]},
            {"id": "acme/refused", "endpoints": ["emu/embed-status-400", "other/embed"]},
        ],
    }
    with running(tmp_path_factory.mktemp("embedder"), config) as stack:
        yield stack


@pytest.fixture
def embedding(embedder: Emulator, embedder_stack: Stack) -> Iterator[Stack]:
    """The same, with an emulator that has seen no calls."""
    embedder.forget()
    yield embedder_stack
    embedder.release_all()
    embedder.wait_idle()
    embedder.forget()


@pytest.fixture
def operator(stack: Stack, emulator: Emulator) -> Iterator[Manager]:
    """A management key of no account, in front of the plain provider."""
    with managing(stack) as manager:
        yield manager


def pytest_itemcollected(item: pytest.Item) -> None:
    # Not in the test itself: a cell whose fixtures fail has failed too.
    cell = item.callspec.params.get("cell") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    if cell is not None:
        # A plain tuple: it may have to go from a process of pytest-xdist to another.
        item.user_properties.append(("cell", tuple(cell)))
