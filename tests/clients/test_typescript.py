"""The TypeScript client: packed, installed in a fresh folder, and run in Node and Chromium."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator import Emulator, embeddings
from emulator.answers import TEXT
from emulator.scenarios import SCENARIOS
from support.docs import ROOT
from support.emulator_control import emulator_control
from support.node import BIN, ENVIRONMENT, NODE
from support.ports import free_ports
from support.stack import PROVIDER_KEY, running

pytestmark = pytest.mark.timeout(600)

PACKAGE = ROOT / "clients/typescript"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the tests, in which the packed client is installed."""
    folder = tmp_path_factory.mktemp("typescript")
    run(["make", "client-typescript"], ROOT)
    shutil.copytree(Path(__file__).parent / "typescript", folder, dirs_exist_ok=True)
    [packed] = PACKAGE.glob("arouter-client-*.tgz")
    npm = [str(BIN / "npm"), "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    run([*npm, "--no-save", str(packed)], folder)
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that the TypeScript code reads: a stack in front of a provider, for pages of one origin."""
    [page_port] = free_ports(1)
    with Emulator({**embeddings.SCENARIOS, **SCENARIOS}) as emulator, emulator_control(emulator) as control:
        row = {"id": "emu", "base_url": emulator.base_url, "api_keys": [PROVIDER_KEY]}
        prices = {"prompt": 1, "completion": 2}
        config = {
            "routing": {"breaker": {"failures": 1_000_000}},
            "providers": [{**row, "models": ["*", {"name": "text", "prices": prices}]}],
            "gateway": {"cors": {"allow_origins": [f"http://127.0.0.1:{page_port}"]}},
        }
        with running(tmp_path_factory.mktemp("stack"), config) as stack:
            yield {
                "GRPC_URL": f"http://127.0.0.1:{stack.grpc_port}",
                "GATEWAY_URL": f"http://127.0.0.1:{stack.port}",
                "API_KEY": stack.key,
                "CONTROL": control,
                "PAGE_PORT": str(page_port),
                "TEXT": TEXT,
            }


def run(command: list[str], folder: Path, variables: dict[str, str] | None = None) -> str:
    """Runs a command, which must succeed, and returns its output."""
    environment = {**ENVIRONMENT, **(variables or {})}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-20_000:]
    return done.stdout


@pytest.mark.parametrize("resolution", ["tsconfig.json", "tsconfig.bundler.json"])
def test_its_types(project: Path, resolution: str) -> None:
    run([NODE, "node_modules/.bin/tsc", "--project", resolution], project)


def test_in_node(project: Path, settings: dict[str, str]) -> None:
    output = run([NODE, "--test", "--test-reporter=spec", "client.test.ts"], project, settings)

    assert "skipped 0" in output


def test_in_chromium(project: Path, settings: dict[str, str]) -> None:
    chromium = shutil.which("chromium")
    assert chromium is not None, "Chromium is missing: `apt-get install chromium`, or ARGS='-k \"not chromium\"'"

    output = run(
        [NODE, "--test", "--test-reporter=spec", "browser.test.ts"], project, {**settings, "CHROMIUM": chromium}
    )

    assert "skipped 0" in output
