"""Compiles the protos, as the Makefile does."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path


def compile_protos(root: Path, descriptor_set: Path) -> None:
    """Writes the descriptor set of the `arouter/v1` in a folder, with all imports and comments.

    Raises:
        subprocess.CalledProcessError: They do not compile.
    """
    folders = [f"-I{root}", f"-I{sysconfig.get_path('purelib')}"]
    options = ["--include_imports", "--include_source_info", f"--descriptor_set_out={descriptor_set}"]
    files = sorted(map(str, (root / "arouter/v1").glob("*.proto")))
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *folders, *options, *files], check=True, timeout=60)
