"""The blocks of code in the documentation, which tests run so that it stays true."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    """Returns the kind and the text of each block on a page, which is named from the project's root."""
    return _FENCE.findall((ROOT / page).read_text("utf-8"))
