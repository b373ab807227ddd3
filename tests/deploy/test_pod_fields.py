"""What tests/pods reads of the manifests, and what podman is given of them."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from pods import manifest, probes
from pods.manifest import Object, Probe

HERE = "127.0.0.1"
BASE = Path(__file__).parents[2] / "deploy/kubernetes/base"


def pod(name: str) -> Object:
    objects = yaml.safe_load_all((BASE / f"{name}.yaml").read_text())
    [found] = [each["spec"]["template"] for each in objects if each["kind"] == "Deployment"]
    template: Object = found
    return template


def test_a_probe_is_read_with_kubernetes_defaults() -> None:
    row: dict[str, Any] = {"ports": [{"name": "x", "containerPort": 7}], "livenessProbe": {"httpGet": {"port": "x"}}}

    assert manifest.probe(row, "livenessProbe") == Probe("httpGet", 7, "/", 0, 10, 1, 3, 1, None)
    assert manifest.probe(row, "startupProbe") is None


def test_a_port_that_no_container_has_is_an_error() -> None:
    with pytest.raises(LookupError):
        manifest.probe({"startupProbe": {"tcpSocket": {"port": "x"}}}, "startupProbe")


def test_the_services_readiness_is_that_of_the_whole_service() -> None:
    row = manifest.container(pod("service")["spec"])

    readiness, liveness = (manifest.probe(row, name) for name in ("readinessProbe", "livenessProbe"))
    assert readiness is not None
    assert liveness is not None
    assert (readiness.kind, readiness.target) == ("grpc", "")
    assert (liveness.kind, liveness.target) == ("grpc", "liveness")


@pytest.mark.parametrize("name", ["service", "gateway"])
def test_podman_is_given_all_but_what_the_harness_does(name: str) -> None:
    template = pod(name)
    before = yaml.safe_dump(template)
    played = manifest.played(template, "one", {}, "10.0.0.1")

    assert yaml.safe_dump(template) == before
    row = played["spec"]["containers"][0]
    whole = manifest.container(template["spec"])
    left_out = {"startupProbe", "livenessProbe", "readinessProbe", "lifecycle", "ports"}
    assert whole.keys() - row.keys() == left_out & whole.keys()
    assert all(row[field] == whole[field] for field in ("args", "env", "resources", "securityContext"))
    assert {volume["name"] for volume in played["spec"]["volumes"]} == {mount["name"] for mount in row["volumeMounts"]}


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server with the service's health, on any port."""
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    for name in ("", "liveness"):
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    number = server.add_insecure_port(f"{HERE}:0")
    await server.start()
    yield number
    await server.stop(1)


@pytest.mark.parametrize("name", ["startupProbe", "livenessProbe", "readinessProbe"])
async def test_a_probe_asks_the_port_and_the_name_that_its_fields_say(name: str, port: int) -> None:
    right = moved(pod("service"), 50051, port)
    wrong_port, wrong_name = copy.deepcopy(right), copy.deepcopy(right)
    manifest.container(wrong_port["spec"])[name]["grpc"]["port"] = 50051
    manifest.container(wrong_name["spec"])[name]["grpc"]["service"] = "another"

    assert await passes(right, name)
    assert not await passes(wrong_port, name)
    assert not await passes(wrong_name, name)


def moved(template: Object, old: int, new: int) -> Object:
    """Returns a pod template with another port wherever it says one."""
    result: Object = yaml.safe_load(yaml.safe_dump(template).replace(str(old), str(new)))
    return result


async def passes(template: Object, name: str) -> bool:
    probe = manifest.probe(manifest.container(template["spec"]), name)
    assert probe is not None
    return await probes.succeeds(probe, HERE, "none")
