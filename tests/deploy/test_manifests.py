"""The manifests: valid for Kubernetes, at one with themselves, and run as processes with the variables they give."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from support.deploy_checks import STORES, problems
from support.kustomize import Object, build, containers

KUBERNETES = Path(__file__).parents[2] / "deploy/kubernetes"
OVERLAYS = ("local", "production")
MINORS = ("1.35", "1.36", "1.37")
NO_SCHEMA = {"PodMonitor", "Gateway", "HTTPRoute", "Certificate"}
"""Not Kubernetes' own: of the Prometheus operator, the Gateway API and cert-manager."""

EVERY_COMPONENT = "every component"
"""An overlay like one that a user writes: the base with all that there is."""


@pytest.fixture(scope="module", params=(*OVERLAYS, EVERY_COMPONENT))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copied = tmp_path_factory.mktemp("deploy") / "kubernetes"
    shutil.copytree(KUBERNETES, copied)
    example = copied / "overlays/local/secret.env.example"
    example.rename(example.with_suffix(""))
    if request.param == EVERY_COMPONENT:
        written = yaml.safe_load((copied / "overlays/production/kustomization.yaml").read_text())
        names = sorted(path.name for path in (copied / "components").iterdir())
        own = copied / "overlays" / EVERY_COMPONENT
        own.mkdir()
        components = [f"../../components/{name}" for name in names]
        kept = {"resources": ["../../base"], "components": components}
        (own / "kustomization.yaml").write_text(yaml.safe_dump(written | kept))
    return copied / "overlays" / request.param


@pytest.fixture
def objects(folder: Path) -> list[Object]:
    return build(folder)


@pytest.mark.parametrize("minor", MINORS)
def test_each_object_is_valid(objects: list[Object], minor: str) -> None:
    own = [each for each in objects if each["kind"] not in NO_SCHEMA]

    assert len(own) >= 12
    for each in own:
        kubernetes_validate.validate(each, minor, strict=True)


def test_a_misspelt_field_is_not(objects: list[Object]) -> None:
    deployment = next(each for each in objects if each["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["imag"] = "x"

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, MINORS[-1], strict=True)


def test_everything_agrees(objects: list[Object]) -> None:
    assert problems(objects) == []


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl to compare with")
def test_kustomize_itself_makes_the_same_of_it(folder: Path, objects: list[Object]) -> None:
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True)
    names = "|".join(each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap")
    without_hash = re.sub(rf"\b({names})-[a-z0-9]{{10}}\b", r"\1", done.stdout)

    assert sorted(map(key, yaml.safe_load_all(without_hash))) == sorted(map(key, objects))
    for theirs in yaml.safe_load_all(without_hash):
        if theirs["kind"] != "Secret":  # base64 there
            assert theirs == next(each for each in objects if key(each) == key(theirs))


def key(each: Object) -> tuple[str, str]:
    return each["kind"], each["metadata"]["name"]


def places(objects: list[Object]) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yields each place where a port is said, with what changes it there alone."""
    for each in objects:
        for path, holder, name in walk(each, ()):
            value = holder[name]
            if re.fullmatch(r"50051|9464|8080|9902|arouter-service:50051|http|grpc|metrics", str(value)):
                if each["kind"] == "Service" and name == "name":
                    continue  # a Service's port is not looked up by its name
                where = f"{each['kind']} {each['metadata']['name']} {path}"
                yield where, partial(change, holder, name, value)


def walk(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Yields each leaf's path, and what holds it under which name."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        if isinstance(item, dict | list):
            yield from walk(item, (*path, name))
        else:
            yield (*path, name), value, name


def change(holder: Any, name: Any, value: Any) -> None:
    if isinstance(value, int):
        holder[name] = value + 1
    elif value.endswith("50051") or value.isdecimal():
        holder[name] = value[:-1] + "7"
    else:
        holder[name] = value + "x"


def test_a_port_that_is_changed_in_one_place_alone_is_found(folder: Path) -> None:
    right = build(folder)
    count = len(list(places(right)))
    missed = []
    for number in range(count):
        objects = copy.deepcopy(right)
        where, mutate = list(places(objects))[number]
        mutate()
        assert objects != right
        if not problems(objects):
            missed.append(where)

    assert count >= 20
    assert missed == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("service", ("terminationGracePeriodSeconds",), 10),
        ("service", ("containers", 0, "lifecycle", "preStop", "sleep", "seconds"), 20),
        ("service", ("containers", 0, "livenessProbe", "terminationGracePeriodSeconds"), 4),
        ("service", ("containers", 0, "livenessProbe", "terminationGracePeriodSeconds"), 90),
        ("gateway", ("terminationGracePeriodSeconds",), 120),
        ("gateway", ("containers", 0, "lifecycle", "preStop", "exec", "command", -1), "135"),
    ],
)
def test_a_time_that_is_changed_in_one_place_alone_is_found(
    folder: Path, kind: str, path: tuple[Any, ...], value: Any
) -> None:
    objects = build(folder)
    [holder] = [
        each["spec"]["template"]["spec"]
        for each in objects
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", f"arouter-{kind}")
    ]
    for name in path[:-1]:
        holder = holder[name]
    assert holder[path[-1]] != value
    holder[path[-1]] = value

    assert problems(objects) != []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("minReplicas",), 31),
        (("scaleTargetRef", "name"), "another"),
        (("behavior", "scaleDown", "policies", 0, "periodSeconds"), 60),
        (("metrics", 0, "resource", "name"), "disk"),
    ],
)
def test_an_autoscaler_that_cannot_work_is_found(path: tuple[Any, ...], value: Any) -> None:
    objects = build(KUBERNETES / "overlays/production")
    holder = next(each["spec"] for each in objects if each["kind"] == "HorizontalPodAutoscaler")
    for name in path[:-1]:
        holder = holder[name]
    assert holder[path[-1]] != value
    holder[path[-1]] = value

    assert problems(objects) != []


def test_images_are_those_of_the_dockerfiles(objects: list[Object]) -> None:
    deploy = KUBERNETES.parent
    for each in objects:
        for container in [row for row in containers(each) if row["name"] not in STORES]:
            image = container["image"].rpartition("/")[2].partition(":")[0].removeprefix("arouter-")
            text = (deploy / f"{image}.Dockerfile").read_text()
            exposed = set(re.search(r"^EXPOSE (.*)$", text, re.MULTILINE)[1].split())  # type: ignore[index]
            ports = {str(port["containerPort"]) for port in container.get("ports", ())}
            assert ports <= exposed
            assert "USER 10001:10001" in text
