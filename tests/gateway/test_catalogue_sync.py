"""The catalogue follows the providers' lists, and outlives them and itself."""

from __future__ import annotations

import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from emulator import Emulator
from support.ports import refusing_port
from support.stack import PROVIDER_KEY, Stack, running

DATED = 1_700_000_000


def listed_as(stack: Stack, ids: set[str]) -> dict[str, int]:
    """Waits until exactly these models are listed; returns the `created` of each."""
    created: dict[str, int] = {}
    with stack.rest() as rest:

        def as_wanted() -> bool:
            created.clear()
            created.update((model["id"], model["created"]) for model in rest.get("/v1/models").json["data"])
            return created.keys() == ids

        stack.process.wait_until(as_wanted, f"listing {ids}")
    return created


def config(provider: Emulator) -> dict[str, Any]:
    row = {"base_url": provider.base_url, "api_keys": [PROVIDER_KEY]}
    return {
        "providers": [{"id": "emu", **row}, {"id": "fixed", **row, "models": ["text"]}],
        "catalogue": {"sync_interval": 0.2},
    }


def test_the_list_follows_its_provider_and_outlives_it_and_the_process(tmp_path: Path) -> None:
    with ExitStack() as providers:
        provider = providers.enter_context(Emulator())
        settings = config(provider)
        provider.listed = {"text": DATED, "echo": None}
        started = int(time.time())
        with running(tmp_path, settings) as stack:
            first = listed_as(stack, {"emu/text", "emu/echo", "fixed/text"})
            assert (first["emu/text"], first["fixed/text"]) == (DATED, DATED)
            assert started <= first["emu/echo"] <= time.time()

            provider.listed = {"text": DATED, "tools": None}
            listed_as(stack, {"emu/text", "emu/tools", "fixed/text"})
            provider.listed = {"text": DATED, "echo": None}
            assert listed_as(stack, {"emu/text", "emu/echo", "fixed/text"}) == first

            providers.close()
            missing = f"failed to read the model list of provider emu: GET {provider.base_url}/models: "
            stack.process.wait_until(lambda: missing in stack.process.log, "missing its provider")
            assert listed_as(stack, set(first)) == first

    with running(tmp_path, settings) as stack:
        assert listed_as(stack, set(first)) == first


def test_prices_come_from_the_price_list(tmp_path: Path) -> None:
    with Emulator() as provider:
        provider.listed = {"gpt-4o-mini": None, "text-embedding-3-small": None}
        row = {"id": "openai", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY]}
        with running(tmp_path, {"providers": [row]}) as stack, stack.rest() as rest:
            path = "/v1/models/openai/gpt-4o-mini?view=full"
            stack.process.wait_until(lambda: "pricing" in rest.get(path).json["details"], "priced")

            assert rest.get(path).json["details"]["pricing"]["prompt"] == "0.00000015"
            assert rest.get(path).json["details"]["context_length"] == 128_000
            assert [model["id"] for model in rest.get("/v1/models").json["data"]] == ["openai/gpt-4o-mini"]


def test_a_configured_model_has_been_there_since_it_was_first_seen(tmp_path: Path) -> None:
    with refusing_port() as port:
        row = {"id": "down", "base_url": f"http://127.0.0.1:{port}/v1", "models": ["m"]}
        with running(tmp_path, {"providers": [row]}, ("serve",)):
            pass
        with sqlite3.connect(tmp_path / "state" / "arouter.db") as database:
            database.execute("UPDATE catalogue_models SET first_seen = ?", (DATED,))
        database.close()
        with running(tmp_path, {"providers": [row]}) as stack:
            assert listed_as(stack, {"down/m"}) == {"down/m": DATED}
