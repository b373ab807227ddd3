"""The OpenAPI document in other tools: a linter, a code generator and an API fuzzer; and its page in Chromium."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from emulator import Emulator
from emulator.call import Call
from emulator.embeddings import complete, embed
from emulator.scenarios import text
from judges.rest_document import DOCUMENT, document
from openapi.swagger_ui import COMPRESSED, FOLDER, SUMS
from support.node import NODE
from support.programs import NPM_INSTALL, run
from support.stack import PROVIDER_KEY, Stack, running

pytestmark = pytest.mark.timeout(600)

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
)
EXAMPLES = 10
"""Generated requests for each operation, in addition to the document's examples and boundary values."""

SEED = 20


async def chat_or_text(call: Call) -> web.StreamResponse:
    return await (complete if call.path == "/v1/completions" else text)(call)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tools, in the versions that `package.json` names."""
    folder = tmp_path_factory.mktemp("openapi")
    shutil.copytree(Path(__file__).parent / "openapi", folder, dirs_exist_ok=True)
    run(NPM_INSTALL, folder)
    return folder


@pytest.fixture(scope="module")
def stack_of_examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with the models of the document's examples."""
    scenarios = {"gpt-5.4-mini": chat_or_text, "llama-3.3-70b-versatile": chat_or_text, "codestral-embed": embed}
    with Emulator(scenarios) as emulator:
        row = {"base_url": emulator.base_url, "api_keys": [PROVIDER_KEY]}
        config = {
            "routing": {"breaker": {"failures": 1_000_000}},
            "providers": [
                {"id": "openai", **row, "models": ["gpt-5.4-mini"], "quirks": {"responses": False}},
                {"id": "groq", **row, "models": ["llama-3.3-70b-versatile"]},
                {"id": "mistralai", **row, "models": ["codestral-embed"]},
            ],
        }
        with running(tmp_path_factory.mktemp("stack"), config) as stack:
            yield stack


def test_redocly_finds_no_error_and_warns_of_nothing(tools: Path) -> None:
    output = run(
        [NODE, "node_modules/.bin/redocly", "lint", "--extends=recommended", str(DOCUMENT)], tools, with_errors=True
    )

    assert "Your API description is valid" in output
    assert "warning" not in output.lower().replace("deprecation warning", "")


def test_openapi_typescript_writes_types_that_compile(tools: Path) -> None:
    run([NODE, "node_modules/.bin/openapi-typescript", str(DOCUMENT), "-o", "api.ts"], tools)
    run([NODE, "node_modules/.bin/tsc", "--noEmit", "--strict", "api.ts"], tools)

    written = (tools / "api.ts").read_text("utf-8")
    missing = [
        operation["operationId"]
        for operations in document()["paths"].values()
        for operation in operations.values()
        if f"{operation['operationId']}: {{" not in written
    ]
    assert missing == []


def test_the_page_in_chromium(tools: Path, stack_of_examples: Stack) -> None:
    chromium = shutil.which("chromium")
    assert chromium is not None, "Chromium is missing: `apt-get install chromium`, or ARGS='-k \"not chromium\"'"
    operations = sum(len(each) for each in document()["paths"].values())
    variables = {
        "CHROMIUM": chromium,
        "GATEWAY_URL": f"http://127.0.0.1:{stack_of_examples.port}",
        "OPERATIONS": str(operations),
        "SCREENSHOT": str(tools / "page.png"),
        "API_KEY": stack_of_examples.key,
    }

    run([NODE, "--test", "--test-reporter=spec", "page.test.mjs"], tools, variables)

    assert (tools / "page.png").stat().st_size > 10_000


def test_swagger_ui_is_vendored_unchanged(tools: Path) -> None:
    [version] = [line.rpartition("@")[2] for line in SUMS.read_text("utf-8").splitlines() if line.startswith("#")]

    assert json.loads((tools / "package.json").read_text("utf-8"))["dependencies"]["swagger-ui-dist"] == version
    for name in COMPRESSED:
        packed = (tools / "node_modules/swagger-ui-dist" / name).read_bytes()
        assert gzip.decompress((FOLDER / f"{name}.gz").read_bytes()) == packed


@pytest.mark.parametrize("of_operator", [False, True], ids=["a regular key", "the operator's key"])
def test_schemathesis_finds_nothing(stack_of_examples: Stack, tmp_path: Path, of_operator: bool) -> None:
    """Each key makes calls that the other one may not."""
    command = [
        *(str(Path(sys.executable).with_name("st")), "run", f"http://127.0.0.1:{stack_of_examples.port}/openapi.json"),
        *(
            "--header",
            f"Authorization: Bearer {stack_of_examples.management_key if of_operator else stack_of_examples.key}",
        ),
        *("--include-path-regex" if of_operator else "--exclude-path-regex", "^/api/v1/(accounts|keys|audit)"),
        *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-deterministic"),
        *("--suppress-health-check", "all", "--no-color", "--continue-on-failure", "--warnings", "off"),
    ]

    output = run(command, tmp_path, timeout=500, with_errors=True)

    assert "No issues found" in output
