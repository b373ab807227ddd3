"""Excludes long-lived objects from garbage collection."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def freeze_imports() -> Iterator[None]:
    """Excludes all objects created inside, above all modules, from garbage collection forever.

    They are many and hardly ever garbage, but every full collection would traverse them, in the middle of calls.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
