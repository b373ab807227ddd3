"""`python -m openapi DESCRIPTOR`: writes the document, and the table of routes in docs/api.md, or compares both."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from arouter_gateway.contract import Contract
from openapi.descriptors import read_api
from openapi.document import Builder
from openapi.route_table import with_routes

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "gateway/arouter_gateway/docs/openapi.json"
PAGE = ROOT / "docs/api.md"


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m openapi", description=__doc__)
    parser.add_argument("descriptor", type=Path, help="A descriptor set with imports and source information.")
    parser.add_argument("--check", action="store_true", help="Write nothing; fail if a file is out of date.")
    arguments = parser.parse_args()
    stale = [path for path, text in generated(arguments.descriptor.read_bytes()).items() if _is_stale(path, text)]
    if arguments.check and stale:
        sys.exit(f"Out of date: {', '.join(str(path.relative_to(ROOT)) for path in stale)}. Run `make openapi`.")
    for path in stale:
        path.write_text(generated(arguments.descriptor.read_bytes())[path], encoding="utf-8")


def generated(descriptor: bytes) -> dict[Path, str]:
    """Returns the content of each generated file."""
    document = Builder(read_api(descriptor), Contract(descriptor), ROOT).document()
    return {
        DOCUMENT: json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        PAGE: with_routes(PAGE.read_text("utf-8"), document),
    }


def _is_stale(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text("utf-8") != text


main()
