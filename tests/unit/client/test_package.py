"""The two distributions of this repository fit each other."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from support.docs import ROOT


def project(path: str) -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((ROOT / path).read_text("utf-8"))["project"]
    return document


def test_client_and_service_have_the_same_version() -> None:
    assert project("clients/python/pyproject.toml")["version"] == project("pyproject.toml")["version"]


def test_the_typescript_client_has_it_too() -> None:
    package = json.loads((ROOT / "clients/typescript/package.json").read_text("utf-8"))

    assert package["version"] == project("pyproject.toml")["version"]


def test_the_client_needs_grpc_and_protobuf_alone() -> None:
    assert project("clients/python/pyproject.toml")["dependencies"] == [
        "googleapis-common-protos",
        "grpcio",
        "protobuf",
    ]
