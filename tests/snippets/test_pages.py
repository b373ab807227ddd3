"""Runs the blocks of pages that have no test of their own, against what one of them starts: `make run` with traces."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from arouter.providers.preset import Preset
from arouter.providers.quirks import Quirks
from support.collector import Collector, collecting
from support.docs import ROOT, blocks
from support.kustomize import build
from support.ports import HOST, free_ports
from support.process import Process, assert_gone
from support.rest import Rest
from support.stack import is_healthy

COLLECTOR = "http://localhost:4317"
SERVICE_METRICS, GATEWAY_METRICS = f"{HOST}:9464", f"{HOST}:9465"
REPOSITORY = re.compile(r"https://git\.example\.com/arouter//([\w/]+)\?ref=v[\d.]+")
DEVELOPERS = [
    "docs/add-a-field.md",
    "docs/add-a-provider.md",
    "docs/add-an-rpc.md",
    "docs/benchmarks.md",
    "tests/attacks/README.md",
]


def block(page: str, kind: str) -> str:
    """Returns the only block of a kind on a page."""
    [text] = [text for each, text in blocks(page) if each == kind]
    return text


class System(NamedTuple):
    """What `make run` started.

    Attributes:
        environment: The variables with which commands reach it.
        collector: Receives its traces.
        metrics: The port of the service's metrics, and that of the gateway's, by the address that the page has.
    """

    environment: dict[str, str]
    collector: Collector
    metrics: dict[str, int]

    @property
    def port(self) -> int:
        return int(self.environment["AROUTER_PORT"])

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Runs the command of the page about traces, until the module's tests are over."""
    folder = tmp_path_factory.mktemp("pages")
    command = block("docs/observability.md", "bash")
    port, grpc_port, service, gateway = ports = free_ports(4)
    environment = {
        "AROUTER_PORT": str(port),
        "AROUTER_GRPC_PORT": str(grpc_port),
        "AROUTER_METRICS_PORT": str(service),
        "AROUTER_GATEWAY_ADMIN": str(folder / "admin"),
        "AROUTER_GATEWAY_METRICS_PORT": str(gateway),
        "AROUTER_STATE_DIR": str(folder / "state"),
    }
    with collecting() as collector:
        assert command.count(COLLECTOR) == 1
        started = f"cd {ROOT}\n{command.replace(COLLECTOR, collector.endpoint)}"
        process = Process([], environment, folder, command=("bash", "-euc", started))
        try:
            process.wait_until(lambda: is_healthy(port), "healthy")
            process.wait_until(lambda: "ARouter is ready." in process.printed, "announced")
            environment["AROUTER_KEY"] = (folder / "state/dev_key").read_text().strip()
            yield System(environment, collector, {SERVICE_METRICS: service, GATEWAY_METRICS: gateway})
            os.killpg(process.pid, signal.SIGINT)
            process.wait()
        finally:
            process.kill()
    assert_gone(process, ports)


@pytest.mark.parametrize("page", ["docs/embeddings.md", "docs/messages.md"])
def test_an_sdks_example_prints_something(page: str, system: System) -> None:
    printed = system.run(sys.executable, "-c", block(page, "python").replace(":8080", f":{system.port}"))

    assert printed.strip()


def test_the_route_is_explained(system: System) -> None:
    printed = system.run("bash", "-euc", f"PATH={Path(sys.executable).parent}:$PATH; {block('docs/routing.md', 'sh')}")

    assert "local/smollm2-135m-instruct" in printed
    assert "anthropic/claude-opus-4.6" in printed


def test_traces_arrive(system: System) -> None:
    with Rest(system.port, system.environment["AROUTER_KEY"]) as rest:
        assert rest.get("/v1/models").status == 200
        # They are sent every five seconds, and asking again makes more of them.
        while "arouter-gateway" not in system.collector.text():
            rest.get("/v1/models")


def test_an_error_is_as_shown(system: System) -> None:
    with Rest(system.port, system.environment["AROUTER_KEY"]) as rest:
        answer = rest.chat({"model": "local/smollm2-135m-instruct"})

    assert answer.status == 400
    assert json.loads(answer.body) == json.loads(block("docs/errors.md", "json"))


def test_prometheus_finds_metrics_where_it_is_told_to(system: System) -> None:
    jobs = yaml.safe_load(block("docs/metrics.md", "yaml"))["scrape_configs"]
    addresses = {job["static_configs"][0]["targets"][0]: job.get("metrics_path", "/metrics") for job in jobs}

    assert addresses.keys() == system.metrics.keys()
    for address, path in addresses.items():
        with urllib.request.urlopen(f"http://{HOST}:{system.metrics[address]}{path}", timeout=10) as answer:
            assert b"# TYPE " in answer.read()


@pytest.mark.parametrize("page", ["docs/models.md", "docs/routing.md"])
def test_a_configuration_is_valid(page: str, tmp_path: Path) -> None:
    file = tmp_path / "arouter.yaml"
    file.write_text(block(page, "yaml"), "utf-8")
    command = [str(Path(sys.executable).with_name("arouter")), "check-config", str(file)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout.splitlines()[:1]) == (0, [f"{file}: valid"])


def test_a_preset_is_one() -> None:
    entry: Any = eval("{" + block("docs/add-a-provider.md", "python") + "}", {"Preset": Preset, "Quirks": Quirks})

    assert entry["acme"].name == "Acme"


def test_an_overlay_of_ones_own_can_be_built(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    own = tmp_path / "own"
    own.mkdir()
    text, replaced = REPOSITORY.subn(r"../\1", block("docs/kubernetes.md", "yaml"))
    assert replaced == 2
    (own / "kustomization.yaml").write_text(text, "utf-8")

    objects = build(own)

    assert {"Deployment", "PodMonitor"} <= {each["kind"] for each in objects}
    assert f"registry.example.com/arouter-gateway:{version('arouter')}" in json.dumps(objects)


@pytest.mark.parametrize("page", DEVELOPERS)
def test_what_developers_run_exists(page: str) -> None:
    """Not run here, since it takes minutes, but its make targets and tests are there."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    commands = [
        re.sub(r'#.*|\w+="[^"]*"|\w+=\S+', "", line).split()
        for kind, text in blocks(page)
        if kind in ("sh", "bash")
        for line in text.splitlines()
    ]
    made = [target for command, *rest in commands if command == "make" for target in rest]
    tested = [path for command, *rest in commands if command.endswith("pytest") for path in rest]

    assert made + tested
    assert [target for target in made if target not in targets] == []
    assert [path for path in tested if not (ROOT / path).exists()] == []
