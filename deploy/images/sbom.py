"""Writes what an image contains as CycloneDX 1.6: its Debian packages, Python distributions and vendored npm package.

`sbom.py ROOT NAME VERSION DIGEST TIME`: ROOT is a folder with the image's files, TIME a POSIX time in seconds. Needs
only Python. The same image gives the same bytes.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote


def main(root: Path, name: str, version: str, digest: str, time: int) -> None:
    """Prints the document."""
    components = sorted([*debian(root), *python(root), *vendored(root)], key=lambda each: str(each["bom-ref"]))
    image = {"type": "container", "bom-ref": f"pkg:oci/{name}@{quote(digest, safe='')}", "name": name}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{name}@{digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": image | {"version": version, "purl": image["bom-ref"]},
        },
        "components": components,
        "dependencies": [{"ref": image["bom-ref"], "dependsOn": [each["bom-ref"] for each in components]}],
    }
    print(json.dumps(document, indent=1))


def debian(root: Path) -> Iterator[dict[str, Any]]:
    """Yields the installed packages of Debian."""
    status = root / "var/lib/dpkg/status"
    for paragraph in status.read_text().split("\n\n") if status.exists() else ():
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            version = fields["Version"]
            purl = f"pkg:deb/debian/{quote(fields['Package'])}@{quote(version)}?arch={fields['Architecture']}"
            yield component(fields["Package"], version, purl)


def python(root: Path) -> Iterator[dict[str, Any]]:
    """Yields the Python distributions of the image's own environment."""
    for found in distributions(path=[str(path) for path in root.glob("opt/arouter/lib/python3*/site-packages")]):
        name = found.metadata["Name"]
        purl = f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(found.version)}"
        licence = found.metadata["License-Expression"]
        row = component(name, found.version, purl)
        yield row | {"licenses": [{"expression": licence}]} if licence else row


def vendored(root: Path) -> Iterator[dict[str, Any]]:
    """Yields the npm package that the gateway serves at /docs."""
    for sums in root.glob("opt/arouter/lib/python3*/site-packages/arouter_gateway/docs/SHA256SUMS"):
        name, _, version = sums.read_text().splitlines()[0].removeprefix("# npm: ").rpartition("@")
        yield component(name, version, f"pkg:npm/{quote(name)}@{quote(version)}")


def component(name: str, version: str, purl: str) -> dict[str, Any]:
    """Returns one row."""
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


root, name, version, digest, time = sys.argv[1:]
main(Path(root), name, version, digest, int(time))
