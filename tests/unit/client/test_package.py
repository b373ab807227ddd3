"""The Python client as a distribution: what it needs, and what it loads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from typing import Any

from arouter.client.stubs import AsyncStubs, Stubs
from support.docs import ROOT

MODULES = 280
"""Loaded by `import arouter.client`, with Python's own. It was 256, of which `import grpc` loads 170."""

NOT_WANTED = ("arouter.v1.key_service_pb2", "google.protobuf.json_format", "importlib.metadata", "pydantic")
GENERATED = ROOT / "clients/python/arouter/v1"
RUNTIME = re.compile(r"Domain\.PUBLIC,\s+(\d+),\s+(\d+),\s+(\d+),")
GRPC = re.compile(r"GRPC_GENERATED_VERSION = '(.+)'")


def project(path: str) -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((ROOT / path).read_text("utf-8"))["project"]
    return document


def test_client_and_service_have_the_same_version() -> None:
    assert project("clients/python/pyproject.toml")["version"] == project("pyproject.toml")["version"]


def test_the_typescript_client_has_the_same_version() -> None:
    package = json.loads((ROOT / "clients/typescript/package.json").read_text("utf-8"))

    assert package["version"] == project("pyproject.toml")["version"]


def test_the_client_needs_what_its_code_was_generated_for_and_nothing_else() -> None:
    code = "".join(path.read_text("utf-8") for path in GENERATED.glob("*.py"))
    [(major, minor, patch)] = set(RUNTIME.findall(code))
    [grpc] = set(GRPC.findall(code))

    assert project("clients/python/pyproject.toml")["dependencies"] == [
        "googleapis-common-protos",
        f"grpcio>={grpc}",
        f"protobuf>={major}.{minor}.{patch},<{int(major) + 2}",
    ]


def test_an_import_loads_little() -> None:
    code = "import arouter.client, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    loaded = done.stdout.split()

    assert "arouter.client" in loaded
    assert [name for name in NOT_WANTED if name in loaded] == []
    assert len(loaded) <= MODULES


def test_every_service_is_an_attribute() -> None:
    services = {path.name.removesuffix("_pb2_grpc.py") for path in GENERATED.glob("*_service_pb2_grpc.py")}

    assert Stubs.__annotations__.keys() == services
    assert {name: kind.replace("AsyncStub", "Stub") for name, kind in AsyncStubs.__annotations__.items()} == (
        Stubs.__annotations__
    )
    for name in services:
        assert type(getattr(Stubs(_Channel()), name)).__name__ == Stubs.__annotations__[name]


class _Channel:
    """What a stub is made of."""

    def unary_unary(self, *_: object, **__: object) -> None: ...

    def unary_stream(self, *_: object, **__: object) -> None: ...
