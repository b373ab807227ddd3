"""The TypeScript client: packed, installed in a fresh folder, and run in Node and Chromium."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import json_format

from arouter.client import accumulate
from emulator import Emulator, embeddings
from emulator.answers import TEXT
from emulator.scenarios import SCENARIOS
from support import streams
from support.docs import ROOT, blocks
from support.emulator_control import emulator_control
from support.node import NODE
from support.ports import free_ports
from support.programs import NPM_INSTALL, run
from support.stack import PROVIDER_KEY, running

pytestmark = pytest.mark.timeout(600)

PACKAGE = ROOT / "clients/typescript"
RUNNER = ["--test", "--test-reporter=spec", "--test-timeout=60000"]
GATEWAY = "http://127.0.0.1:8080"
LOCAL_MODEL = "local/smollm2-135m-instruct"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the tests, in which the packed client is installed."""
    folder = tmp_path_factory.mktemp("typescript")
    run(["make", "client-typescript"], ROOT)
    shutil.copytree(Path(__file__).parent / "typescript", folder, dirs_exist_ok=True)
    [packed] = PACKAGE.glob("arouter-client-*.tgz")
    run([*NPM_INSTALL, "--no-save", packed], folder)
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


@pytest.mark.parametrize("resolution", ["tsconfig.json", "tsconfig.bundler.json"])
def test_its_types_compile(project: Path, resolution: str) -> None:
    run([NODE, "node_modules/.bin/tsc", "--project", resolution], project)


def test_the_packed_files(project: Path) -> None:
    installed = project / "node_modules/arouter-client"
    files = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}

    assert {name for name in files if not name.startswith("dist/")} == {"LICENSE", "README.md", "package.json"}
    assert all(name.endswith((".js", ".d.ts")) for name in files if name.startswith("dist/"))
    assert {f"dist/gen/arouter/v1/{proto.stem}_pb.js" for proto in (ROOT / "protos/arouter/v1").glob("*.proto")} < files
    [packed] = PACKAGE.glob("arouter-client-*.tgz")
    assert packed.stat().st_size < 150_000


def test_commonjs_can_require_it(project: Path) -> None:
    code = "const { Client } = require('arouter-client'); console.log(typeof new Client({ baseUrl: 'http://a' }).chat)"

    assert run([NODE, "--input-type=commonjs", "--eval", code], project) == "function\n"


def test_in_node(project: Path, settings: dict[str, str]) -> None:
    output = run([NODE, *RUNNER, "client.test.ts"], project, settings)

    assert "skipped 0" in output


def test_it_sends_refused_calls_again(project: Path) -> None:
    run([NODE, *RUNNER, "refused.test.ts"], project)


def test_it_refuses_options_that_cannot_work(project: Path) -> None:
    run([NODE, *RUNNER, "options.test.ts"], project)


def test_it_accumulates_as_the_python_client(project: Path) -> None:
    cases = [
        {
            "chunks": [base64.b64encode(chunk.SerializeToString()).decode() for chunk in chunks],
            "completion": json_format.MessageToDict(accumulate(chunks)),
        }
        for chunks in streams.CASES
    ]
    (project / "cases.json").write_text(json.dumps(cases), "utf-8")

    output = run([NODE, *RUNNER, "accumulator.test.ts"], project)

    assert f"pass {len(cases)}\n" in output


@pytest.mark.parametrize("model", ["text", "tools"])
def test_the_examples_of_its_page(project: Path, settings: dict[str, str], model: str) -> None:
    output = run_page("docs/typescript.md", project, settings, model)

    said = TEXT if model == "text" else ""
    call, stream, turns, error, limited, others, watch = output.splitlines()
    assert call == f"{said} 18"
    assert stream == f"{said}18"
    assert turns == said
    assert error.startswith("MODEL_NOT_FOUND 404 ")
    assert limited == f"emu/{model}"
    assert others.endswith(f" emu/{model}")
    assert int(watch) > 10


def test_the_example_of_its_readme(project: Path, settings: dict[str, str]) -> None:
    assert run_page("clients/typescript/README.md", project, settings, "text") == TEXT


def run_page(page: str, project: Path, settings: dict[str, str], model: str) -> str:
    """Runs the TypeScript of a page as one program, and returns its output."""
    code = "".join(text for kind, text in blocks(page) if kind == "ts")
    assert code.count(GATEWAY) == code.count(LOCAL_MODEL) == 1
    code = code.replace(GATEWAY, settings["GATEWAY_URL"]).replace(LOCAL_MODEL, f"emu/{model}")
    (project / "page_of_docs.ts").write_text(code, "utf-8")

    run([NODE, "node_modules/.bin/tsc", "--project", "tsconfig.json"], project)
    return run([NODE, "page_of_docs.ts"], project, {"AROUTER_KEY": settings["API_KEY"]})


def test_in_chromium(project: Path, settings: dict[str, str]) -> None:
    chromium = shutil.which("chromium")
    assert chromium is not None, "Chromium is missing: `apt-get install chromium`, or ARGS='-k \"not chromium\"'"

    output = run([NODE, *RUNNER, "browser.test.ts"], project, {**settings, "CHROMIUM": chromium})

    assert "skipped 0" in output
