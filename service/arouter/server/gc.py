"""What Python's garbage collector is spared."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def freeze_imports() -> Iterator[None]:
    """Keeps the collector off what is made inside, above all modules: while it is made, and ever after.

    Hardly anything of it is garbage, and there is a lot: each full collection would go through all of it, in the middle
    of calls.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
