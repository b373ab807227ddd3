"""What becomes of each content of the file, and what can be read of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from arouter.config.environment import Environment, read_environment
from arouter.config.load import load_config
from arouter.config.schema import Config
from arouter.providers.provider import Provider
from arouter.server.reload.reload import ConfigReload

REFUSED = "the configuration is unchanged, because the file is invalid: "


class Said(logging.Handler):
    """What is logged of reloads."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put_nowait(record.getMessage())


class Reloaded:
    """What reloads a file, and what was taken from it."""

    def __init__(self, environment: Environment, said: Said) -> None:
        self.path = environment.config_path
        self.taken: list[list[str]] = []
        config = load_config(self.path, environment.variables)
        self.reload = ConfigReload(config, environment, self._take)
        self._said = said

    async def read(self, text: str | None = None) -> str:
        """Has a text read, or what there is; returns what is said of it."""
        if text is not None and self.path is not None:
            self.path.write_text(text)
        self.reload.request()
        said = await self._said.lines.get()
        return said.replace(f"{self.path} ", "file ")

    async def _take(self, _: Config, providers: tuple[Provider, ...]) -> None:
        self.taken.append([provider.id for provider in providers])


@pytest.fixture
async def said() -> AsyncIterator[Said]:
    log, said = logging.getLogger("arouter.server.reload.reload"), Said()
    log.addHandler(said)
    log.setLevel(logging.INFO)
    yield said
    log.setLevel(logging.NOTSET)
    log.removeHandler(said)


@pytest.fixture
async def reloaded(tmp_path: Path, said: Said) -> AsyncIterator[Reloaded]:
    path = tmp_path / "arouter.yaml"
    path.write_text("{}")
    reloaded = Reloaded(read_environment({"AROUTER_CONFIG": str(path), "KEY": "sk-1"}), said)
    reloaded.reload.start()
    assert await reloaded.read() == "file matches the configuration in use"
    yield reloaded
    await reloaded.reload.stop()


def row(id_: str) -> str:
    return f"providers: [{{id: {id_}, base_url: 'http://x/v1', api_keys: ['${{KEY}}']}}]"


async def test_what_can_be_used_is_taken(reloaded: Reloaded) -> None:
    started = reloaded.reload.applied_at

    assert await reloaded.read(row("a")) == "file has been applied"
    assert reloaded.taken == [["a"]]
    assert not reloaded.reload.last_failed
    assert reloaded.reload.applied_at > started


async def test_what_means_the_same_is_not(reloaded: Reloaded) -> None:
    """Another comment, a default that is written down: nothing to do."""
    assert await reloaded.read("timeouts: {total: 600} # as before") == "file matches the configuration in use"
    assert reloaded.taken == []


async def test_what_cannot_be_used_is_said_once_and_can_be_read(reloaded: Reloaded) -> None:
    started = reloaded.reload.applied_at

    for text in ("nonsense: 1", row("b").replace("KEY", "NONE"), "providers: [{id: c}]"):
        said = await reloaded.read(text)
        assert said.startswith(REFUSED)
        assert str(reloaded.path) in said
        assert await reloaded.read(text) == "file is unchanged and still invalid"
        assert reloaded.reload.last_failed
        assert reloaded.reload.applied_at == started

    assert await reloaded.read(row("d")) == "file has been applied"
    assert reloaded.taken == [["d"]]
    assert not reloaded.reload.last_failed


async def test_the_way_back_is_no_change(reloaded: Reloaded) -> None:
    await reloaded.read("nonsense: 1")

    assert await reloaded.read("{}") == "file matches the configuration in use"
    assert reloaded.taken == []
    assert not reloaded.reload.last_failed


async def test_without_a_file_there_is_nothing_to_reload(said: Said) -> None:
    reloaded = Reloaded(read_environment({}), said)
    reloaded.reload.start()

    assert await reloaded.read() == "no configuration file to reload: AROUTER_CONFIG is not set"
    await reloaded.reload.stop()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file is empty, but the configuration in use is not; restart to run without one"),
        ("# all of it\n", "the file is empty, but the configuration in use is not; restart to run without one"),
        ("providers: []", "no provider would be left; restart to run without providers"),
        ("timeouts: {total: 5}", "no provider would be left; restart to run without providers"),
        ("providers:", "providers: has no content, but has some in the configuration in use; remove the name too"),
        (
            f"models:\n{row('a')}",
            "models: has no content, but has some in the configuration in use; remove the name too",
        ),
        (
            row("a").replace(", api_keys: ['${KEY}']", ""),
            "provider 'a' would lose its key; set `api_keys: []` if it needs none",
        ),
    ],
)
async def test_nothing_is_lost_by_an_unfinished_file(reloaded: Reloaded, text: str, why: str) -> None:
    await reloaded.read(f"{row('a')}\nmodels: [{{id: m/m, endpoints: [a/m]}}]")

    assert await reloaded.read(text) == f"{REFUSED}{reloaded.path}: {why}"

    assert reloaded.taken == [["a"]]
    assert reloaded.reload.last_failed
    assert reloaded.reload.text_in_use is not None
    assert reloaded.reload.text_in_use.startswith(row("a"))


async def test_what_is_left_out_on_purpose_is_taken_and_said(reloaded: Reloaded, said: Said) -> None:
    await reloaded.read(
        f"{row('a')[:-1]}, {{id: b, base_url: 'http://y/v1'}}]\nmodels: [{{id: m/m, endpoints: [a/m]}}]"
    )

    assert await reloaded.read(row("a").replace("'${KEY}'", "")) == "file has been applied"
    assert await said.lines.get() == "no longer configured: provider b, model m/m"
    assert reloaded.taken == [["a", "b"], ["a"]]


async def test_without_any_provider_from_the_start_there_is_none_to_lose(reloaded: Reloaded) -> None:
    assert await reloaded.read("server: {keep_alive: 5}") == "file has been applied"
    assert await reloaded.read("providers: []\nserver: {keep_alive: 6}") == "file has been applied"
