"""What tests/pods reads of the manifests, and what podman is given of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pods import manifest
from pods.manifest import Object, Probe

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
