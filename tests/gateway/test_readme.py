"""The README's commands do what it says: they are run here, in their order, as a newcomer would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.docs import ROOT, blocks
from support.ports import free_ports
from support.process import Process, assert_gone
from support.rest import Rest
from support.stack import is_healthy

BLOCKS = blocks("README.md")
START = "make run "
TESTS = "make test "


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What `make run` was started with; it runs as long as the module's tests do."""
    folder = tmp_path_factory.mktemp("readme")
    port, grpc_port = free_ports(2)
    environment = {
        "AROUTER_PORT": str(port),
        "AROUTER_GRPC_PORT": str(grpc_port),
        "AROUTER_STATE_DIR": str(folder / "state"),
    }
    process = Process([], environment, folder, command=("make", "--no-print-directory", "-C", str(ROOT), "run"))
    try:
        process.wait_until(lambda: is_healthy(port), "healthy")
        process.wait_until(lambda: "Ctrl-C stops everything." in process.printed, "announced")
        yield environment | {"PRINTED": process.printed}
        # Ctrl-C reaches the whole group in the foreground; make says 130 of it, or what `arouter up` said.
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
    finally:
        process.kill()
    assert_gone(process, [port, grpc_port])


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def here(text: str, environment: dict[str, str]) -> str:
    """Returns a command of the README for the ports and the folder of this test."""
    return text.replace(":8080", f":{environment['AROUTER_PORT']}").replace(
        "var/", environment["AROUTER_STATE_DIR"] + "/"
    )


def test_it_says_the_two_commands_first() -> None:
    assert BLOCKS[0][1].startswith(START)
    assert BLOCKS[1][1].startswith(TESTS)


def test_every_block_is_of_a_kind_that_is_run_here() -> None:
    assert {kind for kind, _ in BLOCKS} == {"bash", "python", "yaml"}


@pytest.mark.timeout(200)  # The local model writes two responses, on a machine that has other work.
def test_the_shell_commands_work_in_their_order(environment: dict[str, str]) -> None:
    blocks = [text for kind, text in BLOCKS if kind == "bash" and not text.startswith((START, TESTS))]

    printed = run(["bash", "-euo", "pipefail", "-c", here("".join(blocks), environment)], environment)

    assert '"object":"list","data":[{"id":"local/smollm2-135m-instruct"' in printed
    assert "data: [DONE]" in printed
    listed, _, answer = printed.partition("data: [DONE]")[2].strip().partition("\n")
    assert listed == "local/smollm2-135m-instruct"
    assert answer.strip()


def test_the_python_snippet_works(environment: dict[str, str]) -> None:
    key = Path(environment["AROUTER_STATE_DIR"], "dev_key").read_text().strip()
    [snippet] = [text for kind, text in BLOCKS if kind == "python"]

    printed = run([sys.executable, "-c", here(snippet, environment)], {**environment, "AROUTER_KEY": key})

    listed, _, answer = printed.partition("\n")
    assert listed == "local/smollm2-135m-instruct"
    assert answer.strip()


def test_the_documents_that_the_banner_and_the_readme_name_are_there(environment: dict[str, str]) -> None:
    base = f"http://127.0.0.1:{environment['AROUTER_PORT']}"
    readme = here((ROOT / "README.md").read_text("utf-8"), environment)

    assert f"{base}/docs" in environment["PRINTED"]
    assert f"{base}/docs" in readme
    assert f"{base}/openapi.json" in environment["PRINTED"]
    with Rest(int(environment["AROUTER_PORT"])) as rest:
        assert rest.get("/docs").headers["content-type"].startswith("text/html")
        assert rest.get("/openapi.json").json["openapi"].startswith("3.1")


@pytest.mark.parametrize("page", ["README.md", "docs/browsers.md", "docs/configuration.md"])
def test_the_configuration_shown_is_accepted(page: str, tmp_path: Path) -> None:
    [text] = [text for kind, text in blocks(page) if kind == "yaml"]
    (tmp_path / "arouter.yaml").write_text(text)
    environment = {
        "AROUTER_CONFIG": str(tmp_path / "arouter.yaml"),
        "MY_PROVIDER_KEY": "sk-1",
        "OPENAI_API_KEY": "sk-2",
    }

    rendered = run(
        [str(Path(sys.executable).with_name("arouter")), "gateway", "render", "--out", str(tmp_path)], environment
    )

    assert yaml.safe_load(Path(rendered.strip()).read_text("utf-8"))["static_resources"]
