"""Builds the kustomizations of `deploy/kubernetes`, as `kubectl kustomize` does, for what they use of it.

Whatever they do not use is refused with a NotImplementedError, so that nothing is left out of a test unnoticed.
No registry of ours has kustomize itself; where kubectl is there, a test compares the two.
"""

from __future__ import annotations

import copy
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

_UNDERSTOOD = {
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "components",
    "patches",
    "replicas",
    "images",
    "configMapGenerator",
    "secretGenerator",
}
_CLUSTER_WIDE = ("Namespace",)


def build(folder: Path) -> list[Object]:
    """Returns the objects of a kustomization. A generated name has no hash at its end.

    Raises:
        NotImplementedError: It has a field that is not understood here.
    """
    return _accumulate(folder, [])


def _accumulate(folder: Path, objects: list[Object]) -> list[Object]:
    """Returns the objects with those of a kustomization, and with what it changes of them all."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if unknown := kustomization.keys() - _UNDERSTOOD:
        raise NotImplementedError(f"{folder}: {sorted(unknown)}")
    for resource in kustomization.get("resources", ()):
        path = folder / resource
        objects = objects + (build(path) if path.is_dir() else _load(path))
    for component in kustomization.get("components", ()):
        objects = _accumulate(folder / component, objects)
    objects += [_config_map(folder, row) for row in kustomization.get("configMapGenerator", ())]
    objects += [_secret(folder, row) for row in kustomization.get("secretGenerator", ())]
    objects = copy.deepcopy(objects)
    for row in kustomization.get("patches", ()):
        _patch(objects, row)
    for each in objects:
        if each["kind"] not in _CLUSTER_WIDE and "namespace" in kustomization:
            each["metadata"]["namespace"] = kustomization["namespace"]
        for row in kustomization.get("replicas", ()):
            if each["kind"] == "Deployment" and each["metadata"]["name"] == row["name"]:
                each["spec"]["replicas"] = row["count"]
        for container in containers(each):
            for row in kustomization.get("images", ()):
                if container["image"] == row["name"]:
                    container["image"] = f"{row['newName']}:{row['newTag']}"
    return objects


def containers(each: Object) -> list[Object]:
    """Returns the containers of an object's pods."""
    template = each.get("spec", {}).get("template", {})
    found: list[Object] = template.get("spec", {}).get("containers", [])
    return found


def _load(path: Path) -> list[Object]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def _patch(objects: list[Object], row: Object) -> None:
    wanted = (row["target"]["kind"], row["target"]["name"])
    [holder] = [each for each in objects if (each["kind"], each["metadata"]["name"]) == wanted]
    for change in yaml.safe_load(row["patch"]):
        *path, last = change["path"].strip("/").split("/")
        within: Any = reduce(getitem, path, holder)
        if change["op"] == "remove":
            del within[last]
        elif (change["op"], last) == ("add", "-"):
            within.append(change["value"])
        else:
            raise NotImplementedError(f"patch {change['op']} {change['path']}")


def _config_map(folder: Path, row: Object) -> Object:
    data = {name: (folder / name).read_text() for name in row["files"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": row["name"]}, "data": data}


def _secret(folder: Path, row: Object) -> Object:
    lines = [line for name in row["envs"] for line in (folder / name).read_text().splitlines() if line]
    data = dict(line.split("=", 1) for line in lines)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": row["name"]}, "stringData": data}
