"""The list of what an image contains, made of a folder like one: this Python, and a package of Debian."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from openapi.swagger_ui import FOLDER, SUMS

PROGRAM = Path(__file__).parents[2] / "deploy/images/sbom.py"
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u14
Description: GNU C Library
 Status: not a field of the package

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    python = tmp_path / "opt/arouter/lib/python3.11"
    python.mkdir(parents=True)
    (python / "site-packages").symlink_to(sysconfig.get_path("purelib"))
    # The gateway itself is not in that folder here.
    gateway = tmp_path / "opt/arouter/lib/python3/site-packages/arouter_gateway"
    shutil.copytree(FOLDER, gateway / FOLDER.name)
    return tmp_path


def written(root: Path) -> str:
    command = [sys.executable, PROGRAM, root, "arouter-service", "0.1.0", "sha256:" + "0" * 64, "1700000000"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_it_is_cyclonedx(root: Path) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    text = written(root)

    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"library"', '"lib"', 1)) is not None


def test_it_names_what_is_installed(root: Path) -> None:
    document = json.loads(written(root))
    found = {row["purl"] for row in document["components"]}

    assert f"pkg:pypi/grpcio@{version('grpcio')}" in found
    assert [purl for purl in found if purl.startswith("pkg:deb/")] == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64"
    ]
    [swagger_ui] = [purl for purl in found if purl.startswith("pkg:npm/")]
    assert swagger_ui.removeprefix("pkg:npm/") in SUMS.read_text("utf-8")
    assert document["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


def test_the_same_image_gives_the_same_bytes(root: Path) -> None:
    assert written(root) == written(root)
