"""Removes from an environment what no program imports, and compiles the rest the same way each time.

`trim.py /opt/arouter`, while an image is built. Prints the size before and after, in MB.
"""

from __future__ import annotations

import compileall
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = {"test", "tests", "testing", "_testing"}
KEPT = {"sqlalchemy/testing", "alembic/testing"}
"""Imported by what is used: checked by the images' own start."""

SOURCES = {".c", ".cpp", ".h", ".hpp", ".pxd", ".pyi", ".pyx", ".proto", ".exe", ".bat", ".fish", ".csh", ".ps1"}
METADATA = {"METADATA", "entry_points.txt"}
"""What is read of a distribution at run time, beside its licences: its name, version and entry points."""


def main(environment: Path) -> None:
    """Trims one virtual environment."""
    [packages] = environment.glob("lib/python3*/site-packages")
    before = size(environment)
    for folder in [path for path in packages.rglob("*") if path.is_dir() and path.name in TESTS]:
        if folder.exists() and str(folder.relative_to(packages)) not in KEPT:
            shutil.rmtree(folder)
    for path in [path for path in environment.rglob("*") if path.is_file() and not path.is_symlink()]:
        if path.suffix in SOURCES or unread_metadata(path) or path.suffix == ".pyc":
            path.unlink()
        elif path.suffix == ".so" or ".so." in path.name:
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)
        elif path.parent.name == "_bin" and path.name == "envoy":
            subprocess.run(["strip", str(path)], check=True)
    shutil.rmtree(environment / "include", ignore_errors=True)
    # Not by the source's time: an image's times are set when it is made.
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(packages, quiet=2, invalidation_mode=mode, workers=1)
    print(f"{environment}: {before / 1e6:.0f} MB, trimmed to {size(environment) / 1e6:.0f} MB")


def unread_metadata(path: Path) -> bool:
    """Returns whether a file belongs to a distribution's metadata that nothing reads."""
    inside = path.parent.name.endswith(".dist-info")
    return inside and path.name not in METADATA and not path.name.upper().startswith(("LICENSE", "COPYING", "NOTICE"))


def size(folder: Path) -> int:
    """Returns the bytes of all files."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


main(Path(sys.argv[1]))
