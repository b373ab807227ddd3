"""The stack in front of a provider of each protocol, and who manages it."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from emulator import Emulator
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
