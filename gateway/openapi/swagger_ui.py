"""`python -m openapi.swagger_ui VERSION`: vendors Swagger UI, which renders the document, from npm.

Its files are compressed without a time stamp, so that the same version gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "arouter_gateway/docs"
SUMS = FOLDER / "SHA256SUMS"
PACKAGE = "swagger-ui-dist"
COMPRESSED = ("swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css")
LICENSES = {"LICENSE": "swagger-ui.LICENSE", "NOTICE": "swagger-ui.NOTICE"}


def main() -> None:
    """Runs the command. Requires npm."""
    parser = argparse.ArgumentParser(prog="python -m openapi.swagger_ui", description=__doc__)
    parser.add_argument("version", help="An exact version of the package on npm.")
    version: str = parser.parse_args().version
    files = packed(version)
    for name in COMPRESSED:
        (FOLDER / f"{name}.gz").write_bytes(gzip.compress(files[name], mtime=0))
    for name, vendored in LICENSES.items():
        (FOLDER / vendored).write_bytes(files[name])
    sums = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in COMPRESSED]
    SUMS.write_text(f"# npm: {PACKAGE}@{version}\n{''.join(sums)}", encoding="utf-8")


def packed(version: str) -> dict[str, bytes]:
    """Returns the files of a version's package, which npm checks against the hash of the registry."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{PACKAGE}@{version}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 -- ours
        [archive] = Path(folder).glob("*.tgz")
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
            wanted = {f"package/{name}": name for name in (*COMPRESSED, *LICENSES)}
            return {wanted[each.name]: _read(tar, each) for each in tar if each.name in wanted}


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name} is not a file")
    return file.read()


if __name__ == "__main__":
    main()
